// AMX, for blocks of 8 rows. Two rows of the activation are unpacked into each other, so that a
// 32-bit lane holds two columns of the weights for two neighboring tokens; each row of the weights
// comes twice, with zeros for the one and for the other token. Half of the products are thus with
// zeros, but unpacking a second time, for four columns of one token, would cost more than they do.
#include <immintrin.h>

#include "spmm.hpp"
#include "strips.hpp"

namespace netwright {
namespace {

constexpr int kRows = 8;
constexpr int kPairs = kAmxWidth / 2;
constexpr int kLines = 2;  // of the activation, 64 columns each, that are taken at once
constexpr std::int64_t kTileBytes = 1024;

// Tiles 0 to 3 are sums, 4 is weights, 5 to 7 are of the activation.
struct alignas(64) Configuration {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// Some compilers' intrinsics do not say that they read memory; nothing may be stored later than here.
inline void finish_stores() { asm volatile("" ::: "memory"); }

// Two rows of the activation become two rows of tiles: the first and the second eight of every 16
// columns.
inline void unpack(__m512i first, __m512i second, std::uint8_t* out) {
  _mm512_store_si512(out, _mm512_unpacklo_epi8(first, second));
  _mm512_store_si512(out + kTileBytes, _mm512_unpackhi_epi8(first, second));
}

// One group or run, as the tiles need it.
struct alignas(64) Stage {
  std::uint8_t gathered[kLines][2][kPairs][64];
  std::uint8_t weights[2 * kRows][64];
  const std::uint8_t* tiles[kLines];
};

// Goes through the groups and runs of some stripes in order.
class Cursor {
 public:
  Cursor(const Weights& weights, Stripes stripes) : weights_(weights), end_(stripes.end) {
    enter(stripes.begin);
  }

  // The number of groups and runs of a stripe.
  static std::int64_t count(const Weights& weights, std::int64_t stripe) {
    std::int64_t found = weights.offsets[stripe + 1] - weights.offsets[stripe];
    if (weights.run_offsets != nullptr) {
      found += weights.run_offsets[stripe + 1] - weights.run_offsets[stripe];
    }
    return found;
  }

  bool done() const { return stripe_ == end_; }

  // Runs come first; `at` becomes the place in its list.
  bool take(std::int64_t& at) {
    const bool is_run = run_ < last_run_;
    at = is_run ? run_++ : group_++;
    if (run_ == last_run_ && group_ == last_group_) enter(stripe_ + 1);
    return is_run;
  }

 private:
  void enter(std::int64_t stripe) {
    while (stripe < end_ && count(weights_, stripe) == 0) ++stripe;
    stripe_ = stripe;
    if (done()) return;
    group_ = weights_.offsets[stripe];
    last_group_ = weights_.offsets[stripe + 1];
    if (weights_.run_offsets == nullptr) return;
    run_ = weights_.run_offsets[stripe];
    last_run_ = weights_.run_offsets[stripe + 1];
  }

  const Weights& weights_;
  std::int64_t end_;
  std::int64_t stripe_ = 0;
  std::int64_t group_ = 0;
  std::int64_t last_group_ = 0;
  std::int64_t run_ = 0;
  std::int64_t last_run_ = 0;
};

// Some columns of the result: LINES times 64, or fewer if not WHOLE.
template <int LINES, bool WHOLE>
class Pass {
 public:
  Pass(const Weights& weights, const Activation& activation, std::int64_t column)
      : weights_(weights), activation_(activation), column_(column) {
    for (int line = 0; line < LINES; ++line) {
      const std::int64_t left = activation.last - column - line * kColumns;
      masks_[line] = left < kColumns ? kAll >> (kColumns - left) : kAll;
    }
  }

  void run(const Epilogue& epilogue, Result result, Stripes stripes) {
    Cursor cursor(weights_, stripes);
    int current = 0;
    if (!cursor.done()) prepare(cursor, stages_[current]);
    for (std::int64_t stripe = stripes.begin; stripe < stripes.end; ++stripe) {
      clear();
      for (std::int64_t left = Cursor::count(weights_, stripe); left > 0; --left) {
        // One ahead, because tiles cannot be loaded from stores that are still under way.
        if (!cursor.done()) prepare(cursor, stages_[1 - current]);
        multiply(stages_[current]);
        current = 1 - current;
      }
      store(epilogue, result, stripe);
    }
  }

 private:
  void prepare(Cursor& cursor, Stage& stage) {
    std::int64_t at = 0;
    const bool is_run = cursor.take(at);
    const std::int8_t* const values =
        (is_run ? weights_.run_values : weights_.values) + at * kAmxWidth * kRows;
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const auto* const row = reinterpret_cast<const __m256i*>(values + kAmxWidth * r);
      const __m512i even = _mm512_cvtepu16_epi32(_mm256_loadu_si256(row));
      _mm512_store_si512(stage.weights[2 * r], even);
      _mm512_store_si512(stage.weights[2 * r + 1], _mm512_slli_epi32(even, 16));
    }
    if (is_run) {
      const std::int64_t line_bytes = weights_.columns / kAmxWidth * kAmxWidth * kColumns;
      const std::uint8_t* const first = activation_.interleaved + column_ / kColumns * line_bytes +
                                        weights_.run_indices[at] * 2 * kTileBytes;
      for (int line = 0; line < LINES; ++line) stage.tiles[line] = first + line * line_bytes;
      return;
    }
    const std::uint16_t* const index = weights_.indices + at * kAmxWidth;
    const int pairs = (weights_.counts[at] + 1) / 2;
    // Locals, because the compiler must assume that the stores change members.
    const std::int64_t step = activation_.step;
    const std::int64_t stride = activation_.stride;
    const std::uint8_t* const base = activation_.data + column_ / kColumns * step;
    __mmask64 masks[LINES];
    for (int line = 0; line < LINES; ++line) masks[line] = masks_[line];
    // What earlier groups left in further rows meets weights that are zero.
    for (int pair = 0; pair < pairs; ++pair) {
      const std::uint8_t* const first = base + index[2 * pair] * stride;
      const std::uint8_t* const second = base + index[2 * pair + 1] * stride;
#pragma GCC unroll 2
      for (int line = 0; line < LINES; ++line) {
        unpack(load<WHOLE>(first + step * line, masks[line]),
               load<WHOLE>(second + step * line, masks[line]),
               stage.gathered[line][0][pair]);
      }
    }
    for (int line = 0; line < LINES; ++line) stage.tiles[line] = stage.gathered[line][0][0];
  }

  void clear() {
    _tile_zero(0);
    _tile_zero(1);
    if constexpr (LINES == 2) {
      _tile_zero(2);
      _tile_zero(3);
    }
  }

  void multiply(const Stage& stage) {
    finish_stores();
    _tile_loadd(4, stage.weights, 64);
    _tile_loadd(5, stage.tiles[0], 64);
    _tile_dpbsud(0, 4, 5);
    _tile_loadd(6, stage.tiles[0] + kTileBytes, 64);
    _tile_dpbsud(1, 4, 6);
    if constexpr (LINES == 2) {
      _tile_loadd(7, stage.tiles[1], 64);
      _tile_dpbsud(2, 4, 7);
      _tile_loadd(5, stage.tiles[1] + kTileBytes, 64);
      _tile_dpbsud(3, 4, 5);
    }
  }

  void store(const Epilogue& epilogue, Result result, std::int64_t stripe) {
    alignas(64) std::int32_t sums[2 * LINES][2 * kRows][16];
    _tile_stored(0, sums[0], 64);
    _tile_stored(1, sums[1], 64);
    if constexpr (LINES == 2) {
      _tile_stored(2, sums[2], 64);
      _tile_stored(3, sums[3], 64);
    }
    for (int r = 0; r < kRows; ++r) {
      const std::int64_t row = stripe * kRows + r;
      const __m512i bias = _mm512_set1_epi32(epilogue.bias == nullptr ? 0 : epilogue.bias[row]);
      for (int line = 0; line < LINES; ++line) {
        __m512i strips[4];
#pragma GCC unroll 2
        for (int half = 0; half < 2; ++half) {
          const auto& tile = sums[2 * line + half];
          const __m512i even = _mm512_load_si512(tile[2 * r]);
          const __m512i odd = _mm512_load_si512(tile[2 * r + 1]);
          strips[2 * half] = _mm512_add_epi32(_mm512_unpacklo_epi32(even, odd), bias);
          strips[2 * half + 1] = _mm512_add_epi32(_mm512_unpackhi_epi32(even, odd), bias);
        }
        store_row<4, 0>(
            strips, epilogue, row, result,
            (row - result.first_row) * activation_.columns + column_ + kColumns * line,
            masks_[line]);
      }
    }
  }

  const Weights& weights_;
  const Activation& activation_;
  std::int64_t column_;
  __mmask64 masks_[LINES];
  Stage stages_[2] = {};
};

}  // namespace

void spmm_amx(const Weights& weights, const Activation& activation, const Epilogue& epilogue,
              Result result, Stripes stripes) {
  const Configuration configuration;
  finish_stores();
  _tile_loadconfig(&configuration);
  for (std::int64_t column = activation.first; column < activation.last;
       column += kLines * kColumns) {
    const std::int64_t left = activation.last - column;
    if (left >= kLines * kColumns) {
      Pass<kLines, true>(weights, activation, column).run(epilogue, result, stripes);
    } else if (left > kColumns) {
      Pass<kLines, false>(weights, activation, column).run(epilogue, result, stripes);
    } else {
      Pass<1, false>(weights, activation, column).run(epilogue, result, stripes);
    }
  }
  _tile_release();
}

// 64 columns after 64 columns; in these, the two tiles of run after run.
void interleave_amx(const Activation& activation, std::int64_t rows, std::uint8_t* out,
                    std::int64_t begin, std::int64_t end) {
  const std::int64_t line_bytes = rows / kAmxWidth * kAmxWidth * kColumns;
  for (std::int64_t column = 0; column < activation.columns; column += kColumns) {
    const std::int64_t left = activation.columns - column;
    const __mmask64 mask = left < kColumns ? kAll >> (kColumns - left) : kAll;
    for (std::int64_t pair = begin * kPairs; pair < end * kPairs; ++pair) {
      const std::uint8_t* const source = activation.data + 2 * pair * activation.stride + column;
      unpack(load<false>(source, mask), load<false>(source + activation.stride, mask),
             out + column / kColumns * line_bytes + pair / kPairs * 2 * kTileBytes +
                 pair % kPairs * 64);
    }
  }
}

}  // namespace netwright
