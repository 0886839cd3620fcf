// The most products the core can issue: what fractions of the peak are fractions of.
#include <immintrin.h>

#include "dot.hpp"
#include "spmm.hpp"

namespace netwright {

std::int32_t vnni_products(std::int64_t count) {
  __m512i sums[16];
#pragma GCC unroll 16
  for (int j = 0; j < 16; ++j) sums[j] = _mm512_setzero_si512();
  __m512i bytes = _mm512_set1_epi8(1);
  __m512i weights = _mm512_set1_epi8(1);
  for (std::int64_t i = 0; i < count; ++i) {
#pragma GCC unroll 16
    for (int j = 0; j < 16; ++j) dot(sums[j], bytes, weights);
    // The compiler must not see that the operands stay the same.
    __asm__ volatile("" : "+v"(bytes), "+v"(weights));
  }
  __m512i total = sums[0];
#pragma GCC unroll 16
  for (int j = 1; j < 16; ++j) total = _mm512_add_epi32(total, sums[j]);
  return _mm512_reduce_add_epi32(total);
}

}  // namespace netwright
