#include "finish_rows.hpp"

namespace netwright {

void finish_rows_avx512(float* values, std::int64_t rows, std::int64_t columns,
                        std::int64_t first_row, const Finish& finish, Moments* moments,
                        std::uint8_t* out) {
  finish_rows(values, rows, columns, first_row, finish, moments, out);
}

}  // namespace netwright
