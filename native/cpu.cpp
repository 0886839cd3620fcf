#include "cpu.hpp"

#if defined(NETWRIGHT_AMX) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace netwright {
namespace {

#ifdef NETWRIGHT_X86
// Whether the processor multiplies tiles of bytes, and the operating system lets this process: a
// process must ask, because the registers are large.
bool can_use_amx() {
#if defined(NETWRIGHT_AMX) && defined(__linux__)
  constexpr unsigned kTile = 1U << 24U;
  constexpr unsigned kInt8 = 1U << 25U;
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return false;
  if ((d & kTile) == 0 || (d & kInt8) == 0) return false;
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}
#endif

}  // namespace

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
  static const bool amx = can_use_amx();
  if (vnni && amx) names.emplace_back("amx-int8");
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
