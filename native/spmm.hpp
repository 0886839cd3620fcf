// Product of a block-sparse int8 matrix and a dense uint8 matrix, exact in int32.
#pragma once

#include <cstdint>

namespace netwright {

// Weights of shape (rows, columns). A stripe is `block_rows` consecutive rows; the columns where
// a stripe is not zero are taken `width` at a time as groups. Group g has `width` entries of
// `indices` (columns) and width * block_rows entries of `values`, row after row. Stripe s owns the
// groups offsets[s] to offsets[s + 1].
//
// A run is a group of neighboring columns, width * q to width * q + width - 1, stored as its q and
// its values. Only paths that read Activation::interleaved get any; for them the groups are what the
// runs leave over.
struct Weights {
  int block_rows;
  int width;
  std::int64_t rows;
  std::int64_t columns;
  const std::int32_t* offsets;
  const std::uint16_t* indices;
  const std::int8_t* values;
  const std::uint8_t* counts;       // columns of each group that are not padding, or null
  const std::int32_t* run_offsets;  // null without runs
  const std::uint16_t* run_indices;
  const std::int8_t* run_values;
};

// Matrix of shape (weights.columns, columns), rows `stride` bytes apart and every 64 columns `step`
// bytes: 64 in a row-major matrix. The columns from `first`, a multiple of 64, to before `last` are
// multiplied. `interleaved` holds the rows of all runs as the path interleaves them, or is null.
struct Activation {
  const std::uint8_t* data;
  std::int64_t columns;
  std::int64_t stride;
  std::int64_t step;
  std::int64_t first;
  std::int64_t last;
  const std::uint8_t* interleaved;
};

enum class Format { int32, float32, uint8, int8 };

// What happens to a sum before it is stored: add the bias, clamp at zero, multiply by the scale
// of the row, round half to even, add the zero point, saturate. `bias` may be null; int32 output
// uses bias and relu only, float32 output the scale too. `bounded` says that no product with a
// scale reaches 2**30 in magnitude.
struct Epilogue {
  const std::int32_t* bias;
  const float* scale;
  bool relu;
  std::int32_t zero_point;
  Format format;
  bool bounded;
};

// Row-major matrix without gaps: the rows from `first_row` on, activation.columns wide.
struct Result {
  void* data;
  std::int64_t first_row;
};

// The stripes that one call computes, in the columns that the activation says.
struct Stripes {
  std::int64_t begin;
  std::int64_t end;
};

// Interleaves the rows of the runs [begin, end) of an activation with `rows` rows. `out` is aligned to
// 64 bytes and has rows / width * width bytes for each column, rounded up to 64 columns.
using Interleave = void (*)(const Activation&, std::int64_t rows, std::uint8_t* out,
                            std::int64_t begin, std::int64_t end);

using Spmm = void (*)(const Weights&, const Activation&, const Epilogue&, Result, Stripes);

void spmm_scalar(const Weights&, const Activation&, const Epilogue&, Result, Stripes);
#ifdef NETWRIGHT_X86
void spmm_avx2(const Weights&, const Activation&, const Epilogue&, Result, Stripes);
void spmm_vnni(const Weights&, const Activation&, const Epilogue&, Result, Stripes);
void spmm_vbmi(const Weights&, const Activation&, const Epilogue&, Result, Stripes);
void spmm_amx(const Weights&, const Activation&, const Epilogue&, Result, Stripes);

// Columns of the runs of a path.
constexpr int kVnniWidth = 4;
constexpr int kAmxWidth = 32;
void interleave_vnni(const Activation&, std::int64_t, std::uint8_t*, std::int64_t, std::int64_t);
void interleave_amx(const Activation&, std::int64_t, std::uint8_t*, std::int64_t, std::int64_t);

// Issue `count` times 16 independent 512-bit products; returns a value that depends on them.
std::int32_t vnni_products(std::int64_t count);
#endif

}  // namespace netwright
