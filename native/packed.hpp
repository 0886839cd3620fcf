// A checked copy of packed weights: nobody can change the indices under a running kernel.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "spmm.hpp"

namespace netwright {

// Throw std::invalid_argument(message) unless `condition`.
void require(bool condition, const char* message);

// How a path wants its weights: the columns of a group, and when neighboring columns become a run.
struct Grouping {
  int width;
  int present;        // columns of a run that must not be zero
  std::int64_t uses;  // uses of each run of the activation from which on its interleaving has paid
};

class PackedWeights {
 public:
  // The arrays of a Weights of width 4, as lists; throws std::invalid_argument if they do not fit
  // together.
  PackedWeights(int block_rows, std::int64_t columns, std::vector<std::int32_t> offsets,
                std::vector<std::uint16_t> indices, std::vector<std::int8_t> values);

  std::int64_t num_stripes() const { return static_cast<std::int64_t>(offsets_.size()) - 1; }
  std::int64_t rows() const { return num_stripes() * block_rows_; }
  std::int64_t columns() const { return columns_; }
  int block_rows() const { return block_rows_; }

  // The weights in groups of 4, without runs.
  Weights groups() const;

  // The weights grouped for a path, with runs where these pay; arranged once, and kept.
  Weights grouped(const Grouping& grouping) const;

  // The first stripe of chunk `chunk` of `num_chunks` chunks with about equally many groups.
  std::int64_t boundary(std::int64_t chunk, std::int64_t num_chunks) const;

 private:
  struct Lists {
    std::vector<std::int32_t> offsets{0};
    std::vector<std::uint16_t> indices;
    std::vector<std::int8_t> values;
    std::vector<std::uint8_t> counts;
    std::vector<std::int32_t> run_offsets{0};
    std::vector<std::uint16_t> run_indices;
    std::vector<std::int8_t> run_values;
  };

  // What `present` columns of neighbors make a run, or none do where it exceeds the width.
  Lists arrange(int width, int present) const;

  int block_rows_;
  std::int64_t columns_;
  std::vector<std::int32_t> offsets_;
  std::vector<std::uint16_t> indices_;
  std::vector<std::int8_t> values_;
  mutable std::mutex mutex_;
  mutable std::map<int, Lists> arranged_;  // by width
};

}  // namespace netwright
