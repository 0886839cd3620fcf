// AVX2, by the compiler: it knows vpmaddwd.
#include "coded_loops.hpp"

namespace netwright {

const CodedKernels coded_avx2 = kLoops;

}  // namespace netwright
