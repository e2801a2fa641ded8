// Canary use-after-free: looks at an object after its last reference is gone.
//   Stresses   poison: that of AddressSanitizer and that of the runtime core.
//   Method     makes a number, drops it, reads its value.
//   Holds if   never where memory is poisoned: the asan flavor reports the access,
//              plain and tsan die through the check of the object's type.
//   Exercises  poison, the way from a dying host to a verdict.

#include "runtime/runtime.h"
#include "stressd/host/scenario/scenario.h"

namespace stressd::host {
namespace {

class CanaryUseAfterFree final : public Scenario {
 public:
  explicit CanaryUseAfterFree(const Parameters&) {}

  absl::Status Run(ScenarioContext& context) override {
    rt::ThreadState& thread = context.main_thread();
    rt::Number* const number = rt::NumberNew(thread, 42);
    if (number == nullptr) {
      return absl::ResourceExhaustedError("no memory for a number");
    }
    rt::Decref(thread, rt::AsObject(number));
    context.progress().Count(1);
    value_ = rt::NumberValue(rt::AsObject(number));  // The use after the free.
    return absl::OkStatus();
  }

  void Check(const ScenarioContext&, ViolationList&) const override {}

 private:
  int64_t value_ = 0;
};

}  // namespace

extern const ScenarioDeclaration kCanaryUseAfterFreeDeclaration = {
    .name = "canary-use-after-free",
    .summary = "Looks at an object after its last reference is gone.",
    .stresses = "poison: that of AddressSanitizer and that of the runtime core",
    .method = "Makes a number, drops it, reads its value.",
    .holds_if =
        "never where memory is poisoned: the asan flavor reports the "
        "access, plain and tsan die through the check of the object's "
        "type",
    .exercises = "poison, the way from a dying host to a verdict",
    .canary = true,
    .always_fresh = true,
    .expected = {.plain = ExpectedVerdict::kViolation,
                 .asan = ExpectedVerdict::kSanitizerReport,
                 .tsan = ExpectedVerdict::kViolation,
                 .bench = ExpectedVerdict::kSilent},
    .create = &CreateScenario<CanaryUseAfterFree>,
};

}  // namespace stressd::host
