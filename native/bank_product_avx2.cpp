// AVX2, by the compiler.
#define NETWRIGHT_LANES 8
#include "bank_product_loops.hpp"

namespace netwright {

const BankKernels bank_avx2 = {kWidth, multiply_panels};

}  // namespace netwright
