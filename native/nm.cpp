#include "nm.hpp"

#include <algorithm>
#include <cstring>

#include "packed.hpp"
#include "pool.hpp"

namespace netwright {
namespace {

constexpr std::int64_t kMaxExtent = std::int64_t{1} << 24;

thread_local Scratch windows_scratch;

}  // namespace

NMWeights::NMWeights(std::int64_t rows, std::int64_t inputs, int kept, int group,
                     const std::vector<std::int8_t>& values,
                     const std::vector<std::uint8_t>& places) {
  require(rows >= 1 && rows <= kMaxExtent && inputs >= 1 && inputs <= kMaxExtent,
          "rows and inputs must be from 1 to 2**24");
  require(group >= 1 && group <= kMaxGroup && kept >= 1 && kept <= group && inputs % group == 0,
          "a group must have at most 16 inputs, keep some, and divide the inputs");
  const std::int64_t slots = inputs / group * kept;
  require(values.size() == static_cast<std::size_t>(rows * slots) &&
              places.size() == values.size(),
          "values and places must have an entry for each kept weight");
  require(std::all_of(places.begin(), places.end(),
                      [&](std::uint8_t place) { return place < group; }),
          "places must be smaller than the group");
  const std::int64_t window_slots = kWindowInputs / group * kept;
  const std::int64_t window_inputs = kWindowInputs / group * group;
  panels_ = {kept,    group, rows, inputs, (inputs + window_inputs - 1) / window_inputs,
             (window_slots + 3) / 4, nullptr, nullptr};
  const std::int64_t blocks = panels_.panels() * panels_.windows * panels_.quads;
  auto* const value_out = static_cast<std::int8_t*>(values_.reserve(64 * blocks));
  auto* const place_out = static_cast<std::uint8_t*>(places_.reserve(32 * blocks));
  std::memset(value_out, 0, 64 * blocks);
  std::memset(place_out, 0, 32 * blocks);
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t panel = row / kPanelRows * panels_.windows * panels_.quads;
    const std::int64_t lane = row % kPanelRows;
    for (std::int64_t i = 0; i < slots; ++i) {
      const std::int64_t inside = i % window_slots;
      const std::int64_t block = panel + i / window_slots * panels_.quads + inside / 4;
      value_out[64 * block + 4 * lane + inside % 4] = values[row * slots + i];
      std::uint8_t& halves = place_out[32 * block + 4 * (lane % 8) + inside % 4];
      halves = static_cast<std::uint8_t>(halves | places[row * slots + i] << (lane < 8 ? 0 : 4));
    }
  }
  panels_.values = value_out;
  panels_.places = place_out;
}

void NMWeights::multiply(const NMKernels& kernels, NMCall call, int num_threads) const {
  const std::int64_t pairs = (call.tokens + 2 * kTileTokens - 1) / (2 * kTileTokens);
  if (kernels.wants_windows) {
    call.windows = static_cast<std::uint8_t*>(windows_scratch.reserve(
        static_cast<std::size_t>(2 * pairs * panels_.windows * kTileTokens * kWindowInputs)));
    const std::int64_t parts = std::min<std::int64_t>(pairs, num_threads);
    run_tasks(parts, num_threads, [&](std::int64_t part) {
      kernels.prepare(panels_, call, pairs * part / parts, pairs * (part + 1) / parts);
    });
  }
  const std::int64_t units =
      (panels_.panels() + kernels.panels_at_once - 1) / kernels.panels_at_once;
  // More chunks than threads, so that a disturbed thread gets fewer.
  const std::int64_t chunks = num_threads == 1 ? 1 : std::min<std::int64_t>(units, 4 * num_threads);
  run_tasks(chunks, num_threads, [&](std::int64_t chunk) {
    const std::int64_t first = units * chunk / chunks * kernels.panels_at_once;
    const std::int64_t last = units * (chunk + 1) / chunks * kernels.panels_at_once;
    kernels.multiply(panels_, call, first, std::min(last, panels_.panels()));
  });
}

}  // namespace netwright
