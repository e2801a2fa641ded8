// Canary crash: writes to an address that is not mapped.
//   Stresses   the daemon: a host that dies by a signal.
//   Method     one write to address 8.
//   Holds if   never: the process dies by SIGSEGV in every flavor.
//   Exercises  crash handler, classification of a signal.

#include <cstdint>

#include "stressd/host/scenario/scenario.h"

namespace stressd::host {
namespace {

// Not instrumented: every flavor shall die by the same signal.
__attribute__((no_sanitize("address", "thread", "undefined"), noinline)) void WriteNowhere() {
  *reinterpret_cast<volatile char*>(uintptr_t{8}) = 1;
}

class CanaryCrash final : public Scenario {
 public:
  explicit CanaryCrash(const Parameters&) {}

  absl::Status Run(ScenarioContext& context) override {
    context.progress().Count(1);
    WriteNowhere();
    return absl::OkStatus();
  }

  void Check(const ScenarioContext&, ViolationList&) const override {}
};

}  // namespace

extern const ScenarioDeclaration kCanaryCrashDeclaration = {
    .name = "canary-crash",
    .summary = "Writes to an address that is not mapped.",
    .stresses = "the daemon: a host that dies by a signal",
    .method = "One write to address 8.",
    .holds_if = "never: the process dies by SIGSEGV in every flavor",
    .exercises = "crash handler, classification of a signal",
    .canary = true,
    .always_fresh = true,
    .expected = {.plain = ExpectedVerdict::kCrashed,
                 .asan = ExpectedVerdict::kCrashed,
                 .tsan = ExpectedVerdict::kCrashed,
                 .bench = ExpectedVerdict::kCrashed},
    .create = &CreateScenario<CanaryCrash>,
};

}  // namespace stressd::host
