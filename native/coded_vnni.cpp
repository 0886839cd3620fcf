// AVX512-VNNI: a lane of 32 bits is a row of the weights, a token is broadcast. Four-bit words are
// looked up with a shuffle of 16 bytes: in registers where there are few tokens, because then the
// memory is what takes time, else once for all tokens.
//
// Elements that fit a byte are multiplied as bytes; to those of the weights 128 is added, because
// one factor must be unsigned, and the sums begin at what this adds too much. Others are multiplied
// as 16-bit numbers.
#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "coded.hpp"
#include "dot.hpp"
#include "panels.hpp"

namespace netwright {
namespace {

constexpr int kFewTokens = 8;
constexpr int kPanelsAtOnce = 3;

// Bytes that weights are fetched ahead, where there are few tokens.
constexpr int kAhead = 2048;

// Words of 32 bits that the elements of a step take in a lane.
template <bool WIDE>
constexpr int kWords = WIDE ? 4 : 2;

template <bool WIDE>
inline void add_products(__m512i& sums, __m512i weights, __m512i inputs) {
  if constexpr (WIDE) {
    // As in dot.hpp.
    __m512i total = sums;
    __asm__("vpdpwssd %2, %1, %0" : "+v"(total) : "v"(weights), "v"(inputs));
    sums = total;
  } else {
    dot(sums, weights, inputs);
  }
}

inline __m512i broadcast_table(const std::int16_t* table, int offset, int shift) {
  alignas(16) std::uint8_t bytes[16];
  for (int i = 0; i < 16; ++i) bytes[i] = static_cast<std::uint8_t>((table[i] + offset) >> shift);
  return _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(bytes)));
}

// Signed bytes of a step become pairs of 16-bit numbers: of a lane's bytes 0 and 2, then 1 and 3.
// `high` are the upper bytes.
inline void widen(__m512i low, __m512i high, __m512i& even, __m512i& odd) {
  constexpr __mmask64 kOdd = 0xAAAAAAAAAAAAAAAAULL;
  even = _mm512_mask_blend_epi8(kOdd, low, _mm512_slli_epi16(high, 8));
  odd = _mm512_mask_blend_epi8(kOdd, _mm512_srli_epi16(low, 8), high);
}

inline __m512i signs_of(__m512i bytes) {
  return _mm512_movm_epi8(_mm512_movepi8_mask(bytes));
}

// Looks up the four-bit words of a step.
template <bool WIDE>
class Decoder {
 public:
  // `offset` is added to elements that are bytes.
  Decoder(const WordTables& tables, int offset)
      : plain_(broadcast_table(tables.plain, offset, 0)),
        marked_(broadcast_table(tables.marked, offset, 0)),
        plain_high_(broadcast_table(tables.plain, 0, 8)),
        marked_high_(broadcast_table(tables.marked, 0, 8)) {}

  inline void operator()(__m512i codes, __m512i (&words)[kWords<WIDE>]) const {
    const __m512i low_half = _mm512_set1_epi8(15);
    const __m512i mark = _mm512_set1_epi8(kMark);
    const __m512i first = _mm512_and_si512(_mm512_srli_epi16(codes, 4), low_half);
    const __m512i second = _mm512_and_si512(codes, low_half);
    const __mmask64 second_marks = _mm512_cmpeq_epi8_mask(second, mark);
    const __mmask64 first_marks = _mm512_cmpeq_epi8_mask(first, mark);
    const __m512i a = look_up(plain_, marked_, first, second_marks);
    const __m512i b = look_up(plain_, marked_, second, first_marks);
    if constexpr (WIDE) {
      widen(a, look_up(plain_high_, marked_high_, first, second_marks), words[0], words[1]);
      widen(b, look_up(plain_high_, marked_high_, second, first_marks), words[2], words[3]);
    } else {
      words[0] = a;
      words[1] = b;
    }
  }

 private:
  static inline __m512i look_up(__m512i plain, __m512i marked, __m512i words, __mmask64 marks) {
    return _mm512_mask_shuffle_epi8(_mm512_shuffle_epi8(plain, words), marks, marked, words);
  }

  __m512i plain_;
  __m512i marked_;
  __m512i plain_high_;
  __m512i marked_high_;
};

// Signed bytes of a step as they are multiplied.
template <bool WIDE>
inline void take_bytes(__m512i first, __m512i second, __m512i (&words)[kWords<WIDE>]) {
  if constexpr (WIDE) {
    widen(first, signs_of(first), words[0], words[1]);
    widen(second, signs_of(second), words[2], words[3]);
  } else {
    words[0] = first;
    words[1] = second;
  }
}

// A step of one panel of weights.
template <bool WIDE>
ALWAYS_INLINE inline void take_step(const Decoder<WIDE>& decoder, bool bytes,
                                       const std::uint8_t* from,
                                       __m512i (&words)[kWords<WIDE>]) {
  if (bytes) {
    const __m512i flip = WIDE ? _mm512_setzero_si512() : _mm512_set1_epi8(-128);
    take_bytes<WIDE>(_mm512_xor_si512(_mm512_load_si512(from), flip),
                     _mm512_xor_si512(_mm512_load_si512(from + 64), flip), words);
  } else {
    decoder(_mm512_load_si512(from), words);
  }
}

// ---- activations ----

// 16 tokens of four rows: a lane is a token.
inline __m512i interleave(const __m128i (&row)[4]) {
  const __m128i low01 = _mm_unpacklo_epi8(row[0], row[1]);
  const __m128i high01 = _mm_unpackhi_epi8(row[0], row[1]);
  const __m128i low23 = _mm_unpacklo_epi8(row[2], row[3]);
  const __m128i high23 = _mm_unpackhi_epi8(row[2], row[3]);
  __m512i found = _mm512_castsi128_si512(_mm_unpacklo_epi16(low01, low23));
  found = _mm512_inserti32x4(found, _mm_unpackhi_epi16(low01, low23), 1);
  found = _mm512_inserti32x4(found, _mm_unpacklo_epi16(high01, high23), 2);
  return _mm512_inserti32x4(found, _mm_unpackhi_epi16(high01, high23), 3);
}

// Two tiles: the words of a token lie together.
inline void store_tiles(const __m512i (&words)[2], std::uint8_t* first, std::uint8_t* second) {
  const __m512i low = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
  _mm512_store_si512(first, _mm512_permutex2var_epi32(words[0], low, words[1]));
  _mm512_store_si512(second, _mm512_permutex2var_epi32(words[0], high, words[1]));
}

inline void store_tiles(const __m512i (&words)[4], std::uint8_t* first, std::uint8_t* second) {
  const __m512i low = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0);
  const __m512i high = _mm512_add_epi64(low, _mm512_set1_epi64(4));
  alignas(64) std::uint8_t pairs[2][2][64];
  store_tiles({words[0], words[1]}, pairs[0][0], pairs[1][0]);
  store_tiles({words[2], words[3]}, pairs[0][1], pairs[1][1]);
  std::uint8_t* const tiles[2] = {first, second};
  for (int tile = 0; tile < 2; ++tile) {
    const __m512i a = _mm512_load_si512(pairs[tile][0]);
    const __m512i b = _mm512_load_si512(pairs[tile][1]);
    _mm512_store_si512(tiles[tile], _mm512_permutex2var_epi64(a, low, b));
    _mm512_store_si512(tiles[tile] + 64, _mm512_permutex2var_epi64(a, high, b));
  }
}

// Where the sums of 8 tokens begin, from 16 sums of 128 times four elements.
inline void store_corrections(__m512i sums, std::int32_t* out) {
  const __m512i both = _mm512_add_epi32(sums, _mm512_srli_epi64(sums, 32));
  const __m256i tokens = _mm512_cvtepi64_epi32(both);
  _mm256_store_si256(reinterpret_cast<__m256i*>(out),
                     _mm256_sub_epi32(_mm256_setzero_si256(), tokens));
}

inline __m512 scales_of(const ScaleRule& rule, __m128i bytes) {
  const __m512i bits = _mm512_sll_epi32(_mm512_cvtepu8_epi32(bytes), _mm_cvtsi32_si128(rule.shift));
  const __m512i floats = _mm512_max_epi32(bits, _mm512_set1_epi32(rule.least));
  return _mm512_mul_ps(_mm512_castsi512_ps(floats), _mm512_set1_ps(rule.factor));
}

template <bool WIDE>
class Preparation {
 public:
  Preparation(const CodedInputs& inputs, const CodedPanels& panels, const PreparedInputs& out)
      : inputs_(inputs), panels_(panels), out_(out), decoder_(inputs.tables, 0) {}

  // Tokens 16 * pair to 16 * pair + 15.
  void run(std::int64_t pair) const {
    const std::int64_t token = 2 * kTileTokens * pair;
    const std::int64_t left = inputs_.tokens - token;
    const auto mask = static_cast<__mmask16>(left < 16 ? 0xFFFF >> (16 - left) : 0xFFFF);
    const std::int64_t groups = panels_.groups();
    const std::int64_t group_steps = panels_.steps / groups;
    const std::int64_t tile_bytes = panels_.steps * 32 * kWords<WIDE>;
    auto* first = static_cast<std::uint8_t*>(out_.elements) + 2 * pair * tile_bytes;
    std::int32_t* const corrections = out_.corrections + 2 * pair * groups * kTileTokens;
    float* const scales = out_.scales + 2 * pair * groups * kTileTokens;
    std::int64_t step = 0;
    for (std::int64_t g = 0; g < groups; ++g) {
      __m512i sums[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
      for (std::int64_t end = step + group_steps; step < end; ++step) {
        __m512i words[kWords<WIDE>];
        take(step, token, mask, words);
        store_tiles(words, first, first + tile_bytes);
        if constexpr (!WIDE) {
          dot(sums[0], _mm512_set1_epi8(-128), _mm512_load_si512(first));
          dot(sums[1], _mm512_set1_epi8(-128), _mm512_load_si512(first + tile_bytes));
        }
        first += 32 * kWords<WIDE>;
      }
      store_corrections(sums[0], corrections + g * kTileTokens);
      store_corrections(sums[1], corrections + (groups + g) * kTileTokens);
      if (inputs_.scales == nullptr) continue;
      const __m128i bytes = _mm_maskz_loadu_epi8(mask, inputs_.scales + g * inputs_.tokens + token);
      const __m512 found = scales_of(rule_of(inputs_.format), bytes);
      _mm256_store_ps(scales + g * kTileTokens, _mm512_castps512_ps256(found));
      _mm256_store_ps(scales + (groups + g) * kTileTokens, _mm512_extractf32x8_ps(found, 1));
    }
  }

 private:
  inline __m512i gather(std::int64_t first, std::int64_t step, std::int64_t token,
                        __mmask16 mask) const {
    __m128i rows[4];
    for (int i = 0; i < 4; ++i) {
      const std::int64_t row = first + i * step;
      rows[i] = row < inputs_.code_rows
                    ? _mm_maskz_loadu_epi8(mask, inputs_.codes + row * inputs_.tokens + token)
                    : _mm_setzero_si128();
    }
    return interleave(rows);
  }

  inline void take(std::int64_t step, std::int64_t token, __mmask16 mask,
                   __m512i (&words)[kWords<WIDE>]) const {
    if (inputs_.bytes) {
      take_bytes<WIDE>(gather(8 * step, 2, token, mask), gather(8 * step + 1, 2, token, mask),
                       words);
    } else {
      decoder_(gather(4 * step, 1, token, mask), words);
    }
  }

  const CodedInputs& inputs_;
  const CodedPanels& panels_;
  const PreparedInputs& out_;
  Decoder<WIDE> decoder_;
};

template <bool WIDE>
void prepare_pairs(const CodedInputs& inputs, const CodedPanels& panels,
                   const PreparedInputs& out, std::int64_t begin, std::int64_t end) {
  const Preparation<WIDE> preparation(inputs, panels, out);
  for (std::int64_t pair = begin; pair < end; ++pair) preparation.run(pair);
}

void prepare(const CodedInputs& inputs, const CodedPanels& panels, const PreparedInputs& out,
             std::int64_t begin, std::int64_t end) {
  const auto run = out.wide ? prepare_pairs<true> : prepare_pairs<false>;
  run(inputs, panels, out, begin, end);
}

// ---- products ----

// Weights that have been looked up for all tokens: [step][word][panel of P], 64 bytes each, and
// [group][panel][16] scales.
struct Ready {
  const std::uint8_t* words;
  const float* scales;
};

// P panels from `panel` on times T tokens of a tile. With FEW, words are looked up here, else
// `ready` has them.
template <bool WIDE, bool GROUPED, bool FEW, int P, int T>
class Tile {
  static_assert(!FEW || P == 1, "one panel after the other, because then memory is read in order");

  // Sums of the even and the odd words apart, where else too few products would be under way.
  static constexpr int kParts = T <= 2 ? 2 : 1;
  using Sums = __m512i[P * kParts][T];

 public:
  Tile(const CodedPanels& panels, const PreparedInputs& inputs, const CodedResult& result)
      : panels_(panels), inputs_(inputs), result_(result), decoder_(panels.tables, WIDE ? 0 : 128) {}

  void run(std::int64_t panel, std::int64_t tile, const Ready& ready) const {
    const std::int64_t groups = panels_.groups();
    const std::int64_t group_steps = panels_.steps / groups;
    const auto* const elements = static_cast<const std::uint8_t*>(inputs_.elements);
    const std::uint8_t* input = elements + tile * panels_.steps * 32 * kWords<WIDE>;
    const std::int32_t* correction = inputs_.corrections + tile * groups * kTileTokens;
    const float* input_scale = inputs_.scales + tile * groups * kTileTokens;
    const std::uint8_t* codes = panels_.codes + panel * panels_.steps * panels_.step_bytes();
    const std::uint8_t* words = ready.words;
    // Registers; whatever has an address lies in memory.
    Sums sums;
    alignas(64) float totals[GROUPED ? P : 1][GROUPED ? T : 1][kPanelRows] = {};
    for (std::int64_t g = 0; g < groups; ++g) {
      begin(sums, correction + g * kTileTokens);
      for (std::int64_t left = group_steps; left > 0; --left) {
        if constexpr (FEW) {
          step_few(sums, codes, input);
          codes += panels_.step_bytes();
        } else {
          step_ready(sums, words, input);
          words += 64 * P * kWords<WIDE>;
        }
        input += 32 * kWords<WIDE>;
      }
      join(sums);
      if constexpr (GROUPED) {
        add_group(sums, totals, panel, g, ready, input_scale + g * kTileTokens);
      }
    }
    alignas(64) std::int32_t stored[P][T][kPanelRows];
    if constexpr (GROUPED) {
      const __m512 multiplier = _mm512_set1_ps(result_.multiplier);
      for (int i = 0; i < P * T; ++i) {
        const __m512 total = _mm512_load_ps(totals[i / T][i % T]);
        _mm512_store_ps(stored[i / T][i % T], _mm512_mul_ps(total, multiplier));
      }
    } else {
      keep<P, T>(sums, stored);
    }
    for (int p = 0; p < P; ++p) {
      store_panel<T>(stored[p], panel + p, panels_.rows, tile * kTileTokens, inputs_.tokens,
                     result_.data);
    }
  }

 private:
  static ALWAYS_INLINE inline void begin(Sums& sums, const std::int32_t* correction) {
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) {
      const __m512i start = WIDE ? _mm512_setzero_si512() : _mm512_set1_epi32(correction[t]);
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) sums[p][t] = start;
      if constexpr (kParts == 2) {
#pragma GCC unroll 8
        for (int p = 0; p < P; ++p) sums[P + p][t] = _mm512_setzero_si512();
      }
    }
  }

  static ALWAYS_INLINE inline void join(Sums& sums) {
    if constexpr (kParts == 2) {
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
#pragma GCC unroll 8
        for (int p = 0; p < P; ++p) sums[p][t] = _mm512_add_epi32(sums[p][t], sums[P + p][t]);
      }
    }
  }

  static inline __m512i broadcast(const std::uint8_t* input, int t, int word) {
    std::int32_t found;
    std::memcpy(&found, input + 4 * (kWords<WIDE> * t + word), sizeof found);
    return _mm512_set1_epi32(found);
  }

  ALWAYS_INLINE inline void step_few(Sums& sums, const std::uint8_t* codes,
                                     const std::uint8_t* input) const {
    _mm_prefetch(reinterpret_cast<const char*>(codes + kAhead), _MM_HINT_T0);
    __m512i weights[kWords<WIDE>];
    take_step(decoder_, panels_.bytes, codes, weights);
#pragma GCC unroll 8
    for (int word = 0; word < kWords<WIDE>; ++word) {
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        add_products<WIDE>(sums[word % kParts][t], weights[word], broadcast(input, t, word));
      }
    }
  }

  static ALWAYS_INLINE inline void step_ready(Sums& sums, const std::uint8_t* words,
                                const std::uint8_t* input) {
#pragma GCC unroll 8
    for (int word = 0; word < kWords<WIDE>; ++word) {
      __m512i weights[P];
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) weights[p] = _mm512_load_si512(words + 64 * (P * word + p));
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const __m512i token = broadcast(input, t, word);
#pragma GCC unroll 8
        for (int p = 0; p < P; ++p) add_products<WIDE>(sums[p][t], weights[p], token);
      }
    }
  }

  template <typename TOTALS>
  ALWAYS_INLINE inline void add_group(const Sums& sums, TOTALS& totals, std::int64_t panel,
                        std::int64_t g, const Ready& ready, const float* input_scale) const {
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) {
      __m512 scale;
      if constexpr (FEW) {
        const std::uint8_t* const bytes =
            panels_.scales + ((panel + p) * panels_.groups() + g) * kPanelRows;
        scale = scales_of(rule_of(panels_.format),
                          _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)));
      } else {
        scale = _mm512_load_ps(ready.scales + (g * P + p) * kPanelRows);
      }
#pragma GCC unroll 8
      for (int t = 0; t < T; ++t) {
        const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[p][t]), scale);
        const __m512 part = _mm512_mul_ps(scaled, _mm512_set1_ps(input_scale[t]));
        _mm512_store_ps(totals[p][t], _mm512_add_ps(_mm512_load_ps(totals[p][t]), part));
      }
    }
  }

  const CodedPanels& panels_;
  const PreparedInputs& inputs_;
  const CodedResult& result_;
  Decoder<WIDE> decoder_;
};

template <bool WIDE, bool GROUPED, int T>
void multiply_few(const CodedPanels& panels, const PreparedInputs& inputs,
                  const CodedResult& result, std::int64_t panel, std::int64_t end) {
  const Tile<WIDE, GROUPED, true, 1, T> tile(panels, inputs, result);
  for (; panel < end; ++panel) tile.run(panel, 0, {});
}

// Look up the words and scales of P panels.
template <bool WIDE, int P>
void look_up(const CodedPanels& panels, std::int64_t panel, std::uint8_t* words, float* scales) {
  const Decoder<WIDE> decoder(panels.tables, WIDE ? 0 : 128);
  for (int p = 0; p < P; ++p) {
    const std::uint8_t* from =
        panels.codes + (panel + p) * panels.steps * panels.step_bytes();
    for (std::int64_t step = 0; step < panels.steps; ++step) {
      __m512i found[kWords<WIDE>];
      if (panels.bytes) {
        const __m512i flip = WIDE ? _mm512_setzero_si512() : _mm512_set1_epi8(-128);
        take_bytes<WIDE>(_mm512_xor_si512(_mm512_load_si512(from), flip),
                         _mm512_xor_si512(_mm512_load_si512(from + 64), flip), found);
      } else {
        decoder(_mm512_load_si512(from), found);
      }
      from += panels.step_bytes();
      for (int word = 0; word < kWords<WIDE>; ++word) {
        _mm512_store_si512(words + 64 * ((step * kWords<WIDE> + word) * P + p), found[word]);
      }
    }
    if (panels.group_steps == 0) continue;
    for (std::int64_t g = 0; g < panels.groups(); ++g) {
      const std::uint8_t* const bytes =
          panels.scales + ((panel + p) * panels.groups() + g) * kPanelRows;
      _mm512_store_ps(scales + (g * P + p) * kPanelRows,
                      scales_of(rule_of(panels.format),
                                _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes))));
    }
  }
}

thread_local Scratch words_scratch;
thread_local Scratch weight_scales_scratch;

template <bool WIDE, bool GROUPED, int P>
void multiply_ready(const CodedPanels& panels, const PreparedInputs& inputs,
                    const CodedResult& result, std::int64_t panel) {
  auto* const words = static_cast<std::uint8_t*>(words_scratch.reserve(
      static_cast<std::size_t>(panels.steps) * 64 * P * kWords<WIDE>));
  auto* const scales = static_cast<float*>(weight_scales_scratch.reserve(
      static_cast<std::size_t>(panels.groups()) * P * kPanelRows * sizeof(float)));
  look_up<WIDE, P>(panels, panel, words, scales);
  const Tile<WIDE, GROUPED, false, P, kTileTokens> tile(panels, inputs, result);
  for (std::int64_t at = 0; at * kTileTokens < inputs.tokens; ++at) {
    tile.run(panel, at, {words, scales});
  }
}

template <bool WIDE, bool GROUPED>
void multiply_panels(const CodedPanels& panels, const PreparedInputs& inputs,
                     const CodedResult& result, std::int64_t panel, std::int64_t end) {
  if (inputs.tokens <= kFewTokens) {
    const auto run = inputs.tokens == 1   ? multiply_few<WIDE, GROUPED, 1>
                     : inputs.tokens == 2 ? multiply_few<WIDE, GROUPED, 2>
                     : inputs.tokens <= 4 ? multiply_few<WIDE, GROUPED, 4>
                                          : multiply_few<WIDE, GROUPED, 8>;
    run(panels, inputs, result, panel, end);
    return;
  }
  for (; panel + kPanelsAtOnce <= end; panel += kPanelsAtOnce) {
    multiply_ready<WIDE, GROUPED, kPanelsAtOnce>(panels, inputs, result, panel);
  }
  for (; panel < end; ++panel) multiply_ready<WIDE, GROUPED, 1>(panels, inputs, result, panel);
}

void multiply(const CodedPanels& panels, const PreparedInputs& inputs, const CodedResult& result,
              std::int64_t first_panel, std::int64_t last_panel) {
  const bool grouped = panels.group_steps > 0;
  const auto run = inputs.wide ? (grouped ? multiply_panels<true, true> : multiply_panels<true, false>)
                               : (grouped ? multiply_panels<false, true> : multiply_panels<false, false>);
  run(panels, inputs, result, first_panel, last_panel);
}

}  // namespace

const CodedKernels coded_vnni{kTileTokens * 4 * kWords<true>, kPanelsAtOnce, prepare, multiply};

}  // namespace netwright
