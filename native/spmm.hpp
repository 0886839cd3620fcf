// Product of a block-sparse int8 matrix and a dense uint8 matrix, exact in int32.
#pragma once

#include <cstdint>

namespace netwright {

// Weights of shape (rows, columns). A stripe is `block_rows` consecutive rows; the columns where
// a stripe is not zero are taken four at a time as groups. Group g has four entries of `indices`
// (columns) and 4 * block_rows entries of `values`, row after row. Stripe s owns the groups
// offsets[s] to offsets[s + 1].
//
// A quad is a group of four neighboring columns 4 q to 4 q + 3, stored as its q and its values. Only
// paths that read Activation::quads get any; for them the groups are what the quads leave over.
struct Weights {
  int block_rows;
  std::int64_t rows;
  std::int64_t columns;
  const std::int32_t* offsets;
  const std::uint16_t* indices;
  const std::int8_t* values;
  const std::int32_t* quad_offsets;  // null without quads
  const std::uint16_t* quad_indices;
  const std::int8_t* quad_values;
};

// Row-major matrix of shape (weights.columns, columns), rows `stride` bytes apart. `quads` holds
// the same matrix interleaved by the path, or is null.
struct Activation {
  const std::uint8_t* data;
  std::int64_t columns;
  std::int64_t stride;
  const std::uint8_t* quads;
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

// The stripes that one call computes, in all columns.
struct Stripes {
  std::int64_t begin;
  std::int64_t end;
};

// Columns left out of a range are somebody else's: the scalar path finishes odd columns for others.
void spmm_scalar_columns(const Weights&, const Activation&, const Epilogue&, Result, Stripes,
                         std::int64_t first_column);

using Spmm = void (*)(const Weights&, const Activation&, const Epilogue&, Result, Stripes);

void spmm_scalar(const Weights&, const Activation&, const Epilogue&, Result, Stripes);
#ifdef NETWRIGHT_X86
void spmm_avx2(const Weights&, const Activation&, const Epilogue&, Result, Stripes);
void spmm_vnni(const Weights&, const Activation&, const Epilogue&, Result, Stripes);

// Bytes of the quads of an activation of `rows` rows, and what fills those of the quads
// [begin, end): `quads` is aligned to 64 bytes.
std::int64_t quads_bytes(std::int64_t rows, std::int64_t columns);
void interleave_quads(const Activation&, std::int64_t rows, std::uint8_t* quads,
                      std::int64_t begin, std::int64_t end);

void spmm_vbmi(const Weights&, const Activation&, const Epilogue&, Result, Stripes);

// Issue `count` times 16 independent 512-bit products; returns a value that depends on them.
std::int32_t vnni_products(std::int64_t count);
#endif

}  // namespace netwright
