// A thread that waits for a word, but not for ever, and takes silence for a failure.
// Who sets the word is always there: only a timeout that fires early can break it.
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

int main() {
  std::mutex mutex;
  std::condition_variable changed;
  bool said = false;
  std::thread waiter([&] {
    std::unique_lock<std::mutex> lock(mutex);
    if (!changed.wait_for(lock, std::chrono::seconds(1), [&] { return said; })) {
      std::fprintf(stderr, "patience: nobody spoke within a second\n");
      std::abort();
    }
  });
  {
    const std::lock_guard<std::mutex> lock(mutex);
    said = true;
  }
  changed.notify_one();
  waiter.join();
  return 0;
}
