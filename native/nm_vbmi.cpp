// AVX512-VNNI with VBMI: a lane of 32 bits is a row; of the 64 inputs of a window, which lie in one
// register, a permutation of bytes takes the four that each row keeps.
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "dot.hpp"
#include "nm.hpp"
#include "panels.hpp"

namespace netwright {
namespace {

constexpr int kFewTokens = 8;
constexpr int kPanelsAtOnce = 2;

// Bytes that weights are fetched ahead, where there are few tokens.
constexpr int kAhead = 2048;

// Rows and columns of 16 x 16 bytes change places: four times, rows i and i + 8 are interleaved.
inline void turn_bytes(__m128i (&rows)[16]) {
#pragma GCC unroll 4
  for (int round = 0; round < 4; ++round) {
    __m128i next[16];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      next[2 * i] = _mm_unpacklo_epi8(rows[i], rows[i + 8]);
      next[2 * i + 1] = _mm_unpackhi_epi8(rows[i], rows[i + 8]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) rows[i] = next[i];
  }
}

void prepare(const NMPanels& panels, const NMCall& call, std::int64_t begin, std::int64_t end) {
  const std::int64_t tile_bytes = panels.windows * kTileTokens * kWindowInputs;
  for (std::int64_t pair = begin; pair < end; ++pair) {
    const std::int64_t token = 2 * kTileTokens * pair;
    const std::int64_t left = call.tokens - token;
    const auto mask = static_cast<__mmask16>(left < 16 ? 0xFFFF >> (16 - left) : 0xFFFF);
    for (std::int64_t window = 0; window < panels.windows; ++window) {
      const std::int64_t first = window * panels.window_inputs();
      const std::int64_t limit = std::min(first + panels.window_inputs(), panels.inputs);
      std::uint8_t* const out =
          call.windows + 2 * pair * tile_bytes + window * kTileTokens * kWindowInputs;
      for (int part = 0; part < kWindowInputs; part += 16) {
        __m128i rows[16];
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) {
          const std::int64_t input = first + part + i;
          rows[i] = input < limit
                        ? _mm_maskz_loadu_epi8(mask, call.activation + input * call.tokens + token)
                        : _mm_setzero_si128();
        }
        turn_bytes(rows);
#pragma GCC unroll 16
        for (int t = 0; t < 16; ++t) {
          std::uint8_t* const place =
              out + t / kTileTokens * tile_bytes + t % kTileTokens * kWindowInputs + part;
          _mm_store_si128(reinterpret_cast<__m128i*>(place), rows[t]);
        }
      }
    }
  }
}

// The first inputs, in a window, of the groups to which the places of a quad belong.
inline __m512i bases_of(const NMPanels& panels, std::int64_t quad) {
  std::int32_t word = 0;
  for (int i = 0; i < 4; ++i) word |= (panels.base(4 * quad + i) & 63) << (8 * i);
  return _mm512_set1_epi32(word);
}

inline __m512i places_of(const std::uint8_t* halves, __m512i bases) {
  const __m256i bytes = _mm256_load_si256(reinterpret_cast<const __m256i*>(halves));
  const __m256i low = _mm256_and_si256(bytes, _mm256_set1_epi8(15));
  const __m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(15));
  return _mm512_add_epi8(_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1), bases);
}

// P panels from `panel` on times T tokens of a tile. With FEW, places are put together here, else
// `ready` has them: [window][quad][panel] 64 bytes.
template <bool FEW, int P, int T>
inline void run_tile(const NMPanels& panels, const NMCall& call, std::int64_t panel,
                     std::int64_t tile, const std::uint8_t* ready, const __m512i* bases) {
  const std::int64_t blocks = panels.windows * panels.quads;
  const std::int8_t* values = panels.values + 64 * panel * blocks;
  const std::uint8_t* places = panels.places + 32 * panel * blocks;
  const std::uint8_t* input = call.windows + tile * panels.windows * kTileTokens * kWindowInputs;
  __m512i sums[P][T];
#pragma GCC unroll 8
  for (int t = 0; t < T; ++t) {
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) sums[p][t] = _mm512_setzero_si512();
  }
  for (std::int64_t window = 0; window < panels.windows; ++window) {
    __m512i tokens[T];
#pragma GCC unroll 8
    for (int t = 0; t < T; ++t) tokens[t] = _mm512_load_si512(input + kWindowInputs * t);
    input += kTileTokens * kWindowInputs;
    for (std::int64_t quad = 0; quad < panels.quads; ++quad) {
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) {
        __m512i place;
        if constexpr (FEW) {
          _mm_prefetch(reinterpret_cast<const char*>(values + kAhead), _MM_HINT_T0);
          place = places_of(places + 32 * p * blocks, bases[quad]);
        } else {
          place = _mm512_load_si512(ready + 64 * p);
        }
        const __m512i weights = _mm512_load_si512(values + 64 * p * blocks);
#pragma GCC unroll 8
        for (int t = 0; t < T; ++t) {
          dot(sums[p][t], _mm512_permutexvar_epi8(place, tokens[t]), weights);
        }
      }
      values += 64;
      places += 32;
      ready += 64 * P;
    }
  }
  alignas(64) std::int32_t stored[P][T][kPanelRows];
  keep<P, T>(sums, stored);
  for (int p = 0; p < P; ++p) {
    store_panel<T>(stored[p], panel + p, panels.rows, tile * kTileTokens, call.tokens, call.out);
  }
}

template <int T>
void multiply_few(const NMPanels& panels, const NMCall& call, std::int64_t panel,
                  std::int64_t end, const __m512i* bases) {
  for (; panel < end; ++panel) run_tile<true, 1, T>(panels, call, panel, 0, nullptr, bases);
}

thread_local Scratch places_scratch;

template <int P>
void multiply_ready(const NMPanels& panels, const NMCall& call, std::int64_t panel,
                    const __m512i* bases) {
  const std::int64_t blocks = panels.windows * panels.quads;
  auto* const ready = static_cast<std::uint8_t*>(places_scratch.reserve(64 * P * blocks));
  for (int p = 0; p < P; ++p) {
    for (std::int64_t block = 0; block < blocks; ++block) {
      _mm512_store_si512(ready + 64 * (P * block + p),
                         places_of(panels.places + 32 * ((panel + p) * blocks + block),
                                   bases[block % panels.quads]));
    }
  }
  for (std::int64_t tile = 0; tile * kTileTokens < call.tokens; ++tile) {
    run_tile<false, P, kTileTokens>(panels, call, panel, tile, ready, bases);
  }
}

void multiply(const NMPanels& panels, const NMCall& call, std::int64_t panel, std::int64_t end) {
  __m512i bases[kWindowInputs / 4];
  for (std::int64_t quad = 0; quad < panels.quads; ++quad) bases[quad] = bases_of(panels, quad);
  if (call.tokens <= kFewTokens) {
    const auto run = call.tokens == 1   ? multiply_few<1>
                     : call.tokens == 2 ? multiply_few<2>
                     : call.tokens <= 4 ? multiply_few<4>
                                        : multiply_few<8>;
    run(panels, call, panel, end, bases);
    return;
  }
  for (; panel + kPanelsAtOnce <= end; panel += kPanelsAtOnce) {
    multiply_ready<kPanelsAtOnce>(panels, call, panel, bases);
  }
  for (; panel < end; ++panel) multiply_ready<1>(panels, call, panel, bases);
}

}  // namespace

const NMKernels nm_vbmi{true, kPanelsAtOnce, prepare, multiply};

}  // namespace netwright
