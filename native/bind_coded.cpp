// Python interface of the coded products. As in bind.cpp, whatever could read or write outside an
// array is checked here, too.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "coded.hpp"
#include "cpu.hpp"
#include "overlap.hpp"
#include "packed.hpp"

namespace nb = nanobind;

namespace netwright {
namespace {

template <typename T>
using Matrix = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Bytes = Matrix<const std::uint8_t>;
using Tables = Matrix<const std::int16_t>;
using Output = nb::ndarray<nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// (2, 16): plain and marked; without, the elements are signed bytes.
WordTables tables_of(const std::optional<Tables>& tables) {
  WordTables found{};
  if (!tables) return found;
  require(tables->shape(0) == 2 && tables->shape(1) == 16, "tables must have shape (2, 16)");
  std::copy(tables->data(), tables->data() + 16, found.plain);
  std::copy(tables->data() + 16, tables->data() + 32, found.marked);
  return found;
}

ScaleFormat scale_format_of(const std::string& name) {
  if (name.empty()) return ScaleFormat::none;
  if (name == "e8m0") return ScaleFormat::e8m0;
  if (name == "e4m3") return ScaleFormat::e4m3;
  throw std::invalid_argument("scales must be e8m0 or e4m3");
}

std::vector<std::uint8_t> list_of(const Bytes& bytes) {
  return {bytes.data(), bytes.data() + bytes.size()};
}

const CodedKernels& kernels_of(const std::string& isa) {
  const std::vector<std::string> supported = supported_isas();
  require(std::find(supported.begin(), supported.end(), isa) != supported.end(),
          "this processor cannot execute the path");
#ifdef NETWRIGHT_X86
  if (isa == "avx2") return coded_avx2;
  if (isa != "scalar") return coded_vnni;
#endif
  return coded_scalar;
}

void run(const CodedWeights& weights, const Bytes& codes, const std::optional<Tables>& tables,
         const std::optional<Bytes>& scales, const std::string& format, float multiplier,
         const Output& out, int num_threads, const std::string& isa) {
  const CodedPanels& panels = weights.panels();
  const bool grouped = panels.group_steps > 0;
  const auto inputs = static_cast<std::size_t>(weights.inputs());
  const std::size_t tokens = codes.shape(1);
  require(tokens > 0 && tokens <= (std::size_t{1} << 24), "there must be from 1 to 2**24 tokens");
  require(codes.shape(0) * (tables ? 2 : 1) == inputs, "codes do not fit the weights");
  require(out.shape(0) == static_cast<std::size_t>(panels.rows) && out.shape(1) == tokens,
          "out has a wrong shape");
  require(out.dtype() == (grouped ? nb::dtype<float>() : nb::dtype<std::int32_t>()),
          "out has a wrong format");
  require(scales.has_value() == grouped, "scales are missing or not wanted");
  require(!scales || (scales->shape(0) == static_cast<std::size_t>(panels.groups()) &&
                      scales->shape(1) == tokens),
          "scales have a wrong shape");
  require(!overlap(out, codes) && (!scales || !overlap(out, *scales)),
          "out must not share memory with anything else");
  require(num_threads >= 1 && num_threads <= 256, "threads must be from 1 to 256");
  const CodedInputs given{!tables.has_value(),
                          tables_of(tables),
                          static_cast<std::int64_t>(codes.shape(0)),
                          static_cast<std::int64_t>(tokens),
                          scale_format_of(format),
                          codes.data(),
                          scales ? scales->data() : nullptr};
  const CodedKernels& kernels = kernels_of(isa);
  const nb::gil_scoped_release release;
  weights.multiply(kernels, given, {out.data(), multiplier}, num_threads);
}

}  // namespace

void bind_coded(nb::module_& module) {
  nb::class_<CodedWeights>(module, "CodedWeights")
      .def(
          "__init__",
          [](CodedWeights* self, std::int64_t rows, std::int64_t inputs, const Bytes& codes,
             const std::optional<Tables>& tables, std::int64_t group, const std::string& format,
             const std::optional<Bytes>& scales) {
            new (self) CodedWeights(rows, inputs, !tables.has_value(), tables_of(tables),
                                    list_of(codes), group, scale_format_of(format),
                                    scales ? list_of(*scales) : std::vector<std::uint8_t>{});
          },
          nb::arg("rows"), nb::arg("inputs"), nb::arg("codes"), nb::arg("tables").none(),
          nb::arg("group"), nb::arg("format"), nb::arg("scales").none())
      .def("run", &run, nb::arg("codes").noconvert(), nb::arg("tables").none(),
           nb::arg("scales").noconvert().none(), nb::arg("format"), nb::arg("multiplier"),
           nb::arg("out").noconvert(), nb::arg("num_threads"), nb::arg("isa"));
}

}  // namespace netwright
