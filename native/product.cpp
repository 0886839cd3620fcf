#include "product.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "cpu.hpp"
#include "pool.hpp"

namespace netwright {
namespace {

// Chunks of stripes for one thread; more than one, so that a disturbed thread gets fewer.
constexpr std::int64_t kChunksPerThread = 4;

// Rows that are finished while they are in the first-level cache.
constexpr std::int64_t kRowsAtOnce = 32;

// Bytes of a cache line.
constexpr std::int64_t kLine = 64;

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

// Memory of this thread that grows and stays, aligned to cache lines.
class Scratch {
 public:
  void* reserve(std::size_t num_bytes) {
    if (num_bytes > size_) {
      memory_ = std::make_unique<std::uint8_t[]>(num_bytes + kLine);
      size_ = num_bytes;
    }
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.get());
    return memory_.get() + (kLine - address % kLine) % kLine;
  }

 private:
  std::unique_ptr<std::uint8_t[]> memory_;
  std::size_t size_ = 0;
};

thread_local Scratch interleaved_scratch;
thread_local Scratch panels_scratch;
thread_local Scratch rows_scratch;

// Copy the rows [begin, end) into panels of 64 columns, `step` bytes apart.
void copy_panels(const Activation& source, std::int64_t begin, std::int64_t end, std::int64_t step,
                 std::uint8_t* out) {
  for (std::int64_t row = begin; row < end; ++row) {
    const std::uint8_t* const from = source.data + row * source.stride;
    std::int64_t column = 0;
    for (; column + kLine <= source.columns; column += kLine) {
      std::memcpy(out + column / kLine * step + row * kLine, from + column, kLine);
    }
    if (column < source.columns) {
      std::memcpy(out + column / kLine * step + row * kLine, from + column,
                  static_cast<std::size_t>(source.columns - column));
    }
  }
}

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
  const std::int64_t num_stripes = packed_.num_stripes();
  const bool moments = call.mean != nullptr;
  if (num_threads == 1) {
    Moments all{0, call.mean, call.squares};
    run_stripes(call, activation, {0, num_stripes}, moments ? &all : nullptr);
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
    run_stripes(call, activation, stripes, moments ? &parts[chunk] : nullptr);
  });
  Moments all{0, call.mean, call.squares};
  for (const Moments& part : parts) merge(all, part, call.columns);
}

Activation Product::prepare(const Call& call, int num_threads) const {
  Activation activation{call.activation, call.columns, call.columns, kLine, nullptr};
  if (kernels_.interleave == nullptr) return activation;
  const std::int64_t lines = (call.columns + kLine - 1) / kLine;
  if (weights_.run_offsets != nullptr) {
    const std::int64_t num_runs = weights_.columns / weights_.width;
    const auto num_bytes = static_cast<std::size_t>(num_runs * weights_.width * lines * kLine);
    auto* const out = static_cast<std::uint8_t*>(interleaved_scratch.reserve(num_bytes));
    run_tasks(num_threads, num_threads, [&](std::int64_t part) {
      kernels_.interleave(activation, weights_.columns, out, num_runs * part / num_threads,
                          num_runs * (part + 1) / num_threads);
    });
    activation.interleaved = out;
  }
  if (wants_panels(activation)) {
    const std::int64_t step = weights_.columns * kLine;
    auto* const out = static_cast<std::uint8_t*>(
        panels_scratch.reserve(static_cast<std::size_t>(lines * step)));
    run_tasks(num_threads, num_threads, [&](std::int64_t part) {
      copy_panels(activation, weights_.columns * part / num_threads,
                  weights_.columns * (part + 1) / num_threads, step, out);
    });
    activation.data = out;
    activation.stride = kLine;
    activation.step = step;
  }
  return activation;
}

// Whether so many rows are gathered that they are first copied to where 64 columns lie together.
bool Product::wants_panels(const Activation& activation) const {
  if (activation.columns <= kLine) return false;
  const bool aligned = reinterpret_cast<std::uintptr_t>(activation.data) % kLine == 0 &&
                       activation.stride % kLine == 0;
  const bool far = activation.stride >= kFarApart || !aligned;
  const std::int64_t num_groups = weights_.offsets[packed_.num_stripes()];
  const std::int64_t gathered = num_groups * weights_.width;
  return gathered >= (far ? kPanelUsesFar : kPanelUses) * weights_.columns;
}

void Product::run_stripes(const Call& call, const Activation& activation, Stripes stripes,
                          Moments* moments) const {
  const Options& options = options_;
  const auto* const bias = options.bias.empty() ? nullptr : options.bias.data();
  const auto* const scale = options.scale.empty() ? nullptr : options.scale.data();
  Epilogue epilogue{bias,           scale, options.relu, options.zero_point,
                    options.format, options.bounded};
  const bool staged =
      options.residual || options.gelu || options.multiplier != 1.0F || moments != nullptr;
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
