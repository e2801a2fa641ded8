#include "stressd/host/standalone.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "runtime/state/runtime.h"
#include "stressd/host/flavor.h"
#include "stressd/host/host_process.h"
#include "stressd/host/observation_gate.h"
#include "stressd/host/run_control.h"
#include "stressd/host/run_executor.h"
#include "stressd/host/scenario/registry.h"
#include "stressd/protocol/black_box_memory.h"
#include "stressd/protocol/exit_code.h"

namespace stressd::host {
namespace {

using protocol::RunResult;

const char* VerdictName(RunResult::Verdict verdict) {
  switch (verdict) {
    case RunResult::PASSED:
      return "PASSED";
    case RunResult::VIOLATION:
      return "VIOLATION";
    case RunResult::SANITIZER_REPORT:
      return "SANITIZER_REPORT";
    case RunResult::INCONCLUSIVE:
      return "INCONCLUSIVE";
    default:
      // Nobody cancels a run from here.
      return "ERROR";
  }
}

int ExitCodeOf(const RunResult& result) {
  switch (result.verdict()) {
    case RunResult::PASSED:
      return 0;
    case RunResult::VIOLATION:
    case RunResult::SANITIZER_REPORT:
      return 1;
    case RunResult::INCONCLUSIVE:
      return 7;
    default:
      return result.invalid_argument() ? protocol::kExitUsage : 3;
  }
}

// How much an exit code counts among several: 1, 2, 3, 7, 0.
int Weight(int exit_code) { return exit_code == 0 ? -10 : -exit_code; }

void Print(const RunResult& result, uint64_t seed, bool with_points) {
  std::printf("%s seed=%" PRIu64 " operations=%" PRId64 " references=%" PRId64 "->%" PRId64
              " set_up=%.3fms run=%.3fms check=%.3fms tear_down=%.3fms"
              " first_operation=%.3fms%s%s%s%s\n",
              VerdictName(result.verdict()), seed, result.operation_count(),
              result.before().reference_total(), result.after().reference_total(),
              static_cast<double>(result.set_up_ns()) / 1e6,
              static_cast<double>(result.run_ns()) / 1e6,
              static_cast<double>(result.check_ns()) / 1e6,
              static_cast<double>(result.tear_down_ns()) / 1e6,
              static_cast<double>(result.start_latency_ns()) / 1e6,
              result.plan().empty() || result.plan() == "none" ? "" : " plan=",
              result.plan() == "none" ? "" : result.plan().c_str(),
              result.leak_report() ? " leak-report" : "",
              result.error().empty() ? "" : (" " + result.error()).c_str());
  for (const protocol::Violation& violation : result.violations()) {
    std::printf("  %s: %s\n", violation.rule().c_str(), violation.message().c_str());
  }
  for (const protocol::PointCount& point : result.points()) {
    if (!with_points) break;
    std::printf("  %12" PRId64 " %s\n", point.pass_count(), point.point().c_str());
  }
  std::fflush(stdout);
}

void PrintScenarios() {
  for (const ScenarioDeclaration* scenario : Scenarios()) {
    std::printf("%-24.*s %.*s\n", static_cast<int>(scenario->name.size()), scenario->name.data(),
                static_cast<int>(scenario->summary.size()), scenario->summary.data());
  }
}

}  // namespace

int RunStandalone(const Flags& flags) {
  if (flags.version) {
    std::printf("stress_host %s %s\n", std::string(FlavorName()).c_str(), FlavorBuildId().c_str());
    return 0;
  }
  if (flags.list) {
    PrintScenarios();
    return 0;
  }
  absl::StatusOr<protocol::BlackBoxMapping> box = protocol::BlackBoxMapping::MapAnonymous();
  if (!box.ok()) {
    std::fprintf(stderr, "%s\n", box.status().ToString().c_str());
    return protocol::kExitSetUp;
  }
  HostProcess process(*std::move(box));
  if (!process.Start()) return protocol::kExitSetUp;
  RunControl control;
  ObservationGate gate;
  RunExecutor::Options options;
  options.runtime = process.runtime();
  options.writer = process.writer();
  options.control = &control;
  options.gate = &gate;
  options.check_leaks = true;
  RunExecutor executor(options);
  int exit_code = 0;
  for (int64_t i = 0; i < flags.repeat_count; ++i) {
    protocol::RunRequest request;
    request.set_run_id(i + 1);
    request.set_scenario(flags.scenario);
    request.set_preset(flags.preset);
    request.set_seed(flags.seed + static_cast<uint64_t>(i));
    request.set_plan(flags.plan);
    request.set_duration_ns(absl::ToInt64Nanoseconds(flags.duration));
    for (const auto& [name, text] : flags.parameters) {
      (*request.mutable_parameters())[name] = text;
    }
    if (!control.Begin(request.run_id())) return protocol::kExitSetUp;
    const RunResult result = executor.Execute(request, rt::MonotonicNanoseconds());
    control.End();
    Print(result, request.seed(), flags.points);
    exit_code =
        std::max(exit_code, ExitCodeOf(result), [](int a, int b) { return Weight(a) < Weight(b); });
    if (result.invalid_argument()) break;
  }
  return exit_code;
}

}  // namespace stressd::host
