#include "nm_loops.hpp"

namespace netwright {

const NMKernels nm_scalar = kLoops;

}  // namespace netwright
