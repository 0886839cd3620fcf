#include "spgemm_loops.hpp"

namespace netwright {

MultiplyRows spgemm_avx2(Semiring semiring, Value value) { return find_loops(semiring, value); }

}  // namespace netwright
