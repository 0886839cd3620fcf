// What an encoder does between its products, in the transposed layout: tokens lie side by side.
#pragma once

#include <cstdint>

namespace netwright {

// Sum of two rows of tables for each token, for the tokens [begin, end).
struct Embedding {
  const float* words;              // (vocabulary, hidden)
  const float* places;             // (positions, hidden)
  const std::int32_t* ids;         // of `tokens`
  const std::int32_t* positions;   // of `tokens`
  std::int64_t hidden;
  std::int64_t tokens;
  float* out;                      // (hidden, tokens)
};

// Normalize each token over the rows, in place, and store it as bytes, too.
struct Normalization {
  float* values;         // (rows, tokens)
  std::uint8_t* codes;   // (rows, tokens)
  const float* gain;     // of `rows`
  const float* offset;   // of `rows`
  std::int64_t rows;
  std::int64_t tokens;
  float epsilon;
  float multiplier;      // codes for one real unit
  std::int32_t zero_point;
};

// Attention of sentences that lie side by side.
struct Attention {
  const std::int8_t* codes;      // (3 hidden, tokens): queries, keys, values
  const std::int64_t* offsets;   // first token of each sentence, and the number of tokens
  std::int64_t hidden;
  std::int64_t tokens;
  std::int64_t heads;
  float slope;                   // what a score is worth, in powers of two
  float ratio;                   // step of the values over step of the result
  std::int32_t zero_point;
  std::uint8_t* out;             // (hidden, tokens)
};

struct EncoderKernels {
  void (*embed)(const Embedding&, std::int64_t begin, std::int64_t end);
  void (*normalize)(const Normalization&, std::int64_t begin, std::int64_t end);
  void (*attend)(const Attention&, std::int64_t sentence, std::int64_t head);
};

extern const EncoderKernels encoder_scalar;
#ifdef NETWRIGHT_X86
extern const EncoderKernels encoder_avx2;
extern const EncoderKernels encoder_avx512;
#endif

}  // namespace netwright
