// Whether two arrays of the Python interface have a byte in common.
#pragma once

#include <cstdint>

namespace netwright {

// Both lie in C order without gaps.
template <typename FIRST, typename SECOND>
bool overlap(const FIRST& first, const SECOND& second) {
  const auto a = reinterpret_cast<std::uintptr_t>(first.data());
  const auto b = reinterpret_cast<std::uintptr_t>(second.data());
  return a < b + second.nbytes() && b < a + first.nbytes();
}

}  // namespace netwright
