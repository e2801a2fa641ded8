// A runtime with the benchmark's thread attached, for the time of one benchmark;
// and one for the benchmarks that run in several threads.

#ifndef RUNTIME_BENCH_BENCH_RUNTIME_H_
#define RUNTIME_BENCH_BENCH_RUNTIME_H_

#include <cstddef>
#include <memory>

#include "runtime/base/check.h"
#include "runtime/runtime.h"

namespace rt {

// 64: the working set of the published comparisons; stays in the first cache.
inline constexpr size_t kBenchObjectCount = 64;
// A checkpoint every so many operations, as an interpreter's loop would.
inline constexpr int kOperationsPerCheckpoint = 32;

class BenchRuntime {
 public:
  BenchRuntime() : runtime_(Runtime::Create()) {
    RT_CHECK(runtime_ != nullptr, "BENCH", "no memory for a runtime");
    thread_ = NewThreadState(interpreter());
    RT_CHECK(thread_ != nullptr && Attach(*thread_), "BENCH", "not attached");
  }
  ~BenchRuntime() {
    ClearThreadState(*thread_, *thread_);
    DeleteThreadState(*thread_, *thread_);
  }

  ThreadState& thread() { return *thread_; }
  Interpreter& interpreter() { return *runtime_->main_interpreter(); }

 private:
  std::unique_ptr<Runtime> runtime_;
  ThreadState* thread_ = nullptr;
};

// For benchmarks with several threads: lives until the process ends.
inline Interpreter& SharedBenchInterpreter() {
  static Runtime* const runtime = Runtime::Create().release();
  RT_CHECK(runtime != nullptr, "BENCH", "no memory for a runtime");
  return *runtime->main_interpreter();
}

}  // namespace rt

#endif  // RUNTIME_BENCH_BENCH_RUNTIME_H_
