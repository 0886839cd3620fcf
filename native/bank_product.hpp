// Products of bfloat16 matrices in the order in which units beside the banks of a memory add up: a
// step multiplies neighbors along the summed axis and adds them up in a tree, steps follow each other,
// and so do the pieces of a vector, whose sums leave. Subnormal numbers are zeros, there is one NaN.
#pragma once

#include <cstdint>

namespace netwright {

constexpr int kMaxBankLanes = 16;

// Row-major matrices without gaps.
struct BankProduct {
  const std::uint16_t* x;  // (rows, terms)
  const std::uint16_t* w;  // (outputs, terms): the vectors as they lie in the banks
  float* out;              // (rows, outputs)
  std::int64_t rows;
  std::int64_t outputs;
  std::int64_t terms;
  std::int64_t piece;
  int lanes;       // 1, 2, 4, 8 or 16
  bool half_sums;  // a sum is rounded to bfloat16 when it leaves

  // Terms with those that fill up the last step of every piece.
  std::int64_t padded() const {
    const std::int64_t whole = terms / piece, rest = terms % piece;
    return whole * steps(piece) + steps(rest);
  }
  std::int64_t steps(std::int64_t size) const { return (size + lanes - 1) / lanes * lanes; }
};

struct BankKernels {
  std::int64_t width;  // outputs of a panel
  // Panels `first` to `last`; `x` holds the rows as floats, padded.
  void (*multiply)(const BankProduct&, const float* x, std::int64_t first, std::int64_t last);
};

extern const BankKernels bank_scalar;
#ifdef NETWRIGHT_X86
extern const BankKernels bank_avx2;
extern const BankKernels bank_avx512;
#endif

// The caller has checked the sizes.
void bank_multiply(const BankKernels& kernels, const BankProduct& call, int num_threads);

}  // namespace netwright
