// Empty: does nothing at all.
//   Stresses   nothing: it shows the price and the noise of a run.
//   Method     one operation, which is to do nothing.
//   Holds if   nothing.
//   Exercises  the host, the oracles: every difference is exactly zero.

#include "stressd/host/scenario/scenario.h"

namespace stressd::host {
namespace {

class Empty final : public Scenario {
 public:
  explicit Empty(const Parameters&) {}

  absl::Status Run(ScenarioContext& context) override {
    context.progress().Count(1);
    return absl::OkStatus();
  }

  void Check(const ScenarioContext&, ViolationList&) const override {}
};

}  // namespace

extern const ScenarioDeclaration kEmptyDeclaration = {
    .name = "empty",
    .summary = "Does nothing at all.",
    .stresses = "nothing: it shows the price and the noise of a run",
    .method = "One operation, which is to do nothing.",
    .holds_if = "nothing",
    .exercises = "the host, the oracles: every difference is exactly zero",
    .create = &CreateScenario<Empty>,
};

}  // namespace stressd::host
