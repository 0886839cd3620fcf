#include "bank_product.hpp"

#include <algorithm>
#include <cstring>

#include "pool.hpp"
#include "scratch.hpp"

namespace netwright {
namespace {

thread_local Scratch rows_scratch;

float value_of(std::uint16_t word) {
  const bool tiny = (word & 0x7f80) == 0;
  const std::uint32_t bits = std::uint32_t{tiny ? word & 0x8000u : word} << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace

void bank_multiply(const BankKernels& kernels, const BankProduct& call, int num_threads) {
  const std::int64_t padded = call.padded();
  auto* const x = static_cast<float*>(
      rows_scratch.reserve(sizeof(float) * static_cast<std::size_t>(call.rows * padded)));
  for (std::int64_t row = 0; row < call.rows; ++row) {
    float* to = x + row * padded;
    for (std::int64_t start = 0; start < call.terms; start += call.piece) {
      const std::int64_t size = std::min(call.piece, call.terms - start);
      const std::int64_t filled = call.steps(size);
      for (std::int64_t k = 0; k < filled; ++k)
        to[k] = k < size ? value_of(call.x[row * call.terms + start + k]) : 0.0f;
      to += filled;
    }
  }
  const std::int64_t panels = (call.outputs + kernels.width - 1) / kernels.width;
  const std::int64_t chunks =
      num_threads == 1 ? 1 : std::min<std::int64_t>(panels, 8 * num_threads);
  run_tasks(chunks, num_threads, [&](std::int64_t chunk) {
    kernels.multiply(call, x, panels * chunk / chunks, panels * (chunk + 1) / chunks);
  });
}

}  // namespace netwright
