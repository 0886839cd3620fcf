#include "spgemm_loops.hpp"

namespace netwright {

MultiplyRows spgemm_scalar(Semiring semiring, Value value) { return find_loops(semiring, value); }

}  // namespace netwright
