#include "finish_rows.hpp"

namespace netwright {

void finish_rows_scalar(float* values, std::int64_t rows, std::int64_t columns,
                        std::int64_t first_row, const Finish& finish, Moments* moments,
                        std::uint8_t* out) {
  finish_rows(values, rows, columns, first_row, finish, moments, out);
}

void look_up_scalar(std::uint8_t* codes, std::int64_t count, const std::uint8_t* table) {
  for (std::int64_t i = 0; i < count; ++i) codes[i] = table[codes[i]];
}

}  // namespace netwright
