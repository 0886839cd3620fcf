// Products of N:M weights: of each group of M inputs a row keeps N, with their places.
//
// A window is as many whole groups as 64 inputs hold; what a row keeps of it is taken four at a time,
// as quads. A panel is 16 rows side by side: a quad of one is 64 bytes of weights, and 32 bytes of
// places, of four bits each: those of the rows 0 to 7 are the lower halves, those of 8 to 15 the upper
// ones.
#pragma once

#include <cstdint>
#include <vector>

#include "coded.hpp"
#include "scratch.hpp"

namespace netwright {

constexpr int kWindowInputs = 64;
constexpr int kMaxGroup = 16;

struct NMPanels {
  int kept;
  int group;
  std::int64_t rows;
  std::int64_t inputs;
  std::int64_t windows;
  std::int64_t quads;          // of a window
  const std::int8_t* values;   // [panel][window][quad][16][4]
  const std::uint8_t* places;  // [panel][window][quad] 32 bytes

  std::int64_t panels() const { return (rows + kPanelRows - 1) / kPanelRows; }
  int window_inputs() const { return kWindowInputs / group * group; }
  // The first input of the group to which place `i` of a window belongs, in the window.
  int base(std::int64_t i) const { return static_cast<int>(i / kept) * group; }
};

// Row-major matrices without gaps.
struct NMCall {
  const std::uint8_t* activation;  // (inputs, tokens)
  std::int64_t tokens;
  std::uint8_t* windows;           // the activation as the path wants it
  std::int32_t* out;               // (rows, tokens)
};

struct NMKernels {
  bool wants_windows;
  std::int64_t panels_at_once;
  // Pairs of tiles of 8 tokens, from `begin` to `end`: [tile][window][8 tokens][64].
  void (*prepare)(const NMPanels&, const NMCall&, std::int64_t begin, std::int64_t end);
  void (*multiply)(const NMPanels&, const NMCall&, std::int64_t first_panel,
                   std::int64_t last_panel);
};

extern const NMKernels nm_scalar;
#ifdef NETWRIGHT_X86
extern const NMKernels nm_avx2;
extern const NMKernels nm_vbmi;
#endif

// A checked copy of weights, arranged in panels.
class NMWeights {
 public:
  // `values` and `places` are (rows, inputs / group * kept), group after group; a place counts in its
  // group. Throws std::invalid_argument if something does not fit.
  NMWeights(std::int64_t rows, std::int64_t inputs, int kept, int group,
            const std::vector<std::int8_t>& values, const std::vector<std::uint8_t>& places);

  const NMPanels& panels() const { return panels_; }

  // The caller has checked the sizes of activation and result.
  void multiply(const NMKernels& kernels, NMCall call, int num_threads) const;

 private:
  Scratch values_;
  Scratch places_;
  NMPanels panels_;
};

}  // namespace netwright
