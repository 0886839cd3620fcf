// Without instructions of its own.
#include "encoder_loops.hpp"

namespace netwright {

const EncoderKernels encoder_scalar{embed, normalize, attend<PlainDot>};

}  // namespace netwright
