// Python interface of the kernels. Everything that could read or write outside an array is checked
// here again, whatever the caller has checked already.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "cpu.hpp"
#include "pool.hpp"
#include "spmm.hpp"

namespace nb = nanobind;

namespace netwright {
namespace {

template <typename T>
using Vector = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Matrix = nb::ndarray<const std::uint8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<nb::ndim<2>, nb::c_contig, nb::device::cpu>;

void require(bool condition, const char* message) {
  if (!condition) throw std::invalid_argument(message);
}

// Chunks of stripes for one thread; more than one, so that a disturbed thread gets fewer.
constexpr std::int64_t kChunksPerThread = 4;

// A checked copy of packed weights: nobody can change the indices under a running kernel.
class PackedWeights {
 public:
  PackedWeights(int block_rows, std::int64_t columns, Vector<std::int32_t> offsets,
                Vector<std::uint16_t> indices, Vector<std::int8_t> values)
      : block_rows_(block_rows),
        columns_(columns),
        offsets_(offsets.data(), offsets.data() + offsets.size()),
        indices_(indices.data(), indices.data() + indices.size()),
        values_(values.data(), values.data() + values.size()) {
    require(block_rows == 4 || block_rows == 8, "block_rows must be 4 or 8");
    require(!offsets_.empty() && offsets_.front() == 0, "offsets must start with 0");
    require(std::is_sorted(offsets_.begin(), offsets_.end()), "offsets must not decrease");
    const auto num_groups = static_cast<std::size_t>(offsets_.back());
    require(indices_.size() == 4 * num_groups, "indices must have 4 entries a group");
    require(values_.size() == 4 * num_groups * static_cast<std::size_t>(block_rows),
            "values must have 4 * block_rows entries a group");
    require(std::all_of(indices_.begin(), indices_.end(),
                        [&](std::uint16_t index) { return index < columns; }),
            "indices must be smaller than the number of columns");
  }

  Weights view() const {
    return {block_rows_, num_stripes() * block_rows_, columns_,
            offsets_.data(), indices_.data(), values_.data()};
  }

  std::int64_t num_stripes() const { return static_cast<std::int64_t>(offsets_.size()) - 1; }

  // The first stripe of chunk `chunk` of `num_chunks` chunks with about equally many groups.
  std::int64_t boundary(std::int64_t chunk, std::int64_t num_chunks) const {
    if (chunk == 0) return 0;
    if (chunk == num_chunks) return num_stripes();
    // A stripe costs its groups and, even without any, the store of its rows.
    const double cost = static_cast<double>(offsets_.back()) + 2.0 * num_stripes();
    const double target = cost * static_cast<double>(chunk) / static_cast<double>(num_chunks);
    std::int64_t low = 0;
    std::int64_t high = num_stripes();
    while (low < high) {
      const std::int64_t middle = (low + high) / 2;
      if (offsets_[middle] + 2.0 * middle < target) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

 private:
  int block_rows_;
  std::int64_t columns_;
  std::vector<std::int32_t> offsets_;
  std::vector<std::uint16_t> indices_;
  std::vector<std::int8_t> values_;
};

Spmm kernel_for(const std::string& isa) {
  const std::vector<std::string> supported = supported_isas();
  require(std::find(supported.begin(), supported.end(), isa) != supported.end(),
          "this processor cannot execute the path");
  if (isa == "scalar") return spmm_scalar;
#ifdef NETWRIGHT_X86
  if (isa == "avx2") return spmm_avx2;
  if (isa == "avx512-vnni") return spmm_vnni;
  if (isa == "avx512-vbmi") return spmm_vbmi;
#endif
  throw std::invalid_argument("there is no such path");
}

Format format_of(const nb::dlpack::dtype& dtype) {
  if (dtype == nb::dtype<std::int32_t>()) return Format::int32;
  if (dtype == nb::dtype<float>()) return Format::float32;
  if (dtype == nb::dtype<std::uint8_t>()) return Format::uint8;
  if (dtype == nb::dtype<std::int8_t>()) return Format::int8;
  throw std::invalid_argument("out must hold int32, float32, uint8 or int8");
}

void spmm(const PackedWeights& packed, Matrix activation, Output out,
          const std::optional<Vector<std::int32_t>>& bias,
          const std::optional<Vector<float>>& scale, bool relu, std::int32_t zero_point,
          const std::string& isa, int num_threads) {
  const Weights weights = packed.view();
  const auto rows = static_cast<std::size_t>(weights.rows);
  const Epilogue epilogue{bias ? bias->data() : nullptr, scale ? scale->data() : nullptr, relu,
                          zero_point, format_of(out.dtype())};
  require(activation.shape(0) == static_cast<std::size_t>(weights.columns),
          "activation must have a row for each column of the weights");
  require(out.shape(0) == rows && out.shape(1) == activation.shape(1), "out has a wrong shape");
  require(!bias || bias->size() == rows, "bias must have an entry for each row");
  require(!scale || scale->size() == rows, "scale must have an entry for each row");
  require(scale || epilogue.format == Format::int32, "this format of out needs a scale");
  require(zero_point >= -255 && zero_point <= 255, "zero_point must be from -255 to 255");
  require(num_threads >= 1 && num_threads <= 256, "threads must be from 1 to 256");
  const Spmm kernel = kernel_for(isa);
  const auto columns = static_cast<std::int64_t>(activation.shape(1));
  const Activation dense{activation.data(), columns, columns};
  const Result result{out.data()};
  const nb::gil_scoped_release release;
  if (num_threads == 1) {
    kernel(weights, dense, epilogue, result, {0, packed.num_stripes()});
    return;
  }
  const std::int64_t num_chunks = std::min(kChunksPerThread * num_threads, packed.num_stripes());
  run_tasks(num_chunks, num_threads, [&](std::int64_t chunk) {
    const Stripes stripes{packed.boundary(chunk, num_chunks),
                          packed.boundary(chunk + 1, num_chunks)};
    kernel(weights, dense, epilogue, result, stripes);
  });
}

std::int64_t products(std::int64_t count) {
#ifdef NETWRIGHT_X86
  require(kernel_for("avx512-vnni") != nullptr, "unreachable");
  const nb::gil_scoped_release release;
  return vnni_products(count);
#else
  throw std::invalid_argument("this processor cannot execute the path");
#endif
}

}  // namespace
}  // namespace netwright

NB_MODULE(_native, module) {
  using namespace netwright;
  module.def("supported_isas", &supported_isas);
  module.def("preferred_isa", &preferred_isa);
  module.def("vnni_products", &products, nb::arg("count"));
  nb::class_<PackedWeights>(module, "PackedWeights")
      .def(nb::init<int, std::int64_t, Vector<std::int32_t>, Vector<std::uint16_t>,
                    Vector<std::int8_t>>(),
           nb::arg("block_rows"), nb::arg("columns"), nb::arg("offsets"), nb::arg("indices"),
           nb::arg("values"));
  module.def("spmm", &spmm, nb::arg("packed"), nb::arg("activation"), nb::arg("out"),
             nb::arg("bias").none(), nb::arg("scale").none(), nb::arg("relu"),
             nb::arg("zero_point"), nb::arg("isa"), nb::arg("num_threads"));
}
