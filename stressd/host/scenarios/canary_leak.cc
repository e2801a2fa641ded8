// Canary leak: loses references.
//   Stresses   the oracles of references and heaps, LeakSanitizer.
//   Method     makes `references` numbers and forgets them.
//   Holds if   never: the reference total and the live blocks stay too high, and
//              the asan flavor prints a report of LeakSanitizer as well.
//   Exercises  reference-total, heap-balance, counter-conservation.

#include "runtime/runtime.h"
#include "stressd/host/scenario/scenario.h"

namespace stressd::host {
namespace {

constexpr ParameterSpec kParameters[] = {
    IntParameter("references", 1, 1, 1000, "References to lose."),
};

class CanaryLeak final : public Scenario {
 public:
  explicit CanaryLeak(const Parameters& parameters)
      : references_(parameters.GetInt("references")) {}

  absl::Status Run(ScenarioContext& context) override {
    for (int64_t i = 0; i < references_; ++i) {
      // The reference is dropped on the floor: that is the leak.
      if (rt::NumberNew(context.main_thread(), i) == nullptr) {
        return absl::ResourceExhaustedError("no memory for a number");
      }
      context.progress().Count(1);
    }
    return absl::OkStatus();
  }

  void Check(const ScenarioContext&, ViolationList&) const override {}

 private:
  const int64_t references_;
};

}  // namespace

extern const ScenarioDeclaration kCanaryLeakDeclaration = {
    .name = "canary-leak",
    .summary = "Loses references.",
    .stresses = "the oracles of references and heaps, LeakSanitizer",
    .method = "Makes `references` numbers and forgets them.",
    .holds_if =
        "never: the reference total and the live blocks stay too high, "
        "and the asan flavor prints a report of LeakSanitizer as well",
    .exercises = "reference-total, heap-balance, counter-conservation",
    .parameters = kParameters,
    .canary = true,
    .always_fresh = true,
    .expected = {.plain = ExpectedVerdict::kViolation,
                 .asan = ExpectedVerdict::kViolation,
                 .tsan = ExpectedVerdict::kViolation,
                 .bench = ExpectedVerdict::kViolation},
    .create = &CreateScenario<CanaryLeak>,
};

}  // namespace stressd::host
