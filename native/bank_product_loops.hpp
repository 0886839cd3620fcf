// The product in banks over lanes, compiled once for each instruction set. A lane is an output. Who
// includes this says with NETWRIGHT_LANES how many lanes a vector has. Internal linkage on purpose:
// see spmm_store.hpp.
#pragma once

#include <algorithm>
#include <cstring>

#include "bank_product.hpp"
#include "scratch.hpp"

#ifdef NETWRIGHT_X86
#include <xmmintrin.h>
#endif

namespace netwright {
namespace {

constexpr std::int64_t kWidth = NETWRIGHT_LANES;
constexpr int kRows = 4;
using Sums = float __attribute__((vector_size(4 * kWidth)));
using Words = std::uint32_t __attribute__((vector_size(4 * kWidth)));

#ifdef NETWRIGHT_X86
// The processor takes subnormal numbers as zeros, and makes zeros of such results.
class ZerosForSubnormal {
 public:
  ZerosForSubnormal() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040u); }
  ~ZerosForSubnormal() { _mm_setcsr(before_); }

 private:
  unsigned before_;
};
inline Sums flushed(Sums values) { return values; }
#else
class ZerosForSubnormal {};
inline Sums flushed(Sums values) {
  const Words words = reinterpret_cast<Words>(values);
  const Words normal = reinterpret_cast<Words>((words & 0x7f800000u) != 0u);
  return reinterpret_cast<Sums>(words & (normal | 0x80000000u));
}
#endif

inline Words nan_of(Words words) {
  const Words is_nan = reinterpret_cast<Words>((words & 0x7fffffffu) > 0x7f800000u);
  return (words & ~is_nan) | (is_nan & 0x7fc00000u);
}

inline Sums one_nan(Sums values) {
  return reinterpret_cast<Sums>(nan_of(reinterpret_cast<Words>(values)));
}

// The nearest bfloat16, ties to even; NaN stays the one that it is.
inline Sums halves(Sums values) {
  const Words words = nan_of(reinterpret_cast<Words>(values));
  const Words is_nan = reinterpret_cast<Words>((words & 0x7fffffffu) > 0x7f800000u);
  const Words rounded = (words + 0x7fffu + (words >> 16 & 1u)) & 0xffff0000u;
  return reinterpret_cast<Sums>((words & is_nan) | (rounded & ~is_nan));
}

// The sums of COUNT products of each of ROWS rows, in a tree of neighbors.
template <int COUNT, int ROWS>
inline __attribute__((always_inline)) void tree(const float* const* x, std::int64_t at,
                                                const float* w, Sums* out) {
  if constexpr (COUNT == 1) {
    Sums weights;
    std::memcpy(&weights, w, sizeof weights);
    for (int r = 0; r < ROWS; ++r) out[r] = flushed(weights * x[r][at]);
  } else {
    Sums other[ROWS];
    tree<COUNT / 2, ROWS>(x, at, w, out);
    tree<COUNT / 2, ROWS>(x, at + COUNT / 2, w + COUNT / 2 * kWidth, other);
    for (int r = 0; r < ROWS; ++r) out[r] = flushed(out[r] + other[r]);
  }
}

template <int LANES, int ROWS>
void rows_of(const BankProduct& call, const float* x, const float* w, std::int64_t row,
             std::int64_t output) {
  const std::int64_t padded = call.padded();
  const float* from[ROWS];
  for (int r = 0; r < ROWS; ++r) from[r] = x + (row + r) * padded;
  Sums total[ROWS] = {};
  std::int64_t at = 0;
  for (std::int64_t start = 0; start < call.terms; start += call.piece) {
    const std::int64_t stop = at + call.steps(std::min(call.piece, call.terms - start));
    Sums own[ROWS] = {};
    for (; at < stop; at += LANES) {
      Sums step[ROWS];
      tree<LANES, ROWS>(from, at, w + at * kWidth, step);
      for (int r = 0; r < ROWS; ++r) own[r] = flushed(own[r] + step[r]);
    }
    for (int r = 0; r < ROWS; ++r) {
      if (call.half_sums) own[r] = halves(own[r]);
      total[r] = start == 0 ? own[r] : flushed(total[r] + own[r]);
    }
  }
  const std::int64_t width = std::min(kWidth, call.outputs - output);
  for (int r = 0; r < ROWS; ++r) {
    const Sums made = one_nan(total[r]);
    std::memcpy(call.out + (row + r) * call.outputs + output, &made, sizeof(float) * width);
  }
}

// The vectors of a panel side by side, as floats.
void side_by_side(const BankProduct& call, std::int64_t output, float* w) {
  const std::int64_t width = std::min(kWidth, call.outputs - output);
  std::int64_t at = 0;
  for (std::int64_t start = 0; start < call.terms; start += call.piece) {
    const std::int64_t size = std::min(call.piece, call.terms - start);
    const std::int64_t filled = call.steps(size);
    std::memset(w + at * kWidth, 0, sizeof(float) * static_cast<std::size_t>(filled * kWidth));
    for (std::int64_t o = 0; o < width; ++o) {
      const std::uint16_t* words = call.w + (output + o) * call.terms + start;
      for (std::int64_t k = 0; k < size; ++k) {
        const bool tiny = (words[k] & 0x7f80) == 0;
        const std::uint32_t bits = std::uint32_t{tiny ? words[k] & 0x8000u : words[k]} << 16;
        std::memcpy(w + (at + k) * kWidth + o, &bits, sizeof bits);
      }
    }
    at += filled;
  }
}

template <int LANES>
void panels_of(const BankProduct& call, const float* x, std::int64_t first, std::int64_t last) {
  thread_local Scratch scratch;
  const ZerosForSubnormal mode;
  (void)mode;
  auto* const w = static_cast<float*>(
      scratch.reserve(sizeof(float) * static_cast<std::size_t>(call.padded() * kWidth)));
  for (std::int64_t panel = first; panel < last; ++panel) {
    const std::int64_t output = panel * kWidth;
    side_by_side(call, output, w);
    std::int64_t row = 0;
    for (; row + kRows <= call.rows; row += kRows) rows_of<LANES, kRows>(call, x, w, row, output);
    for (; row < call.rows; ++row) rows_of<LANES, 1>(call, x, w, row, output);
  }
}

void multiply_panels(const BankProduct& call, const float* x, std::int64_t first,
                     std::int64_t last) {
  switch (call.lanes) {
    case 1: return panels_of<1>(call, x, first, last);
    case 2: return panels_of<2>(call, x, first, last);
    case 4: return panels_of<4>(call, x, first, last);
    case 8: return panels_of<8>(call, x, first, last);
    default: return panels_of<16>(call, x, first, last);
  }
}

}  // namespace
}  // namespace netwright
