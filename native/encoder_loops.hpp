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

// Codes, 0 to 255, of 2^x for x <= 0: a polynomial of degree 5 on the fraction, relative error 3e-6.
inline void power_codes(const Floats& x, Ints& codes) {
  const Floats bounded = x > -12.0F ? x : Floats{} - 12.0F;
  const Floats whole = (bounded + kHalfEven) - kHalfEven;
  const Floats f = bounded - whole;
  Floats power = f * 0.0013333558F + 0.0096181291F;
  power = power * f + 0.055504109F;
  power = power * f + 0.24022651F;
  power = power * f + 0.69314718F;
  power = power * f + 1.0F;
  const Ints bits = (__builtin_convertvector(whole, Ints) + 127) << 23;
  Floats scale;
  load(&bits, scale);
  codes = __builtin_convertvector((power * scale * 255.0F + kHalfEven) - kHalfEven, Ints);
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
  std::vector<std::uint32_t> queries;   // (head / 4, padded): four features of a token in a word
  std::vector<std::uint32_t> keys;      // the same of the keys
  std::vector<std::int32_t> corrections;
  std::vector<std::uint32_t> values;    // (head, keys / 4): four keys in a word
  std::vector<std::int32_t> scores;     // (keys, kLanes)
  std::vector<std::uint32_t> shares;    // (keys / 4, kLanes): four keys in a word
};

inline void interleave_rows(const std::uint8_t* rows, std::int64_t stride, std::int64_t count,
                            std::uint32_t flip, std::uint32_t* words) {
  for (std::int64_t c = 0; c < count; ++c) {
    words[c] = (static_cast<std::uint32_t>(rows[c]) |
                static_cast<std::uint32_t>(rows[stride + c]) << 8 |
                static_cast<std::uint32_t>(rows[2 * stride + c]) << 16 |
                static_cast<std::uint32_t>(rows[3 * stride + c]) << 24) ^
               flip;
  }
}

// DOT::rows<ROWS>(words, word_stride, num_words, others, other_row_stride, other_word_stride, out):
// ROWS rows of kLanes sums; out += sum over words of the products of unsigned bytes of `words` and
// signed bytes of one word of `others`.
// The shares of 16 queries in `count` keys, four keys in a word, and what a sum of values times shares
// must be multiplied by.
inline Floats share_out(const std::int32_t* scores, std::int64_t count, float slope,
                        std::uint32_t* shares, float ratio) {
  Ints largest;
  load(scores, largest);
  for (std::int64_t key = 1; key < count; ++key) {
    Ints score;
    load(scores + key * kLanes, score);
    largest = largest > score ? largest : score;
  }
  Ints total{};
  for (std::int64_t begin = 0; begin < count; begin += 4) {
    Words words{};
    for (std::int64_t key = begin; key < std::min(begin + 4, count); ++key) {
      Ints score;
      load(scores + key * kLanes, score);
      Ints codes;
      power_codes(__builtin_convertvector(score - largest, Floats) * slope, codes);
      total += codes;
      words |= __builtin_convertvector(codes, Words) << static_cast<std::uint32_t>(8 * (key - begin));
    }
    std::memcpy(shares + begin / 4 * kLanes, &words, sizeof words);
  }
  return ratio / __builtin_convertvector(total, Floats);
}

template <typename DOT>
void attend(const Attention& call, std::int64_t sentence, std::int64_t head) {
  thread_local HeadMemory memory;
  const std::int64_t begin = call.offsets[sentence];
  const std::int64_t count = call.offsets[sentence + 1] - begin;
  const std::int64_t features = call.hidden / call.heads;
  const std::int64_t quads = features / 4;
  const std::int64_t padded = (count + kLanes - 1) / kLanes * kLanes;
  const std::int64_t key_quads = (count + 3) / 4;
  const auto* const codes = reinterpret_cast<const std::uint8_t*>(call.codes) +
                            head * features * call.tokens + begin;
  const std::uint8_t* const key_codes = codes + call.hidden * call.tokens;
  const std::uint8_t* const value_codes = key_codes + call.hidden * call.tokens;
  memory.queries.assign(quads * padded, 0);
  memory.keys.assign(quads * padded, 0);
  memory.values.assign(features * key_quads, 0);
  memory.corrections.assign(padded, 0);
  memory.scores.resize(padded * kLanes);
  memory.shares.resize(key_quads * kLanes);
  for (std::int64_t quad = 0; quad < quads; ++quad) {
    const std::int64_t at = quad * 4 * call.tokens;
    interleave_rows(codes + at, call.tokens, count, 0x80808080U, &memory.queries[quad * padded]);
    interleave_rows(key_codes + at, call.tokens, count, 0, &memory.keys[quad * padded]);
  }
  // Queries are unsigned with the zero point 128, which adds 128 times the sum of the key.
  for (std::int64_t f = 0; f < features; ++f) {
    const auto* const row = reinterpret_cast<const std::int8_t*>(key_codes + f * call.tokens);
    for (std::int64_t c = 0; c < count; ++c) memory.corrections[c] -= 128 * row[c];
    std::memcpy(&memory.values[f * key_quads], value_codes + f * call.tokens,
                static_cast<std::size_t>(count));
  }
  for (std::int64_t first = 0; first < count; first += kLanes) {
    std::int32_t* const scores = memory.scores.data();
    for (std::int64_t key = 0; key < count; key += kRows) {
      for (std::int64_t r = 0; r < kRows; ++r) {
        std::fill_n(scores + (key + r) * kLanes, kLanes, memory.corrections[key + r]);
      }
      DOT::template rows<kRows>(&memory.queries[first], padded, quads, &memory.keys[key], 1, padded,
                                scores + key * kLanes);
    }
    const Floats factor = share_out(scores, count, call.slope, memory.shares.data(), call.ratio);
    const std::int64_t width = std::min(kLanes, count - first);
    std::uint8_t* const out = call.out + head * features * call.tokens + begin + first;
    for (std::int64_t f = 0; f < features;) {
      std::int32_t sums[kRows * kLanes] = {};
      const std::uint32_t* const values = &memory.values[f * key_quads];
      const std::int64_t rows = features - f >= kRows ? kRows : kRows / 2;
      if (rows == kRows) {
        DOT::template rows<kRows>(memory.shares.data(), kLanes, key_quads, values, key_quads, 1,
                                  sums);
      } else {
        DOT::template rows<kRows / 2>(memory.shares.data(), kLanes, key_quads, values, key_quads, 1,
                                      sums);
      }
      for (std::int64_t r = 0; r < rows; ++r, ++f) {
        Ints row;
        load(sums + r * kLanes, row);
        std::uint8_t result[kLanes];
        byte_codes(__builtin_convertvector(row, Floats) * factor, call.zero_point, result);
        std::memcpy(out + f * call.tokens, result, static_cast<std::size_t>(width));
      }
    }
  }
}

struct PlainDot {
  template <int ROWS>
  static void rows(const std::uint32_t* words, std::int64_t word_stride, std::int64_t num_words,
                   const std::uint32_t* others, std::int64_t other_row_stride,
                   std::int64_t other_word_stride, std::int32_t* out) {
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
          out[r * kLanes + c] += sum;
        }
      }
    }
  }
};

}  // namespace
}  // namespace netwright
