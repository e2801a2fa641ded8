// One program per interposed family: the first argument names the part to run.
// Each part is correct, so that a finding is the engine's mistake, unless its
// name says otherwise.
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <semaphore>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "threading: %s\n", what);
  std::exit(9);
}

template <typename Function>
void InThreads(int count, Function function) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(function, i);
  for (std::thread& thread : threads) thread.join();
}

void Mutexes() {
  std::recursive_mutex recursive;
  std::timed_mutex timed;
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_t checked;
  pthread_mutex_init(&checked, &attributes);
  int count = 0;
  InThreads(2, [&](int) {
    recursive.lock();
    recursive.lock();
    ++count;
    recursive.unlock();
    ++count;
    recursive.unlock();
    if (timed.try_lock_for(std::chrono::seconds(1))) timed.unlock();
    Require(pthread_mutex_unlock(&checked) == EPERM, "error check: unlock");
    pthread_mutex_lock(&checked);
    Require(pthread_mutex_lock(&checked) == EDEADLK, "error check: lock");
    pthread_mutex_unlock(&checked);
  });
  Require(count == 4, "recursive mutex");
}

void SharedMutex() {
  std::shared_mutex mutex;
  int value = 0;
  InThreads(3, [&](int index) {
    if (index == 0) {
      const std::unique_lock<std::shared_mutex> lock(mutex);
      value = 1;
      value = 2;
    } else {
      const std::shared_lock<std::shared_mutex> lock(mutex);
      Require(value != 1, "a reader saw half a write");
    }
  });
}

void Condition() {
  std::mutex mutex;
  std::condition_variable changed;
  bool ready = false;
  int late = 0;
  InThreads(3, [&](int index) {
    std::unique_lock<std::mutex> lock(mutex);
    if (index == 0) {
      ready = true;
      changed.notify_all();
      return;
    }
    changed.wait(lock, [&] { return ready; });
    // Nobody notifies: virtual time passes at once.
    if (changed.wait_for(lock, std::chrono::hours(1)) == std::cv_status::timeout) ++late;
  });
  Require(late == 2, "timed waits must expire");
}

void SemaphoreAndBarrier() {
  sem_t semaphore;
  sem_init(&semaphore, 0, 1);
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, nullptr, 3);
  std::counting_semaphore<2> counting(2);
  std::latch latch(3);
  int inside = 0;
  std::atomic<int> serial{0};
  InThreads(3, [&](int) {
    sem_wait(&semaphore);
    Require(++inside == 1, "semaphore lets two in");
    --inside;
    sem_post(&semaphore);
    if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) ++serial;
    counting.acquire();
    counting.release();
    latch.arrive_and_wait();
  });
  Require(serial == 1, "one thread of a barrier is serial");
}

struct Counted {
  explicit Counted(std::atomic<int>* ended) : ended(ended) {}
  ~Counted() { ++*ended; }
  std::atomic<int>* ended;
};

void OnceAndKeys() {
  static std::once_flag once;
  static int initialized = 0;
  static std::atomic<int> ended{0};
  static pthread_key_t key;
  pthread_key_create(&key, [](void* value) { ended += *static_cast<int*>(value); });
  static int ten = 10;
  InThreads(3, [&](int) {
    std::call_once(once, [] { ++initialized; });
    Require(initialized == 1, "once");
    thread_local Counted counted(&ended);
    Require(counted.ended == &ended, "thread_local");
    pthread_setspecific(key, &ten);
    static const std::string* guarded = new std::string("made once");
    Require(*guarded == "made once", "function static");
  });
  Require(ended == 33, "destructors at thread exit");
}

void Waiting() {
  std::atomic<int> word{0};
  std::promise<int> promise;
  std::future<int> future = promise.get_future();
  InThreads(2, [&](int index) {
    if (index == 0) {
      word.wait(0);
      promise.set_value(word.load());
    } else {
      word.store(7);
      word.notify_one();
    }
  });
  Require(future.get() == 7, "atomic wait");
}

void Time() {
  using std::chrono::steady_clock;
  const auto start = steady_clock::now();
  std::atomic<bool> stop{false};
  InThreads(2, [&](int index) {
    if (index == 0) {
      std::this_thread::sleep_for(std::chrono::hours(24));  // style: tests virtual time.
      stop = true;
    } else {
      while (!stop) std::this_thread::yield();
    }
  });
  Require(steady_clock::now() - start >= std::chrono::hours(24), "virtual time");
}

void SharedPointer() {
  auto shared = std::make_shared<int>(5);
  InThreads(2, [copy = shared](int) { Require(*copy == 5, "shared_ptr"); });
}

void* Detached(void* flag) {
  static_cast<std::atomic<int>*>(flag)->store(1);
  pthread_exit(nullptr);
}

void Detach() {
  static std::atomic<int> done{0};
  pthread_t thread;
  pthread_create(&thread, nullptr, Detached, &done);
  pthread_detach(thread);
  while (done.load() == 0) sched_yield();
}

// Mistakes, each with its own verdict.
void WrongUnlock() {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  InThreads(2, [](int index) {
    if (index == 0) pthread_mutex_lock(&mutex);
    if (index == 1) pthread_mutex_unlock(&mutex);
  });
}

void SelfDeadlock() {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  InThreads(1, [](int) {
    pthread_mutex_lock(&mutex);
    pthread_mutex_lock(&mutex);
  });
}

void LostWakeUp() {
  std::mutex mutex;
  std::condition_variable changed;
  std::atomic<bool> ready{false};
  InThreads(2, [&](int index) {
    if (index == 0) {
      ready = true;
      changed.notify_one();
    } else if (!ready) {
      std::unique_lock<std::mutex> lock(mutex);
      changed.wait(lock);
    }
  });
}

void Busy() {
  InThreads(1, [](int) {
    while (true) __asm__ volatile("");
  });
}

void BadStatus() {
  static std::atomic<int> order{0};
  InThreads(2, [](int index) {
    if (index == 1 && order.load() == 1) std::_Exit(7);
    order.fetch_add(1);
  });
}

// The threads are joined and nobody else is left: what was freed is still freed.
void UseWhatIsLeft() {
  auto* const number = new int(1);
  InThreads(2, [&](int index) {
    if (index == 1) *number = 2;
  });
  delete number;
  if (*static_cast<volatile int*>(number) == 3) std::_Exit(1);
}

// The thread has ended, and nobody was told: being alone orders nothing, nor does
// the end of another thread that was joined.
void RaceWithTheDeparted() {
  static int number = 0;
  static std::atomic<bool> wrote{false};
  std::thread([] {
    ++number;
    wrote.store(true, std::memory_order_relaxed);
  }).detach();
  while (!wrote.load(std::memory_order_relaxed)) std::this_thread::yield();
  InThreads(1, [](int) {});
  if (++number == 7) std::_Exit(1);
}

// What was done alone between two threads' lives is known to the second.
void OneAfterTheOther() {
  static int number = 0;
  std::atomic<int> count{0};
  for (int turn = 0; turn < 2; ++turn) {
    InThreads(1, [&](int) {
      ++number;
      count.fetch_add(1, std::memory_order_relaxed);
    });
    ++number;
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  if (number != 4 || count.load() != 4) std::_Exit(1);
}

struct Part {
  const char* name;
  void (*run)();
};

constexpr Part kParts[] = {
    {"mutexes", Mutexes},
    {"shared-mutex", SharedMutex},
    {"condition", Condition},
    {"semaphore", SemaphoreAndBarrier},
    {"once", OnceAndKeys},
    {"waiting", Waiting},
    {"time", Time},
    {"shared-pointer", SharedPointer},
    {"detach", Detach},
    {"wrong-unlock", WrongUnlock},
    {"self-deadlock", SelfDeadlock},
    {"lost-wake-up", LostWakeUp},
    {"busy", Busy},
    {"bad-status", BadStatus},
    {"use-what-is-left", UseWhatIsLeft},
    {"race-with-the-departed", RaceWithTheDeparted},
    {"one-after-the-other", OneAfterTheOther},
};

}  // namespace

int main(int argc, char** argv) {
  for (const Part& part : kParts) {
    if (argc == 2 && std::strcmp(argv[1], part.name) == 0) {
      part.run();
      return 0;
    }
  }
  std::fprintf(stderr, "usage: threading PART\n");
  return 2;
}
