// A product ready to run: packed weights, an epilogue and the kernels of one instruction set.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "finish.hpp"
#include "packed.hpp"
#include "spmm.hpp"

namespace netwright {

// What follows the sums, as the caller says it. Empty lists mean: none.
struct Options {
  std::vector<std::int32_t> bias;
  std::vector<float> scale;
  bool relu;
  bool residual;
  bool gelu;
  float multiplier;
  std::int32_t zero_point;
  Format format;
  bool bounded;
  std::vector<std::uint8_t> table;  // 256 entries, for bytes
};

// One call: all matrices are row-major and without gaps, and none overlaps `out`.
struct Call {
  const std::uint8_t* activation;
  std::int64_t columns;
  const float* residual;   // of the result's shape if the options say so, else null
  double* mean;            // of `columns`, or null
  double* squares;         // of `columns`, null with `mean`
  void* out;
};

class Product {
 public:
  // Keeps a reference to `packed`. Throws std::invalid_argument if something does not fit, or the
  // processor cannot execute the path `isa`.
  Product(const PackedWeights& packed, Options options, const std::string& isa);

  void run(const Call& call, int num_threads) const;

  const PackedWeights& packed() const { return packed_; }
  const Options& options() const { return options_; }

 private:
  struct Kernels {
    Spmm spmm;
    FinishRows finish;
    LookUp look_up;
    Grouping grouping;      // of width 0: groups as they are packed
    Interleave interleave;  // null with those
  };

  static Kernels kernels_of(const std::string& isa, int block_rows);
  Activation prepare(const Call& call, int num_threads) const;
  // `copies` is how many threads would copy the columns of the activation.
  bool wants_panels(const Activation& activation, int copies) const;
  // `number` is zero, or new with each call whose activation is copied into panels.
  void run_stripes(const Call& call, std::uint64_t number, const Activation& activation,
                   Stripes stripes, Moments* moments) const;
  // All stripes in the columns [first, last).
  void run_columns(const Call& call, const Activation& activation, std::int64_t first,
                   std::int64_t last) const;
  bool is_staged(const Call& call) const;
  Epilogue epilogue() const;

  const PackedWeights& packed_;
  Options options_;
  Kernels kernels_;
  Weights weights_;
};

}  // namespace netwright
