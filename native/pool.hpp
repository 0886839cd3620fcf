// Threads that wait for work, because starting one costs as much as a small product.
#pragma once

#include <cstdint>
#include <functional>

namespace netwright {

// Call task(0) to task(num_tasks - 1) on at most `num_threads` threads, the caller's among them,
// and return when all have ended. A task must not throw.
void run_tasks(std::int64_t num_tasks, int num_threads,
               const std::function<void(std::int64_t)>& task);

}  // namespace netwright
