// AVX-512, by the compiler.
#define NETWRIGHT_LANES 16
#include "nm_mask_loops.hpp"

namespace netwright {

const MaskKernel nm_mask_avx512 = mask_groups;

}  // namespace netwright
