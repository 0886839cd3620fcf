// Epilogue of one sum, for the paths without vector code of their own.
//
// Everything here has internal linkage on purpose: each source file is compiled for another
// instruction set, and a shared copy could end up in a path that the processor cannot execute.
#pragma once

#include <cmath>
#include <cstdint>

#include "spmm.hpp"

namespace netwright {
namespace {

inline std::int32_t requantize(std::int32_t sum, float scale, std::int32_t zero_point,
                               std::int32_t low, std::int32_t high) {
  const float real = static_cast<float>(sum) * scale;
  // Beyond this every format is saturated, whatever the zero point; the cast stays defined.
  if (real >= 32767.0F) return high;
  if (real <= -32768.0F) return low;
  const std::int32_t code = static_cast<std::int32_t>(std::nearbyint(real)) + zero_point;
  return code < low ? low : (code > high ? high : code);
}

// Store the sum of `row` (bias included) at element `position` of the result.
inline void store(std::int32_t sum, std::int64_t row, std::int64_t position,
                  const Epilogue& epilogue, Result result) {
  if (epilogue.relu && sum < 0) sum = 0;
  switch (epilogue.format) {
    case Format::int32:
      static_cast<std::int32_t*>(result.data)[position] = sum;
      break;
    case Format::float32:
      static_cast<float*>(result.data)[position] = static_cast<float>(sum) * epilogue.scale[row];
      break;
    case Format::uint8:
      static_cast<std::uint8_t*>(result.data)[position] = static_cast<std::uint8_t>(
          requantize(sum, epilogue.scale[row], epilogue.zero_point, 0, 255));
      break;
    case Format::int8:
      static_cast<std::int8_t*>(result.data)[position] = static_cast<std::int8_t>(
          requantize(sum, epilogue.scale[row], epilogue.zero_point, -128, 127));
      break;
  }
}

}  // namespace
}  // namespace netwright
