#include "spgemm_loops.hpp"

namespace netwright {

MultiplyRows spgemm_avx512(Semiring semiring, Value value) { return find_loops(semiring, value); }

}  // namespace netwright
