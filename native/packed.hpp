// A checked copy of packed weights: nobody can change the indices under a running kernel.
#pragma once

#include <cstdint>
#include <vector>

#include "spmm.hpp"

namespace netwright {

// Throw std::invalid_argument(message) unless `condition`.
void require(bool condition, const char* message);

class PackedWeights {
 public:
  // The arrays of a Weights, as lists; throws std::invalid_argument if they do not fit together.
  PackedWeights(int block_rows, std::int64_t columns, std::vector<std::int32_t> offsets,
                std::vector<std::uint16_t> indices, std::vector<std::int8_t> values);

  std::int64_t num_stripes() const { return static_cast<std::int64_t>(offsets_.size()) - 1; }
  std::int64_t rows() const { return num_stripes() * block_rows_; }
  std::int64_t columns() const { return columns_; }
  int block_rows() const { return block_rows_; }

  // The weights as groups only, or with the quads taken out where these pay for the interleaving.
  Weights groups() const;
  Weights with_quads() const;

  // The first stripe of chunk `chunk` of `num_chunks` chunks with about equally many groups.
  std::int64_t boundary(std::int64_t chunk, std::int64_t num_chunks) const;

 private:
  void take_quads();

  int block_rows_;
  std::int64_t columns_;
  std::vector<std::int32_t> offsets_;
  std::vector<std::uint16_t> indices_;
  std::vector<std::int8_t> values_;
  // Empty if quads do not pay.
  std::vector<std::int32_t> quad_offsets_;
  std::vector<std::uint16_t> quad_indices_;
  std::vector<std::int8_t> quad_values_;
  std::vector<std::int32_t> rest_offsets_;
  std::vector<std::uint16_t> rest_indices_;
  std::vector<std::int8_t> rest_values_;
};

}  // namespace netwright
