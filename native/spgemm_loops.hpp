// The accumulators of the sparse product, compiled once for each instruction set. Internal linkage on
// purpose: see spmm_store.hpp.
//
// All add the products of an entry in the order of the left row and, within it, of the right rows, so
// they agree bit by bit. An entry whose sum is the zero of the semiring is not stored.
#pragma once

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#if defined(__AVX512F__) && defined(__AVX512VL__)
#include <immintrin.h>
#endif

#include "spgemm.hpp"

namespace netwright {
namespace {

// Not a character: a store of one must not make the compiler load everything again.
enum class Mark : std::uint8_t { clear = 0, set = 1 };

template <typename T, bool IS_INTEGER = std::is_integral<T>::value>
struct Wrapping {
  static T add(T a, T b) { return a + b; }
  static T multiply(T a, T b) { return a * b; }
};

// Integers wrap, as NumPy's do.
template <typename T>
struct Wrapping<T, true> {
  using U = typename std::make_unsigned<T>::type;
  static T add(T a, T b) { return static_cast<T>(static_cast<U>(a) + static_cast<U>(b)); }
  static T multiply(T a, T b) { return static_cast<T>(static_cast<U>(a) * static_cast<U>(b)); }
};

template <typename T>
struct PlusTimes {
  using V = T;
  static T zero() { return T{0}; }
  static T combine(T sum, T a, T b) { return Wrapping<T>::add(sum, Wrapping<T>::multiply(a, b)); }
};

template <typename T>
struct OrAnd {
  using V = T;
  static T zero() { return T{0}; }
  static T combine(T sum, T a, T b) {
    return static_cast<T>(sum | static_cast<T>((a != 0) & (b != 0)));
  }
};

template <typename T>
struct MinPlus {
  using V = T;
  static T zero() {
    return std::numeric_limits<T>::has_infinity ? std::numeric_limits<T>::infinity()
                                                : std::numeric_limits<T>::max();
  }
  static T combine(T sum, T a, T b) {
    const T product = Wrapping<T>::add(a, b);
    return sum < product || sum != sum ? sum : product;  // a NaN stays
  }
};

template <typename T>
constexpr int shift_of() {
  return sizeof(T) == 8 ? 3 : (sizeof(T) == 4 ? 4 : 6);
}

// The entries of a line of the dense accumulator that are not zero go to the sink; the line is zero
// afterwards. Returns how many there are.
template <typename S>
inline std::int64_t drain_line(typename S::V* line, std::int32_t first, std::int32_t* columns,
                               typename S::V* values) {
  using V = typename S::V;
  constexpr int kLength = 1 << shift_of<V>();
  const V zero = S::zero();
#if defined(__AVX512F__) && defined(__AVX512VL__)
  if constexpr (sizeof(V) == 8) {
    const __m256i places = _mm256_add_epi32(_mm256_set1_epi32(first),
                                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    __mmask8 kept;
    __m512i bits = _mm512_load_si512(line);
    __m512i empty;
    if constexpr (std::is_floating_point<V>::value) {
      const __m512d all = _mm512_set1_pd(zero);
      kept = _mm512_cmp_pd_mask(_mm512_castsi512_pd(bits), all, _CMP_NEQ_UQ);
      empty = _mm512_castpd_si512(all);
    } else {
      empty = _mm512_set1_epi64(zero);
      kept = _mm512_cmpneq_epi64_mask(bits, empty);
    }
    _mm512_store_si512(line, empty);
    _mm512_storeu_si512(values, _mm512_maskz_compress_epi64(kept, bits));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(columns),
                        _mm256_maskz_compress_epi32(kept, places));
    return __builtin_popcount(kept);
  } else if constexpr (sizeof(V) == 4) {
    const __m512i places = _mm512_add_epi32(
        _mm512_set1_epi32(first),
        _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    __mmask16 kept;
    __m512i bits = _mm512_load_si512(line);
    __m512i empty;
    if constexpr (std::is_floating_point<V>::value) {
      const __m512 all = _mm512_set1_ps(zero);
      kept = _mm512_cmp_ps_mask(_mm512_castsi512_ps(bits), all, _CMP_NEQ_UQ);
      empty = _mm512_castps_si512(all);
    } else {
      empty = _mm512_set1_epi32(zero);
      kept = _mm512_cmpneq_epi32_mask(bits, empty);
    }
    _mm512_store_si512(line, empty);
    _mm512_storeu_si512(values, _mm512_maskz_compress_epi32(kept, bits));
    _mm512_storeu_si512(columns, _mm512_maskz_compress_epi32(kept, places));
    return __builtin_popcount(kept);
  }
#endif
  std::int64_t count = 0;
  for (int i = 0; i < kLength; ++i) {
    columns[count] = first + i;
    values[count] = line[i];
    count += line[i] != zero ? 1 : 0;
    line[i] = zero;
  }
  return count;
}

template <typename S>
class RowMaker {
 public:
  using V = typename S::V;
  static constexpr int kShift = shift_of<V>();
  static constexpr std::int64_t kLineLength = std::int64_t{1} << kShift;
  static constexpr std::int64_t kTiny = 24;  // products that are sorted in place
  static constexpr std::int64_t kNarrow = 12;  // columns that are looked at one by one
  static constexpr std::int64_t kSlotBytes = 8;
  // A dense accumulator that is forced stays in memory, and is not larger than this.
  static constexpr std::int64_t kMaxDense = std::int64_t{1} << 28;

  RowMaker(const SpgemmJob& job, Workspace& space, SparseSink& sink)
      : job_(job),
        space_(space),
        sink_(sink),
        left_values_(static_cast<const V*>(job.left.values)),
        right_values_(static_cast<const V*>(job.right.values)),
        offsets_(job.right.offsets),
        right_columns_(job.right.columns) {}

  void make(std::int64_t row) {
    begin_ = job_.left.offsets[row];
    end_ = job_.left.offsets[row + 1];
    const std::int64_t products = job_.products[row];
    if (products == 0) return;
    const Accumulator chosen = choose(products);
    ++space_.rows[static_cast<int>(chosen)];
    switch (chosen) {
      case Accumulator::automatic:
        return copy();
      case Accumulator::list:
        return dense_list(products);
      case Accumulator::bitmap:
        return dense_bitmap();
      case Accumulator::hash:
        return hashed(products);
      case Accumulator::sort:
        return sorted(products);
      case Accumulator::chunks:
        return in_chunks(products);
    }
  }

 private:
  // `automatic` stands for a row that is a multiple of another one.
  Accumulator choose(std::int64_t products) {
    const bool free = job_.accumulator == Accumulator::automatic;
    if (free && end_ - begin_ == 1 && job_.right.ascending) return Accumulator::automatic;
    first_ = 0;
    last_ = job_.right.num_columns - 1;
    const std::int64_t wide = (last_ >> kShift) >> 6;
    if (job_.right.ascending && (wide > products / 16 || !free)) find_span();
    if (free && last_ - first_ < kNarrow) return Accumulator::bitmap;
    first_ &= ~(kLineLength - 1);
    const std::int64_t lines = ((last_ - first_) >> kShift) + 1;
    const std::int64_t dense_bytes = lines * kLine;
    if (!free) {
      const bool dense = job_.accumulator == Accumulator::list ||
                         job_.accumulator == Accumulator::bitmap;
      return dense && dense_bytes > kMaxDense ? Accumulator::chunks : job_.accumulator;
    }
    if (dense_bytes <= job_.limits.dense_bytes || products / 4 >= lines) {
      // Marking lines pays where a line gets more than one entry.
      const bool shared = job_.right.clustered ? (lines >> 9) <= products : products > lines;
      return shared ? Accumulator::bitmap : Accumulator::list;
    }
    if (products <= kTiny) return Accumulator::sort;
    const std::int64_t slots = table_slots(products);
    if (slots * kSlotBytes <= job_.limits.table_bytes) return Accumulator::hash;
    return Accumulator::chunks;
  }

  void find_span() {
    std::int32_t low = std::numeric_limits<std::int32_t>::max();
    std::int32_t high = 0;
    for (std::int64_t k = begin_; k < end_; ++k) {
      const std::int32_t inner = job_.left.columns[k];
      const std::int64_t from = offsets_[inner];
      const std::int64_t to = offsets_[inner + 1];
      if (from == to) continue;
      low = std::min(low, right_columns_[from]);
      high = std::max(high, right_columns_[to - 1]);
    }
    first_ = low;
    last_ = high;
  }

  // Call visit(column, left, right) for every product of the row, in order.
  template <typename VISIT>
  inline void each_product(VISIT visit) const {
    const std::int32_t* const inner = job_.left.columns;
    const std::int64_t fetched = end_ - begin_ > 8 ? end_ - 2 : begin_;
    for (std::int64_t k = begin_; k < end_; ++k) {
      const std::int64_t from = offsets_[inner[k]];
      const std::int64_t to = offsets_[inner[k] + 1];
      if (k < fetched) {
        const std::int64_t soon = offsets_[inner[k + 2]];
        __builtin_prefetch(right_columns_ + soon);
        __builtin_prefetch(right_values_ + soon);
      }
      const V left = left_values_[k];
      for (std::int64_t i = from; i < to; ++i) visit(right_columns_[i], left, right_values_[i]);
    }
  }

  std::int32_t* columns() const { return sink_.columns + sink_.count; }
  V* values() const { return static_cast<V*>(sink_.values) + sink_.count; }

  void copy() {
    const std::int32_t inner = job_.left.columns[begin_];
    const V left = left_values_[begin_];
    std::int32_t* const out_columns = columns();
    V* const out_values = values();
    std::int64_t count = 0;
    for (std::int64_t i = offsets_[inner]; i < offsets_[inner + 1]; ++i) {
      const V product = S::combine(S::zero(), left, right_values_[i]);
      out_columns[count] = right_columns_[i];
      out_values[count] = product;
      count += product != S::zero() ? 1 : 0;
    }
    sink_.count += count;
  }

  // The dense accumulator, moved so that `first_` is its first entry.
  V* dense(std::int64_t length) {
    length = (length + kLineLength - 1) / kLineLength * kLineLength;
    const bool grows = length > space_.dense_length;
    if (grows) length = std::max(length, 2 * space_.dense_length);
    auto* const found = static_cast<V*>(
        space_.dense.reserve(static_cast<std::size_t>(grows ? length : 1) * sizeof(V)));
    if (grows) {
      std::fill(found, found + length, S::zero());
      space_.dense_length = length;
    }
    return found;
  }

  Mark* marks(std::int64_t lines) {
    lines = (lines + 63) / 64 * 64;
    const bool grows = lines > space_.marks_length;
    if (grows) lines = std::max(lines, 2 * space_.marks_length);
    auto* const found =
        static_cast<Mark*>(space_.marks.reserve(static_cast<std::size_t>(grows ? lines : 1)));
    if (grows) {
      std::memset(found, 0, static_cast<std::size_t>(lines));
      space_.marks_length = lines;
    }
    return found;
  }

  void drain(V* sums, std::int64_t line, std::int64_t first) {
    sink_.count += drain_line<S>(sums + (line << kShift),
                                 static_cast<std::int32_t>(first + (line << kShift)), columns(),
                                 values());
  }

  // Marked lines go to the sink in order; afterwards none is marked.
  void drain_marked(V* sums, Mark* marked, std::int64_t lines, std::int64_t first) {
    for (std::int64_t word = 0; word < lines; word += 64) {
#if defined(__AVX512F__) && defined(__AVX512BW__)
      const __m512i found = _mm512_load_si512(marked + word);
      std::uint64_t bits = _mm512_test_epi8_mask(found, found);
      if (bits == 0) continue;
      _mm512_store_si512(marked + word, _mm512_setzero_si512());
#else
      std::uint64_t bits = 0;
      for (int i = 0; i < 64; i += 8) {
        std::uint64_t eight;
        std::memcpy(&eight, marked + word + i, 8);
        bits |= (eight * 0x0102040810204080ULL >> 56) << i;
      }
      if (bits == 0) continue;
      std::memset(marked + word, 0, 64);
#endif
      for (; bits != 0; bits &= bits - 1) drain(sums, word + __builtin_ctzll(bits), first);
    }
  }

  void dense_bitmap() {
    if (last_ - first_ < kNarrow) return dense_narrow();
    const std::int64_t length = last_ - first_ + 1;
    const std::int64_t lines = (length + kLineLength - 1) >> kShift;
    V* const sums = dense(length);
    Mark* const marked = marks(lines);
    const auto base = static_cast<std::int32_t>(first_);
    each_product([=](std::int32_t column, V left, V right) {
      const std::int32_t at = column - base;
      sums[at] = S::combine(sums[at], left, right);
      marked[at >> kShift] = Mark::set;
    });
    drain_marked(sums, marked, lines, first_);
  }

  // All columns between the first and the last go to the sink, in order.
  void dense_narrow() {
    const std::int64_t length = last_ - first_ + 1;
    V* const sums = dense(length);
    const auto base = static_cast<std::int32_t>(first_);
    each_product([=](std::int32_t column, V left, V right) {
      V& sum = sums[column - base];
      sum = S::combine(sum, left, right);
    });
    std::int32_t* const out_columns = columns();
    V* const out_values = values();
    std::int64_t kept = 0;
    for (std::int64_t i = 0; i < length; ++i) {
      const V sum = sums[i];
      sums[i] = S::zero();
      out_columns[kept] = base + static_cast<std::int32_t>(i);
      out_values[kept] = sum;
      kept += sum != S::zero() ? 1 : 0;
    }
    sink_.count += kept;
  }

  // A sum that is zero counts as new, so a column may be listed twice; the second time it is zero.
  void dense_list(std::int64_t products) {
    V* const sums = dense(last_ - first_ + 1);
    auto* const list = static_cast<std::int32_t*>(
        space_.lists.reserve(static_cast<std::size_t>(products) * sizeof(std::int32_t)));
    const auto base = static_cast<std::int32_t>(first_);
    std::int64_t count = 0;
    each_product([=, &count](std::int32_t column, V left, V right) {
      const std::int32_t at = column - base;
      const V sum = sums[at];
      sums[at] = S::combine(sum, left, right);
      list[count] = at;
      count += sum == S::zero() ? 1 : 0;
    });
    if (job_.sorted) std::sort(list, list + count);
    std::int32_t* const out_columns = columns();
    V* const out_values = values();
    std::int64_t kept = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const V sum = sums[list[i]];
      sums[list[i]] = S::zero();
      out_columns[kept] = base + list[i];
      out_values[kept] = sum;
      kept += sum != S::zero() ? 1 : 0;
    }
    sink_.count += kept;
  }

  // A power of two, at most half full.
  std::int64_t table_slots(std::int64_t products) const {
    const std::int64_t most = std::min(products, job_.right.num_columns);
    std::int64_t slots = 16;
    while (slots < 2 * most) slots *= 2;
    return slots;
  }

  // A slot holds the column and where its sum is in the sink.
  struct Slot {
    std::int32_t column;
    std::int32_t place;
  };

  void hashed(std::int64_t products) {
    const std::int64_t slots = table_slots(products);
    const auto mask = static_cast<std::uint32_t>(slots - 1);
    auto* const table = static_cast<Slot*>(
        space_.table.reserve(static_cast<std::size_t>(slots) * sizeof(Slot)));
    std::memset(table, 0xFF, static_cast<std::size_t>(slots) * sizeof(Slot));
    std::int32_t* const out_columns = columns();
    V* const out_values = values();
    std::int32_t count = 0;
    each_product([=, &count](std::int32_t column, V left, V right) {
      std::uint32_t at = static_cast<std::uint32_t>(column) & mask;
      while (table[at].column != column) {
        if (table[at].column < 0) {
          table[at] = {column, count};
          out_columns[count] = column;
          out_values[count] = S::combine(S::zero(), left, right);
          ++count;
          return;
        }
        at = (at + 1) & mask;
      }
      V& sum = out_values[table[at].place];
      sum = S::combine(sum, left, right);
    });
    finish(count);
  }

  // The sink has `count` entries of this row, each column once: sort them if that is wanted, and
  // leave out those that are zero.
  void finish(std::int64_t count) {
    std::int32_t* const out_columns = columns();
    V* const out_values = values();
    if (job_.sorted && !std::is_sorted(out_columns, out_columns + count)) {
      sort_entries(out_columns, out_values, count);
    }
    std::int64_t kept = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const V value = out_values[i];
      out_columns[kept] = out_columns[i];
      out_values[kept] = value;
      kept += value != S::zero() ? 1 : 0;
    }
    sink_.count += kept;
  }

  void sort_entries(std::int32_t* out_columns, V* out_values, std::int64_t count) {
    auto* const keys = static_cast<std::uint64_t*>(space_.sorting.reserve(
        static_cast<std::size_t>(count) * (sizeof(std::uint64_t) + sizeof(V))));
    V* const copy = reinterpret_cast<V*>(keys + count);
    for (std::int64_t i = 0; i < count; ++i) {
      keys[i] = static_cast<std::uint64_t>(out_columns[i]) << 32 | static_cast<std::uint64_t>(i);
      copy[i] = out_values[i];
    }
    std::sort(keys, keys + count);
    for (std::int64_t i = 0; i < count; ++i) {
      out_columns[i] = static_cast<std::int32_t>(keys[i] >> 32);
      out_values[i] = copy[keys[i] & 0xFFFFFFFFU];
    }
  }

  struct Entry {
    std::int32_t column;
    V left;
    V right;
  };

  void sorted(std::int64_t products) {
    auto* const entries = static_cast<Entry*>(
        space_.buckets.reserve(static_cast<std::size_t>(products) * sizeof(Entry)));
    std::int64_t count = 0;
    each_product([=, &count](std::int32_t column, V left, V right) {
      entries[count++] = {column, left, right};
    });
    if (products <= kTiny) {
      for (std::int64_t i = 1; i < count; ++i) {
        const Entry entry = entries[i];
        std::int64_t at = i;
        for (; at > 0 && entries[at - 1].column > entry.column; --at) entries[at] = entries[at - 1];
        entries[at] = entry;
      }
    } else {
      std::stable_sort(entries, entries + count,
                       [](const Entry& a, const Entry& b) { return a.column < b.column; });
    }
    std::int32_t* const out_columns = columns();
    V* const out_values = values();
    std::int64_t kept = 0;
    for (std::int64_t i = 0; i < count;) {
      const std::int32_t column = entries[i].column;
      V sum = S::zero();
      for (; i < count && entries[i].column == column; ++i) {
        sum = S::combine(sum, entries[i].left, entries[i].right);
      }
      out_columns[kept] = column;
      out_values[kept] = sum;
      kept += sum != S::zero() ? 1 : 0;
    }
    sink_.count += kept;
  }

  // Products go to the chunk of their column first, so that the sums of a chunk stay in the cache. If
  // there are more chunks than can be written at once, to coarse ones and from there to fine ones.
  void in_chunks(std::int64_t products) {
    auto* const entries = static_cast<Entry*>(
        space_.buckets.reserve(static_cast<std::size_t>(products) * sizeof(Entry)));
    int fine = kShift;  // bits of a column within its chunk
    while ((std::int64_t{sizeof(V)} << (fine + 1)) <= job_.limits.chunk_bytes) ++fine;
    const std::int64_t span = last_ - first_;
    int coarse = fine;
    while ((span >> coarse) >= job_.limits.chunks_at_once) ++coarse;
    const auto base = static_cast<std::int32_t>(first_);
    std::vector<std::int64_t> ends((span >> coarse) + 2, 0);
    each_product([=, &ends](std::int32_t column, V, V) { ++ends[((column - base) >> coarse) + 1]; });
    for (std::size_t i = 1; i < ends.size(); ++i) ends[i] += ends[i - 1];
    each_product([=, &ends](std::int32_t column, V left, V right) {
      entries[ends[(column - base) >> coarse]++] = {column - base, left, right};
    });
    std::int64_t from = 0;
    for (std::int64_t chunk = 0; chunk + 1 < static_cast<std::int64_t>(ends.size()); ++chunk) {
      const std::int64_t to = ends[chunk];
      if (coarse == fine) {
        sum_chunk(entries + from, entries + to, chunk << fine, fine);
      } else {
        split_chunk(entries + from, entries + to, chunk << coarse, coarse, fine);
      }
      from = to;
    }
  }

  void split_chunk(const Entry* from, const Entry* to, std::int64_t begin, int coarse, int fine) {
    auto* const entries = static_cast<Entry*>(
        space_.more_buckets.reserve(static_cast<std::size_t>(to - from) * sizeof(Entry)));
    const std::int64_t chunks = std::int64_t{1} << (coarse - fine);
    std::vector<std::int64_t> ends(chunks + 1, 0);
    const auto base = static_cast<std::int32_t>(begin);
    for (const Entry* it = from; it < to; ++it) ++ends[((it->column - base) >> fine) + 1];
    for (std::size_t i = 1; i < ends.size(); ++i) ends[i] += ends[i - 1];
    for (const Entry* it = from; it < to; ++it) entries[ends[(it->column - base) >> fine]++] = *it;
    std::int64_t at = 0;
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      sum_chunk(entries + at, entries + ends[chunk], begin + (chunk << fine), fine);
      at = ends[chunk];
    }
  }

  void sum_chunk(const Entry* from, const Entry* to, std::int64_t begin, int fine) {
    if (from == to) return;
    V* const sums = dense(std::int64_t{1} << fine);
    const std::int64_t lines = std::int64_t{1} << (fine - kShift);
    Mark* const marked = marks(lines);
    const auto base = static_cast<std::int32_t>(begin);
    for (const Entry* it = from; it < to; ++it) {
      const std::int32_t at = it->column - base;
      sums[at] = S::combine(sums[at], it->left, it->right);
      marked[at >> kShift] = Mark::set;
    }
    drain_marked(sums, marked, lines, first_ + begin);
  }

  const SpgemmJob& job_;
  Workspace& space_;
  SparseSink& sink_;
  const V* const left_values_;
  const V* const right_values_;
  const std::int64_t* const offsets_;
  const std::int32_t* const right_columns_;
  std::int64_t begin_ = 0;
  std::int64_t end_ = 0;
  std::int64_t first_ = 0;
  std::int64_t last_ = 0;
};

template <typename S>
void multiply_rows(const SpgemmJob& job, Workspace& space, std::int64_t begin, std::int64_t end,
                   SparseSink& sink, std::int64_t* row_ends) {
  RowMaker<S> maker(job, space, sink);
  for (std::int64_t row = begin; row < end; ++row) {
    maker.make(row);
    row_ends[row] = sink.count;
  }
}

template <template <typename> class S>
MultiplyRows of_value(Value value) {
  switch (value) {
    case Value::int32:
      return multiply_rows<S<std::int32_t>>;
    case Value::int64:
      return multiply_rows<S<std::int64_t>>;
    case Value::float32:
      return multiply_rows<S<float>>;
    case Value::float64:
      return multiply_rows<S<double>>;
    default:
      return nullptr;
  }
}

inline MultiplyRows find_loops(Semiring semiring, Value value) {
  switch (semiring) {
    case Semiring::plus_times:
      return of_value<PlusTimes>(value);
    case Semiring::min_plus:
      return of_value<MinPlus>(value);
    default:
      return value == Value::boolean ? multiply_rows<OrAnd<std::uint8_t>> : nullptr;
  }
}

}  // namespace
}  // namespace netwright
