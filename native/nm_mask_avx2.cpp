// AVX2, by the compiler.
#define NETWRIGHT_LANES 8
#include "nm_mask_loops.hpp"

namespace netwright {

const MaskKernel nm_mask_avx2 = mask_groups;

}  // namespace netwright
