#include "spgemm.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <new>
#include <thread>

#include "packed.hpp"
#include "pool.hpp"

namespace netwright {
namespace {

// Products of a block: enough that handing it out costs nothing, few enough that what it makes is
// still in the cache when its place in the result is known.
constexpr std::int64_t kBlockProducts = 1 << 15;
constexpr std::int64_t kBlockRows = 1 << 12;
// Results that wait for their place, of one thread.
constexpr std::int64_t kMaxWaiting = std::int64_t{1} << 26;

struct Block {
  std::int64_t begin;
  std::int64_t end;
  std::int64_t most;    // entries that it can have
  std::int64_t count;   // that it has
  std::int64_t offset;  // where they go; -1 while that is not known
};

// Where products of other threads wait.
struct Staged {
  std::int64_t block;
  std::unique_ptr<std::uint8_t[]> memory;
  std::int64_t most;

  std::int32_t* columns(std::int64_t value_bytes) const {
    return reinterpret_cast<std::int32_t*>(memory.get() + (most + kSlack) * value_bytes);
  }
};

struct ThreadSpace {
  Workspace work;
  MultiplyRows last = nullptr;
  std::vector<Staged> idle;
};

thread_local ThreadSpace thread_space;

std::int64_t most_of(const SpgemmJob& job, std::int64_t row) {
  return std::min(job.products[row], job.right.num_columns);
}

std::vector<Block> blocks_of(const SpgemmJob& job, bool one) {
  std::vector<Block> blocks;
  Block block{0, 0, 0, 0, -1};
  std::int64_t products = 0;
  for (std::int64_t row = 0; row < job.left.num_rows; ++row) {
    block.most += most_of(job, row);
    products += job.products[row];
    block.end = row + 1;
    const bool full = products >= kBlockProducts || block.end - block.begin >= kBlockRows;
    if ((full && !one) || block.end == job.left.num_rows) {
      blocks.push_back(block);
      block = {block.end, block.end, 0, 0, -1};
      products = 0;
    }
  }
  return blocks;
}

class Run {
 public:
  Run(const SpgemmJob& job, MultiplyRows multiply, std::int64_t value_bytes, int num_threads,
      std::int64_t* row_ends)
      : job_(job),
        multiply_(multiply),
        value_bytes_(value_bytes),
        num_threads_(num_threads),
        row_ends_(row_ends) {}

  // Without memory for results the entries are only counted, until they are more than `most`.
  SpgemmResult run(std::int32_t* columns, std::uint8_t* values, std::int64_t most) {
    columns_ = columns;
    values_ = values;
    most_ = most;
    const bool direct = num_threads_ == 1 && columns != nullptr;
    blocks_ = blocks_of(job_, direct);
    next_ = 0;
    placed_ = 0;
    total_ = 0;
    failed_ = false;
    const auto threads = std::min<std::int64_t>(num_threads_, blocks_.size());
    run_tasks(threads, static_cast<int>(threads), [&](std::int64_t) {
      try {
        work(direct);
      } catch (const std::bad_alloc&) {
        failed_ = true;
      }
    });
    if (failed_) throw std::bad_alloc();
    result_.count = total_;
    return std::move(result_);
  }

 private:
  void work(bool direct) {
    ThreadSpace& space = thread_space;
    if (space.last != multiply_) space.work.dense_length = 0;
    space.last = multiply_;
    std::fill(std::begin(space.work.rows), std::end(space.work.rows), 0);
    if (direct) {
      SparseSink sink{columns_, values_, 0};
      if (!blocks_.empty()) {
        multiply_(job_, space.work, 0, job_.left.num_rows, sink, row_ends_);
      }
      total_ = sink.count;
    } else {
      work_on_blocks(space);
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    for (int i = 0; i < kNumAccumulators; ++i) result_.rows[i] += space.work.rows[i];
  }

  void work_on_blocks(ThreadSpace& space) {
    std::vector<Staged> waiting;
    std::int64_t waiting_bytes = 0;
    const auto num_blocks = static_cast<std::int64_t>(blocks_.size());
    while (!stops()) {
      const std::int64_t number = next_++;
      if (number >= num_blocks) break;
      Block& block = blocks_[number];
      Staged staged = room_for(space, block.most);
      staged.block = number;
      SparseSink sink{staged.columns(value_bytes_), staged.memory.get(), 0};
      multiply_(job_, space.work, block.begin, block.end, sink, row_ends_);
      finish_block(number, sink.count);
      waiting_bytes += sink.count * (value_bytes_ + 4);
      waiting.push_back(std::move(staged));
      do {
        waiting_bytes -= place_all(space, waiting);
        if (waiting_bytes > kMaxWaiting) std::this_thread::yield();
      } while (waiting_bytes > kMaxWaiting && !stops());
    }
    while (!waiting.empty() && !stops()) {
      if (place_all(space, waiting) == 0) std::this_thread::yield();
    }
    if (space.idle.size() > 4) space.idle.resize(4);
    space.idle.erase(std::remove_if(space.idle.begin(), space.idle.end(),
                                    [](const Staged& each) { return each.most > 8 * kBlockProducts; }),
                     space.idle.end());
  }

  bool stops() const { return failed_ || total_ > most_; }

  Staged room_for(ThreadSpace& space, std::int64_t most) {
    if (!space.idle.empty()) {
      Staged found = std::move(space.idle.back());
      space.idle.pop_back();
      if (found.most >= most) return found;
    }
    // Sized for the widest values, so that it serves every product; whole cache lines of each.
    const std::int64_t room = (std::max(most, kBlockProducts) + kLine - 1) / kLine * kLine;
    return {0, std::unique_ptr<std::uint8_t[]>(new std::uint8_t[(room + kSlack) * 16]), room};
  }

  void finish_block(std::int64_t number, std::int64_t count) {
    const std::lock_guard<std::mutex> lock(mutex_);
    blocks_[number].count = count;
    blocks_[number].offset = -2;  // done, but not placed
    while (placed_ < static_cast<std::int64_t>(blocks_.size()) && blocks_[placed_].offset == -2) {
      blocks_[placed_].offset = total_;
      total_ += blocks_[placed_].count;
      ++placed_;
    }
  }

  // Write what has a place; returns the bytes.
  std::int64_t place_all(ThreadSpace& space, std::vector<Staged>& waiting) {
    std::int64_t written = 0;
    std::size_t placed = 0;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      while (placed < waiting.size() && waiting[placed].block < placed_) ++placed;
    }
    for (std::size_t i = 0; i < placed; ++i) {
      const Block& block = blocks_[waiting[i].block];
      for (std::int64_t row = block.begin; row < block.end; ++row) row_ends_[row] += block.offset;
      if (columns_ != nullptr) {
        std::memcpy(values_ + block.offset * value_bytes_, waiting[i].memory.get(),
                    static_cast<std::size_t>(block.count * value_bytes_));
        std::memcpy(columns_ + block.offset, waiting[i].columns(value_bytes_),
                    static_cast<std::size_t>(block.count) * 4);
      }
      written += block.count * (value_bytes_ + 4) + 1;
      space.idle.push_back(std::move(waiting[i]));
    }
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(placed));
    return written;
  }

  const SpgemmJob& job_;
  const MultiplyRows multiply_;
  const std::int64_t value_bytes_;
  const int num_threads_;
  std::int64_t* const row_ends_;
  std::int32_t* columns_ = nullptr;
  std::uint8_t* values_ = nullptr;
  std::vector<Block> blocks_;
  std::atomic<std::int64_t> next_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::int64_t placed_ = 0;
  std::int64_t most_ = 0;
  std::atomic<std::int64_t> total_{0};
  SpgemmResult result_;
};

}  // namespace

std::int64_t size_of(Value value) {
  switch (value) {
    case Value::boolean:
      return 1;
    case Value::int32:
    case Value::float32:
      return 4;
    default:
      return 8;
  }
}

void examine(SparseRows& rows, std::int64_t num_entries) {
  constexpr std::int64_t kMaxColumns = std::int64_t{1} << 31;
  require(rows.num_columns >= 0 && rows.num_columns <= kMaxColumns,
          "columns must be from 0 to 2**31");
  const std::int64_t* const ends = rows.offsets;
  const std::int32_t* const all = rows.columns;
  require(ends[0] == 0 && ends[rows.num_rows] == num_entries,
          "offsets and columns do not fit together");
  bool grows = true;
  for (std::int64_t r = 0; r < rows.num_rows; ++r) grows &= ends[r] <= ends[r + 1];
  require(grows, "offsets must not decrease");
  std::int32_t low = 0;
  std::int32_t high = -1;
  for (std::int64_t i = 0; i < num_entries; ++i) {
    low = std::min(low, all[i]);
    high = std::max(high, all[i]);
  }
  require(low >= 0 && high < rows.num_columns, "columns must be from 0 to one less than there are");
  std::int64_t falls = 0;
  std::int64_t near = 0;
  for (std::int64_t begin = 1; begin < num_entries; begin += 1 << 20) {
    const std::int64_t end = std::min<std::int64_t>(num_entries, begin + (1 << 20));
    std::int32_t some_falls = 0;
    std::int32_t some_near = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      some_falls += all[i] <= all[i - 1] ? 1 : 0;
      some_near += (all[i] >> 3) == (all[i - 1] >> 3) ? 1 : 0;
    }
    falls += some_falls;
    near += some_near;
  }
  // A fall from the end of a row to the beginning of the next that is not empty is none.
  for (std::int64_t r = 1; r < rows.num_rows; ++r) {
    const std::int64_t at = ends[r];
    if (at > 0 && at < ends[r + 1] && all[at] <= all[at - 1]) --falls;
  }
  rows.ascending = falls == 0;
  rows.clustered = 2 * near > num_entries;
}

void count_products(const SparseRows& left, const SparseRows& right, std::int64_t* products,
                    int num_threads) {
  const std::int64_t parts = num_threads == 1 ? 1 : 4 * num_threads;
  run_tasks(parts, num_threads, [&](std::int64_t part) {
    const std::int64_t end = left.num_rows * (part + 1) / parts;
    for (std::int64_t row = left.num_rows * part / parts; row < end; ++row) {
      std::int64_t count = 0;
      for (std::int64_t k = left.offsets[row]; k < left.offsets[row + 1]; ++k) {
        count += right.offsets[left.columns[k] + 1] - right.offsets[left.columns[k]];
      }
      products[row] = count;
    }
  });
}

SpgemmResult spgemm(const SpgemmJob& job, MultiplyRows multiply, Value value, int num_threads,
                    const std::shared_ptr<RegionPool>& pool, std::int64_t memory_bytes,
                    std::int64_t* offsets) {
  const std::int64_t value_bytes = size_of(value);
  std::int64_t most = 0;
  for (std::int64_t row = 0; row < job.left.num_rows; ++row) most += most_of(job, row);
  offsets[0] = 0;
  Run run(job, multiply, value_bytes, num_threads, offsets + 1);
  if (most > memory_bytes / (value_bytes + 4)) {
    // The most may be far from what there is: count before memory is taken.
    most = run.run(nullptr, nullptr, memory_bytes / (value_bytes + 4)).count;
    const std::int64_t entry_bytes = value_bytes + (most > std::int64_t{0x7FFFFFFF} ? 12 : 4);
    if (most > memory_bytes / entry_bytes) throw TooLarge{most, most * entry_bytes};
  }
  const auto room = static_cast<std::size_t>(most + kSlack);
  // The pool lends what has most memory behind it first.
  auto values = std::make_unique<RegionOwner>(pool, room * static_cast<std::size_t>(value_bytes));
  auto columns = std::make_unique<RegionOwner>(pool, room * 4);
  SpgemmResult result =
      run.run(reinterpret_cast<std::int32_t*>(columns->data()), values->data(), most);
  columns->keep(static_cast<std::size_t>(result.count) * 4);
  values->keep(static_cast<std::size_t>(result.count * value_bytes));
  result.columns = std::move(columns);
  result.values = std::move(values);
  return result;
}

}  // namespace netwright
