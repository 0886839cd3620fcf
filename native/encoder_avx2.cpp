// AVX2, by the compiler.
#include "encoder_loops.hpp"

namespace netwright {

const EncoderKernels encoder_avx2{embed, normalize, attend<PlainDot>};

}  // namespace netwright
