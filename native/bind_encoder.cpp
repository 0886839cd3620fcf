// Python interface of the encoder's kernels. As in bind.cpp, whatever could read or write outside an
// array is checked here, too.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cpu.hpp"
#include "encoder.hpp"
#include "overlap.hpp"
#include "packed.hpp"
#include "pool.hpp"

namespace nb = nanobind;

namespace netwright {
namespace {

template <typename T>
using Vector = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <typename T>
using Matrix = nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// Rows of a head, whose scores must fit 30 bits.
constexpr std::int64_t kMaxFeatures = 32768;

// Tokens that one task takes.
constexpr std::int64_t kTokensAtOnce = 64;

const EncoderKernels& kernels_of(const std::string& isa) {
  const std::vector<std::string> supported = supported_isas();
  require(std::find(supported.begin(), supported.end(), isa) != supported.end(),
          "this processor cannot execute the path");
#ifdef NETWRIGHT_X86
  if (isa == "avx2") return encoder_avx2;
  if (isa != "scalar") return encoder_avx512;
#endif
  return encoder_scalar;
}

void check_threads(int num_threads) {
  require(num_threads >= 1 && num_threads <= 256, "threads must be from 1 to 256");
}

template <typename RUN>
void over_tokens(std::int64_t tokens, int num_threads, const RUN& run) {
  const std::int64_t num_tasks = (tokens + kTokensAtOnce - 1) / kTokensAtOnce;
  run_tasks(num_tasks, num_threads, [&](std::int64_t task) {
    run(task * kTokensAtOnce, std::min((task + 1) * kTokensAtOnce, tokens));
  });
}

void embed(const Vector<const std::int32_t>& ids, const Vector<const std::int32_t>& positions,
           const Matrix<const float>& words, const Matrix<const float>& places,
           const Matrix<float>& out, int num_threads, const std::string& isa) {
  const EncoderKernels& kernels = kernels_of(isa);
  check_threads(num_threads);
  const std::size_t tokens = ids.size();
  require(positions.size() == tokens && out.shape(1) == tokens, "the tokens must agree");
  require(places.shape(1) == words.shape(1) && out.shape(0) == words.shape(1),
          "the features must agree");
  for (std::size_t t = 0; t < tokens; ++t) {
    require(ids.data()[t] >= 0 && static_cast<std::size_t>(ids.data()[t]) < words.shape(0),
            "an id is not in the table");
    require(positions.data()[t] >= 0 &&
                static_cast<std::size_t>(positions.data()[t]) < places.shape(0),
            "a position is not in the table");
  }
  require(!overlap(out, ids) && !overlap(out, positions) && !overlap(out, words) &&
              !overlap(out, places),
          "out must not share memory with anything else");
  const Embedding call{words.data(),
                       places.data(),
                       ids.data(),
                       positions.data(),
                       static_cast<std::int64_t>(words.shape(1)),
                       static_cast<std::int64_t>(tokens),
                       out.data()};
  const nb::gil_scoped_release release;
  over_tokens(call.tokens, num_threads,
              [&](std::int64_t begin, std::int64_t end) { kernels.embed(call, begin, end); });
}

void normalize(const Matrix<float>& values, const Vector<const float>& gain,
               const Vector<const float>& offset, float epsilon, float multiplier,
               std::int32_t zero_point, const Matrix<std::uint8_t>& codes, int num_threads,
               const std::string& isa) {
  const EncoderKernels& kernels = kernels_of(isa);
  check_threads(num_threads);
  require(gain.size() == values.shape(0) && offset.size() == values.shape(0),
          "gain and offset must have an entry for each row");
  require(codes.shape(0) == values.shape(0) && codes.shape(1) == values.shape(1),
          "codes must have the shape of the values");
  require(!overlap(values, gain) && !overlap(values, offset) && !overlap(values, codes) &&
              !overlap(codes, gain) && !overlap(codes, offset),
          "what is written must not share memory with anything else");
  const Normalization call{values.data(),
                           codes.data(),
                           gain.data(),
                           offset.data(),
                           static_cast<std::int64_t>(values.shape(0)),
                           static_cast<std::int64_t>(values.shape(1)),
                           epsilon,
                           multiplier,
                           zero_point};
  const nb::gil_scoped_release release;
  over_tokens(call.tokens, num_threads,
              [&](std::int64_t begin, std::int64_t end) { kernels.normalize(call, begin, end); });
}

void attend(const Matrix<const std::int8_t>& codes, const Vector<const std::int64_t>& offsets,
            std::int64_t heads, float slope, float ratio, std::int32_t zero_point,
            const Matrix<std::uint8_t>& out, int num_threads, const std::string& isa) {
  const EncoderKernels& kernels = kernels_of(isa);
  check_threads(num_threads);
  const auto hidden = static_cast<std::int64_t>(out.shape(0));
  const auto tokens = static_cast<std::int64_t>(out.shape(1));
  require(static_cast<std::int64_t>(codes.shape(0)) == 3 * hidden && codes.shape(1) == out.shape(1),
          "codes must have three rows for each row of out");
  require(heads >= 1 && hidden % heads == 0 && hidden / heads % 4 == 0,
          "a head must have a multiple of 4 rows");
  require(hidden / heads <= kMaxFeatures, "a head must have at most 32768 rows");
  require(offsets.size() >= 2 && offsets.data()[0] == 0 &&
              offsets.data()[offsets.size() - 1] == tokens,
          "offsets must go from 0 to the number of tokens");
  for (std::size_t s = 1; s < offsets.size(); ++s) {
    const std::int64_t count = offsets.data()[s] - offsets.data()[s - 1];
    require(count >= 1 && count <= 65535, "a sentence must have 1 to 65535 tokens");
  }
  require(!overlap(out, codes) && !overlap(out, offsets),
          "out must not share memory with anything else");
  const Attention call{codes.data(), offsets.data(), hidden,     tokens,    heads,
                       slope,        ratio,          zero_point, out.data()};
  const std::int64_t num_tasks = static_cast<std::int64_t>(offsets.size() - 1) * heads;
  const nb::gil_scoped_release release;
  run_tasks(num_tasks, num_threads,
            [&](std::int64_t task) { kernels.attend(call, task / heads, task % heads); });
}

}  // namespace

void bind_encoder(nb::module_& module) {
  module.def("embed", &embed, nb::arg("ids").noconvert(), nb::arg("positions").noconvert(),
             nb::arg("words").noconvert(), nb::arg("places").noconvert(),
             nb::arg("out").noconvert(), nb::arg("num_threads"), nb::arg("isa"));
  module.def("normalize", &normalize, nb::arg("values").noconvert(), nb::arg("gain").noconvert(),
             nb::arg("offset").noconvert(), nb::arg("epsilon"), nb::arg("multiplier"),
             nb::arg("zero_point"), nb::arg("codes").noconvert(), nb::arg("num_threads"),
             nb::arg("isa"));
  module.def("attend", &attend, nb::arg("codes").noconvert(), nb::arg("offsets").noconvert(),
             nb::arg("heads"), nb::arg("slope"), nb::arg("ratio"), nb::arg("zero_point"),
             nb::arg("out").noconvert(), nb::arg("num_threads"), nb::arg("isa"));
}

}  // namespace netwright
