// Sums of 64 columns of one row as four strips, and how they are stored.
//
// Unpacking inside 128-bit lanes gives strip j the columns 16 l + 4 j to 16 l + 4 j + 3 in lane l.
// Storing undoes this once per row, and for bytes the in-lane packs undo it for nothing.
//
// Internal linkage on purpose: see spmm_store.hpp.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "spmm.hpp"

namespace netwright {
namespace {

constexpr int kColumns = 64;
constexpr __mmask64 kAll = ~__mmask64{0};

template <bool WHOLE>
inline __m512i load(const std::uint8_t* source, __mmask64 mask) {
  // A masked load does not touch the bytes it leaves out, so the last tile stays inside.
  return WHOLE ? _mm512_loadu_si512(source) : _mm512_maskz_loadu_epi8(mask, source);
}

// Store 32-bit elements of one row; `out` points at the first column of the tile.
template <int STRIPS, int HALF>
inline void store_words(const __m512i (&strip)[STRIPS], std::int32_t* out, __mmask64 mask) {
  const __m512i first = _mm512_set_epi64(11, 10, 3, 2, 9, 8, 1, 0);
  const __m512i second = _mm512_set_epi64(15, 14, 7, 6, 13, 12, 5, 4);
  const __m512i lanes01 = _mm512_permutex2var_epi64(strip[0], first, strip[1]);
  const __m512i lanes23 = _mm512_permutex2var_epi64(strip[0], second, strip[1]);
  if constexpr (STRIPS == 4) {
    const __m512i next01 = _mm512_permutex2var_epi64(strip[2], first, strip[3]);
    const __m512i next23 = _mm512_permutex2var_epi64(strip[2], second, strip[3]);
    _mm512_mask_storeu_epi32(out, static_cast<__mmask16>(mask),
                             _mm512_shuffle_i64x2(lanes01, next01, 0x44));
    _mm512_mask_storeu_epi32(out + 16, static_cast<__mmask16>(mask >> 16),
                             _mm512_shuffle_i64x2(lanes01, next01, 0xEE));
    _mm512_mask_storeu_epi32(out + 32, static_cast<__mmask16>(mask >> 32),
                             _mm512_shuffle_i64x2(lanes23, next23, 0x44));
    _mm512_mask_storeu_epi32(out + 48, static_cast<__mmask16>(mask >> 48),
                             _mm512_shuffle_i64x2(lanes23, next23, 0xEE));
  } else {
    constexpr int kFirst = 8 * HALF;
    _mm256_mask_storeu_epi32(out + kFirst, static_cast<__mmask8>(mask >> kFirst),
                             _mm512_castsi512_si256(lanes01));
    _mm256_mask_storeu_epi32(out + kFirst + 16, static_cast<__mmask8>(mask >> (kFirst + 16)),
                             _mm512_extracti64x4_epi64(lanes01, 1));
    _mm256_mask_storeu_epi32(out + kFirst + 32, static_cast<__mmask8>(mask >> (kFirst + 32)),
                             _mm512_castsi512_si256(lanes23));
    _mm256_mask_storeu_epi32(out + kFirst + 48, static_cast<__mmask8>(mask >> (kFirst + 48)),
                             _mm512_extracti64x4_epi64(lanes23, 1));
  }
}

inline __m512i rescale(__m512i sums, __m512 scale, bool bounded) {
  __m512 real = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), scale);
  // Too large values would wrap in the conversion; too small ones become the least integer.
  if (!bounded) real = _mm512_min_ps(real, _mm512_set1_ps(32767.0F));
  return _mm512_cvtps_epi32(real);
}

template <int STRIPS, int HALF>
inline void store_bytes(const __m512i (&strip)[STRIPS], std::uint8_t* out, __mmask64 mask,
                        __m512 scale, __m512i zero_point, bool is_signed, bool bounded) {
  const __m512i low = _mm512_adds_epi16(
      _mm512_packs_epi32(rescale(strip[0], scale, bounded), rescale(strip[1], scale, bounded)),
      zero_point);
  __m512i high = low;
  if constexpr (STRIPS == 4) {
    high = _mm512_adds_epi16(
        _mm512_packs_epi32(rescale(strip[2], scale, bounded), rescale(strip[3], scale, bounded)),
        zero_point);
  } else {
    mask &= HALF == 0 ? 0x00FF00FF00FF00FFULL : 0xFF00FF00FF00FF00ULL;
  }
  const __m512i bytes =
      is_signed ? _mm512_packs_epi16(low, high) : _mm512_packus_epi16(low, high);
  _mm512_mask_storeu_epi8(out, mask, bytes);
}

// Clamp, scale and store the sums of `row` at element `position` of the result. STRIPS is 4, or 2
// for the strips 0, 1 (HALF 0) or 2, 3 (HALF 1).
template <int STRIPS, int HALF>
inline void store_row(__m512i (&sums)[STRIPS], const Epilogue& epilogue, std::int64_t row,
                      Result result, std::int64_t position, __mmask64 mask) {
  if (epilogue.relu) {
#pragma GCC unroll 4
    for (int j = 0; j < STRIPS; ++j) sums[j] = _mm512_max_epi32(sums[j], _mm512_setzero_si512());
  }
  if (epilogue.format == Format::int32) {
    store_words<STRIPS, HALF>(sums, static_cast<std::int32_t*>(result.data) + position, mask);
    return;
  }
  const __m512 scale = _mm512_set1_ps(epilogue.scale[row]);
  if (epilogue.format == Format::float32) {
#pragma GCC unroll 4
    for (int j = 0; j < STRIPS; ++j) {
      sums[j] = _mm512_castps_si512(_mm512_mul_ps(_mm512_cvtepi32_ps(sums[j]), scale));
    }
    store_words<STRIPS, HALF>(sums, static_cast<std::int32_t*>(result.data) + position, mask);
    return;
  }
  store_bytes<STRIPS, HALF>(sums, static_cast<std::uint8_t*>(result.data) + position, mask, scale,
                            _mm512_set1_epi16(static_cast<short>(epilogue.zero_point)),
                            epilogue.format == Format::int8, epilogue.bounded);
}

}  // namespace
}  // namespace netwright
