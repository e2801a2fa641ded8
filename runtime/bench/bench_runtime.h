// A runtime with the benchmark's thread attached, for the time of one benchmark.

#ifndef RUNTIME_BENCH_BENCH_RUNTIME_H_
#define RUNTIME_BENCH_BENCH_RUNTIME_H_

#include <memory>

#include "runtime/base/check.h"
#include "runtime/runtime.h"

namespace rt {

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

}  // namespace rt

#endif  // RUNTIME_BENCH_BENCH_RUNTIME_H_
