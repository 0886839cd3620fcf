// Memory that begins at a cache line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace netwright {

// Bytes of a cache line.
constexpr std::int64_t kLine = 64;

// Memory that grows and stays, aligned to cache lines; what it held is lost when it grows.
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

}  // namespace netwright
