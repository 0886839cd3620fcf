#include "cpu.hpp"

namespace netwright {

std::vector<std::string> supported_isas() {
  std::vector<std::string> names{"scalar"};
#ifdef NETWRIGHT_X86
  __builtin_cpu_init();
  // These ask the operating system too: registers that it does not save do not count.
  if (__builtin_cpu_supports("avx2")) names.emplace_back("avx2");
  const bool vnni = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                    __builtin_cpu_supports("avx512vnni");
  if (vnni) names.emplace_back("avx512-vnni");
  if (vnni && __builtin_cpu_supports("avx512vbmi")) names.emplace_back("avx512-vbmi");
#endif
  return names;
}

std::string preferred_isa() {
  const std::vector<std::string> names = supported_isas();
#ifdef NETWRIGHT_X86
  // A two-source byte permutation is one operation on AMD and three on Intel, where they
  // compete with the products for a port; there the path without it is faster.
  if (names.back() == "avx512-vbmi" && !__builtin_cpu_is("amd")) return "avx512-vnni";
#endif
  return names.back();
}

}  // namespace netwright
