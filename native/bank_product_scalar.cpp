// Without special instructions.
#define NETWRIGHT_LANES 4
#include "bank_product_loops.hpp"

namespace netwright {

const BankKernels bank_scalar = {kWidth, multiply_panels};

}  // namespace netwright
