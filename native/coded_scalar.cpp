#include "coded_loops.hpp"

namespace netwright {

const CodedKernels coded_scalar = kLoops;

}  // namespace netwright
