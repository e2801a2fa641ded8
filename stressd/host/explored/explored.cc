// What a host of the flavor explore hosts: the kernels that its target program lists.

#include <algorithm>
#include <array>
#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "stressd/explore/driver/target.h"
#include "stressd/host/explored/explored_kernel.h"
#include "stressd/host/explored/target_program.h"
#include "stressd/host/flavor.h"
#include "stressd/host/scenario/registry.h"

namespace stressd::host {
namespace {

// 128: far more than there are; a declaration's `create` is a plain function.
constexpr size_t kKernelCountMax = 128;
constexpr std::string_view kCanaryPrefix = "canary-";

constexpr PresetParameter kSmoke[] = {{"schedules", "40"}};
constexpr PresetParameter kSoak[] = {{"schedules", "2000"}};

// Made once, by the first who asks.
struct Hosted {
  std::string program;
  std::string build_id;
  std::vector<KernelDescription> kernels;  // In the order of their names.
  std::deque<std::string> texts;           // What the declarations point into.
  std::deque<ScenarioDeclaration> declarations;
  std::vector<const ScenarioDeclaration*> scenarios;
  std::vector<Preset> presets;
};

const Hosted& TheHosted();

template <size_t kIndex>
std::unique_ptr<Scenario> CreateKernel(const Parameters& parameters) {
  const Hosted& hosted = TheHosted();
  return std::make_unique<ExploredKernel>(hosted.program, hosted.kernels[kIndex].name, parameters);
}

using Creator = std::unique_ptr<Scenario> (*)(const Parameters& parameters);

template <size_t... kIndexes>
constexpr std::array<Creator, sizeof...(kIndexes)> MakeCreators(std::index_sequence<kIndexes...>) {
  return {&CreateKernel<kIndexes>...};
}
constexpr auto kCreators = MakeCreators(std::make_index_sequence<kKernelCountMax>());

// "canary-lost-update" stays, the others are "kernel-...".
std::string ScenarioNameOf(std::string_view kernel) {
  return (kernel.starts_with(kCanaryPrefix) ? "" : "kernel-") + std::string(kernel);
}

void Declare(const KernelDescription& kernel, Creator create, Hosted& hosted) {
  const std::string& name = hosted.texts.emplace_back(ScenarioNameOf(kernel.name));
  const std::string& summary = hosted.texts.emplace_back(kernel.summary + ".");
  ScenarioDeclaration declared;
  declared.name = name;
  declared.summary = summary;
  declared.stresses = "one hand-over of the runtime core";
  declared.method =
      "The kernel runs again and again under the controlled engine, each time under another "
      "schedule of its two to four threads.";
  declared.canary = kernel.name.starts_with(kCanaryPrefix);
  declared.always_fresh = declared.canary;
  declared.holds_if = declared.canary
                          ? "never: the engine must find it"
                          : "no schedule ends with a data race, a deadlock, a use after free, a "
                            "broken invariant or a wrong balance";
  declared.exercises = "controlled engine";
  declared.parameters = KernelParameters();
  declared.rounds_parameter = "schedules";
  if (declared.canary) declared.expected.plain = ExpectedVerdict::kViolation;
  declared.create = create;
  hosted.scenarios.push_back(&hosted.declarations.emplace_back(declared));
  // It ends at its first finding, for which 40 schedules were too few for 2 of 10 seeds.
  hosted.presets.push_back({name, "smoke", declared.canary ? kSoak : kSmoke});
  hosted.presets.push_back({name, "soak", kSoak});
}

std::unique_ptr<Hosted> MakeHosted() {
  auto hosted = std::make_unique<Hosted>();
  hosted->program = TargetProgram();
  absl::StatusOr<std::vector<KernelDescription>> kernels = ListKernels(hosted->program);
  if (!kernels.ok()) {
    std::fprintf(stderr, "stressd: host: %s\n", kernels.status().ToString().c_str());
    return hosted;
  }
  hosted->build_id = explore::BuildIdOf(hosted->program);
  hosted->kernels = *std::move(kernels);
  if (hosted->kernels.size() > kKernelCountMax) hosted->kernels.resize(kKernelCountMax);
  for (size_t i = 0; i < hosted->kernels.size(); ++i) {
    Declare(hosted->kernels[i], kCreators[i], *hosted);
  }
  std::sort(hosted->scenarios.begin(), hosted->scenarios.end(),
            [](const auto* a, const auto* b) { return a->name < b->name; });
  return hosted;
}

const Hosted& TheHosted() {
  static const Hosted* const hosted = MakeHosted().release();
  return *hosted;
}

}  // namespace

absl::Span<const ScenarioDeclaration* const> Scenarios() { return TheHosted().scenarios; }

absl::Span<const Preset> Presets() { return TheHosted().presets; }

std::string_view FlavorName() { return "explore"; }

std::string FlavorBuildId() { return TheHosted().build_id; }

std::string_view RefusalOfOthers() {
  return "the controlled engine runs one thread at a time, in virtual time and without fork, so it "
         "hosts kernels only";
}

}  // namespace stressd::host
