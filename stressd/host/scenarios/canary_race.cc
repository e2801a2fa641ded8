// Canary race: threads write the same plain field.
//   Stresses   ThreadSanitizer.
//   Method     `threads` threads start at once and each adds to one field
//              `additions` times without any order between them.
//   Holds if   never in the tsan flavor; the others cannot see it.
//   Exercises  the sanitizer's report and the way it travels.

#include "stressd/host/scenario/scenario.h"

namespace stressd::host {
namespace {

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 2, 2, 64, "Threads that write.", ParameterCounts::kThreads),
    IntParameter("additions", 1000, 1, 1'000'000, "Writes of each thread."),
};

class CanaryRace final : public Scenario {
 public:
  explicit CanaryRace(const Parameters& parameters)
      : threads_(static_cast<int>(parameters.GetInt("threads"))),
        additions_(parameters.GetInt("additions")) {}

  absl::Status Run(ScenarioContext& context) override {
    return context.RunWorkers(threads_, [&](Worker&) {
      for (int64_t i = 0; i < additions_; ++i) {
        field_ = field_ + 1;  // The race.
        context.progress().Count(1);
      }
      return absl::OkStatus();
    });
  }

  void Check(const ScenarioContext&, ViolationList&) const override {}

 private:
  const int threads_;
  const int64_t additions_;
  // Volatile keeps the compiler from folding the loop into one addition.
  // Unsigned, so that only ThreadSanitizer objects.
  volatile uint64_t field_ = 0;
};

}  // namespace

extern const ScenarioDeclaration kCanaryRaceDeclaration = {
    .name = "canary-race",
    .summary = "Threads write the same plain field.",
    .stresses = "ThreadSanitizer",
    .method =
        "`threads` threads start at once and each adds to one field "
        "`additions` times without any order between them.",
    .holds_if = "never in the tsan flavor; the others cannot see it",
    .exercises = "the sanitizer's report and the way it travels",
    .parameters = kParameters,
    .canary = true,
    .always_fresh = true,
    .expected = {.plain = ExpectedVerdict::kSilent,
                 .asan = ExpectedVerdict::kSilent,
                 .tsan = ExpectedVerdict::kSanitizerReport,
                 .bench = ExpectedVerdict::kSilent},
    .create = &CreateScenario<CanaryRace>,
};

}  // namespace stressd::host
