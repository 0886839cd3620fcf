// Ranks within groups, over lanes, compiled once for each instruction set. A lane is a group; the rank
// of a place is how many others come before it. Who includes this says with NETWRIGHT_LANES how many
// lanes a vector has. Internal linkage on purpose: see spmm_store.hpp.
#pragma once

#include <algorithm>
#include <cstring>

#include "nm_mask.hpp"

namespace netwright {
namespace {

constexpr std::int64_t kLanes = NETWRIGHT_LANES;
using Magnitudes = float __attribute__((vector_size(4 * kLanes)));
using Ranks = std::int32_t __attribute__((vector_size(4 * kLanes)));

// Groups whose places are `place` floats apart, side by side in lanes that are `lane` floats apart.
template <bool FULL>
void mask_lanes(const float* values, float* mask, std::int64_t place, std::int64_t lane,
                std::int64_t lanes, std::int64_t places, std::int64_t kept) {
  Magnitudes magnitudes[kMaxRanked];
  Ranks ranks[kMaxRanked];
  const std::int64_t width = FULL ? kLanes : lanes;
  const Ranks sign = Ranks{} + 0x7fffffff;
  for (std::int64_t i = 0; i < places; ++i) {
    Magnitudes found{};
    if (FULL && lane == 1) {
      std::memcpy(&found, values + i * place, sizeof found);
    } else {
      float gathered[kLanes] = {};
      for (std::int64_t l = 0; l < width; ++l) gathered[l] = values[i * place + l * lane];
      std::memcpy(&found, gathered, sizeof found);
    }
    magnitudes[i] = reinterpret_cast<Magnitudes>(reinterpret_cast<Ranks>(found) & sign);
    ranks[i] = Ranks{} + static_cast<std::int32_t>(i);
  }
  for (std::int64_t i = 0; i < places; ++i) {
    for (std::int64_t j = i + 1; j < places; ++j) {
      const Ranks larger = magnitudes[j] > magnitudes[i];  // -1 where the later one comes before
      ranks[i] -= larger;
      ranks[j] += larger;
    }
  }
  const Ranks one = reinterpret_cast<Ranks>(Magnitudes{} + 1.0f);
  for (std::int64_t i = 0; i < places; ++i) {
    const Ranks stays = ranks[i] < static_cast<std::int32_t>(kept);
    const auto found = reinterpret_cast<Magnitudes>(stays & one);
    if (FULL && lane == 1) {
      std::memcpy(mask + i * place, &found, sizeof found);
    } else {
      float scattered[kLanes];
      std::memcpy(scattered, &found, sizeof found);
      for (std::int64_t l = 0; l < width; ++l) mask[i * place + l * lane] = scattered[l];
    }
  }
}

void mask_groups(const MaskCall& call, std::int64_t first, std::int64_t last) {
  const std::int64_t groups = call.groups();
  for (std::int64_t g = first; g < last;) {
    const std::int64_t row = g / groups, begin = g % groups * call.group;
    const std::int64_t places = std::min(call.group, call.extent - begin);
    const std::int64_t at = (row * call.extent + begin) * call.after;
    if (call.after > 1) {
      for (std::int64_t l = 0; l < call.after; l += kLanes) {
        const std::int64_t lanes = std::min(kLanes, call.after - l);
        (lanes == kLanes ? mask_lanes<true> : mask_lanes<false>)(
            call.values + at + l, call.mask + at + l, call.after, 1, lanes, places, call.kept);
      }
      ++g;
      continue;
    }
    // Neighbors lie beside each other, and so do groups: as many whole ones as there are.
    std::int64_t lanes = 1;
    if (places == call.group) {
      const std::int64_t whole = row * groups + call.extent / call.group;
      lanes = call.extent % call.group == 0 ? last - g : std::min(last, whole) - g;
      lanes = std::min(lanes, kLanes);
    }
    (lanes == kLanes ? mask_lanes<true> : mask_lanes<false>)(
        call.values + at, call.mask + at, 1, call.group, lanes, places, call.kept);
    g += lanes;
  }
}

}  // namespace
}  // namespace netwright
