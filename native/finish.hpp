// What follows a scaled sum where the kernels' own epilogue does not suffice.
#pragma once

#include <cstdint>

#include "spmm.hpp"

namespace netwright {

// On real values: add the residual, apply GELU, take the statistics; then, for bytes, multiply,
// round half to even, add the zero point, saturate, look up.
struct Finish {
  const float* residual;  // as large as the whole result, or null
  bool gelu;
  float multiplier;
  std::int32_t zero_point;
  Format format;
};

// Count, mean and sum of squared deviations of each column of a set of rows.
struct Moments {
  double count;
  double* mean;
  double* squares;
};

// `values` are `rows` rows of `columns` scaled sums, the first of which is row `first_row` of the
// result. They are changed in place; bytes go to `out`, which may be null for float32.
using FinishRows = void (*)(float* values, std::int64_t rows, std::int64_t columns,
                            std::int64_t first_row, const Finish&, Moments* moments,
                            std::uint8_t* out);

// Replace each byte by its entry of a table with 256.
using LookUp = void (*)(std::uint8_t* codes, std::int64_t count, const std::uint8_t* table);

void finish_rows_scalar(float*, std::int64_t, std::int64_t, std::int64_t, const Finish&, Moments*,
                        std::uint8_t*);
void look_up_scalar(std::uint8_t*, std::int64_t, const std::uint8_t*);
#ifdef NETWRIGHT_X86
void finish_rows_avx2(float*, std::int64_t, std::int64_t, std::int64_t, const Finish&, Moments*,
                      std::uint8_t*);
void finish_rows_avx512(float*, std::int64_t, std::int64_t, std::int64_t, const Finish&, Moments*,
                        std::uint8_t*);
void look_up_vbmi(std::uint8_t*, std::int64_t, const std::uint8_t*);
#endif

}  // namespace netwright
