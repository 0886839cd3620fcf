// A C interface to one function of the library in the wheel of intel-extension-for-transformers
// 1.4.2, which comes without headers. What follows are declarations with the layout that the library
// was compiled with; their order is the interface.
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace jd {

enum class kernel_kind : std::uint8_t { sparse_matmul = 1 };
enum class kernel_prop : std::uint8_t { forward_inference = 1 };
enum class engine_kind : std::uint8_t { cpu = 1 };
enum class runtime_kind : std::uint8_t { undef = 0 };
enum class data_type : std::uint8_t { u8 = 4, s8 = 5, fp32 = 10, s32 = 11 };
enum class format_type : std::uint8_t { ab = 2, bsr = 10 };
struct postop_attr {
  std::uint8_t kinds[3];
  float numbers[3];
};
struct binaryop_attr {
  void* pointers[3];
  std::uint8_t kinds[2];
};

class tensor_desc {
 public:
  tensor_desc(const std::vector<std::int64_t>& shape, const data_type& type,
              const format_type& format);
  virtual ~tensor_desc() {}

 private:
  std::vector<std::int64_t> shape_;
  data_type type_;
  format_type format_;
};

class operator_desc {
 public:
  operator_desc(const std::vector<tensor_desc>& tensors,
                const std::unordered_map<std::string, std::string>& attrs)
      : tensors_(tensors), attrs_(attrs) {}
  virtual ~operator_desc() {}

 private:
  kernel_kind kernel_ = kernel_kind::sparse_matmul;
  kernel_prop prop_ = kernel_prop::forward_inference;
  engine_kind engine_ = engine_kind::cpu;
  runtime_kind runtime_ = runtime_kind::undef;
  std::uint64_t threads_ = 1;
  std::vector<tensor_desc> tensors_;
  std::unordered_map<std::string, std::string> attrs_;
  std::vector<postop_attr> postops_;
  std::vector<binaryop_attr> binaryops_;
};

class kernel_t;
class kernel_desc_t;

class kernel_desc_proxy {
 public:
  explicit kernel_desc_proxy(const operator_desc& description);
  virtual ~kernel_desc_proxy();
  virtual bool create_proxy_object(std::shared_ptr<const kernel_desc_t>&, const operator_desc&);

  std::shared_ptr<const kernel_desc_t> handle;
  const void* implementations = nullptr;
};

class kernel_proxy {
 public:
  explicit kernel_proxy(const kernel_desc_proxy& description);
  virtual ~kernel_proxy();
  virtual bool create_proxy_object(std::shared_ptr<const kernel_t>&,
                                   const std::shared_ptr<const kernel_desc_t>&);
  void execute(const std::vector<const void*>& data) const;

  std::shared_ptr<const kernel_t> handle;
};

template <typename T>
class sparse_data_t {
 public:
  virtual ~sparse_data_t() {}
  virtual std::uint64_t getnnz(int index) const {
    return index == -1 ? indptr.back() - indptr[0] : indptr[index + 1] - indptr[index];
  }

  std::vector<std::int64_t> indptr;
  std::vector<std::int64_t> indices;
  std::vector<T> data;
};

template <typename T>
class bsr_data_t : public sparse_data_t<T> {
 public:
  std::vector<std::int64_t> shape;
  std::int64_t group = 4;
  std::int64_t nnz_group = 0;
  std::vector<std::int64_t> block_size{4, 1};
};

}  // namespace jd

namespace {

struct Product {
  jd::bsr_data_t<std::int8_t> weights;
  std::vector<std::int32_t> bias;
  std::vector<float> scale;
  std::unique_ptr<jd::kernel_desc_proxy> description;
  std::unique_ptr<jd::kernel_proxy> kernel;
};

}  // namespace

// Weights as netwright packs them in 4x1 blocks; float32 results. Null if the library declines.
extern "C" void* itrex_create(std::int64_t rows, std::int64_t inputs, std::int64_t tokens,
                              std::int64_t groups, const std::int32_t* offsets,
                              const std::uint16_t* indices, const std::int8_t* values,
                              const float* scale) {
  auto product = std::make_unique<Product>();
  auto& weights = product->weights;
  weights.indptr.assign(offsets, offsets + rows / 4 + 1);
  weights.indices.assign(indices, indices + 4 * groups);
  weights.data.assign(values, values + 16 * groups);
  weights.shape = {rows, inputs};
  weights.nnz_group = groups;
  product->bias.assign(rows, 0);
  product->scale.assign(scale, scale + rows);
  using jd::data_type;
  using jd::format_type;
  const std::vector<jd::tensor_desc> tensors{
      {{rows, inputs}, data_type::s8, format_type::bsr},
      {{inputs, tokens}, data_type::u8, format_type::ab},
      {{rows, 1}, data_type::s32, format_type::ab},
      {{rows, tokens}, data_type::fp32, format_type::ab},
      {{rows, 1}, data_type::fp32, format_type::ab},
  };
  const auto address = reinterpret_cast<std::uintptr_t>(&weights);
  const jd::operator_desc description(tensors, {{"sparse_ptr", std::to_string(address)}});
  product->description = std::make_unique<jd::kernel_desc_proxy>(description);
  if (!product->description->handle) return nullptr;
  product->kernel = std::make_unique<jd::kernel_proxy>(*product->description);
  if (!product->kernel->handle) return nullptr;
  return product.release();
}

extern "C" void itrex_run(const void* handle, const std::uint8_t* activation, float* out) {
  const auto& product = *static_cast<const Product*>(handle);
  product.kernel->execute(
      {product.weights.data.data(), activation, product.bias.data(), out, product.scale.data()});
}
