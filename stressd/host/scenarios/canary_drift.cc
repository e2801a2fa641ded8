// Canary drift: the totals creep although nothing is lost.
//   Stresses   the oracle of the reference total, alone.
//   Method     makes and drops numbers; each round counts one reference too many.
//   Holds if   never: the reference total is too high by `rounds`, while no block
//              is left.
//   Exercises  reference-total.

#include "runtime/runtime.h"
#include "stressd/host/scenario/scenario.h"

namespace stressd::host {
namespace {

constexpr ParameterSpec kParameters[] = {
    IntParameter("rounds", 3, 1, 1'000'000, "References that are counted too often."),
};

class CanaryDrift final : public Scenario {
 public:
  explicit CanaryDrift(const Parameters& parameters) : rounds_(parameters.GetInt("rounds")) {}

  absl::Status Run(ScenarioContext& context) override {
    rt::ThreadState& thread = context.main_thread();
    for (int64_t i = 0; i < rounds_; ++i) {
      rt::Number* const number = rt::NumberNew(thread, i);
      if (number == nullptr) {
        return absl::ResourceExhaustedError("no memory for a number");
      }
      // What a core would do that counts a reference and takes none.
      thread.counters->AddReferences(rt::kStatIndexNumber, 1);
      rt::Decref(thread, rt::AsObject(number));
      context.progress().Count(1);
    }
    return absl::OkStatus();
  }

  void Check(const ScenarioContext&, ViolationList&) const override {}

 private:
  const int64_t rounds_;
};

}  // namespace

extern const ScenarioDeclaration kCanaryDriftDeclaration = {
    .name = "canary-drift",
    .summary = "The totals creep although nothing is lost.",
    .stresses = "the oracle of the reference total, alone",
    .method =
        "Makes and drops numbers; each round counts one reference too "
        "many.",
    .holds_if =
        "never: the reference total is too high by `rounds`, while no "
        "block is left",
    .exercises = "reference-total",
    .parameters = kParameters,
    .canary = true,
    .always_fresh = true,
    .expected = {.plain = ExpectedVerdict::kViolation,
                 .asan = ExpectedVerdict::kViolation,
                 .tsan = ExpectedVerdict::kViolation,
                 .bench = ExpectedVerdict::kSilent},
    .create = &CreateScenario<CanaryDrift>,
};

}  // namespace stressd::host
