// Python interface of the sparse product. As in bind.cpp, whatever could read or write outside an
// array is checked here, too.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "cpu.hpp"
#include "packed.hpp"
#include "shared_table.hpp"
#include "spgemm.hpp"

namespace nb = nanobind;

namespace netwright {
namespace {

template <typename T>
using Vector = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Values = nb::ndarray<nb::ro, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

Value value_of(const nb::dlpack::dtype& dtype) {
  if (dtype == nb::dtype<std::uint8_t>()) return Value::boolean;
  if (dtype == nb::dtype<std::int32_t>()) return Value::int32;
  if (dtype == nb::dtype<std::int64_t>()) return Value::int64;
  if (dtype == nb::dtype<float>()) return Value::float32;
  if (dtype == nb::dtype<double>()) return Value::float64;
  throw std::invalid_argument("values must be uint8, int32, int64, float32 or float64");
}

Semiring semiring_of(const std::string& name) {
  if (name == "plus-times") return Semiring::plus_times;
  if (name == "or-and") return Semiring::or_and;
  if (name == "min-plus") return Semiring::min_plus;
  throw std::invalid_argument("semiring must be plus-times, or-and or min-plus");
}

const char* const kAccumulators[kNumAccumulators] = {"auto", "list", "bitmap",
                                                     "hash", "sort", "chunks"};

Accumulator accumulator_of(const std::string& name) {
  for (int i = 0; i < kNumAccumulators; ++i) {
    if (name == kAccumulators[i]) return static_cast<Accumulator>(i);
  }
  throw std::invalid_argument("there is no such accumulator");
}

MultiplyRows loops_of(const std::string& isa, Semiring semiring, Value value) {
  const std::vector<std::string> supported = supported_isas();
  require(std::find(supported.begin(), supported.end(), isa) != supported.end(),
          "this processor cannot execute the path");
  MultiplyRows found;
#ifdef NETWRIGHT_X86
  if (isa == "avx2") {
    found = spgemm_avx2(semiring, value);
  } else if (isa != "scalar") {
    found = spgemm_avx512(semiring, value);
  } else {
    found = spgemm_scalar(semiring, value);
  }
#else
  found = spgemm_scalar(semiring, value);
#endif
  require(found != nullptr, "the semiring does not take such values");
  return found;
}

SparseRows rows_of(const Vector<std::int64_t>& offsets, const Vector<std::int32_t>& columns,
                   const Values& values, std::int64_t num_columns,
                   const SparseRows* known) {
  require(offsets.size() >= 1, "offsets must have an entry more than there are rows");
  require(values.size() == columns.size(), "there must be a value for each column");
  SparseRows rows{static_cast<std::int64_t>(offsets.size()) - 1, num_columns, offsets.data(),
                  columns.data(), values.data()};
  if (known != nullptr && known->offsets == rows.offsets && known->columns == rows.columns &&
      known->num_columns == num_columns && known->num_rows == rows.num_rows) {
    rows.ascending = known->ascending;
    rows.clustered = known->clustered;
    return rows;
  }
  examine(rows, static_cast<std::int64_t>(columns.size()));
  return rows;
}

Limits limits_of(std::int64_t cache_bytes) {
  if (cache_bytes <= 0) {
    cache_bytes = 1 << 20;
#ifdef _SC_LEVEL2_CACHE_SIZE
    const long found = sysconf(_SC_LEVEL2_CACHE_SIZE);
    if (found > 0) cache_bytes = found;
#endif
  }
  // Loops shift columns of 32 bits by what fits.
  cache_bytes = std::min(cache_bytes, std::int64_t{1} << 30);
  return {cache_bytes, cache_bytes / 2, cache_bytes / 4, 256};
}

template <typename T>
nb::object array_of(T* data, std::size_t count, nb::handle owner) {
  return nb::cast(nb::ndarray<nb::numpy, T, nb::ndim<1>>(data, {count}, owner));
}

nb::capsule capsule_of(std::unique_ptr<RegionOwner> region) {
  return nb::capsule(region.release(),
                     [](void* self) noexcept { delete static_cast<RegionOwner*>(self); });
}

nb::object values_array(void* data, std::size_t count, Value value, nb::handle owner) {
  switch (value) {
    case Value::boolean:
      return array_of(static_cast<std::uint8_t*>(data), count, owner);
    case Value::int32:
      return array_of(static_cast<std::int32_t*>(data), count, owner);
    case Value::int64:
      return array_of(static_cast<std::int64_t*>(data), count, owner);
    case Value::float32:
      return array_of(static_cast<float*>(data), count, owner);
    default:
      return array_of(static_cast<double*>(data), count, owner);
  }
}

// (columns, values, rows of each accumulator), or, if it is too large, (entries, bytes, bytes it may take).
nb::object run(const Vector<std::int64_t>& left_offsets, const Vector<std::int32_t>& left_columns,
               const Values& left_values, const Vector<std::int64_t>& right_offsets,
               const Vector<std::int32_t>& right_columns, const Values& right_values,
               std::int64_t num_columns, const std::string& semiring_name,
               const std::string& accumulator, bool sorted, std::int64_t cache_bytes,
               std::int64_t memory_bytes,
               const nb::ndarray<std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>& offsets,
               const std::shared_ptr<RegionPool>& pool, int num_threads, const std::string& isa) {
  const Value value = value_of(left_values.dtype());
  require(value == value_of(right_values.dtype()), "both must have the same kind of values");
  const MultiplyRows multiply = loops_of(isa, semiring_of(semiring_name), value);
  require(num_threads >= 1 && num_threads <= 256, "threads must be from 1 to 256");
  SpgemmJob job{};
  job.right = rows_of(right_offsets, right_columns, right_values, num_columns, nullptr);
  job.left = rows_of(left_offsets, left_columns, left_values, job.right.num_rows, &job.right);
  require(offsets.size() == left_offsets.size(), "offsets has a wrong length");
  job.accumulator = accumulator_of(accumulator);
  job.sorted = sorted;
  job.limits = limits_of(cache_bytes);
  SpgemmResult result;
  TooLarge large{-1, 0};
  if (memory_bytes <= 0) {
    memory_bytes = static_cast<std::int64_t>(
        std::min<std::size_t>(available_bytes(), std::size_t{1} << 62));
  }
  {
    const nb::gil_scoped_release release;
    std::vector<std::int64_t> products(static_cast<std::size_t>(job.left.num_rows));
    count_products(job.left, job.right, products.data(), num_threads);
    job.products = products.data();
    try {
      result = spgemm(job, multiply, value, num_threads, pool, memory_bytes, offsets.data());
    } catch (const TooLarge& found) {
      large = found;
    }
  }
  if (large.count >= 0) {
    return nb::make_tuple(large.count, large.num_bytes, memory_bytes);
  }
  nb::dict rows;
  for (int i = 0; i < kNumAccumulators; ++i) {
    rows[i == 0 ? "copy" : kAccumulators[i]] = result.rows[i];
  }
  const auto count = static_cast<std::size_t>(result.count);
  auto* const columns = reinterpret_cast<std::int32_t*>(result.columns->data());
  void* const values = result.values->data();
  nb::object made_columns = array_of(columns, count, capsule_of(std::move(result.columns)));
  nb::object made_values = values_array(values, count, value, capsule_of(std::move(result.values)));
  return nb::make_tuple(made_columns, made_values, rows);
}

// (columns, values, looks, windows)
nb::object run_shared(
    const Vector<std::int64_t>& left_offsets, const Vector<std::int32_t>& left_columns,
    const Values& left_values, const Vector<std::int64_t>& right_offsets,
    const Vector<std::int32_t>& right_columns, const Values& right_values, std::int64_t num_columns,
    bool high_bits, bool dynamic, bool split, std::int64_t slots,
    const nb::ndarray<std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>& offsets,
    int num_threads) {
  require(value_of(left_values.dtype()) == Value::float64 &&
              value_of(right_values.dtype()) == Value::float64,
          "values must be float64");
  require(num_threads >= 1 && num_threads <= 256, "threads must be from 1 to 256");
  require(slots >= 2 && slots <= (std::int64_t{1} << 30) && (slots & (slots - 1)) == 0,
          "slots must be a power of two from 2 to 2**30");
  const SparseRows right = rows_of(right_offsets, right_columns, right_values, num_columns, nullptr);
  const SparseRows left = rows_of(left_offsets, left_columns, left_values, right.num_rows, &right);
  require(offsets.size() == left_offsets.size(), "offsets has a wrong length");
  auto made = std::make_unique<SharedTableResult>();
  {
    const nb::gil_scoped_release release;
    *made = shared_table_product(left, right, {high_bits, dynamic, split, slots, num_threads},
                                 offsets.data());
  }
  SharedTableResult* const result = made.release();
  const nb::capsule owner(
      result, [](void* self) noexcept { delete static_cast<SharedTableResult*>(self); });
  return nb::make_tuple(array_of(result->columns.data(), result->columns.size(), owner),
                        array_of(result->values.data(), result->values.size(), owner),
                        result->looks, result->windows);
}

}  // namespace

void bind_spgemm(nb::module_& module) {
  nb::class_<RegionPool>(module, "RegionPool")
      .def(nb::new_([](std::size_t limit) { return std::make_shared<RegionPool>(limit); }),
           nb::arg("limit_bytes"))
      .def("clear", &RegionPool::clear)
      .def_prop_ro("kept_bytes", &RegionPool::kept_bytes);
  module.def("spgemm", &run, nb::arg("left_offsets").noconvert(),
             nb::arg("left_columns").noconvert(), nb::arg("left_values").noconvert(),
             nb::arg("right_offsets").noconvert(), nb::arg("right_columns").noconvert(),
             nb::arg("right_values").noconvert(), nb::arg("num_columns"), nb::arg("semiring"),
             nb::arg("accumulator"), nb::arg("sorted"), nb::arg("cache_bytes"),
             nb::arg("memory_bytes"),
             nb::arg("offsets").noconvert(), nb::arg("pool").none(), nb::arg("num_threads"),
             nb::arg("isa"));
  module.def("shared_table_product", &run_shared, nb::arg("left_offsets").noconvert(),
             nb::arg("left_columns").noconvert(), nb::arg("left_values").noconvert(),
             nb::arg("right_offsets").noconvert(), nb::arg("right_columns").noconvert(),
             nb::arg("right_values").noconvert(), nb::arg("num_columns"), nb::arg("high_bits"),
             nb::arg("dynamic"), nb::arg("split"), nb::arg("slots"),
             nb::arg("offsets").noconvert(), nb::arg("num_threads"));
}

}  // namespace netwright
