// AVX512-VNNI: tiles of 64 columns. Whole cache lines of four rows of the activation are
// interleaved inside their 128-bit lanes (two unpack steps), so that each 32-bit lane holds the four
// bytes of one column. Strip j then has the columns 16 l + 4 j to 16 l + 4 j + 3 in lane l; the
// epilogue undoes this once per tile, and for bytes the in-lane packs undo it for nothing.
#include <immintrin.h>

#include <cstring>

#include "dot.hpp"
#include "spmm.hpp"

namespace netwright {
namespace {

constexpr int kColumns = 64;
constexpr __mmask64 kAll = ~__mmask64{0};
constexpr std::int64_t kQuadBytes = 4 * kColumns;

template <bool WHOLE>
inline __m512i load(const std::uint8_t* source, __mmask64 mask) {
  // A masked load does not touch the bytes it leaves out, so the last tile stays inside.
  return WHOLE ? _mm512_loadu_si512(source) : _mm512_maskz_loadu_epi8(mask, source);
}

// Interleave four rows; STRIPS is 4, or 2 for the strips 0, 1 (HALF 0) or 2, 3 (HALF 1).
template <int STRIPS, int HALF>
inline void interleave(const __m512i (&line)[4], __m512i (&strip)[STRIPS]) {
  if constexpr (STRIPS == 4 || HALF == 0) {
    const __m512i pair01 = _mm512_unpacklo_epi8(line[0], line[1]);
    const __m512i pair23 = _mm512_unpacklo_epi8(line[2], line[3]);
    strip[0] = _mm512_unpacklo_epi16(pair01, pair23);
    strip[1] = _mm512_unpackhi_epi16(pair01, pair23);
  }
  if constexpr (STRIPS == 4 || HALF == 1) {
    const __m512i pair01 = _mm512_unpackhi_epi8(line[0], line[1]);
    const __m512i pair23 = _mm512_unpackhi_epi8(line[2], line[3]);
    strip[STRIPS - 2] = _mm512_unpacklo_epi16(pair01, pair23);
    strip[STRIPS - 1] = _mm512_unpackhi_epi16(pair01, pair23);
  }
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

template <int ROWS, int STRIPS>
inline void accumulate(__m512i (&sums)[ROWS][STRIPS], const __m512i (&strip)[STRIPS],
                       const std::int8_t* value) {
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
}

// Quads need no interleaving here, which on Intel competes with the products for a port.
template <int ROWS, int STRIPS, int HALF>
inline void add_quads(__m512i (&sums)[ROWS][STRIPS], const Weights& weights,
                      const Activation& activation, std::int64_t stripe, std::int64_t column) {
  const std::uint8_t* const base = activation.quads + column * (weights.columns / 4 * 4) +
                                   HALF * 2 * sizeof(__m512i);
  const std::int64_t first = weights.quad_offsets[stripe];
  const std::uint16_t* index = weights.quad_indices + first;
  const std::int8_t* value = weights.quad_values + first * 4 * ROWS;
  for (std::int64_t left = weights.quad_offsets[stripe + 1] - first; left > 0; --left) {
    const std::uint8_t* const source = base + std::int64_t{*index} * kQuadBytes;
    __m512i strip[STRIPS];
#pragma GCC unroll 4
    for (int j = 0; j < STRIPS; ++j) strip[j] = _mm512_load_si512(source + 64 * j);
    accumulate<ROWS, STRIPS>(sums, strip, value);
    ++index;
    value += 4 * ROWS;
  }
}

template <int ROWS, int STRIPS, int HALF, bool WHOLE>
inline void tile(const Weights& weights, const Activation& activation, const Epilogue& epilogue,
                 Result result, std::int64_t stripe, std::int64_t column, __mmask64 mask) {
  const std::int64_t row = stripe * ROWS;
  __m512i sums[ROWS][STRIPS];
#pragma GCC unroll 8
  for (int r = 0; r < ROWS; ++r) {
    const std::int32_t bias = epilogue.bias == nullptr ? 0 : epilogue.bias[row + r];
#pragma GCC unroll 4
    for (int j = 0; j < STRIPS; ++j) sums[r][j] = _mm512_set1_epi32(bias);
  }
  if (weights.quad_offsets != nullptr) {
    add_quads<ROWS, STRIPS, HALF>(sums, weights, activation, stripe, column);
  }
  const std::uint8_t* const base = activation.data + column;
  const std::int64_t stride = activation.stride;
  const std::int64_t first = weights.offsets[stripe];
  const std::uint16_t* index = weights.indices + first * 4;
  const std::int8_t* value = weights.values + first * 4 * ROWS;
  for (std::int64_t left = weights.offsets[stripe + 1] - first; left > 0; --left) {
    const __m512i line[4] = {
        load<WHOLE>(base + index[0] * stride, mask), load<WHOLE>(base + index[1] * stride, mask),
        load<WHOLE>(base + index[2] * stride, mask), load<WHOLE>(base + index[3] * stride, mask)};
    __m512i strip[STRIPS];
    interleave<STRIPS, HALF>(line, strip);
    accumulate<ROWS, STRIPS>(sums, strip, value);
    index += 4;
    value += 4 * ROWS;
  }
#pragma GCC unroll 8
  for (int r = 0; r < ROWS; ++r) {
    const std::int64_t position = (row + r - result.first_row) * activation.columns + column;
    if (epilogue.relu) {
#pragma GCC unroll 4
      for (int j = 0; j < STRIPS; ++j) {
        sums[r][j] = _mm512_max_epi32(sums[r][j], _mm512_setzero_si512());
      }
    }
    if (epilogue.format == Format::int32) {
      store_words<STRIPS, HALF>(sums[r], static_cast<std::int32_t*>(result.data) + position, mask);
      continue;
    }
    const __m512 scale = _mm512_set1_ps(epilogue.scale[row + r]);
    if (epilogue.format == Format::float32) {
#pragma GCC unroll 4
      for (int j = 0; j < STRIPS; ++j) {
        sums[r][j] = _mm512_castps_si512(_mm512_mul_ps(_mm512_cvtepi32_ps(sums[r][j]), scale));
      }
      store_words<STRIPS, HALF>(sums[r], static_cast<std::int32_t*>(result.data) + position, mask);
      continue;
    }
    store_bytes<STRIPS, HALF>(sums[r], static_cast<std::uint8_t*>(result.data) + position, mask,
                              scale, _mm512_set1_epi16(static_cast<short>(epilogue.zero_point)),
                              epilogue.format == Format::int8, epilogue.bounded);
  }
}

template <bool WHOLE>
void columns(const Weights& weights, const Activation& activation, const Epilogue& epilogue,
             Result result, Stripes stripes, std::int64_t column, __mmask64 mask) {
  for (std::int64_t stripe = stripes.begin; stripe < stripes.end; ++stripe) {
    if (weights.block_rows == 4) {
      tile<4, 4, 0, WHOLE>(weights, activation, epilogue, result, stripe, column, mask);
    } else {
      tile<8, 2, 0, WHOLE>(weights, activation, epilogue, result, stripe, column, mask);
      tile<8, 2, 1, WHOLE>(weights, activation, epilogue, result, stripe, column, mask);
    }
  }
}

}  // namespace

void spmm_vnni(const Weights& weights, const Activation& activation, const Epilogue& epilogue,
               Result result, Stripes stripes) {
  const std::int64_t whole = activation.columns / kColumns * kColumns;
  for (std::int64_t column = 0; column < whole; column += kColumns) {
    columns<true>(weights, activation, epilogue, result, stripes, column, kAll);
  }
  if (whole < activation.columns) {
    const __mmask64 mask = kAll >> (kColumns - (activation.columns - whole));
    columns<false>(weights, activation, epilogue, result, stripes, whole, mask);
  }
}

std::int64_t quads_bytes(std::int64_t rows, std::int64_t columns) {
  return (columns + kColumns - 1) / kColumns * (rows / 4) * kQuadBytes;
}

// Tile after tile of 64 columns; in a tile, quad after quad of four strips.
void interleave_quads(const Activation& activation, std::int64_t rows, std::uint8_t* quads,
                      std::int64_t begin, std::int64_t end) {
  for (std::int64_t column = 0; column < activation.columns; column += kColumns) {
    const std::int64_t left = activation.columns - column;
    const __mmask64 mask = left < kColumns ? kAll >> (kColumns - left) : kAll;
    std::uint8_t* const tile = quads + column * (rows / 4 * 4);
    for (std::int64_t quad = begin; quad < end; ++quad) {
      const std::uint8_t* const source = activation.data + 4 * quad * activation.stride + column;
      __m512i line[4];
      for (int q = 0; q < 4; ++q) line[q] = load<false>(source + q * activation.stride, mask);
      __m512i strip[4];
      interleave<4, 0>(line, strip);
      for (int j = 0; j < 4; ++j) _mm512_store_si512(tile + quad * kQuadBytes + 64 * j, strip[j]);
    }
  }
}

}  // namespace netwright
