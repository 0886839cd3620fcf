#include "pool.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

namespace netwright {
namespace {

// Polls before a thread goes to sleep; about the length of a small product.
constexpr int kPolls = 4000;

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

struct Work {
  std::int64_t num_tasks;
  const std::function<void(std::int64_t)>* task;
  std::atomic<std::int64_t> next{0};
};

void take_tasks(Work& work) {
  for (std::int64_t i = work.next++; i < work.num_tasks; i = work.next++) (*work.task)(i);
}

class Pool {
 public:
  // Only one caller at a time; see run_tasks.
  void run(Work& work, int num_helpers) {
    num_helpers = hire(num_helpers);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      work_ = &work;
      num_helpers_ = num_helpers;
      num_busy_ = num_helpers;
      ++turn_;
    }
    wake_.notify_all();
    take_tasks(work);
    // Each helper answers, and no other worker looks at `work`, so none can hold it after this.
    for (int polls = 0; num_busy_ > 0; ++polls) {
      if (polls < kPolls) {
        relax();
      } else {
        std::this_thread::yield();
      }
    }
  }

 private:
  // Start the workers that are missing; returns how many helpers there are. Where threads are
  // limited, the work is done with fewer.
  int hire(int num_helpers) {
    try {
      while (num_workers_ < num_helpers) {
        // A worker that starts late must not mistake a finished turn for a new one.
        std::thread([this, id = num_workers_, seen = turn_.load()] { serve(id, seen); }).detach();
        ++num_workers_;
      }
    } catch (const std::exception&) {
    }
    return std::min(num_helpers, num_workers_);
  }

  void serve(int id, std::uint64_t seen) {
    while (true) {
      for (int polls = 0; polls < kPolls && turn_ == seen; ++polls) relax();
      if (turn_ == seen) {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return turn_ != seen; });
      }
      Work* work;
      bool takes_part;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        seen = turn_;
        work = work_;
        takes_part = id < num_helpers_;
      }
      if (!takes_part) continue;
      take_tasks(*work);
      --num_busy_;
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<std::uint64_t> turn_{0};
  std::atomic<int> num_busy_{0};
  Work* work_ = nullptr;
  int num_helpers_ = 0;
  int num_workers_ = 0;
};

struct Shared {
  std::mutex mutex;
  Pool* pool = nullptr;
  pid_t owner = 0;
};

// Never destroyed: sleeping workers may outlive the static objects of the program.
Shared& shared() {
  static Shared* const instance = new Shared;
  return *instance;
}

}  // namespace

void run_tasks(std::int64_t num_tasks, int num_threads,
               const std::function<void(std::int64_t)>& task) {
  Work work{num_tasks, &task};
  std::unique_lock<std::mutex> lock(shared().mutex, std::try_to_lock);
  // Two callers at once: the second works alone rather than wait for the first.
  if (num_threads <= 1 || num_tasks <= 1 || !lock.owns_lock()) {
    take_tasks(work);
    return;
  }
  if (shared().pool == nullptr || shared().owner != getpid()) {
    // A forked child inherits the pool without its threads; it needs one of its own.
    shared().pool = new Pool;
    shared().owner = getpid();
  }
  shared().pool->run(work, num_threads - 1);
}

}  // namespace netwright
