// Canary hang: two threads wait for each other for ever.
//   Stresses   the daemon's watchdog.
//   Method     each of two attached threads waits until the other has passed.
//   Holds if   never: no thread of the run moves on, and no stop is answered.
//   Exercises  heartbeat deadline, stacks of all threads, killing a host.

#include <cstddef>
#include <cstdint>

#include "runtime/base/atomic.h"
#include "runtime/base/futex.h"
#include "runtime/runtime.h"
#include "stressd/host/scenario/scenario.h"

namespace stressd::host {
namespace {

class CanaryHang final : public Scenario {
 public:
  explicit CanaryHang(const Parameters&) {}

  absl::Status Run(ScenarioContext& context) override {
    return context.RunWorkers(2, [&](Worker& worker) {
      rt::ScopedThreadState thread(context.interpreter());
      if (!thread) {
        return absl::ResourceExhaustedError("no thread state could be made");
      }
      context.progress().Count(1);
      const size_t own = static_cast<size_t>(worker.index);
      WaitForEver(passed_[1 - own]);
      // relaxed: never reached.
      passed_[own].store(1, std::memory_order_relaxed);
      return absl::OkStatus();
    });
  }

  void Check(const ScenarioContext&, ViolationList&) const override {}

 private:
  // Named, so that it is found in the stacks.
  __attribute__((noinline)) static void WaitForEver(const rt::Atomic<uint32_t>& word) {
    // relaxed: only the number counts.
    while (word.load(std::memory_order_relaxed) == 0) {
      rt::FutexWait(word, 0, rt::kNoTimeout);
    }
  }

  rt::Atomic<uint32_t> passed_[2];
};

}  // namespace

extern const ScenarioDeclaration kCanaryHangDeclaration = {
    .name = "canary-hang",
    .summary = "Two threads wait for each other for ever.",
    .stresses = "the daemon's watchdog",
    .method = "Each of two attached threads waits until the other has passed.",
    .holds_if = "never: no thread of the run moves on, and no stop is answered",
    .exercises = "heartbeat deadline, stacks of all threads, killing a host",
    .canary = true,
    .always_fresh = true,
    .expected = {.plain = ExpectedVerdict::kHung,
                 .asan = ExpectedVerdict::kHung,
                 .tsan = ExpectedVerdict::kHung,
                 .bench = ExpectedVerdict::kHung},
    .create = &CreateScenario<CanaryHang>,
};

}  // namespace stressd::host
