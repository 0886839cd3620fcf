#include "regions.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <new>
#include <utility>

namespace netwright {
namespace {

constexpr std::size_t kHugePage = std::size_t{1} << 21;
// Smaller results come from the heap: a mapping costs more than they do.
constexpr std::size_t kSmallest = std::size_t{1} << 20;

std::size_t rounded_up(std::size_t value, std::size_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

Region reserve_region(std::size_t num_bytes) {
  if (num_bytes > std::numeric_limits<std::size_t>::max() / 2) throw std::bad_alloc();
  if (num_bytes < kSmallest) {
    const std::size_t size = rounded_up(std::max<std::size_t>(num_bytes, 64), 64);
    void* const data = std::aligned_alloc(64, size);
    if (data == nullptr) throw std::bad_alloc();
    return {static_cast<std::uint8_t*>(data), size, 0, false};
  }
  const std::size_t size = rounded_up(num_bytes, kHugePage);
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef MAP_NORESERVE
  flags |= MAP_NORESERVE;
#endif
  void* const found =
      mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (found == MAP_FAILED) throw std::bad_alloc();
  auto* const begin = static_cast<std::uint8_t*>(found);
  const std::size_t before =
      (kHugePage - reinterpret_cast<std::uintptr_t>(begin) % kHugePage) % kHugePage;
  if (before > 0) munmap(begin, before);
  munmap(begin + before + size, kHugePage - before);
#ifdef MADV_HUGEPAGE
  madvise(begin + before, size, MADV_HUGEPAGE);  // a page fault for 2 MiB instead of 512
#endif
  return {begin + before, size, 0, true};
}

void trim_region(Region& region, std::size_t num_bytes) {
  if (!region.mapped) return;
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t kept = rounded_up(std::max<std::size_t>(num_bytes, 1), page);
  if (kept >= region.num_bytes) return;
  munmap(region.data + kept, region.num_bytes - kept);
  region.num_bytes = kept;
}

void release_region(Region& region) {
  if (region.data == nullptr) return;
  if (region.mapped) {
    munmap(region.data, region.num_bytes);
  } else {
    std::free(region.data);
  }
  region = {};
}

std::size_t available_bytes() {
  std::size_t found = std::numeric_limits<std::size_t>::max();
  if (std::FILE* const file = std::fopen("/proc/meminfo", "r")) {
    char line[128];
    unsigned long long kilobytes = 0;
    while (std::fgets(line, sizeof line, file) != nullptr) {
      if (std::sscanf(line, "MemAvailable: %llu kB", &kilobytes) == 1) {
        found = static_cast<std::size_t>(kilobytes) << 10;
      }
    }
    std::fclose(file);
  }
  return found;
}

Region RegionPool::take(std::size_t num_bytes) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    // The one with most memory behind it among those that are large enough.
    auto best = free_.end();
    for (auto it = free_.begin(); it != free_.end(); ++it) {
      if (it->num_bytes < num_bytes) continue;
      if (best == free_.end() || it->touched_bytes > best->touched_bytes) best = it;
    }
    if (best != free_.end()) {
      const Region found = *best;
      free_.erase(best);
      return found;
    }
  }
  // Address space costs nothing: later products may be larger.
  return reserve_region(num_bytes < kSmallest ? num_bytes : num_bytes + num_bytes / 2);
}

void RegionPool::give_back(Region region) {
  std::vector<Region> gone;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(region);
    std::size_t kept = 0;
    for (const Region& each : free_) kept += each.touched_bytes;
    while (!free_.empty() && kept > limit_bytes_) {
      kept -= free_.front().touched_bytes;
      gone.push_back(free_.front());
      free_.erase(free_.begin());
    }
  }
  for (Region& each : gone) release_region(each);
}

void RegionPool::clear() {
  std::vector<Region> gone;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    gone.swap(free_);
  }
  for (Region& each : gone) release_region(each);
}

std::size_t RegionPool::kept_bytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::size_t kept = 0;
  for (const Region& each : free_) kept += each.touched_bytes;
  return kept;
}

RegionOwner::RegionOwner(std::shared_ptr<RegionPool> pool, std::size_t num_bytes)
    : pool_(std::move(pool)),
      region_(pool_ ? pool_->take(num_bytes) : reserve_region(num_bytes)) {}

RegionOwner::~RegionOwner() {
  if (pool_) {
    pool_->give_back(region_);
  } else {
    release_region(region_);
  }
}

void RegionOwner::keep(std::size_t num_bytes) {
  region_.touched_bytes = std::max(region_.touched_bytes, std::min(num_bytes, region_.num_bytes));
  if (!pool_) trim_region(region_, num_bytes);
}

}  // namespace netwright
