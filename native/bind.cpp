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
#include <utility>
#include <vector>

#include "cpu.hpp"
#include "overlap.hpp"
#include "packed.hpp"
#include "product.hpp"
#include "spmm.hpp"

namespace nb = nanobind;

namespace netwright {

void bind_bank(nb::module_& module);     // bind_bank.cpp
void bind_coded(nb::module_& module);    // bind_coded.cpp
void bind_encoder(nb::module_& module);  // bind_encoder.cpp
void bind_events(nb::module_& module);   // bind_events.cpp
void bind_nm(nb::module_& module);       // bind_nm.cpp
void bind_spgemm(nb::module_& module);   // bind_spgemm.cpp

namespace {

template <typename T>
using Vector = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <typename T>
using Matrix = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Statistics = nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

template <typename T>
std::vector<T> list_of(const Vector<T>& values) {
  return {values.data(), values.data() + values.size()};
}

Format format_of(const std::string& name) {
  if (name == "int32") return Format::int32;
  if (name == "float32") return Format::float32;
  if (name == "uint8") return Format::uint8;
  if (name == "int8") return Format::int8;
  throw std::invalid_argument("format must be int32, float32, uint8 or int8");
}

// Bytes of an element; bytes may be looked up as either kind of byte.
bool matches(const nb::dlpack::dtype& dtype, Format format) {
  switch (format) {
    case Format::int32:
      return dtype == nb::dtype<std::int32_t>();
    case Format::float32:
      return dtype == nb::dtype<float>();
    default:
      return dtype == nb::dtype<std::uint8_t>() || dtype == nb::dtype<std::int8_t>();
  }
}

void run(const Product& product, const Matrix<std::uint8_t>& activation, const Output& out,
         const std::optional<Matrix<float>>& residual, const std::optional<Statistics>& statistics,
         int num_threads) {
  const PackedWeights& packed = product.packed();
  const auto rows = static_cast<std::size_t>(packed.rows());
  const std::size_t columns = activation.shape(1);
  require(activation.shape(0) == static_cast<std::size_t>(packed.columns()),
          "activation must have a row for each column of the weights");
  require(columns > 0, "activation must have at least one column");
  require(out.shape(0) == rows && out.shape(1) == columns, "out has a wrong shape");
  require(matches(out.dtype(), product.options().format), "out has a wrong format");
  require(!overlap(out, activation), "out must not share memory with activation");
  require(residual.has_value() == product.options().residual, "residual is missing or not wanted");
  require(!residual || (residual->shape(0) == rows && residual->shape(1) == columns &&
                        !overlap(out, *residual)),
          "residual has a wrong shape, or shares memory with out");
  require(!statistics || (statistics->shape(0) == 2 && statistics->shape(1) == columns &&
                          product.options().format != Format::int32),
          "statistics must have two rows and a column for each token, and need real values");
  require(!statistics || (!overlap(*statistics, out) && !overlap(*statistics, activation) &&
                          (!residual || !overlap(*statistics, *residual))),
          "statistics must not share memory with anything else");
  require(num_threads >= 1 && num_threads <= 256, "threads must be from 1 to 256");
  double* const mean = statistics ? statistics->data() : nullptr;
  if (mean != nullptr) std::fill(mean, mean + 2 * columns, 0.0);
  const Call call{activation.data(),
                  static_cast<std::int64_t>(columns),
                  residual ? residual->data() : nullptr,
                  mean,
                  mean == nullptr ? nullptr : mean + columns,
                  out.data()};
  const nb::gil_scoped_release release;
  product.run(call, num_threads);
}

std::int64_t products(std::int64_t count) {
#ifdef NETWRIGHT_X86
  const std::vector<std::string> supported = supported_isas();
  require(std::find(supported.begin(), supported.end(), "avx512-vnni") != supported.end(),
          "this processor cannot execute the path");
  const nb::gil_scoped_release release;
  return vnni_products(count);
#else
  (void)count;
  throw std::invalid_argument("this processor cannot execute the path");
#endif
}

}  // namespace
}  // namespace netwright

NB_MODULE(_native, module) {
  using namespace netwright;
  bind_bank(module);
  bind_coded(module);
  bind_encoder(module);
  bind_events(module);
  bind_nm(module);
  bind_spgemm(module);
  module.def("supported_isas", &supported_isas);
  module.def("preferred_isa", &preferred_isa);
  module.def("vnni_products", &products, nb::arg("count"));
  nb::class_<PackedWeights>(module, "PackedWeights")
      .def(
          "__init__",
          [](PackedWeights* self, int block_rows, std::int64_t columns,
             const Vector<std::int32_t>& offsets, const Vector<std::uint16_t>& indices,
             const Vector<std::int8_t>& values) {
            new (self) PackedWeights(block_rows, columns, list_of(offsets), list_of(indices),
                                     list_of(values));
          },
          nb::arg("block_rows"), nb::arg("columns"), nb::arg("offsets"), nb::arg("indices"),
          nb::arg("values"));
  nb::class_<Product>(module, "Product")
      .def(
          "__init__",
          [](Product* self, const PackedWeights& packed, const Vector<std::int32_t>& bias,
             const Vector<float>& scale, bool relu, bool residual, bool gelu, float multiplier,
             std::int32_t zero_point, const std::string& format, bool bounded,
             const Vector<std::uint8_t>& table, const std::string& isa) {
            new (self) Product(packed,
                               {list_of(bias), list_of(scale), relu, residual, gelu, multiplier,
                                zero_point, format_of(format), bounded, list_of(table)},
                               isa);
          },
          nb::keep_alive<1, 2>(), nb::arg("packed"), nb::arg("bias"), nb::arg("scale"),
          nb::arg("relu"), nb::arg("residual"), nb::arg("gelu"), nb::arg("multiplier"),
          nb::arg("zero_point"), nb::arg("format"), nb::arg("bounded"), nb::arg("table"),
          nb::arg("isa"))
      .def("run", &run, nb::arg("activation").noconvert(), nb::arg("out").noconvert(),
           nb::arg("residual").noconvert().none(), nb::arg("statistics").noconvert().none(),
           nb::arg("num_threads"));
}
