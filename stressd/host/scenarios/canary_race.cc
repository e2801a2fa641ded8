// Canary race: threads write the same plain fields.
//   Stresses   ThreadSanitizer.
//   Method     `threads` threads start at once and each adds `additions` times to
//              one field, or to two in turn, by a function each, without any order
//              between them. Two fields are two races, both reported by one run.
//   Holds if   never in the tsan flavor; the others cannot see it.
//   Exercises  the sanitizer's report and the way it travels.

#include "stressd/host/scenario/scenario.h"

namespace stressd::host {
namespace {

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 2, 2, 64, "Threads that write.", ParameterCounts::kThreads),
    IntParameter("additions", 1000, 1, 1'000'000, "Writes of each thread to each field."),
    IntParameter("fields", 1, 1, 2, "Fields that are written, each a race of its own."),
};

class CanaryRace final : public Scenario {
 public:
  explicit CanaryRace(const Parameters& parameters)
      : threads_(static_cast<int>(parameters.GetInt("threads"))),
        additions_(parameters.GetInt("additions")),
        has_second_(parameters.GetInt("fields") == 2) {}

  absl::Status Run(ScenarioContext& context) override {
    return context.RunWorkers(threads_, [&](Worker&) {
      for (int64_t i = 0; i < additions_; ++i) {
        AddToFirst();
        if (has_second_) AddToSecond();
        context.progress().Count(1);
      }
      return absl::OkStatus();
    });
  }

  void Check(const ScenarioContext&, ViolationList&) const override {}

 private:
  // The races. Kept apart, for they are told apart by their functions.
  [[gnu::noinline]] void AddToFirst() { first_ = first_ + 1; }
  [[gnu::noinline]] void AddToSecond() { second_ = second_ + 1; }

  const int threads_;
  const int64_t additions_;
  const bool has_second_;
  // Volatile keeps the compiler from folding the loop into one addition.
  // Unsigned, so that only ThreadSanitizer objects.
  volatile uint64_t first_ = 0;
  volatile uint64_t second_ = 0;
};

}  // namespace

extern const ScenarioDeclaration kCanaryRaceDeclaration = {
    .name = "canary-race",
    .summary = "Threads write the same plain fields.",
    .stresses = "ThreadSanitizer",
    .method =
        "`threads` threads start at once and each adds `additions` times to one "
        "field, or to two in turn, by a function each, without any order between "
        "them. Two fields are two races, both reported by one run.",
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
