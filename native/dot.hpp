// The product of four unsigned and four signed bytes in each 32-bit lane.
#pragma once

#include <immintrin.h>

namespace netwright {
namespace {

// sums += bytes * weights. Written as assembly because GCC 12 surrounds the intrinsic with copies of
// registers.
inline void dot(__m512i& sums, __m512i bytes, __m512i weights) {
  // A copy, because what an instruction names by its address lives in memory.
  __m512i total = sums;
  __asm__("vpdpbusd %2, %1, %0" : "+v"(total) : "v"(bytes), "v"(weights));
  sums = total;
}

}  // namespace
}  // namespace netwright
