#include "coded.hpp"

#include <algorithm>
#include <cstring>

#include "packed.hpp"
#include "pool.hpp"

namespace netwright {
namespace {

constexpr std::int64_t kMaxExtent = std::int64_t{1} << 24;

thread_local Scratch elements_scratch;
thread_local Scratch corrections_scratch;
thread_local Scratch scales_scratch;

bool exceeds_bytes(const WordTables& tables) {
  const auto wide = [](std::int16_t value) { return value < -128 || value > 127; };
  return std::any_of(tables.plain, tables.plain + 16, wide) ||
         std::any_of(tables.marked, tables.marked + 16, wide);
}

}  // namespace

CodedWeights::CodedWeights(std::int64_t rows, std::int64_t inputs, bool bytes,
                           const WordTables& tables, const std::vector<std::uint8_t>& codes,
                           std::int64_t group, ScaleFormat format,
                           const std::vector<std::uint8_t>& scales)
    : inputs_(inputs) {
  require(rows >= 1 && rows <= kMaxExtent && inputs >= 1 && inputs <= kMaxExtent,
          "rows and inputs must be from 1 to 2**24");
  require(bytes || inputs % 2 == 0, "four-bit words need an even number of inputs");
  const std::int64_t width = bytes ? inputs : inputs / 2;
  require(codes.size() == static_cast<std::size_t>(rows * width), "codes have a wrong size");
  require((group == 0) == (format == ScaleFormat::none), "groups and scales come together");
  require(group >= 0 && group % kStepInputs == 0 && (group == 0 || inputs % group == 0),
          "a group must be a multiple of 8 and divide the inputs");
  const std::int64_t groups = group == 0 ? 1 : inputs / group;
  require(scales.size() == static_cast<std::size_t>(group == 0 ? 0 : rows * groups),
          "scales have a wrong size");
  const std::int64_t steps = (inputs + kStepInputs - 1) / kStepInputs;
  panels_ = {bytes, tables, rows, steps, group / kStepInputs, format, nullptr, nullptr};
  const std::int64_t num_panels = panels_.panels();
  const std::int64_t step_bytes = panels_.step_bytes();
  const auto num_bytes = static_cast<std::size_t>(num_panels * steps * step_bytes);
  auto* const out = static_cast<std::uint8_t*>(codes_.reserve(num_bytes));
  std::memset(out, 0, num_bytes);
  for (std::int64_t row = 0; row < rows; ++row) {
    std::uint8_t* const lane =
        out + row / kPanelRows * steps * step_bytes + row % kPanelRows * 4;
    const std::uint8_t* const from = codes.data() + row * width;
    for (std::int64_t i = 0; i < width; ++i) {
      if (bytes) {
        lane[i / 8 * step_bytes + i % 2 * 64 + i % 8 / 2] = from[i];
      } else {
        lane[i / 4 * step_bytes + i % 4] = from[i];
      }
    }
  }
  panels_.codes = out;
  if (group == 0) return;
  scales_.assign(static_cast<std::size_t>(num_panels * groups * kPanelRows), 0);
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t g = 0; g < groups; ++g) {
      scales_[(row / kPanelRows * groups + g) * kPanelRows + row % kPanelRows] =
          scales[row * groups + g];
    }
  }
  panels_.scales = scales_.data();
}

void CodedWeights::multiply(const CodedKernels& kernels, const CodedInputs& inputs,
                            const CodedResult& result, int num_threads) const {
  const std::int64_t pairs = (inputs.tokens + 2 * kTileTokens - 1) / (2 * kTileTokens);
  const std::int64_t places = 2 * pairs * panels_.groups() * kTileTokens;
  const bool wide = (!inputs.bytes && exceeds_bytes(inputs.tables)) ||
                    (!panels_.bytes && exceeds_bytes(panels_.tables));
  const PreparedInputs prepared{
      inputs.tokens, wide,
      elements_scratch.reserve(
          static_cast<std::size_t>(2 * pairs * panels_.steps * kernels.tile_bytes)),
      static_cast<std::int32_t*>(
          corrections_scratch.reserve(static_cast<std::size_t>(places) * sizeof(std::int32_t))),
      static_cast<float*>(
          scales_scratch.reserve(static_cast<std::size_t>(places) * sizeof(float)))};
  run_tasks(std::min<std::int64_t>(pairs, num_threads), num_threads, [&](std::int64_t part) {
    const std::int64_t parts = std::min<std::int64_t>(pairs, num_threads);
    kernels.prepare(inputs, panels_, prepared, pairs * part / parts, pairs * (part + 1) / parts);
  });
  const std::int64_t units =
      (panels_.panels() + kernels.panels_at_once - 1) / kernels.panels_at_once;
  // More chunks than threads, so that a disturbed thread gets fewer.
  const std::int64_t chunks = num_threads == 1 ? 1 : std::min<std::int64_t>(units, 4 * num_threads);
  run_tasks(chunks, num_threads, [&](std::int64_t chunk) {
    const std::int64_t first = units * chunk / chunks * kernels.panels_at_once;
    const std::int64_t last = units * (chunk + 1) / chunks * kernels.panels_at_once;
    kernels.multiply(panels_, prepared, result, first, std::min(last, panels_.panels()));
  });
}

}  // namespace netwright
