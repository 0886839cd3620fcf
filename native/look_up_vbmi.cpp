// 64 look-ups at a time: two permutations of 128 entries each, and the top bit chooses.
#include <immintrin.h>

#include "finish.hpp"

namespace netwright {

void look_up_vbmi(std::uint8_t* codes, std::int64_t count, const std::uint8_t* table) {
  const __m512i quarter[4] = {_mm512_loadu_si512(table), _mm512_loadu_si512(table + 64),
                              _mm512_loadu_si512(table + 128), _mm512_loadu_si512(table + 192)};
  for (std::int64_t i = 0; i < count; i += 64) {
    const __mmask64 mask = count - i < 64 ? ~__mmask64{0} >> (64 - (count - i)) : ~__mmask64{0};
    const __m512i code = _mm512_maskz_loadu_epi8(mask, codes + i);
    const __m512i low = _mm512_permutex2var_epi8(quarter[0], code, quarter[1]);
    const __m512i high = _mm512_permutex2var_epi8(quarter[2], code, quarter[3]);
    const __m512i found = _mm512_mask_blend_epi8(_mm512_movepi8_mask(code), low, high);
    _mm512_mask_storeu_epi8(codes + i, mask, found);
  }
}

}  // namespace netwright
