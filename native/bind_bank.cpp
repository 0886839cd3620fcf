// Python interface of the product in banks. As in bind.cpp, whatever could read or write outside an
// array is checked here, too.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bank_product.hpp"
#include "cpu.hpp"
#include "overlap.hpp"
#include "packed.hpp"

namespace nb = nanobind;

namespace netwright {
namespace {

template <typename T>
using Matrix = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

constexpr std::size_t kMaxExtent = std::size_t{1} << 24;

const BankKernels& kernels_of(const std::string& isa) {
  const std::vector<std::string> supported = supported_isas();
  require(std::find(supported.begin(), supported.end(), isa) != supported.end(),
          "this processor cannot execute the path");
#ifdef NETWRIGHT_X86
  if (isa == "avx2") return bank_avx2;
  if (isa != "scalar") return bank_avx512;
#endif
  return bank_scalar;
}

void run(const Matrix<const std::uint16_t>& x, const Matrix<const std::uint16_t>& w,
         const Matrix<float>& out, int lanes, std::int64_t piece, bool half_sums, int num_threads,
         const std::string& isa) {
  const std::size_t rows = x.shape(0), terms = x.shape(1), outputs = w.shape(0);
  require(w.shape(1) == terms, "x and w must have the same number of terms");
  require(out.shape(0) == rows && out.shape(1) == outputs, "out has a wrong shape");
  for (const std::size_t extent : {rows, terms, outputs})
    require(extent >= 1 && extent <= kMaxExtent, "extents must be from 1 to 2**24");
  require(!overlap(out, x) && !overlap(out, w), "out must not share memory with x or w");
  require(lanes >= 1 && lanes <= kMaxBankLanes && (lanes & (lanes - 1)) == 0,
          "lanes must be 1, 2, 4, 8 or 16");
  require(piece >= 1 && piece <= static_cast<std::int64_t>(kMaxExtent),
          "piece must be from 1 to 2**24");
  require(num_threads >= 1 && num_threads <= 256, "threads must be from 1 to 256");
  const BankKernels& kernels = kernels_of(isa);
  const BankProduct call{x.data(),
                         w.data(),
                         out.data(),
                         static_cast<std::int64_t>(rows),
                         static_cast<std::int64_t>(outputs),
                         static_cast<std::int64_t>(terms),
                         piece,
                         lanes,
                         half_sums};
  const nb::gil_scoped_release release;
  bank_multiply(kernels, call, num_threads);
}

}  // namespace

void bind_bank(nb::module_& module) {
  module.def("bank_product", &run, nb::arg("x").noconvert(), nb::arg("w").noconvert(),
             nb::arg("out").noconvert(), nb::arg("lanes"), nb::arg("piece"), nb::arg("half_sums"),
             nb::arg("num_threads"), nb::arg("isa"));
}

}  // namespace netwright
