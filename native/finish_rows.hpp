// The loops of finish_rows, compiled once for each instruction set and vectorized by the compiler.
// Every operation is an IEEE operation on float32 and none is fused, so all copies agree bit by bit.
// Internal linkage on purpose: see spmm_store.hpp.
#pragma once

#include <cstdint>

#include "finish.hpp"

namespace netwright {
namespace {

// x / 2 * (1 + erf(x / sqrt 2)) within 3e-7 max(1, |x|). erf(z) / z is a polynomial in u, a Chebyshev
// interpolation of degree 14 over |z| <= 3.9, where u = 2 (z / 3.9)^2 - 1.
inline float gelu(float x) {
  constexpr float kLimit = 3.9F;
  constexpr float kTerms[] = {
      0.0019482914F,  -0.0042191928F, 0.0018164865F, -0.0029500021F, 0.013700547F,
      -0.02275855F,   0.029055735F,   -0.04145456F,  0.057932587F,   -0.07408419F,
      0.09066575F,    -0.10950612F,   0.13469133F,   -0.18101180F,   0.36258397F,
  };
  float z = x * 0.70710678F;
  z = z < -kLimit ? -kLimit : z;
  z = z > kLimit ? kLimit : z;
  const float u = z * z * (2.0F / (kLimit * kLimit)) - 1.0F;
  float sum = kTerms[0];
  for (int i = 1; i < 15; ++i) sum = sum * u + kTerms[i];
  float erf = z * sum;
  erf = erf < -1.0F ? -1.0F : erf;
  erf = erf > 1.0F ? 1.0F : erf;
  return 0.5F * x * (1.0F + erf);
}

inline void to_bytes(const float* values, std::int64_t count, const Finish& finish,
                     std::uint8_t* out) {
  // Adding this moves the last bit to the ones: it rounds half to even.
  constexpr float kRound = 12582912.0F;
  constexpr float kBound = 1024.0F;  // every code is saturated beyond it, whatever the zero point
  const std::int32_t low = finish.format == Format::int8 ? -128 : 0;
  const std::int32_t high = low + 255;
  for (std::int64_t i = 0; i < count; ++i) {
    float scaled = values[i] * finish.multiplier;
    scaled = scaled > -kBound ? scaled : -kBound;  // NaN too
    scaled = scaled < kBound ? scaled : kBound;
    const auto rounded = static_cast<std::int32_t>((scaled + kRound) - kRound);
    std::int32_t code = rounded + finish.zero_point;
    code = code < low ? low : code;
    code = code > high ? high : code;
    out[i] = static_cast<std::uint8_t>(code);
  }
}

// Merge the moments of `rows` rows (two passes while they are in the cache) into `moments`:
// Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm", 1979.
inline void add_moments(const float* values, std::int64_t rows, std::int64_t columns,
                        Moments& moments) {
  constexpr std::int64_t kWidth = 64;
  const auto count = static_cast<double>(rows);
  const double share = count / (moments.count + count);
  for (std::int64_t first = 0; first < columns; first += kWidth) {
    const std::int64_t width = columns - first < kWidth ? columns - first : kWidth;
    float mean[kWidth] = {};
    float squares[kWidth] = {};
    for (std::int64_t r = 0; r < rows; ++r) {
      const float* const row = values + r * columns + first;
      for (std::int64_t c = 0; c < width; ++c) mean[c] += row[c];
    }
    for (std::int64_t c = 0; c < width; ++c) mean[c] /= static_cast<float>(rows);
    for (std::int64_t r = 0; r < rows; ++r) {
      const float* const row = values + r * columns + first;
      for (std::int64_t c = 0; c < width; ++c) {
        const float deviation = row[c] - mean[c];
        squares[c] += deviation * deviation;
      }
    }
    for (std::int64_t c = 0; c < width; ++c) {
      const double delta = static_cast<double>(mean[c]) - moments.mean[first + c];
      moments.mean[first + c] += delta * share;
      moments.squares[first + c] +=
          static_cast<double>(squares[c]) + delta * delta * moments.count * share;
    }
  }
  moments.count += count;
}

inline void finish_rows(float* values, std::int64_t rows, std::int64_t columns,
                        std::int64_t first_row, const Finish& finish, Moments* moments,
                        std::uint8_t* out) {
  const std::int64_t count = rows * columns;
  if (finish.residual != nullptr) {
    const float* const residual = finish.residual + first_row * columns;
    for (std::int64_t i = 0; i < count; ++i) values[i] += residual[i];
  }
  if (finish.gelu) {
    for (std::int64_t i = 0; i < count; ++i) values[i] = gelu(values[i]);
  }
  if (moments != nullptr) add_moments(values, rows, columns, *moments);
  if (out != nullptr) to_bytes(values, count, finish, out);
}

}  // namespace
}  // namespace netwright
