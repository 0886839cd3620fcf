// Without special instructions.
#define NETWRIGHT_LANES 4
#include "nm_mask_loops.hpp"

namespace netwright {

const MaskKernel nm_mask_scalar = mask_groups;

}  // namespace netwright
