// AVX512-VNNI with VBMI: two rows share a register, 32 columns each, and one two-source byte
// permutation makes a finished strip of 16 columns, in natural order.
#include <immintrin.h>

#include <cstring>

#include "dot.hpp"
#include "spmm.hpp"

namespace netwright {
namespace {

constexpr std::uint64_t kAll = ~std::uint64_t{0};

// Columns [0, 32) of row `low` below those of row `high`; `mask` says which columns exist.
template <bool WHOLE>
inline __m512i load_pair(const std::uint8_t* low, const std::uint8_t* high, __mmask32 mask) {
  const __m256i first = WHOLE ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(low))
                              : _mm256_maskz_loadu_epi8(mask, low);
  const __m256i second = WHOLE ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(high))
                               : _mm256_maskz_loadu_epi8(mask, high);
  return _mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1);
}

// Byte 4 c + q of the result is column c + `offset` of row q.
inline __m512i permutation(int offset) {
  alignas(64) std::uint8_t bytes[64];
  for (int c = 0; c < 16; ++c) {
    for (int q = 0; q < 4; ++q) bytes[4 * c + q] = static_cast<std::uint8_t>(32 * q + c + offset);
  }
  return _mm512_load_si512(bytes);
}

inline void store_strip(__m512i sums, std::int64_t row, std::int64_t position,
                        const Epilogue& epilogue, Result result, __mmask16 mask) {
  if (epilogue.relu) sums = _mm512_max_epi32(sums, _mm512_setzero_si512());
  if (epilogue.format == Format::int32) {
    _mm512_mask_storeu_epi32(static_cast<std::int32_t*>(result.data) + position, mask, sums);
    return;
  }
  const __m512 scale = _mm512_set1_ps(epilogue.scale[row]);
  const __m512 real = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), scale);
  if (epilogue.format == Format::float32) {
    _mm512_mask_storeu_ps(static_cast<float*>(result.data) + position, mask, real);
    return;
  }
  // The bounds keep the conversion and the sum inside 32 bits; all formats saturate before them.
  const __m512 bounded = epilogue.bounded
                             ? real
                             : _mm512_max_ps(_mm512_min_ps(real, _mm512_set1_ps(32767.0F)),
                                             _mm512_set1_ps(-32768.0F));
  const __m512i codes =
      _mm512_add_epi32(_mm512_cvtps_epi32(bounded), _mm512_set1_epi32(epilogue.zero_point));
  std::uint8_t* const out = static_cast<std::uint8_t*>(result.data) + position;
  if (epilogue.format == Format::int8) {
    _mm512_mask_cvtsepi32_storeu_epi8(out, mask, codes);
  } else {
    const __m512i positive = _mm512_max_epi32(codes, _mm512_setzero_si512());
    _mm512_mask_cvtusepi32_storeu_epi8(out, mask, positive);
  }
}

// ROWS x STRIPS is 16, the number of accumulators.
template <int ROWS, int STRIPS, bool WHOLE>
inline void tile(const Weights& weights, const Activation& activation, const Epilogue& epilogue,
                 Result result, std::int64_t stripe, std::int64_t column, std::uint64_t mask) {
  const std::int64_t row = stripe * ROWS;
  __m512i sums[ROWS][STRIPS];
#pragma GCC unroll 8
  for (int r = 0; r < ROWS; ++r) {
    const std::int32_t bias = epilogue.bias == nullptr ? 0 : epilogue.bias[row + r];
#pragma GCC unroll 4
    for (int j = 0; j < STRIPS; ++j) sums[r][j] = _mm512_set1_epi32(bias);
  }
  const __m512i permutations[2] = {permutation(0), permutation(16)};
  const std::uint8_t* const base = activation.data + column;
  const std::int64_t stride = activation.stride;
  const std::int64_t first = weights.offsets[stripe];
  const std::uint16_t* index = weights.indices + first * 4;
  const std::int8_t* value = weights.values + first * 4 * ROWS;
  for (std::int64_t left = weights.offsets[stripe + 1] - first; left > 0; --left) {
    __m512i strip[STRIPS];
#pragma GCC unroll 2
    for (int half = 0; half < STRIPS / 2; ++half) {
      const auto columns_left = static_cast<__mmask32>(mask >> (32 * half));
      const std::uint8_t* const start = base + 32 * half;
      const __m512i rows01 = load_pair<WHOLE>(start + index[0] * stride,
                                              start + index[1] * stride, columns_left);
      const __m512i rows23 = load_pair<WHOLE>(start + index[2] * stride,
                                              start + index[3] * stride, columns_left);
      strip[2 * half] = _mm512_permutex2var_epi8(rows01, permutations[0], rows23);
      strip[2 * half + 1] = _mm512_permutex2var_epi8(rows01, permutations[1], rows23);
    }
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; ++r) {
      std::int32_t word;
      std::memcpy(&word, value + 4 * r, sizeof word);
      const __m512i weight = _mm512_set1_epi32(word);
#pragma GCC unroll 4
      for (int j = 0; j < STRIPS; ++j) {
        dot(sums[r][j], strip[j], weight);
      }
    }
    index += 4;
    value += 4 * ROWS;
  }
#pragma GCC unroll 8
  for (int r = 0; r < ROWS; ++r) {
    const std::int64_t position = (row + r - result.first_row) * activation.columns + column;
#pragma GCC unroll 4
    for (int j = 0; j < STRIPS; ++j) {
      const auto stored = static_cast<__mmask16>(mask >> (16 * j));
      if (WHOLE || stored != 0) {
        store_strip(sums[r][j], row + r, position + 16 * j, epilogue, result, stored);
      }
    }
  }
}

template <int ROWS, int STRIPS>
void columns(const Weights& weights, const Activation& activation, const Epilogue& epilogue,
             Result result, Stripes stripes) {
  constexpr int kColumns = 16 * STRIPS;
  const std::int64_t whole = activation.last / kColumns * kColumns;
  for (std::int64_t column = activation.first; column < whole; column += kColumns) {
    for (std::int64_t stripe = stripes.begin; stripe < stripes.end; ++stripe) {
      tile<ROWS, STRIPS, true>(weights, activation, epilogue, result, stripe, column, kAll);
    }
  }
  if (whole < activation.last) {
    const std::uint64_t mask = kAll >> (64 - (activation.last - whole));
    for (std::int64_t stripe = stripes.begin; stripe < stripes.end; ++stripe) {
      tile<ROWS, STRIPS, false>(weights, activation, epilogue, result, stripe, whole, mask);
    }
  }
}

}  // namespace

void spmm_vbmi(const Weights& weights, const Activation& activation, const Epilogue& epilogue,
               Result result, Stripes stripes) {
  if (weights.block_rows == 4) {
    columns<4, 4>(weights, activation, epilogue, result, stripes);
  } else {
    columns<8, 2>(weights, activation, epilogue, result, stripes);
  }
}

}  // namespace netwright
