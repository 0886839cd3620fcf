// The product of four unsigned and four signed bytes in each 32-bit lane.
#pragma once

#include <immintrin.h>

namespace netwright {
namespace {

// sums += bytes * weights. Written as assembly because GCC 12 surrounds the intrinsic with copies of
// registers.
inline void dot(__m512i& sums, __m512i bytes, __m512i weights) {
  __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(bytes), "v"(weights));
}

}  // namespace
}  // namespace netwright
