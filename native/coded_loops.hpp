// The coded product as plain loops over 16-bit elements, compiled once for each instruction set: the
// compiler makes vectors of them. Internal linkage on purpose: see spmm_store.hpp.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "coded.hpp"

namespace netwright {
namespace {

inline float scale_of(ScaleFormat format, std::uint8_t byte) {
  const ScaleRule rule = rule_of(format);
  const std::int32_t bits = std::max(std::int32_t{byte} << rule.shift, rule.least);
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value * rule.factor;
}

// The two elements of a byte.
inline void take_apart(const WordTables& tables, std::uint8_t byte, std::int16_t* out,
                       std::int64_t step) {
  const int first = byte >> 4;
  const int second = byte & 15;
  out[0] = second == kMark ? tables.marked[first] : tables.plain[first];
  out[step] = first == kMark ? tables.marked[second] : tables.plain[second];
}

// Token after token, the inputs in order.
void prepare(const CodedInputs& inputs, const CodedPanels& panels, const PreparedInputs& out,
             std::int64_t begin, std::int64_t end) {
  const std::int64_t length = panels.steps * kStepInputs;
  const std::int64_t last = std::min(2 * kTileTokens * end, inputs.tokens);
  for (std::int64_t token = 2 * kTileTokens * begin; token < last; ++token) {
    auto* const elements = static_cast<std::int16_t*>(out.elements) + token * length;
    std::memset(elements, 0, static_cast<std::size_t>(length) * sizeof(std::int16_t));
    for (std::int64_t i = 0; i < inputs.code_rows; ++i) {
      const std::uint8_t byte = inputs.codes[i * inputs.tokens + token];
      if (inputs.bytes) {
        elements[i] = static_cast<std::int8_t>(byte);
      } else {
        take_apart(inputs.tables, byte, elements + 2 * i, 1);
      }
    }
    for (std::int64_t g = 0; inputs.scales != nullptr && g < panels.groups(); ++g) {
      out.scales[token * panels.groups() + g] =
          scale_of(inputs.format, inputs.scales[g * inputs.tokens + token]);
    }
  }
}

// The elements of a row of the weights, in order.
inline void take_row(const CodedPanels& panels, std::int64_t row, std::int16_t* out) {
  const std::int64_t step_bytes = panels.step_bytes();
  const std::uint8_t* from =
      panels.codes + row / kPanelRows * panels.steps * step_bytes + row % kPanelRows * 4;
  for (std::int64_t step = 0; step < panels.steps; ++step) {
    for (int i = 0; i < 4; ++i) {
      if (panels.bytes) {
        out[2 * i] = static_cast<std::int8_t>(from[i]);
        out[2 * i + 1] = static_cast<std::int8_t>(from[64 + i]);
      } else {
        take_apart(panels.tables, from[i], out + 2 * i, 1);
      }
    }
    from += step_bytes;
    out += kStepInputs;
  }
}

inline std::int32_t dot(const std::int16_t* a, const std::int16_t* b, std::int64_t count) {
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += std::int32_t{a[i]} * b[i];
  return sum;
}

void multiply(const CodedPanels& panels, const PreparedInputs& inputs, const CodedResult& result,
              std::int64_t first_panel, std::int64_t last_panel) {
  const std::int64_t length = panels.steps * kStepInputs;
  const std::int64_t groups = panels.groups();
  const std::int64_t group = panels.group_steps * kStepInputs;
  std::vector<std::int16_t> weights(static_cast<std::size_t>(length));
  std::vector<float> scales(static_cast<std::size_t>(groups));
  const auto* const elements = static_cast<const std::int16_t*>(inputs.elements);
  const std::int64_t last = std::min(last_panel * kPanelRows, panels.rows);
  for (std::int64_t row = first_panel * kPanelRows; row < last; ++row) {
    take_row(panels, row, weights.data());
    for (std::int64_t g = 0; group > 0 && g < groups; ++g) {
      scales[g] = scale_of(panels.format,
                           panels.scales[(row / kPanelRows * groups + g) * kPanelRows +
                                         row % kPanelRows]);
    }
    for (std::int64_t token = 0; token < inputs.tokens; ++token) {
      const std::int16_t* const other = elements + token * length;
      if (group == 0) {
        static_cast<std::int32_t*>(result.data)[row * inputs.tokens + token] =
            dot(weights.data(), other, length);
        continue;
      }
      float total = 0.0F;
      for (std::int64_t g = 0; g < groups; ++g) {
        const auto sum =
            static_cast<float>(dot(weights.data() + g * group, other + g * group, group));
        total += sum * scales[g] * inputs.scales[token * groups + g];
      }
      static_cast<float*>(result.data)[row * inputs.tokens + token] = total * result.multiplier;
    }
  }
}

constexpr CodedKernels kLoops{kTileTokens * kStepInputs * sizeof(std::int16_t), 1, prepare,
                              multiply};

}  // namespace
}  // namespace netwright
