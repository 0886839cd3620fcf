// The N:M product as plain loops, compiled once for each instruction set: a weight times the tokens
// of its input. Internal linkage on purpose: see spmm_store.hpp.
#pragma once

#include <algorithm>

#include "nm.hpp"

namespace netwright {
namespace {

constexpr std::int64_t kStrip = 64;

void multiply(const NMPanels& panels, const NMCall& call, std::int64_t first_panel,
              std::int64_t last_panel) {
  const std::int64_t last = std::min(last_panel * kPanelRows, panels.rows);
  const std::int64_t blocks = panels.windows * panels.quads;
  for (std::int64_t row = first_panel * kPanelRows; row < last; ++row) {
    const std::int64_t lane = row % kPanelRows;
    for (std::int64_t token = 0; token < call.tokens; token += kStrip) {
      const std::int64_t width = std::min(kStrip, call.tokens - token);
      std::int32_t sums[kStrip] = {};
      for (std::int64_t block = 0; block < blocks; ++block) {
        const std::int64_t at = row / kPanelRows * blocks + block;
        for (int i = 0; i < 4; ++i) {
          const std::int32_t value = panels.values[64 * at + 4 * lane + i];
          if (value == 0) continue;
          const int halves = panels.places[32 * at + 4 * (lane % 8) + i];
          const int place = lane < 8 ? halves & 15 : halves >> 4;
          const std::int64_t input = block / panels.quads * panels.window_inputs() +
                                     panels.base(block % panels.quads * 4 + i) + place;
          const std::uint8_t* const source = call.activation + input * call.tokens + token;
          for (std::int64_t t = 0; t < width; ++t) sums[t] += value * source[t];
        }
      }
      std::copy(sums, sums + width, call.out + row * call.tokens + token);
    }
  }
}

constexpr NMKernels kLoops{false, 1, nullptr, multiply};

}  // namespace
}  // namespace netwright
