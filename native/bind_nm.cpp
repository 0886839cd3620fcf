// Python interface of the N:M product. As in bind.cpp, whatever could read or write outside an array
// is checked here, too.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cpu.hpp"
#include "nm.hpp"
#include "nm_mask.hpp"
#include "overlap.hpp"
#include "packed.hpp"
#include "pool.hpp"

namespace nb = nanobind;

namespace netwright {
namespace {

template <typename T>
using Matrix = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

template <typename T>
using Cube = nb::ndarray<T, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

template <typename T>
std::vector<T> list_of(const Matrix<const T>& values) {
  return {values.data(), values.data() + values.size()};
}

// A path without permutations of bytes takes plain loops.
const NMKernels& kernels_of(const std::string& isa) {
  const std::vector<std::string> supported = supported_isas();
  const auto has = [&](const char* name) {
    return std::find(supported.begin(), supported.end(), name) != supported.end();
  };
  require(has(isa.c_str()), "this processor cannot execute the path");
#ifdef NETWRIGHT_X86
  if (isa == "avx2") return nm_avx2;
  if (isa != "scalar") return has("avx512-vbmi") ? nm_vbmi : nm_avx2;
#endif
  return nm_scalar;
}

void run(const NMWeights& weights, const Matrix<const std::uint8_t>& activation,
         const Matrix<std::int32_t>& out, int num_threads, const std::string& isa) {
  const NMPanels& panels = weights.panels();
  const std::size_t tokens = activation.shape(1);
  require(activation.shape(0) == static_cast<std::size_t>(panels.inputs),
          "activation must have a row for each input");
  require(tokens > 0 && tokens <= (std::size_t{1} << 24), "there must be from 1 to 2**24 tokens");
  require(out.shape(0) == static_cast<std::size_t>(panels.rows) && out.shape(1) == tokens,
          "out has a wrong shape");
  require(!overlap(out, activation), "out must not share memory with activation");
  require(num_threads >= 1 && num_threads <= 256, "threads must be from 1 to 256");
  const NMKernels& kernels = kernels_of(isa);
  const NMCall call{activation.data(), static_cast<std::int64_t>(tokens), nullptr, out.data()};
  const nb::gil_scoped_release release;
  weights.multiply(kernels, call, num_threads);
}

MaskKernel mask_kernel_of(const std::string& isa) {
  const std::vector<std::string> supported = supported_isas();
  require(std::find(supported.begin(), supported.end(), isa) != supported.end(),
          "this processor cannot execute the path");
#ifdef NETWRIGHT_X86
  if (isa == "avx2") return nm_mask_avx2;
  if (isa != "scalar") return nm_mask_avx512;
#endif
  return nm_mask_scalar;
}

void keep(const Cube<const float>& values, const Cube<float>& mask, int kept, int group,
          int num_threads, const std::string& isa) {
  for (int axis = 0; axis < 3; ++axis)
    require(mask.shape(axis) == values.shape(axis), "mask must have the shape of values");
  require(!overlap(mask, values), "mask must not share memory with values");
  require(group >= 1 && group <= kMaxRanked && kept >= 1 && kept <= group,
          "a group must have from 1 to 64 places and keep at least one");
  require(num_threads >= 1 && num_threads <= 256, "threads must be from 1 to 256");
  const MaskKernel kernel = mask_kernel_of(isa);
  const MaskCall call{values.data(),
                      mask.data(),
                      static_cast<std::int64_t>(values.shape(0)),
                      static_cast<std::int64_t>(values.shape(1)),
                      static_cast<std::int64_t>(values.shape(2)),
                      kept,
                      group};
  if (values.size() == 0) return;
  const nb::gil_scoped_release release;
  const std::int64_t all = call.before * call.groups();
  // A thread is worth its start from some thousands of elements on.
  constexpr std::int64_t kElements = std::int64_t{1} << 15;
  const std::int64_t each = kElements / (call.after * call.group) + 1;
  run_tasks((all + each - 1) / each, num_threads, [&](std::int64_t task) {
    kernel(call, task * each, std::min(all, (task + 1) * each));
  });
}

}  // namespace

void bind_nm(nb::module_& module) {
  module.def("nm_mask", &keep, nb::arg("values").noconvert(), nb::arg("mask").noconvert(),
             nb::arg("kept"), nb::arg("group"), nb::arg("num_threads"), nb::arg("isa"));
  nb::class_<NMWeights>(module, "NMWeights")
      .def(
          "__init__",
          [](NMWeights* self, std::int64_t inputs, int kept, int group,
             const Matrix<const std::int8_t>& values, const Matrix<const std::uint8_t>& places) {
            new (self) NMWeights(static_cast<std::int64_t>(values.shape(0)), inputs, kept, group,
                                 list_of(values), list_of(places));
          },
          nb::arg("inputs"), nb::arg("kept"), nb::arg("group"), nb::arg("values"),
          nb::arg("places"))
      .def("run", &run, nb::arg("activation").noconvert(), nb::arg("out").noconvert(),
           nb::arg("num_threads"), nb::arg("isa"));
}

}  // namespace netwright
