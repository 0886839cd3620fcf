// AVX-512, by the compiler.
#define NETWRIGHT_LANES 16
#include "bank_product_loops.hpp"

namespace netwright {

const BankKernels bank_avx512 = {kWidth, multiply_panels};

}  // namespace netwright
