// AVX2, by the compiler.
#include "nm_loops.hpp"

namespace netwright {

const NMKernels nm_avx2 = kLoops;

}  // namespace netwright
