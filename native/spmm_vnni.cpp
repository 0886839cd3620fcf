// AVX512-VNNI: tiles of 64 columns. Whole cache lines of four rows of the activation are
// interleaved inside their 128-bit lanes (two unpack steps), so that each 32-bit lane holds the four
// bytes of one column; the sums are strips.
#include <immintrin.h>

#include <cstring>

#include "dot.hpp"
#include "spmm.hpp"
#include "strips.hpp"

namespace netwright {
namespace {

constexpr std::int64_t kRunBytes = 4 * kColumns;

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

// Runs need no interleaving here, which on Intel competes with the products for a port.
template <int ROWS, int STRIPS, int HALF>
inline void add_runs(__m512i (&sums)[ROWS][STRIPS], const Weights& weights,
                      const Activation& activation, std::int64_t stripe, std::int64_t column) {
  const std::uint8_t* const base = activation.interleaved + column * (weights.columns / 4 * 4) +
                                   HALF * 2 * sizeof(__m512i);
  const std::int64_t first = weights.run_offsets[stripe];
  const std::uint16_t* index = weights.run_indices + first;
  const std::int8_t* value = weights.run_values + first * 4 * ROWS;
  for (std::int64_t left = weights.run_offsets[stripe + 1] - first; left > 0; --left) {
    const std::uint8_t* const source = base + std::int64_t{*index} * kRunBytes;
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
  if (weights.run_offsets != nullptr) {
    add_runs<ROWS, STRIPS, HALF>(sums, weights, activation, stripe, column);
  }
  const std::uint8_t* const base = activation.data + column / kColumns * activation.step;
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
    store_row<STRIPS, HALF>(sums[r], epilogue, row + r, result,
                            (row + r - result.first_row) * activation.columns + column, mask);
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
  const std::int64_t whole = activation.last / kColumns * kColumns;
  for (std::int64_t column = activation.first; column < whole; column += kColumns) {
    columns<true>(weights, activation, epilogue, result, stripes, column, kAll);
  }
  if (whole < activation.last) {
    const __mmask64 mask = kAll >> (kColumns - (activation.last - whole));
    columns<false>(weights, activation, epilogue, result, stripes, whole, mask);
  }
}

// Tile after tile of 64 columns; in a tile, run after run of four strips.
void interleave_vnni(const Activation& activation, std::int64_t rows, std::uint8_t* out,
                     std::int64_t begin, std::int64_t end) {
  for (std::int64_t column = 0; column < activation.columns; column += kColumns) {
    const std::int64_t left = activation.columns - column;
    const __mmask64 mask = left < kColumns ? kAll >> (kColumns - left) : kAll;
    std::uint8_t* const tile = out + column * (rows / 4 * 4);
    for (std::int64_t run = begin; run < end; ++run) {
      const std::uint8_t* const source = activation.data + 4 * run * activation.stride + column;
      __m512i line[4];
      for (int q = 0; q < 4; ++q) line[q] = load<false>(source + q * activation.stride, mask);
      __m512i strip[4];
      interleave<4, 0>(line, strip);
      for (int j = 0; j < 4; ++j) _mm512_store_si512(tile + run * kRunBytes + 64 * j, strip[j]);
    }
  }
}

}  // namespace netwright
