// AVX2 has no exact product of unsigned and signed bytes (vpmaddubsw saturates), so both sides are
// widened to 16 bits, where vpmaddwd is exact.
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "spmm_store.hpp"

namespace netwright {
namespace {

constexpr int kColumns = 16;

// 16 bytes of a row, where only those before `end` exist; what follows them is not used.
inline __m128i load_before(const std::uint8_t* source, const std::uint8_t* end) {
  if (end - source >= kColumns) return _mm_loadu_si128(reinterpret_cast<const __m128i*>(source));
  std::uint8_t bytes[kColumns] = {};
  std::memcpy(bytes, source, static_cast<std::size_t>(end - source));
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

// `columns` columns of ROWS rows; at most 8 HALVES. The loads take 16 bytes also where the row has
// fewer: those of the next row, which are computed and not stored.
template <int ROWS, int HALVES>
void tile(const Weights& weights, const Activation& activation, const Epilogue& epilogue,
          Result result, std::int64_t stripe, int first_row, std::int64_t column, int columns) {
  const std::uint8_t* const end = activation.data + weights.columns * activation.stride;
  const std::int64_t row = stripe * weights.block_rows + first_row;
  __m256i sums[ROWS][HALVES];
  for (int r = 0; r < ROWS; ++r) {
    for (__m256i& sum : sums[r]) {
      sum = _mm256_set1_epi32(epilogue.bias == nullptr ? 0 : epilogue.bias[row + r]);
    }
  }
  for (std::int32_t g = weights.offsets[stripe]; g < weights.offsets[stripe + 1]; ++g) {
    const std::int64_t group = g;
    const std::uint16_t* index = weights.indices + group * 4;
    const std::int8_t* value = weights.values + (group * weights.block_rows + first_row) * 4;
    __m128i line[4];
    for (int q = 0; q < 4; ++q) {
      const std::uint8_t* source = activation.data + index[q] * activation.stride + column;
      line[q] = load_before(source, end);
    }
    // Eight columns of pairs (k0, k1) and (k2, k3), as 16-bit numbers.
    const __m256i low01 = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(line[0], line[1]));
    const __m256i high01 = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(line[0], line[1]));
    const __m256i low23 = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(line[2], line[3]));
    const __m256i high23 = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(line[2], line[3]));
    for (int r = 0; r < ROWS; ++r) {
      std::int32_t word;
      std::memcpy(&word, value + 4 * r, sizeof word);
      const __m256i wide = _mm256_cvtepi8_epi16(_mm_set1_epi32(word));
      const __m256i weight01 = _mm256_shuffle_epi32(wide, 0xA0);
      const __m256i weight23 = _mm256_shuffle_epi32(wide, 0xF5);
      sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(low01, weight01));
      sums[r][0] = _mm256_add_epi32(sums[r][0], _mm256_madd_epi16(low23, weight23));
      if constexpr (HALVES == 2) {
        sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(high01, weight01));
        sums[r][1] = _mm256_add_epi32(sums[r][1], _mm256_madd_epi16(high23, weight23));
      }
    }
  }
  std::int32_t finished[8 * HALVES];
  for (int r = 0; r < ROWS; ++r) {
    for (int h = 0; h < HALVES; ++h) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(finished + 8 * h), sums[r][h]);
    }
    const std::int64_t position = (row + r - result.first_row) * activation.columns + column;
    for (int c = 0; c < columns; ++c) {
      store(finished[c], row + r, position + c, epilogue, result);
    }
  }
}

}  // namespace

void spmm_avx2(const Weights& weights, const Activation& activation, const Epilogue& epilogue,
               Result result, Stripes stripes) {
  for (std::int64_t column = activation.first; column < activation.last; column += kColumns) {
    const auto columns =
        static_cast<int>(std::min<std::int64_t>(kColumns, activation.last - column));
    const auto run = columns <= 8 ? tile<4, 1> : tile<4, 2>;
    for (std::int64_t stripe = stripes.begin; stripe < stripes.end; ++stripe) {
      for (int first_row = 0; first_row < weights.block_rows; first_row += 4) {
        run(weights, activation, epilogue, result, stripe, first_row, column, columns);
      }
    }
  }
}

}  // namespace netwright
