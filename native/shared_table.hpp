// The sparse product as near-memory machines make it: all threads add into one hash table by atomic
// operations, window of rows after window. For comparison; see spgemm.hpp for the fast one.
#pragma once

#include <cstdint>
#include <vector>

#include "spgemm.hpp"

namespace netwright {

struct SharedTableOptions {
  bool high_bits;  // slots by the upper bits of row and column; else by the lower ones
  bool dynamic;    // a thread takes the next row when it is free; else every so-manieth
  bool split;      // tags and values in arrays of their own; else side by side
  std::int64_t slots;  // of a window's table, a power of two
  int num_threads;
};

struct SharedTableResult {
  std::vector<std::int32_t> columns;
  std::vector<double> values;
  std::int64_t looks = 0;    // into the table
  std::int64_t windows = 0;
};

// Values are float64. `offsets` has an entry more than the left matrix has rows.
SharedTableResult shared_table_product(const SparseRows& left, const SparseRows& right,
                                       const SharedTableOptions& options, std::int64_t* offsets);

}  // namespace netwright
