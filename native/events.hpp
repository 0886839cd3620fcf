// A memory whose commands wait for each other: what may be issued when, from event to event.
#pragma once

#include <cstdint>
#include <queue>
#include <vector>

namespace netwright {

// A memory as cost/events/table.py describes it. Levels: 0 channel, 1 bank group, 2 bank.
struct EventTable {
  struct Wait {
    int level;
    int following;
    std::int64_t cycles;
  };
  struct Window {
    int level;
    int size;
    std::int64_t cycles;
    std::vector<int> following;
  };

  int commands = 0;
  int channels = 0;
  int groups = 0;
  int banks_per_group = 0;
  int refresh = -1;
  std::int64_t refresh_cycles = 0;
  std::vector<int> levels, roles, openers, closers;
  std::vector<std::int64_t> latencies;
  std::vector<std::vector<Wait>> waits;   // for each command, what it makes wait
  std::vector<Window> windows;
  std::vector<std::vector<int>> counted;  // for each command, the windows that count it

  int banks() const { return groups * banks_per_group; }
};

// One row of a trace: cycle, command, channel, bank, row, column, request.
constexpr int trace_columns = 7;
// One row of a program: command, channel, bank, row, column, count, arrival.
constexpr int request_columns = 7;

// Runs a program. Every number of the table and of the requests must be in range; bind_events.cpp
// sees to that.
class EventRun {
 public:
  EventRun(EventTable table, std::vector<std::int64_t> requests, std::vector<std::int64_t> stages,
           std::vector<std::int64_t> busy, int lookahead, bool traced);

  // Issues about so many commands more; returns whether the program is done. Raises an error if
  // refreshes leave no time for anything else.
  bool advance(std::int64_t num_commands);

  std::int64_t issued() const { return issued_; }
  const std::vector<std::int64_t>& trace() const { return trace_; }
  const std::vector<std::int64_t>& stage_ends() const { return stage_ends_; }
  const std::vector<std::int64_t>& counts() const { return counts_; }
  const std::vector<std::int64_t>& active_cycles() const { return active_; }

 private:
  struct Entry {
    int command, bank;
    std::int64_t row, column, left, arrival, request;
    std::int64_t position;
  };
  struct Action {
    std::int64_t time;
    int command = -1;  // -1: look again at that time
    int bank = 0;
    std::int64_t row = -1;
    int entry = -1;
  };
  struct Channel {
    std::vector<std::int64_t> ready;  // part by command
    std::vector<std::int64_t> rows;   // open row of each bank, -1 if closed
    std::vector<std::int64_t> rings;
    std::vector<int> ring_heads;
    std::vector<std::int64_t> order;  // requests of this stage
    std::size_t head = 0;
    std::vector<Entry> window;
    std::vector<std::uint64_t> touched;
    int num_open = 0;
    int starved = 0;  // refreshes since something that waits was issued
    std::int64_t now = 0;
    std::int64_t due = 0;
    std::int64_t active_since = 0;
    Action planned;
    std::uint64_t stamp = 0;
  };
  struct Event {
    std::int64_t time;
    int channel;  // -1: a stage is done
    std::uint64_t stamp;
    bool operator>(const Event& other) const {
      return time != other.time ? time > other.time : channel > other.channel;
    }
  };

  std::int64_t ready(const Channel& channel, int command, int bank) const;
  void fill(Channel& channel);
  Action evaluate(Channel& channel);
  Action wanted(const Channel& channel, const Entry& entry) const;
  void issue(int number, Channel& channel);
  void plan(int number, Channel& channel);
  void start_stage(std::int64_t time);
  void end_stage(std::int64_t time);

  EventTable table_;
  std::vector<std::int64_t> requests_, stages_, busy_;
  std::size_t lookahead_;
  bool traced_;
  std::vector<int> ring_offsets_;
  std::vector<Channel> channels_;
  std::priority_queue<Event, std::vector<Event>, std::greater<Event>> events_;
  std::size_t stage_ = 0;
  std::int64_t left_ = 0;
  std::int64_t stage_done_ = 0;
  std::uint64_t turn_ = 0;
  bool finished_ = false;
  std::int64_t issued_ = 0;
  std::vector<std::int64_t> trace_, stage_ends_, counts_, active_;
};

}  // namespace netwright
