#include "product.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <utility>

#include "cpu.hpp"
#include "pool.hpp"
#include "scratch.hpp"

namespace netwright {
namespace {

// Chunks of stripes for one thread; more than one, so that a disturbed thread gets fewer.
constexpr std::int64_t kChunksPerThread = 4;

// Columns of a chunk, or a multiple: what every path takes at once. Threads share the columns, not the
// stripes, where each gets a chunk at least: then it reads its part of the activation only, and the
// weights, which are few, as a whole.
constexpr std::int64_t kChunkColumns = 128;

// Rows that are finished while they are in the first-level cache.
constexpr std::int64_t kRowsAtOnce = 32;

#ifdef NETWRIGHT_X86
// With three of four columns, 16 products for three columns are fewer operations than the 24 that a
// group of four takes with its interleaving.
constexpr Grouping kVnniGrouping{kVnniWidth, 3, 6};

#ifdef NETWRIGHT_AMX
// A tile of neighbors comes from the second-level cache, which takes as long as to gather about 24
// columns.
constexpr Grouping kAmxGrouping{kAmxWidth, 24, 16};
#endif
#endif

// How often each row of the activation must be gathered for copying it into panels to pay: rows
// that are far apart share few sets of the caches, and rows that begin anywhere touch two lines a
// load.
constexpr std::int64_t kPanelUses = 25;
constexpr std::int64_t kPanelUsesFar = 6;
constexpr std::int64_t kFarApart = 512;

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

thread_local Scratch interleaved_scratch;
thread_local Scratch rows_scratch;

// This thread's copy of an activation in panels of 64 columns. What another thread has copied would
// come from that one's caches, which takes longer than is saved.
class Panels {
 public:
  // The copy of the columns of `source` that belongs to `call`, a number that is given once; made if it
  // is not there.
  Activation of(const Activation& source, std::int64_t rows, std::uint64_t call) {
    const std::int64_t step = rows * kLine;
    const std::int64_t lines = (source.columns + kLine - 1) / kLine;
    if (call != call_) {
      data_ = static_cast<std::uint8_t*>(memory_.reserve(static_cast<std::size_t>(lines * step)));
      copy(source, rows, step);
      call_ = call;
    }
    return {data_, source.columns, kLine, step, source.first, source.last, source.interleaved};
  }

 private:
  void copy(const Activation& source, std::int64_t rows, std::int64_t step) {
    const std::int64_t whole = source.last / kLine * kLine;
    const auto left = static_cast<std::size_t>(source.last - whole);
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::uint8_t* const from = source.data + row * source.stride;
      std::uint8_t* to = data_ + source.first / kLine * step + row * kLine;
      for (std::int64_t column = source.first; column < whole; column += kLine, to += step) {
        std::memcpy(to, from + column, kLine);
      }
      if (left > 0) std::memcpy(to, from + whole, left);
    }
  }

  Scratch memory_;
  std::uint8_t* data_ = nullptr;
  std::uint64_t call_ = 0;
};

thread_local Panels panels;
std::atomic<std::uint64_t> last_call{0};

void merge(Moments& total, const Moments& part, std::int64_t columns) {
  if (part.count == 0) return;
  const double count = total.count + part.count;
  for (std::int64_t c = 0; c < columns; ++c) {
    const double delta = part.mean[c] - total.mean[c];
    total.mean[c] += delta * part.count / count;
    total.squares[c] += part.squares[c] + delta * delta * total.count * part.count / count;
  }
  total.count = count;
}

}  // namespace

Product::Kernels Product::kernels_of(const std::string& isa, int block_rows) {
  const std::vector<std::string> supported = supported_isas();
  require(contains(supported, isa), "this processor cannot execute the path");
#ifdef NETWRIGHT_X86
  const LookUp look_up = contains(supported, "avx512-vbmi") ? look_up_vbmi : look_up_scalar;
  if (isa == "avx2") return {spmm_avx2, finish_rows_avx2, look_up_scalar, {}, nullptr};
  // With blocks of 4 rows, tiles were at most 8 % faster than VNNI, and slower with few zeros.
  if (isa == "avx512-vnni" || (isa == "amx-int8" && block_rows == 4)) {
    return {spmm_vnni, finish_rows_avx512, look_up, kVnniGrouping, interleave_vnni};
  }
  if (isa == "avx512-vbmi") return {spmm_vbmi, finish_rows_avx512, look_up, {}, nullptr};
#ifdef NETWRIGHT_AMX
  if (isa == "amx-int8") {
    return {spmm_amx, finish_rows_avx512, look_up, kAmxGrouping, interleave_amx};
  }
#endif
#endif
  require(isa == "scalar", "there is no such path");
  return {spmm_scalar, finish_rows_scalar, look_up_scalar, {}, nullptr};
}

Product::Product(const PackedWeights& packed, Options options, const std::string& isa)
    : packed_(packed),
      options_(std::move(options)),
      kernels_(kernels_of(isa, packed.block_rows())) {
  const auto rows = static_cast<std::size_t>(packed.rows());
  const Format format = options_.format;
  const bool bytes = format == Format::uint8 || format == Format::int8;
  require(options_.bias.empty() || options_.bias.size() == rows,
          "bias must have an entry for each row");
  require(options_.scale.empty() || options_.scale.size() == rows,
          "scale must have an entry for each row");
  require(!options_.scale.empty() || format == Format::int32, "this format needs a scale");
  require(format != Format::int32 || !(options_.residual || options_.gelu),
          "int32 sums take no residual and no GELU");
  require(options_.table.empty() || (bytes && options_.table.size() == 256),
          "a table needs bytes, and 256 entries");
  require(options_.zero_point >= -255 && options_.zero_point <= 255,
          "zero_point must be from -255 to 255");
  weights_ =
      kernels_.interleave == nullptr ? packed.groups() : packed.grouped(kernels_.grouping);
}

void Product::run(const Call& call, int num_threads) const {
  const Activation activation = prepare(call, num_threads);
  const std::int64_t tiles = (call.columns + kChunkColumns - 1) / kChunkColumns;
  if (num_threads > 1 && tiles >= num_threads && !is_staged(call)) {
    const std::int64_t chunks = std::min(kChunksPerThread * num_threads, tiles);
    run_tasks(chunks, num_threads, [&](std::int64_t chunk) {
      const std::int64_t last = tiles * (chunk + 1) / chunks * kChunkColumns;
      run_columns(call, activation, tiles * chunk / chunks * kChunkColumns,
                  std::min(last, call.columns));
    });
    return;
  }
  const std::uint64_t number = wants_panels(activation, num_threads) ? ++last_call : 0;
  const std::int64_t num_stripes = packed_.num_stripes();
  const bool moments = call.mean != nullptr;
  if (num_threads == 1) {
    Moments all{0, call.mean, call.squares};
    run_stripes(call, number, activation, {0, num_stripes}, moments ? &all : nullptr);
    return;
  }
  const std::int64_t num_chunks = std::min(kChunksPerThread * num_threads, num_stripes);
  std::vector<double> memory(moments ? static_cast<std::size_t>(2 * num_chunks * call.columns) : 0);
  std::vector<Moments> parts;
  for (std::int64_t chunk = 0; moments && chunk < num_chunks; ++chunk) {
    double* const part = memory.data() + 2 * chunk * call.columns;
    parts.push_back({0, part, part + call.columns});
  }
  run_tasks(num_chunks, num_threads, [&](std::int64_t chunk) {
    const Stripes stripes{packed_.boundary(chunk, num_chunks),
                          packed_.boundary(chunk + 1, num_chunks)};
    run_stripes(call, number, activation, stripes, moments ? &parts[chunk] : nullptr);
  });
  Moments all{0, call.mean, call.squares};
  for (const Moments& part : parts) merge(all, part, call.columns);
}

Activation Product::prepare(const Call& call, int num_threads) const {
  Activation activation{call.activation, call.columns, call.columns, kLine,
                        0,               call.columns, nullptr};
  if (weights_.run_offsets != nullptr) {
    const std::int64_t lines = (call.columns + kLine - 1) / kLine;
    const std::int64_t num_runs = weights_.columns / weights_.width;
    const auto num_bytes = static_cast<std::size_t>(num_runs * weights_.width * lines * kLine);
    auto* const out = static_cast<std::uint8_t*>(interleaved_scratch.reserve(num_bytes));
    run_tasks(num_threads, num_threads, [&](std::int64_t part) {
      kernels_.interleave(activation, weights_.columns, out, num_runs * part / num_threads,
                          num_runs * (part + 1) / num_threads);
    });
    activation.interleaved = out;
  }
  return activation;
}

// Whether so many rows are gathered by each thread that it first copies them to where 64 columns lie
// together.
bool Product::wants_panels(const Activation& activation, int copies) const {
  if (kernels_.interleave == nullptr || activation.columns <= kLine) return false;
  const bool aligned = reinterpret_cast<std::uintptr_t>(activation.data) % kLine == 0 &&
                       activation.stride % kLine == 0;
  const bool far = activation.stride >= kFarApart || !aligned;
  const std::int64_t num_groups = weights_.offsets[packed_.num_stripes()];
  const std::int64_t uses = (far ? kPanelUsesFar : kPanelUses) * copies;
  return num_groups * weights_.width >= uses * weights_.columns;
}

bool Product::is_staged(const Call& call) const {
  return options_.residual || options_.gelu || options_.multiplier != 1.0F || call.mean != nullptr;
}

Epilogue Product::epilogue() const {
  return {options_.bias.empty() ? nullptr : options_.bias.data(),
          options_.scale.empty() ? nullptr : options_.scale.data(),
          options_.relu,
          options_.zero_point,
          options_.format,
          options_.bounded};
}

void Product::run_columns(const Call& call, const Activation& given, std::int64_t first,
                          std::int64_t last) const {
  Activation activation = given;
  activation.first = first;
  activation.last = last;
  if (wants_panels(activation, 1)) {
    activation = panels.of(activation, weights_.columns, ++last_call);
  }
  kernels_.spmm(weights_, activation, epilogue(), {call.out, 0}, {0, packed_.num_stripes()});
  if (options_.table.empty()) return;
  auto* const codes = static_cast<std::uint8_t*>(call.out) + first;
  for (std::int64_t row = 0; row < packed_.rows(); ++row) {
    kernels_.look_up(codes + row * call.columns, last - first, options_.table.data());
  }
}

void Product::run_stripes(const Call& call, std::uint64_t number, const Activation& given,
                          Stripes stripes, Moments* moments) const {
  const Activation activation =
      number == 0 ? given : panels.of(given, weights_.columns, number);
  const Options& options = options_;
  Epilogue epilogue = this->epilogue();
  const bool staged = is_staged(call);
  if (!staged) kernels_.spmm(weights_, activation, epilogue, {call.out, 0}, stripes);
  if (!staged && options.table.empty()) return;
  const bool in_place = options.format == Format::float32;
  const Finish finish{call.residual, options.gelu, options.multiplier, options.zero_point,
                      options.format};
  epilogue.format = Format::float32;
  const std::int64_t step = kRowsAtOnce / packed_.block_rows();
  for (std::int64_t begin = stripes.begin; begin < stripes.end; begin += step) {
    const std::int64_t end = std::min(begin + step, stripes.end);
    const std::int64_t first_row = begin * packed_.block_rows();
    const std::int64_t rows = (end - begin) * packed_.block_rows();
    const std::int64_t count = rows * call.columns;
    std::uint8_t* const codes =
        in_place ? nullptr : static_cast<std::uint8_t*>(call.out) + first_row * call.columns;
    if (staged) {
      auto* const values =
          in_place ? static_cast<float*>(call.out) + first_row * call.columns
                   : static_cast<float*>(
                         rows_scratch.reserve(static_cast<std::size_t>(count) * sizeof(float)));
      kernels_.spmm(weights_, activation, epilogue, {values, first_row}, {begin, end});
      kernels_.finish(values, rows, call.columns, first_row, finish, moments, codes);
    }
    if (!options.table.empty()) kernels_.look_up(codes, count, options.table.data());
  }
}

}  // namespace netwright
