#include "stressd/host/perturbation/helper_threads.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "runtime/base/atomic.h"
#include "runtime/base/clock.h"
#include "runtime/base/futex.h"

namespace stressd::host {
namespace {

using protocol::PlanKind;
using protocol::PlanPart;

constexpr int kSignal = SIGURG;
constexpr int64_t kNanosecondsPerMicrosecond = 1000;
// 2 ms: a part of a time slice, so that a busy thread pushes workers aside and is
// itself pushed aside; 100 of 100 parts would hand each hand-over to the scheduler.
constexpr int64_t kBusyPeriodNs = 2'000'000;
// 1000 looks, 1 ms apart: a second for the kernel to forget a thread.
constexpr int kLookCount = 1000;

void DoNothing(int) {}

pid_t OwnThreadId() { return static_cast<pid_t>(::syscall(SYS_gettid)); }

// A joined thread stays in /proc for a moment, where the oracles count.
void AwaitForgotten(pid_t id) {
  const std::string path = absl::StrCat("/proc/self/task/", id);
  const rt::Atomic<uint32_t> never_woken{0};
  for (int i = 0; i < kLookCount && ::access(path.c_str(), F_OK) == 0; ++i) {
    rt::FutexWait(never_woken, 0, rt::kNanosecondsPerMillisecond);
  }
}

}  // namespace

struct HelperThreads::Thread {
  pthread_t handle = {};
  WorkerIds workers;
  int64_t period_ns = 0;  // Between two signals, or busy in each kBusyPeriodNs.
  // Written by the thread, read when it has been joined.
  pid_t id = 0;
  int64_t signal_count = 0;
  rt::Atomic<uint32_t> ended{0};

  bool HasEnded() const {
    // relaxed: orders nothing; a late reader makes one turn more.
    return ended.load(std::memory_order_relaxed) != 0;
  }

  static void* SendSignals(void* argument) {
    auto& self = *static_cast<Thread*>(argument);
    self.id = OwnThreadId();
    const pid_t process = ::getpid();
    size_t next = 0;
    while (!self.HasEnded()) {
      rt::FutexWait(self.ended, 0, self.period_ns);
      for (size_t tried = 0; tried < self.workers.count; ++tried) {
        const pid_t worker = self.workers.at(next++ % self.workers.count);
        if (worker == 0) continue;
        // A worker that has gone since does not get it: harmless.
        (void)::syscall(SYS_tgkill, process, worker, kSignal);
        ++self.signal_count;
        break;
      }
    }
    return nullptr;
  }

  static void* BeBusy(void* argument) {
    auto& self = *static_cast<Thread*>(argument);
    self.id = OwnThreadId();
    while (!self.HasEnded()) {
      const int64_t end_ns = rt::MonotonicNanoseconds() + self.period_ns;
      while (rt::MonotonicNanoseconds() < end_ns) rt::CpuRelax();
      const int64_t rest_ns = kBusyPeriodNs - self.period_ns;
      if (rest_ns > 0) rt::FutexWait(self.ended, 0, rest_ns);
    }
    return nullptr;
  }
};

HelperThreads::HelperThreads() = default;
HelperThreads::~HelperThreads() { End(); }

absl::Status HelperThreads::StartThread(void* (*body)(void*), WorkerIds workers,
                                        int64_t period_ns) {
  auto thread = std::make_unique<Thread>();
  thread->workers = workers;
  thread->period_ns = period_ns;
  const int error = pthread_create(&thread->handle, nullptr, body, thread.get());
  if (error != 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("could not start a thread of the plan: error ", error));
  }
  threads_.push_back(std::move(thread));
  return absl::OkStatus();
}

void HelperThreads::TakeProcessors(int64_t most) {
  if (::sched_getaffinity(0, sizeof(affinity_before_), &affinity_before_) != 0) return;
  cpu_set_t wanted;
  CPU_ZERO(&wanted);
  int64_t taken = 0;
  for (int i = 0; i < CPU_SETSIZE && taken < most; ++i) {
    if (!CPU_ISSET(i, &affinity_before_)) continue;
    CPU_SET(i, &wanted);
    ++taken;
  }
  // Where it is not allowed, the run has all processors.
  has_affinity_ = ::sched_setaffinity(0, sizeof(wanted), &wanted) == 0;
}

absl::Status HelperThreads::Begin(const protocol::Plan& plan, WorkerIds workers) {
  absl::Status status;
  if (const PlanPart* const part = plan.Find(PlanKind::kOversubscribe)) {
    if (part->Get("processors") > 0) TakeProcessors(part->Get("processors"));
    for (int64_t i = 0; status.ok() && i < part->Get("threads"); ++i) {
      status =
          StartThread(&Thread::BeBusy, workers, part->Get("busy_percent") * kBusyPeriodNs / 100);
    }
  }
  if (const PlanPart* const part = plan.Find(PlanKind::kSignals); part != nullptr && status.ok()) {
    struct sigaction action = {};
    action.sa_handler = &DoNothing;
    action.sa_flags = SA_RESTART;
    has_handler_ = ::sigaction(kSignal, &action, &handler_before_) == 0;
    status = StartThread(&Thread::SendSignals, workers,
                         part->Get("period_us") * kNanosecondsPerMicrosecond);
  }
  if (!status.ok()) End();
  return status;
}

void HelperThreads::End() {
  for (const std::unique_ptr<Thread>& thread : threads_) {
    // relaxed: joined below.
    thread->ended.store(1, std::memory_order_relaxed);
    rt::FutexWake(&thread->ended, 1);
  }
  for (const std::unique_ptr<Thread>& thread : threads_) {
    (void)pthread_join(thread->handle, nullptr);
    AwaitForgotten(thread->id);
    signal_count_ += thread->signal_count;
  }
  threads_.clear();
  if (has_handler_) (void)::sigaction(kSignal, &handler_before_, nullptr);
  if (has_affinity_) (void)::sched_setaffinity(0, sizeof(affinity_before_), &affinity_before_);
  has_handler_ = has_affinity_ = false;
}

int64_t HelperThreads::signal_count() const { return signal_count_; }

}  // namespace stressd::host
