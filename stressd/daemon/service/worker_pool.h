// A few threads for work that blocks: gRPC's own threads must not.
//
// Invariants.  O1: what Post() accepted runs, also when Stop() comes first.
// Thread safety.  Any thread; not from within a task: Stop().
#ifndef STRESSD_DAEMON_SERVICE_WORKER_POOL_H_
#define STRESSD_DAEMON_SERVICE_WORKER_POOL_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace stressd::service {

class WorkerPool {
 public:
  // `queue_size_max`: more waiting tasks than that are refused.
  WorkerPool(int thread_count, size_t queue_size_max);
  ~WorkerPool();

  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False, and `task` is dropped, if too many wait or the pool has stopped.
  [[nodiscard]] bool Post(std::function<void()> task);

  // Runs what is queued and joins the threads. Idempotent.
  void Stop();

 private:
  void Loop();

  const size_t queue_size_max_;
  std::mutex mutex_;  // Leaf. Guards tasks_, stopping_.
  std::condition_variable ready_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;  // Of the constructor and Stop().
};

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_WORKER_POOL_H_
