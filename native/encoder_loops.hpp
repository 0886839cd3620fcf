// The loops of the encoder's kernels, compiled once for each instruction set. Sums are integers, or
// float32 sums of the rows in order; no operation is fused, so all copies agree bit by bit.
// Internal linkage on purpose: see spmm_store.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "encoder.hpp"

namespace netwright {
namespace {

constexpr std::int64_t kLanes = 16;
constexpr std::int64_t kStrip = 64;
constexpr std::int64_t kRows = 8;
constexpr float kHalfEven = 12582912.0F;  // adding this moves the last bit to the ones

inline std::uint8_t byte_of(float scaled, std::int32_t zero_point) {
  scaled = scaled > -1024.0F ? scaled : -1024.0F;  // NaN too
  scaled = scaled < 1024.0F ? scaled : 1024.0F;
  std::int32_t code = static_cast<std::int32_t>((scaled + kHalfEven) - kHalfEven) + zero_point;
  code = code < 0 ? 0 : code;
  return static_cast<std::uint8_t>(code > 255 ? 255 : code);
}

inline void embed(const Embedding& call, std::int64_t begin, std::int64_t end) {
  for (std::int64_t first = begin; first < end; first += kLanes) {
    const std::int64_t width = std::min(kLanes, end - first);
    const float* word[kLanes];
    const float* place[kLanes];
    for (std::int64_t c = 0; c < width; ++c) {
      word[c] = call.words + call.ids[first + c] * call.hidden;
      place[c] = call.places + call.positions[first + c] * call.hidden;
    }
    for (std::int64_t r = 0; r < call.hidden; ++r) {
      float* const row = call.out + r * call.tokens + first;
      for (std::int64_t c = 0; c < width; ++c) row[c] = word[c][r] + place[c][r];
    }
  }
}

template <std::int64_t WIDTH>
inline void normalize_strip(const Normalization& call, std::int64_t first, std::int64_t last) {
  const std::int64_t width = WIDTH > 0 ? WIDTH : last - first;
  float mean[kStrip] = {};
  float squares[kStrip] = {};
  const auto count = static_cast<float>(call.rows);
  for (std::int64_t r = 0; r < call.rows; ++r) {
    const float* const row = call.values + r * call.tokens + first;
    for (std::int64_t c = 0; c < width; ++c) mean[c] += row[c];
  }
  for (std::int64_t c = 0; c < width; ++c) mean[c] /= count;
  for (std::int64_t r = 0; r < call.rows; ++r) {
    const float* const row = call.values + r * call.tokens + first;
    for (std::int64_t c = 0; c < width; ++c) {
      const float deviation = row[c] - mean[c];
      squares[c] += deviation * deviation;
    }
  }
  for (std::int64_t c = 0; c < width; ++c) {
    squares[c] = 1.0F / std::sqrt(squares[c] / count + call.epsilon);
  }
  for (std::int64_t r = 0; r < call.rows; ++r) {
    float* const row = call.values + r * call.tokens + first;
    std::uint8_t* const codes = call.codes + r * call.tokens + first;
    const float gain = call.gain[r];
    const float offset = call.offset[r];
    for (std::int64_t c = 0; c < width; ++c) {
      const float value = (row[c] - mean[c]) * squares[c] * gain + offset;
      row[c] = value;
      codes[c] = byte_of(value * call.multiplier, call.zero_point);
    }
  }
}

inline void normalize(const Normalization& call, std::int64_t begin, std::int64_t end) {
  for (std::int64_t first = begin; first < end; first += kStrip) {
    if (end - first >= kStrip) {
      normalize_strip<kStrip>(call, first, first + kStrip);
    } else {
      normalize_strip<0>(call, first, end);
    }
  }
}

// One value for each of 16 tokens; the compiler splits them where registers are shorter.
using Ints = std::int32_t __attribute__((vector_size(64)));
using Words = std::uint32_t __attribute__((vector_size(64)));
using Floats = float __attribute__((vector_size(64)));
using Bytes = std::uint8_t __attribute__((vector_size(16)));

template <typename VECTOR>
inline void load(const void* source, VECTOR& vector) {
  std::memcpy(&vector, source, sizeof vector);
}

// What a float from 0 to 2^22 becomes when kHalfEven is added: this pattern plus the rounded value.
constexpr std::uint32_t kHalfEvenBits = 0x4B400000U;

// The codes, 0 to 255, of 2^x for x <= 0, plus kHalfEvenBits: a polynomial of degree 5 on the
// fraction, relative error 3e-6. Step by step for COUNT vectors, whose latencies overlap.
template <int COUNT>
inline void power_codes(Floats (&x)[COUNT], Words (&codes)[COUNT]) {
  constexpr float kTerms[] = {0.0096181291F, 0.055504109F, 0.24022651F, 0.69314718F};
  constexpr float kShifted = kHalfEven + 128.0F;
  Floats power[COUNT];
  Words scale[COUNT];
#pragma GCC unroll 4
  for (int i = 0; i < COUNT; ++i) {
    x[i] = x[i] > -12.0F ? x[i] : Floats{} - 12.0F;
    const Floats whole = x[i] + kShifted;
    x[i] -= whole - kShifted;
    // The last bits hold the whole part plus 128; as an exponent that is one too many.
    load(&whole, scale[i]);
    scale[i] <<= 23;
    power[i] = x[i] * 0.0013333558F;
  }
  for (const float term : kTerms) {
    for (int i = 0; i < COUNT; ++i) power[i] = (power[i] + term) * x[i];
  }
  for (int i = 0; i < COUNT; ++i) {
    Floats factor;
    load(&scale[i], factor);
    const Floats rounded = (power[i] + 1.0F) * factor * 127.5F + kHalfEven;
    load(&rounded, codes[i]);
  }
}

inline void byte_codes(const Floats& scaled, std::int32_t zero_point, std::uint8_t* out) {
  Floats bounded = scaled > -1024.0F ? scaled : Floats{} - 1024.0F;
  bounded = bounded < 1024.0F ? bounded : Floats{} + 1024.0F;
  Ints codes = __builtin_convertvector((bounded + kHalfEven) - kHalfEven, Ints) + zero_point;
  codes = codes > 0 ? codes : Ints{};
  codes = codes < 255 ? codes : Ints{} + 255;
  const Bytes bytes = __builtin_convertvector(codes, Bytes);
  std::memcpy(out, &bytes, sizeof bytes);
}

// Memory of one thread for one head of one sentence.
struct HeadMemory {
  std::vector<std::uint32_t> queries;      // (head / 4, padded): four features of a token in a word
  std::vector<std::uint32_t> keys;         // the same of the keys
  std::vector<std::int32_t> corrections;   // of `padded`
  std::vector<std::uint32_t> values;       // (head, keys / 4): four keys in a word
  std::vector<std::int32_t> scores;        // (padded, kLanes)
  std::vector<std::uint32_t> shares;       // (keys / 4, kLanes): four keys in a word
};

// Less than every score, which fits 30 bits, and far enough from the least integer to be subtracted
// from.
constexpr std::int32_t kNoScore = -(1 << 30);

// The bytes of `width` tokens, 16 at most; the others become zero.
inline Bytes lanes(const std::uint8_t* source, std::int64_t width) {
  Bytes bytes{};
  if (width >= kLanes) {
    load(source, bytes);
  } else {
    std::memcpy(&bytes, source, static_cast<std::size_t>(width));
  }
  return bytes;
}

inline Words interleaved(const Bytes (&rows)[4]) {
  Words words = __builtin_convertvector(rows[0], Words);
  for (int r = 1; r < 4; ++r) words |= __builtin_convertvector(rows[r], Words) << (8U * r);
  return words;
}

// Arrange queries, keys and values for products.
inline void arrange(const Attention& call, std::int64_t begin, std::int64_t count,
                    std::int64_t head, HeadMemory& memory) {
  const std::int64_t features = call.hidden / call.heads;
  const std::int64_t quads = features / 4;
  const std::int64_t padded = (count + kLanes - 1) / kLanes * kLanes;
  const std::int64_t key_quads = (count + 3) / 4;
  memory.queries.resize(quads * padded);
  memory.keys.resize(quads * padded);
  memory.values.resize(features * key_quads);
  memory.corrections.resize(padded);
  memory.scores.resize(padded * kLanes);
  memory.shares.resize(key_quads * kLanes);
  const auto* const codes = reinterpret_cast<const std::uint8_t*>(call.codes) +
                            head * features * call.tokens + begin;
  const std::uint8_t* const key_codes = codes + call.hidden * call.tokens;
  const std::uint8_t* const value_codes = key_codes + call.hidden * call.tokens;
  for (std::int64_t first = 0; first < count; first += kLanes) {
    const std::int64_t width = count - first;
    Ints sums{};
    for (std::int64_t quad = 0; quad < quads; ++quad) {
      Bytes query[4];
      Bytes key[4];
      for (int r = 0; r < 4; ++r) {
        const std::int64_t at = (4 * quad + r) * call.tokens + first;
        query[r] = lanes(codes + at, width);
        key[r] = lanes(key_codes + at, width);
        sums += __builtin_convertvector(key[r] ^ 128, Ints);
      }
      const Words queries = interleaved(query) ^ 0x80808080U;
      const Words keys = interleaved(key);
      std::memcpy(&memory.queries[quad * padded + first], &queries, sizeof queries);
      std::memcpy(&memory.keys[quad * padded + first], &keys, sizeof keys);
    }
    // Queries are unsigned with the zero point 128, which adds 128 times the sum of the key; in the
    // sums, so are the keys.
    sums = (static_cast<std::int32_t>(128 * features) - sums) * 128;
    std::memcpy(&memory.corrections[first], &sums, sizeof sums);
  }
  std::fill(memory.corrections.begin() + count, memory.corrections.end(), kNoScore);
  for (std::int64_t f = 0; f < features; ++f) {
    memory.values[(f + 1) * key_quads - 1] = 0;
    std::memcpy(&memory.values[f * key_quads], value_codes + f * call.tokens,
                static_cast<std::size_t>(count));
  }
}

// The shares of 16 queries in PRESENT of four keys, four bytes in a word; `total` grows by them.
template <int PRESENT>
inline Words share_quad(const std::int32_t* scores, const Ints& largest, float slope, Words& total) {
  Floats x[PRESENT];
  for (int i = 0; i < PRESENT; ++i) {
    Ints score;
    load(scores + i * kLanes, score);
    x[i] = __builtin_convertvector(score - largest, Floats) * slope;
  }
  Words codes[PRESENT];
  power_codes(x, codes);
  Words words{};
  for (int i = 0; i < PRESENT; ++i) {
    codes[i] -= kHalfEvenBits;
    total += codes[i];
    words |= codes[i] << (8U * i);
  }
  return words;
}

// The shares of 16 queries in `count` keys, four keys in a word, and what a sum of values times shares
// must be multiplied by.
inline Floats share_out(const std::int32_t* scores, std::int64_t count, const Ints& largest,
                        float slope, float ratio, std::uint32_t* shares) {
  Words total{};
  Words words;
  for (; count >= 4; count -= 4, scores += 4 * kLanes, shares += kLanes) {
    words = share_quad<4>(scores, largest, slope, total);
    std::memcpy(shares, &words, sizeof words);
  }
  if (count > 0) {
    if (count == 3) {
      words = share_quad<3>(scores, largest, slope, total);
    } else if (count == 2) {
      words = share_quad<2>(scores, largest, slope, total);
    } else {
      words = share_quad<1>(scores, largest, slope, total);
    }
    std::memcpy(shares, &words, sizeof words);
  }
  return ratio / __builtin_convertvector(total, Floats);
}

// DOT::sum<ROWS>(words, word_stride, num_words, others, other_row_stride, other_word_stride, start,
// out): rows of kLanes sums, over words of the products of unsigned bytes of `words` and signed bytes
// of one word of `others`. A row begins with its entry of `start`, or with zero if there is none.
template <typename DOT>
void attend(const Attention& call, std::int64_t sentence, std::int64_t head) {
  thread_local HeadMemory memory;
  const std::int64_t begin = call.offsets[sentence];
  const std::int64_t count = call.offsets[sentence + 1] - begin;
  const std::int64_t features = call.hidden / call.heads;
  const std::int64_t quads = features / 4;
  const std::int64_t padded = (count + kLanes - 1) / kLanes * kLanes;
  const std::int64_t key_quads = (count + 3) / 4;
  arrange(call, begin, count, head, memory);
  for (std::int64_t first = 0; first < count; first += kLanes) {
    Ints largest = Ints{} + kNoScore;
    for (std::int64_t key = 0; key < count; key += kRows) {
      Ints scores[kRows];
      DOT::template sum<kRows>(&memory.queries[first], padded, quads, &memory.keys[key], 1, padded,
                               &memory.corrections[key], scores);
      for (const Ints& row : scores) largest = largest > row ? largest : row;
      std::memcpy(&memory.scores[key * kLanes], scores, sizeof scores);
    }
    const Floats factor = share_out(memory.scores.data(), count, largest, call.slope, call.ratio,
                                    memory.shares.data());
    const std::int64_t width = std::min(kLanes, count - first);
    std::uint8_t* const out = call.out + head * features * call.tokens + begin + first;
    for (std::int64_t f = 0; f < features; f += kRows) {
      Ints sums[kRows];
      const std::uint32_t* const values = &memory.values[f * key_quads];
      const std::int64_t rows = std::min(kRows, features - f);
      if (rows == kRows) {
        DOT::template sum<kRows>(memory.shares.data(), kLanes, key_quads, values, key_quads, 1,
                                 nullptr, sums);
      } else {
        DOT::template sum<kRows / 2>(memory.shares.data(), kLanes, key_quads, values, key_quads, 1,
                                     nullptr, sums);
      }
      for (std::int64_t r = 0; r < rows; ++r) {
        std::uint8_t result[kLanes];
        byte_codes(__builtin_convertvector(sums[r], Floats) * factor, call.zero_point, result);
        std::memcpy(out + (f + r) * call.tokens, result, static_cast<std::size_t>(width));
      }
    }
  }
}

struct PlainDot {
  template <int ROWS>
  static void sum(const std::uint32_t* words, std::int64_t word_stride, std::int64_t num_words,
                  const std::uint32_t* others, std::int64_t other_row_stride,
                  std::int64_t other_word_stride, const std::int32_t* start, Ints* out) {
    for (int r = 0; r < ROWS; ++r) out[r] = Ints{} + (start == nullptr ? 0 : start[r]);
    for (std::int64_t w = 0; w < num_words; ++w) {
      for (std::int64_t r = 0; r < ROWS; ++r) {
        const std::uint32_t other = others[r * other_row_stride + w * other_word_stride];
        for (std::int64_t c = 0; c < kLanes; ++c) {
          const std::uint32_t word = words[w * word_stride + c];
          std::int32_t sum = 0;
          for (int shift = 0; shift < 32; shift += 8) {
            sum += static_cast<std::int32_t>(word >> shift & 255U) *
                   static_cast<std::int8_t>(other >> shift & 255U);
          }
          out[r][c] += sum;
        }
      }
    }
  }
};

}  // namespace
}  // namespace netwright
