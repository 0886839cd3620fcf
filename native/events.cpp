#include "events.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

namespace netwright {
namespace {

constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t long_ago = std::numeric_limits<std::int64_t>::min() / 4;

enum Role { opens, closes, refreshes, needs_row, is_free };
enum Level { channel_level, group_level, bank_level };

}  // namespace

EventRun::EventRun(EventTable table, std::vector<std::int64_t> requests,
                   std::vector<std::int64_t> stages, std::vector<std::int64_t> busy, int lookahead,
                   bool traced)
    : table_(std::move(table)),
      requests_(std::move(requests)),
      stages_(std::move(stages)),
      busy_(std::move(busy)),
      lookahead_(static_cast<std::size_t>(lookahead)),
      traced_(traced) {
  const int parts = 1 + table_.groups + table_.banks();
  int length = 0;
  for (const auto& window : table_.windows) {
    ring_offsets_.push_back(length);
    length += window.size * parts;
  }
  channels_.resize(static_cast<std::size_t>(table_.channels));
  for (Channel& channel : channels_) {
    channel.ready.assign(static_cast<std::size_t>(parts * table_.commands), long_ago);
    channel.rows.assign(static_cast<std::size_t>(table_.banks()), -1);
    channel.rings.assign(static_cast<std::size_t>(length), long_ago);
    channel.ring_heads.assign(table_.windows.size() * static_cast<std::size_t>(parts), 0);
    channel.touched.assign(static_cast<std::size_t>(table_.banks()), 0);
    channel.due = table_.refresh < 0 ? never : table_.refresh_cycles;
  }
  counts_.assign(stages_.size() * static_cast<std::size_t>(table_.commands), 0);
  active_.assign(stages_.size(), 0);
  if (stages_.empty()) {
    finished_ = true;
  } else {
    start_stage(0);
  }
}

std::int64_t EventRun::ready(const Channel& channel, int command, int bank) const {
  const std::int64_t* const base = channel.ready.data() + command;
  std::int64_t time = base[0];
  const int level = table_.levels[static_cast<std::size_t>(command)];
  if (level >= group_level) {
    const int group = bank / table_.banks_per_group;
    time = std::max(time, base[(1 + group) * table_.commands]);
    if (level == bank_level) {
      time = std::max(time, base[(1 + table_.groups + bank) * table_.commands]);
    }
  }
  return time;
}

void EventRun::fill(Channel& channel) {
  while (channel.head < channel.order.size() &&
         (channel.window.empty() ||
          channel.head < static_cast<std::size_t>(channel.window.front().position) + lookahead_)) {
    const std::int64_t number = channel.order[channel.head];
    const std::int64_t* const row = requests_.data() + number * request_columns;
    channel.window.push_back(Entry{static_cast<int>(row[0]), static_cast<int>(row[2]), row[3],
                                   row[4], row[5], row[6], number,
                                   static_cast<std::int64_t>(channel.head)});
    ++channel.head;
  }
}

// What a request that concerns more than a bank needs next.
EventRun::Action EventRun::wanted(const Channel& channel, const Entry& entry) const {
  Action action{0, entry.command, entry.bank, entry.row, 0};
  const auto command = static_cast<std::size_t>(entry.command);
  if (table_.roles[command] == is_free) return action;
  const bool whole = table_.levels[command] == channel_level;
  const int first = whole ? 0 : entry.bank / table_.banks_per_group * table_.banks_per_group;
  const int last = whole ? table_.banks() : first + table_.banks_per_group;
  const int opener = table_.openers[command];
  const int level = table_.levels[static_cast<std::size_t>(opener)];
  const int width = level == channel_level  ? table_.banks()
                    : level == group_level ? table_.banks_per_group
                                            : 1;
  for (int part = first; part < last; part += width) {
    int open = 0;
    int right = 0;
    int other = -1;
    for (int bank = part; bank < part + width; ++bank) {
      const std::int64_t row = channel.rows[static_cast<std::size_t>(bank)];
      open += row >= 0;
      right += row == entry.row;
      if (row >= 0 && (row != entry.row || width > 1) && other < 0) other = bank;
    }
    if (right == width) continue;
    if (open > 0) {
      return Action{0, table_.closers[command], other, -1, -1};
    }
    return Action{0, opener, part, entry.row, -1};
  }
  return action;
}

EventRun::Action EventRun::evaluate(Channel& channel) {
  const std::int64_t now = channel.now;
  if (channel.due <= now) {
    Action action{0, table_.refresh, 0, -1, -1};
    if (channel.num_open > 0) {
      action.command = table_.closers[static_cast<std::size_t>(table_.refresh)];
      while (channel.rows[static_cast<std::size_t>(action.bank)] < 0) ++action.bank;
    }
    action.time = std::max(now, ready(channel, action.command, action.bank));
    return action;
  }
  Action best{never};
  std::int64_t wake = channel.due;
  bool hits = false;
  fill(channel);
  ++turn_;
  for (std::size_t index = 0; index < channel.window.size(); ++index) {
    const Entry& entry = channel.window[index];
    if (entry.arrival > now) {
      wake = std::min(wake, entry.arrival);
      break;
    }
    const auto command = static_cast<std::size_t>(entry.command);
    if (table_.levels[command] != bank_level) {  // alone, and not before all that came earlier
      if (index == 0) {
        best = wanted(channel, entry);
        best.time = std::max(now, ready(channel, best.command, best.bank));
      }
      break;
    }
    const auto bank = static_cast<std::size_t>(entry.bank);
    const bool is_hit =
        table_.roles[command] == is_free || channel.rows[bank] == entry.row;
    const bool is_blocked = channel.touched[bank] == turn_;
    channel.touched[bank] = turn_;
    if (!is_hit && is_blocked) continue;
    Action action{0, entry.command, entry.bank, entry.row, static_cast<int>(index)};
    if (!is_hit) {
      action.entry = -1;
      const bool is_open = channel.rows[bank] >= 0;
      action.command = is_open ? table_.closers[command] : table_.openers[command];
      if (is_open) action.row = -1;
    }
    action.time = std::max(now, ready(channel, action.command, entry.bank));
    if (action.time < best.time || (action.time == best.time && is_hit && !hits)) {
      best = action;
      hits = is_hit;
      if (hits && best.time == now) break;  // nothing can come before
    }
  }
  if (wake <= best.time) return Action{wake};
  return best;
}

void EventRun::plan(int number, Channel& channel) {
  channel.planned = evaluate(channel);
  ++channel.stamp;
  if (channel.planned.time != never) {
    events_.push(Event{channel.planned.time, number, channel.stamp});
  }
}

void EventRun::issue(int number, Channel& channel) {
  const Action action = channel.planned;
  const auto command = static_cast<std::size_t>(action.command);
  const std::int64_t time = action.time;
  const int level = table_.levels[command];
  const int group = action.bank / table_.banks_per_group;
  const int parts[3] = {0, 1 + group, 1 + table_.groups + action.bank};
  for (const auto& wait : table_.waits[command]) {
    std::int64_t& known =
        channel.ready[static_cast<std::size_t>(parts[wait.level] * table_.commands +
                                               wait.following)];
    known = std::max(known, time + wait.cycles);
  }
  const int num_parts = 1 + table_.groups + table_.banks();
  for (const int index : table_.counted[command]) {
    const auto& window = table_.windows[static_cast<std::size_t>(index)];
    const int part = parts[window.level];
    int& head = channel.ring_heads[static_cast<std::size_t>(index * num_parts + part)];
    std::int64_t* const ring = channel.rings.data() +
                               ring_offsets_[static_cast<std::size_t>(index)] + part * window.size;
    ring[head] = time;
    head = head + 1 == window.size ? 0 : head + 1;
    for (const int following : window.following) {
      std::int64_t& known =
          channel.ready[static_cast<std::size_t>(part * table_.commands + following)];
      known = std::max(known, ring[head] + window.cycles);
    }
  }
  const int role = table_.roles[command];
  std::int64_t column = -1;
  std::int64_t request = -1;
  if (role == opens || role == closes) {
    int first = action.bank;
    int last = action.bank + 1;
    if (level == channel_level) {
      first = 0;
      last = table_.banks();
    } else if (level == group_level) {
      first = group * table_.banks_per_group;
      last = first + table_.banks_per_group;
    }
    const int before = channel.num_open;
    for (int bank = first; bank < last; ++bank) {
      std::int64_t& row = channel.rows[static_cast<std::size_t>(bank)];
      channel.num_open += (role == opens) - (row >= 0);
      row = role == opens ? action.row : -1;
    }
    if (before == 0 && channel.num_open > 0) channel.active_since = time;
    if (before > 0 && channel.num_open == 0) active_[stage_] += time - channel.active_since;
  } else if (role == refreshes) {
    channel.due += table_.refresh_cycles;
    const bool waits = !channel.window.empty() && channel.window.front().arrival <= time;
    if (waits && ++channel.starved > 64) {
      throw std::runtime_error("refreshes leave no time for requests");
    }
  } else {
    Entry& entry = channel.window[static_cast<std::size_t>(action.entry)];
    column = entry.column++;
    channel.starved = 0;
    request = entry.request;
    stage_done_ = std::max(stage_done_, time + std::max<std::int64_t>(table_.latencies[command], 1));
    --left_;
    if (--entry.left == 0) channel.window.erase(channel.window.begin() + action.entry);
  }
  ++counts_[stage_ * static_cast<std::size_t>(table_.commands) + command];
  ++issued_;
  if (traced_) {
    const std::int64_t row[trace_columns] = {
        time, action.command, number, level == channel_level ? 0 : action.bank, action.row, column,
        request};
    trace_.insert(trace_.end(), row, row + trace_columns);
  }
  channel.now = time + 1;
  if (left_ == 0 && role >= needs_row) {
    events_.push(Event{std::max(stage_done_, stage_ends_.empty() ? busy_[stage_]
                                                                 : stage_ends_.back() + busy_[stage_]),
                       -1, 0});
  }
}

void EventRun::start_stage(std::int64_t time) {
  const std::int64_t first = stage_ == 0 ? 0 : stages_[stage_ - 1];
  const std::int64_t last = stages_[stage_];
  left_ = 0;
  stage_done_ = time;
  for (Channel& channel : channels_) {
    channel.order.clear();
    channel.head = 0;
  }
  for (std::int64_t number = first; number < last; ++number) {
    const std::int64_t* const row = requests_.data() + number * request_columns;
    channels_[static_cast<std::size_t>(row[1])].order.push_back(number);
    left_ += row[5];
  }
  if (left_ == 0) {
    events_.push(Event{time + busy_[stage_], -1, 0});
  }
  for (int number = 0; number < table_.channels; ++number) {
    Channel& channel = channels_[static_cast<std::size_t>(number)];
    channel.now = std::max(channel.now, time);
    plan(number, channel);
  }
}

void EventRun::end_stage(std::int64_t time) {
  for (Channel& channel : channels_) {
    if (channel.num_open > 0) {
      active_[stage_] += time - channel.active_since;
      channel.active_since = time;
    }
  }
  stage_ends_.push_back(time);
  if (++stage_ == stages_.size()) {
    finished_ = true;
  } else {
    start_stage(time);
  }
}

bool EventRun::advance(std::int64_t num_commands) {
  const std::int64_t until = issued_ + num_commands;
  while (!finished_ && issued_ < until) {
    const Event event = events_.top();
    events_.pop();
    if (event.channel < 0) {
      end_stage(event.time);
      continue;
    }
    Channel& channel = channels_[static_cast<std::size_t>(event.channel)];
    if (event.stamp != channel.stamp) continue;  // planned anew since
    if (channel.planned.command < 0) {
      channel.now = event.time;
    } else {
      issue(event.channel, channel);
    }
    plan(event.channel, channel);
  }
  return finished_;
}

}  // namespace netwright
