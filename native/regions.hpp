// Memory of results whose size is known only when they are there: address space is reserved for the
// most that a result can take, and only the pages that are written take memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace netwright {

struct Region {
  std::uint8_t* data = nullptr;
  std::size_t num_bytes = 0;
  std::size_t touched_bytes = 0;  // at least this much of it was written at some time
  bool mapped = false;
};

// Throws std::bad_alloc if the address space is not there.
Region reserve_region(std::size_t num_bytes);

// Give back what lies behind the first `num_bytes`.
void trim_region(Region& region, std::size_t num_bytes);

void release_region(Region& region);

// Bytes that can be written before the machine runs out of memory; the largest value if unknown.
std::size_t available_bytes();

// Keeps regions for later results, with the pages that were written once.
class RegionPool {
 public:
  explicit RegionPool(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}
  ~RegionPool() { clear(); }
  RegionPool(const RegionPool&) = delete;
  RegionPool& operator=(const RegionPool&) = delete;

  Region take(std::size_t num_bytes);
  // What was kept longest goes where more than the limit would stay.
  void give_back(Region region);
  void clear();
  std::size_t kept_bytes() const;

 private:
  const std::size_t limit_bytes_;
  mutable std::mutex mutex_;
  std::vector<Region> free_;
};

// A region until it is released or handed on; belongs to a pool or to nobody.
class RegionOwner {
 public:
  RegionOwner(std::shared_ptr<RegionPool> pool, std::size_t num_bytes);
  ~RegionOwner();
  RegionOwner(const RegionOwner&) = delete;
  RegionOwner& operator=(const RegionOwner&) = delete;

  std::uint8_t* data() const { return region_.data; }
  // The first bytes are what is wanted of it.
  void keep(std::size_t num_bytes);

 private:
  std::shared_ptr<RegionPool> pool_;
  Region region_;
};

}  // namespace netwright
