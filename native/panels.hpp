// Sums of panels: a vector has 16 rows of one token, and the result has the tokens side by side.
//
// Internal linkage on purpose: see spmm_store.hpp.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "coded.hpp"

namespace netwright {
namespace {

#define ALWAYS_INLINE __attribute__((always_inline))

template <int T, typename SUMS, int... I>
ALWAYS_INLINE inline void keep(const SUMS& sums, std::int32_t (*stored)[T][kPanelRows],
                               std::integer_sequence<int, I...>) {
  (_mm512_store_si512(stored[I / T][I % T], sums[I / T][I % T]), ...);
}

// Copy registers to memory; without a loop, because an array that a loop goes through is no set of
// registers.
template <int P, int T, typename SUMS>
ALWAYS_INLINE inline void keep(const SUMS& sums, std::int32_t (&stored)[P][T][kPanelRows]) {
  keep<T>(sums, stored, std::make_integer_sequence<int, P * T>{});
}

// Turn four vectors of 16 rows: vector i of the result has row 4 l + i in its lane l of 128 bits.
inline void turn(const std::int32_t (*sums)[kPanelRows], __m512i (&out)[4]) {
  const __m512i token[4] = {_mm512_load_si512(sums[0]), _mm512_load_si512(sums[1]),
                            _mm512_load_si512(sums[2]), _mm512_load_si512(sums[3])};
  const __m512i low01 = _mm512_unpacklo_epi32(token[0], token[1]);
  const __m512i high01 = _mm512_unpackhi_epi32(token[0], token[1]);
  const __m512i low23 = _mm512_unpacklo_epi32(token[2], token[3]);
  const __m512i high23 = _mm512_unpackhi_epi32(token[2], token[3]);
  out[0] = _mm512_unpacklo_epi64(low01, low23);
  out[1] = _mm512_unpackhi_epi64(low01, low23);
  out[2] = _mm512_unpacklo_epi64(high01, high23);
  out[3] = _mm512_unpackhi_epi64(high01, high23);
}

// Store 8 tokens of 16 rows; `out` is the place of the first row's first token.
inline void store_eight(const std::int32_t (*sums)[kPanelRows], std::int32_t* out,
                        std::int64_t stride) {
  __m512i first[4];
  __m512i second[4];
  turn(sums, first);
  turn(sums + 4, second);
  const __m512i low = _mm512_set_epi64(11, 10, 3, 2, 9, 8, 1, 0);
  const __m512i high = _mm512_set_epi64(15, 14, 7, 6, 13, 12, 5, 4);
  const auto store = [&](std::int64_t row, __m256i eight) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + row * stride), eight);
  };
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512i rows01 = _mm512_permutex2var_epi64(first[i], low, second[i]);
    const __m512i rows23 = _mm512_permutex2var_epi64(first[i], high, second[i]);
    store(i, _mm512_castsi512_si256(rows01));
    store(4 + i, _mm512_extracti64x4_epi64(rows01, 1));
    store(8 + i, _mm512_castsi512_si256(rows23));
    store(12 + i, _mm512_extracti64x4_epi64(rows23, 1));
  }
}

// Store T tokens from `token` on of one panel; rows and tokens that do not exist are left out.
template <int T>
inline void store_panel(const std::int32_t (&sums)[T][kPanelRows], std::int64_t panel,
                        std::int64_t num_rows, std::int64_t token, std::int64_t tokens,
                        void* result) {
  const std::int64_t first = panel * kPanelRows;
  const std::int64_t rows = std::min<std::int64_t>(kPanelRows, num_rows - first);
  auto* const out = static_cast<std::int32_t*>(result) + first * tokens + token;
  if (T == 8 && rows == kPanelRows && token + T <= tokens) {
    store_eight(sums, out, tokens);
    return;
  }
  const std::int64_t count = std::min<std::int64_t>(T, tokens - token);
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t t = 0; t < count; ++t) out[row * tokens + t] = sums[t][row];
  }
}

}  // namespace
}  // namespace netwright
