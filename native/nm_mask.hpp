// Which elements an N:M pattern keeps: of every group of neighbors those of largest magnitude, of
// equal ones that with the lowest index.
#pragma once

#include <cstdint>

namespace netwright {

constexpr std::int64_t kMaxRanked = 64;  // places of a group: all pairs of them are compared

// A tensor seen as (before, extent, after), in C order; groups lie along the extent, and the last
// one may be shorter.
struct MaskCall {
  const float* values;
  float* mask;  // 1 where an element stays, 0 elsewhere
  std::int64_t before;
  std::int64_t extent;
  std::int64_t after;
  std::int64_t kept;
  std::int64_t group;

  std::int64_t groups() const { return (extent + group - 1) / group; }
};

// Groups along the extent `first` to `last` of all `before * groups()`.
using MaskKernel = void (*)(const MaskCall&, std::int64_t first, std::int64_t last);

extern const MaskKernel nm_mask_scalar;
#ifdef NETWRIGHT_X86
extern const MaskKernel nm_mask_avx2;
extern const MaskKernel nm_mask_avx512;
#endif

}  // namespace netwright
