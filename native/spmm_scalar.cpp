#include "spmm_store.hpp"

namespace netwright {

void spmm_scalar(const Weights& weights, const Activation& activation, const Epilogue& epilogue,
                 Result result, Stripes stripes) {
  const int block_rows = weights.block_rows;
  for (std::int64_t stripe = stripes.begin; stripe < stripes.end; ++stripe) {
    for (int r = 0; r < block_rows; ++r) {
      const std::int64_t row = stripe * block_rows + r;
      for (std::int64_t column = activation.first; column < activation.last; ++column) {
        std::int32_t sum = epilogue.bias == nullptr ? 0 : epilogue.bias[row];
        for (std::int32_t g = weights.offsets[stripe]; g < weights.offsets[stripe + 1]; ++g) {
          const std::int64_t group = g;
          const std::uint16_t* index = weights.indices + group * 4;
          const std::int8_t* value = weights.values + (group * block_rows + r) * 4;
          for (int q = 0; q < 4; ++q) {
            sum += value[q] * activation.data[index[q] * activation.stride + column];
          }
        }
        const std::int64_t position = (row - result.first_row) * activation.columns + column;
        store(sum, row, position, epilogue, result);
      }
    }
  }
}

}  // namespace netwright
