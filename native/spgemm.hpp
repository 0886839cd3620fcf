// Products of two sparse matrices, row by row: a row of the result is the sum of rows of the right
// matrix, weighted by a row of the left one. What sums them up is chosen for each row.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "regions.hpp"
#include "scratch.hpp"

namespace netwright {

enum class Semiring { plus_times, or_and, min_plus };
enum class Value { boolean, int32, int64, float32, float64 };

// How the products of a row come together. `automatic` chooses for each row.
enum class Accumulator { automatic, list, bitmap, hash, sort, chunks };
constexpr int kNumAccumulators = 6;

std::int64_t size_of(Value value);

// Compressed rows: those of row r are offsets[r] to offsets[r + 1]. A column may come again in a row.
struct SparseRows {
  std::int64_t num_rows;
  std::int64_t num_columns;
  const std::int64_t* offsets;
  const std::int32_t* columns;
  const void* values;
  bool ascending = false;  // in every row, each column beyond the one before
  bool clustered = false;  // most entries lie beside another one
};

// Check everything that the loops rely on, and find out the rest; throws std::invalid_argument.
void examine(SparseRows& rows, std::int64_t num_entries);

struct Limits {
  std::int64_t dense_bytes;   // a dense accumulator may be so large whatever a row has
  std::int64_t table_bytes;   // a hash table may be so large
  std::int64_t chunk_bytes;   // the part of a dense accumulator that a chunk uses
  std::int64_t chunks_at_once;  // parts into which products go in one pass
};

struct SpgemmJob {
  SparseRows left;
  SparseRows right;
  const std::int64_t* products;  // of each row
  Accumulator accumulator;
  bool sorted;
  Limits limits;
};

// Memory of one thread; between products every value of `dense` up to `dense_length` is the zero of
// the semiring, and every mark and table entry is free.
struct Workspace {
  Scratch dense;
  std::int64_t dense_length = 0;
  Scratch marks;
  std::int64_t marks_length = 0;
  Scratch table;
  Scratch lists;
  Scratch buckets;
  Scratch more_buckets;
  Scratch sorting;
  std::int64_t rows[kNumAccumulators] = {};  // how many each accumulator made
};

// Where results go. There must be room for `kSlack` more than the most entries.
constexpr std::int64_t kSlack = 64;
struct SparseSink {
  std::int32_t* columns;
  void* values;
  std::int64_t count;
};

// Make the rows from `begin` to `end`; `row_ends[r]` becomes the sink's count after row r.
using MultiplyRows = void (*)(const SpgemmJob&, Workspace&, std::int64_t begin, std::int64_t end,
                              SparseSink& sink, std::int64_t* row_ends);

MultiplyRows spgemm_scalar(Semiring semiring, Value value);
#ifdef NETWRIGHT_X86
MultiplyRows spgemm_avx2(Semiring semiring, Value value);
MultiplyRows spgemm_avx512(Semiring semiring, Value value);
#endif

struct SpgemmResult {
  std::int64_t count = 0;
  std::unique_ptr<RegionOwner> columns;
  std::unique_ptr<RegionOwner> values;
  std::int64_t rows[kNumAccumulators] = {};
};

// A result that has at least so many entries, and needs more memory than it may take.
struct TooLarge {
  std::int64_t count;
  std::int64_t num_bytes;
};

// The caller has checked the operands. `offsets` has an entry more than the left matrix has rows.
// Throws TooLarge.
SpgemmResult spgemm(const SpgemmJob& job, MultiplyRows multiply, Value value, int num_threads,
                    const std::shared_ptr<RegionPool>& pool, std::int64_t memory_bytes,
                    std::int64_t* offsets);

// Products of each row, without their sums.
void count_products(const SparseRows& left, const SparseRows& right, std::int64_t* products,
                    int num_threads);

}  // namespace netwright
