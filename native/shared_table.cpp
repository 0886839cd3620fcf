#include "shared_table.hpp"

#include <algorithm>
#include <atomic>
#include <memory>

#include "pool.hpp"

namespace netwright {
namespace {

constexpr std::int64_t kFree = -1;

struct Pair {
  std::atomic<std::int64_t> tag;
  std::atomic<double> value;
};

class Table {
 public:
  explicit Table(bool split) : split_(split) {}

  void clear(std::int64_t slots) {
    if (slots > capacity_) {
      if (split_) {
        tags_.reset(new std::atomic<std::int64_t>[slots]);
        values_.reset(new std::atomic<double>[slots]);
      } else {
        pairs_.reset(new Pair[slots]);
      }
      capacity_ = slots;
    }
    slots_ = slots;
    for (std::int64_t i = 0; i < slots; ++i) {
      tag(i).store(kFree, std::memory_order_relaxed);
      value(i).store(0.0, std::memory_order_relaxed);
    }
  }

  // Returns how many slots were looked at; there is always a free one.
  std::int64_t add(std::int64_t slot, std::int64_t wanted, double product) {
    for (std::int64_t looks = 1;; ++looks) {
      std::int64_t found = tag(slot).load(std::memory_order_relaxed);
      if (found == kFree && tag(slot).compare_exchange_strong(found, wanted)) found = wanted;
      if (found == wanted) {
        double sum = value(slot).load(std::memory_order_relaxed);
        while (!value(slot).compare_exchange_weak(sum, sum + product)) {
        }
        return looks;
      }
      slot = (slot + 1) & (slots_ - 1);
    }
  }

  std::int64_t slots() const { return slots_; }
  std::atomic<std::int64_t>& tag(std::int64_t i) { return split_ ? tags_[i] : pairs_[i].tag; }
  std::atomic<double>& value(std::int64_t i) { return split_ ? values_[i] : pairs_[i].value; }

 private:
  const bool split_;
  std::int64_t capacity_ = 0;
  std::int64_t slots_ = 0;
  std::unique_ptr<Pair[]> pairs_;
  std::unique_ptr<std::atomic<std::int64_t>[]> tags_;
  std::unique_ptr<std::atomic<double>[]> values_;
};

class Run {
 public:
  Run(const SparseRows& left, const SparseRows& right, const SharedTableOptions& options,
      std::int64_t* offsets)
      : left_(left), right_(right), options_(options), offsets_(offsets), table_(options.split) {}

  SharedTableResult run() {
    std::vector<std::int64_t> products(static_cast<std::size_t>(left_.num_rows));
    count_products(left_, right_, products.data(), options_.num_threads);
    offsets_[0] = 0;
    std::int64_t begin = 0;
    std::int64_t filled = 0;
    for (std::int64_t row = 0; row < left_.num_rows; ++row) {
      const std::int64_t most = std::min(products[row], right_.num_columns);
      if (filled > 0 && 2 * (filled + most) > options_.slots) {
        make_window(begin, row, filled);
        begin = row;
        filled = 0;
      }
      filled += most;
    }
    if (begin < left_.num_rows) make_window(begin, left_.num_rows, filled);
    result_.looks = looks_;
    return std::move(result_);
  }

 private:
  void make_window(std::int64_t begin, std::int64_t end, std::int64_t most) {
    std::int64_t slots = options_.slots;
    while (slots < 2 * most) slots *= 2;
    table_.clear(slots);
    ++result_.windows;
    std::atomic<std::int64_t> next{begin};
    run_tasks(options_.num_threads, options_.num_threads, [&](std::int64_t thread) {
      std::int64_t looks = 0;
      if (options_.dynamic) {
        for (std::int64_t row = next++; row < end; row = next++) looks += add_row(row, begin, end);
      } else {
        for (std::int64_t row = begin + thread; row < end; row += options_.num_threads) {
          looks += add_row(row, begin, end);
        }
      }
      looks_ += looks;
    });
    write_back(begin, end);
  }

  std::int64_t add_row(std::int64_t row, std::int64_t begin, std::int64_t end) {
    const auto* const a = static_cast<const double*>(left_.values);
    const auto* const b = static_cast<const double*>(right_.values);
    // The product may leave 64 bits, and a share of the window does not.
    const long double scale = static_cast<long double>(table_.slots()) /
                              (static_cast<long double>(end - begin) * right_.num_columns);
    std::int64_t looks = 0;
    for (std::int64_t k = left_.offsets[row]; k < left_.offsets[row + 1]; ++k) {
      const std::int32_t inner = left_.columns[k];
      for (std::int64_t i = right_.offsets[inner]; i < right_.offsets[inner + 1]; ++i) {
        const std::int64_t tag = (row - begin) * right_.num_columns + right_.columns[i];
        const std::int64_t slot = options_.high_bits
                                      ? std::min(static_cast<std::int64_t>(tag * scale),
                                                 table_.slots() - 1)
                                      : tag & (table_.slots() - 1);
        looks += table_.add(slot, tag, a[k] * b[i]);
      }
    }
    return looks;
  }

  void write_back(std::int64_t begin, std::int64_t end) {
    std::vector<std::int64_t> ends(static_cast<std::size_t>(end - begin) + 1, 0);
    for (std::int64_t i = 0; i < table_.slots(); ++i) {
      if (is_entry(i)) ++ends[table_.tag(i) / right_.num_columns + 1];
    }
    ends[0] = offsets_[begin];
    for (std::size_t r = 1; r < ends.size(); ++r) {
      ends[r] += ends[r - 1];
      offsets_[begin + static_cast<std::int64_t>(r)] = ends[r];
    }
    result_.columns.resize(static_cast<std::size_t>(ends.back()));
    result_.values.resize(static_cast<std::size_t>(ends.back()));
    for (std::int64_t i = 0; i < table_.slots(); ++i) {
      if (!is_entry(i)) continue;
      const std::int64_t tag = table_.tag(i);
      const std::int64_t at = ends[tag / right_.num_columns]++;
      result_.columns[at] = static_cast<std::int32_t>(tag % right_.num_columns);
      result_.values[at] = table_.value(i);
    }
  }

  bool is_entry(std::int64_t i) { return table_.tag(i) != kFree && table_.value(i) != 0.0; }

  const SparseRows& left_;
  const SparseRows& right_;
  const SharedTableOptions options_;
  std::int64_t* const offsets_;
  Table table_;
  std::atomic<std::int64_t> looks_{0};
  SharedTableResult result_;
};

}  // namespace

SharedTableResult shared_table_product(const SparseRows& left, const SparseRows& right,
                                       const SharedTableOptions& options, std::int64_t* offsets) {
  return Run(left, right, options, offsets).run();
}

}  // namespace netwright
