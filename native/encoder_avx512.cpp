// AVX-512: the loops by the compiler, the products by VNNI.
#include <immintrin.h>

#include "encoder_loops.hpp"

namespace netwright {
namespace {

struct VnniDot {
  template <int ROWS>
  static void rows(const std::uint32_t* words, std::int64_t word_stride, std::int64_t num_words,
                   const std::uint32_t* others, std::int64_t other_row_stride,
                   std::int64_t other_word_stride, std::int32_t* out) {
    __m512i sums[ROWS];
    for (int r = 0; r < ROWS; ++r) sums[r] = _mm512_loadu_si512(out + r * kLanes);
    for (std::int64_t w = 0; w < num_words; ++w) {
      const __m512i word = _mm512_loadu_si512(words + w * word_stride);
      const std::uint32_t* const other = others + w * other_word_stride;
      for (int r = 0; r < ROWS; ++r) {
        const auto value = static_cast<int>(other[r * other_row_stride]);
        sums[r] = _mm512_dpbusd_epi32(sums[r], word, _mm512_set1_epi32(value));
      }
    }
    for (int r = 0; r < ROWS; ++r) _mm512_storeu_si512(out + r * kLanes, sums[r]);
  }
};

}  // namespace

const EncoderKernels encoder_avx512{embed, normalize, attend<VnniDot>};

}  // namespace netwright
