// Products of weights and activations that are stored as four-bit words or as bytes.
//
// Inputs are taken in steps of eight. A panel is 16 rows of the weights side by side: in each step a
// 32-bit lane holds what one row has there. Four-bit words lie two in a byte, the first in the upper
// half; the upper halves of a lane are the inputs 0, 2, 4, 6 of the step, the lower ones 1, 3, 5, 7,
// so that taking the halves apart gives two lanes of four inputs each.
#pragma once

#include <cstdint>
#include <vector>

#include "scratch.hpp"

namespace netwright {

constexpr int kStepInputs = 8;
constexpr int kPanelRows = 16;
constexpr int kTileTokens = 8;

// What four-bit words mean. Where one of the two words of a byte is `kMark`, the other one is looked
// up in `marked`, else in `plain`; the mark itself is always looked up in `plain`, and two marks are
// looked up in `marked`. Formats without marks have two equal tables.
constexpr int kMark = 8;
struct WordTables {
  std::int16_t plain[16];
  std::int16_t marked[16];
};

// The scale of a group of inputs, a byte each: a power of two (E8M0), or E4M3.
enum class ScaleFormat { none, e8m0, e4m3 };

// The bits of a scale are its byte shifted left, at least `least`, times `factor`, as float32.
struct ScaleRule {
  int shift;
  std::int32_t least;
  float factor;
};
inline ScaleRule rule_of(ScaleFormat format) {
  constexpr float kTwoTo120 = 1.329227995784916e+36F;  // takes the bias of E4M3 to that of float32
  if (format == ScaleFormat::e4m3) return {20, 0, kTwoTo120};
  return {23, 0x00400000, 1.0F};  // the least is 2**-127, which is subnormal
}

// Weights of shape (rows, 8 steps), padded with zeros.
struct CodedPanels {
  bool bytes;                  // elements are signed bytes, else four-bit words
  WordTables tables;           // of four-bit words
  std::int64_t rows;
  std::int64_t steps;
  std::int64_t group_steps;    // steps that share a scale, or 0: no scales
  ScaleFormat format;
  const std::uint8_t* codes;   // [panel][step] 64 bytes of words, or twice 64 bytes
  const std::uint8_t* scales;  // [panel][group][16]

  std::int64_t panels() const { return (rows + kPanelRows - 1) / kPanelRows; }
  std::int64_t groups() const { return group_steps == 0 ? 1 : steps / group_steps; }
  std::int64_t step_bytes() const { return bytes ? 128 : 64; }
};

// Activations with the tokens side by side: row-major matrices without gaps.
struct CodedInputs {
  bool bytes;
  WordTables tables;
  std::int64_t code_rows;      // of `codes`: half as many as inputs, or as many
  std::int64_t tokens;
  ScaleFormat format;
  const std::uint8_t* codes;   // (code_rows, tokens)
  const std::uint8_t* scales;  // (groups, tokens), or null
};

// Activations as a path multiplies them, in tiles of 8 tokens; each path has its own arrangement.
struct PreparedInputs {
  std::int64_t tokens;
  bool wide;                   // elements need 16 bits
  void* elements;
  std::int32_t* corrections;   // [tile][group][8]: where the sums of a group begin
  float* scales;               // [tile][group][8]
};

// Row-major (rows, tokens): int32 sums, or float32 where there are scales. There the sums of the
// groups, each times the weights' and then the inputs' scale, are added in order, and the total is
// multiplied by `multiplier`.
struct CodedResult {
  void* data;
  float multiplier;
};

struct CodedKernels {
  // Bytes of `elements` for a step of one tile, at most.
  std::int64_t tile_bytes;
  // Panels that one thread takes at once, for speed.
  std::int64_t panels_at_once;
  // Prepares two tiles after two tiles, from `begin` to `end`, which count pairs of tiles.
  void (*prepare)(const CodedInputs&, const CodedPanels&, const PreparedInputs&, std::int64_t begin,
                  std::int64_t end);
  void (*multiply)(const CodedPanels&, const PreparedInputs&, const CodedResult&,
                   std::int64_t first_panel, std::int64_t last_panel);
};

extern const CodedKernels coded_scalar;
#ifdef NETWRIGHT_X86
extern const CodedKernels coded_avx2;
extern const CodedKernels coded_vnni;
#endif

// A checked copy of weights, arranged in panels.
class CodedWeights {
 public:
  // `codes` is (rows, inputs / 2) for four-bit words, else (rows, inputs); `scales` is
  // (rows, inputs / group) where there are groups. Throws std::invalid_argument if sizes do not fit.
  CodedWeights(std::int64_t rows, std::int64_t inputs, bool bytes, const WordTables& tables,
               const std::vector<std::uint8_t>& codes, std::int64_t group, ScaleFormat format,
               const std::vector<std::uint8_t>& scales);

  const CodedPanels& panels() const { return panels_; }
  std::int64_t inputs() const { return inputs_; }

  // The caller has checked the sizes of inputs and result.
  void multiply(const CodedKernels& kernels, const CodedInputs& inputs, const CodedResult& result,
                int num_threads) const;

 private:
  std::int64_t inputs_;
  Scratch codes_;
  std::vector<std::uint8_t> scales_;
  CodedPanels panels_;
};

}  // namespace netwright
