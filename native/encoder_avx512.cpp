// AVX-512: the loops by the compiler, the products by VNNI.
#include <immintrin.h>

#include "dot.hpp"
#include "encoder_loops.hpp"

namespace netwright {
namespace {

struct VnniDot {
  template <int ROWS>
  static void sum(const std::uint32_t* words, std::int64_t word_stride, std::int64_t num_words,
                  const std::uint32_t* others, std::int64_t other_row_stride,
                  std::int64_t other_word_stride, const std::int32_t* start, Ints* out) {
    __m512i found[ROWS];
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; ++r) found[r] = _mm512_set1_epi32(start == nullptr ? 0 : start[r]);
    for (std::int64_t w = 0; w < num_words; ++w) {
      const __m512i word = _mm512_loadu_si512(words + w * word_stride);
      const std::uint32_t* const other = others + w * other_word_stride;
#pragma GCC unroll 8
      for (int r = 0; r < ROWS; ++r) {
        const auto value = static_cast<int>(other[r * other_row_stride]);
        dot(found[r], word, _mm512_set1_epi32(value));
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; ++r) out[r] = reinterpret_cast<Ints>(found[r]);
  }
};

}  // namespace

const EncoderKernels encoder_avx512{embed, normalize, attend<VnniDot>};

}  // namespace netwright
