#include "stressd/host/explored/explored_kernel.h"

#include <cstdint>
#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/runtime.h"
#include "stressd/explore/driver/exhaustive.h"
#include "stressd/explore/driver/investigation.h"
#include "stressd/explore/driver/optional_parts.h"
#include "stressd/explore/random.h"
#include "stressd/host/scenario/scenario_context.h"

namespace stressd::host {
namespace {

constexpr std::string_view kStrategies[] = {"portfolio", "dfs",   "rw",    "urw",   "pos",
                                            "starve",    "pct:1", "pct:2", "pct:3", "pct:4",
                                            "pct:5",     "pct:6", "pct:7", "pct:8"};
constexpr std::string_view kModels[] = {"sc", "tso", "pso"};

constexpr ParameterSpec kParameters[] = {
    IntParameter("schedules", 200, 1, 1'000'000'000, "Schedules to run, at most."),
    ChoiceParameter("strategy", "portfolio", kStrategies,
                    "Who chooses the next thread: docs/explore.md."),
    ChoiceParameter("model", "sc", kModels, "Memory model: docs/explore.md."),
    IntParameter("preemptions", 2, 0, 16,
                 "Preemptions in a schedule of the strategy dfs; the others have no bound."),
    IntParameter("schedule", -1, -1, 999'999'999,
                 "Only this schedule of the seed, counted from 0; -1: all. Needs a strategy that "
                 "is neither portfolio nor dfs."),
};

// 5: enough to tell an exact replay from a lucky one.
constexpr uint64_t kReplayCount = 5;

std::string FirstFrame(const explore::SymbolizedStack& stack) {
  return stack.frames.empty() ? stack.title : absl::StrCat(stack.title, " in ", stack.frames[0]);
}

}  // namespace

absl::Span<const ParameterSpec> KernelParameters() { return kParameters; }

ExploredKernel::ExploredKernel(std::string program, std::string kernel,
                               const Parameters& parameters)
    : program_(std::move(program)),
      kernel_(std::move(kernel)),
      strategy_(parameters.GetChoice("strategy")),
      model_(parameters.GetChoice("model")),
      schedules_(parameters.GetInt("schedules")),
      preemptions_(parameters.GetInt("preemptions")),
      schedule_(parameters.GetInt("schedule")) {}

absl::Status ExploredKernel::MakeOptions(ScenarioContext& context,
                                         explore::CampaignOptions* options) const {
  options->command = {program_, kernel_};
  options->schedules = static_cast<uint64_t>(schedules_);
  // 1,000,000,000: no end but that of the duration.
  if (context.has_duration()) options->schedules = 1'000'000'000;
  options->seed = context.seed();
  options->model = *explore::ParseModel(model_);
  options->bound = static_cast<uint32_t>(preemptions_);
  options->stop_at_first = true;
  const bool one_arm = strategy_ != "portfolio" && strategy_ != "dfs";
  if (one_arm) options->arms = {*explore::ParseArm(strategy_)};
  if (schedule_ >= 0 && !one_arm) {
    return absl::InvalidArgumentError(
        absl::StrCat("parameters.schedule: \"", schedule_, "\" needs a strategy, not ", strategy_,
                     "; allowed: rw, urw, pos, starve, pct:1 to pct:8"));
  }
  return absl::OkStatus();
}

absl::Status ExploredKernel::Run(ScenarioContext& context) {
  explore::CampaignOptions options;
  const absl::Status status = MakeOptions(context, &options);
  if (!status.ok()) return status;
  // The schedules run in other processes; nobody is to wait for this thread.
  rt::ScopedDetach detached(context.main_thread());
  const absl::Status explored = Explore(context, options);
  if (!detached.End()) return absl::AbortedError("the run's main thread state was shut down");
  return explored;
}

absl::Status ExploredKernel::Explore(ScenarioContext& context,
                                     const explore::CampaignOptions& base) {
  explore::CampaignOptions options = base;
  uint64_t counted = 0;
  options.on_batch = [&](uint64_t schedules, uint64_t distinct) {
    context.progress().Count(schedules - std::exchange(counted, schedules));
    context.Measure("distinct_schedules_count", static_cast<int64_t>(distinct));
    return !context.ShouldStop();
  };
  options.on_schedule = [&] { context.progress().Heartbeat(); };
  explore::CampaignResult result;
  if (schedule_ >= 0) {
    const absl::Status status = RunOne(options, &result);
    if (!status.ok()) return status;
    context.progress().Count(1);
  } else {
    result = strategy_ == "dfs" ? explore::RunExhaustiveCampaign(options)
                                : explore::RunCampaign(options);
  }
  if (!result.error.empty()) return absl::InternalError(result.error);
  context.Measure("schedules_count", static_cast<int64_t>(result.schedules));
  context.Measure("distinct_schedules_count", static_cast<int64_t>(result.distinct));
  context.Measure("decisions_count", static_cast<int64_t>(result.points));
  context.Measure("audited_schedules_count", static_cast<int64_t>(result.audited));
  if (result.seconds > 0) {
    context.Measure("schedules_per_s",
                    static_cast<int64_t>(static_cast<double>(result.schedules) / result.seconds));
  }
  if (strategy_ == "dfs") context.Measure("search_is_complete", result.complete ? 1 : 0);
  if (!result.findings.empty()) Explain(options, result);
  return absl::OkStatus();
}

absl::Status ExploredKernel::RunOne(const explore::CampaignOptions& options,
                                    explore::CampaignResult* result) {
  explore::Target target(options.command, options.timeout_s);
  result->error = target.Start();
  if (!result->error.empty()) return absl::InternalError(result->error);
  std::vector<explore::Arm> arms = options.arms;
  explore::Learn(target, options, arms);
  const auto index = static_cast<uint64_t>(schedule_);
  const explore::ScheduleName name{arms[0], options.model, explore::Mix(options.seed, index)};
  explore::Finding finding = explore::RunNamed(target, options, name, /*trace=*/false);
  result->schedules = result->distinct = 1;
  if (finding.verdict == explore::Verdict::kPassed) return absl::OkStatus();
  finding.index = index;
  result->failed = 1;
  result->findings.push_back(std::move(finding));
  return absl::OkStatus();
}

void ExploredKernel::Explain(const explore::CampaignOptions& options,
                             const explore::CampaignResult& result) {
  const explore::Finding& finding = result.findings.front();
  Found found;
  found.rule = explore::VerdictName(finding.verdict);
  found.message = absl::StrCat("schedule ", finding.index, " of seed ", options.seed);
  if (!finding.message.empty()) absl::StrAppend(&found.message, ": ", finding.message);
  if (finding.schedule.arm.kind != explore::StrategyKind::kPrefix) {
    absl::StrAppend(&found.message, "; alone: strategy=", finding.schedule.arm.Name(),
                    " schedule=", finding.index);
  }
  explore::Target target(options.command, options.timeout_s);
  if (target.Start().empty()) {
    std::vector<explore::Arm> arms;
    if (finding.schedule.arm.kind != explore::StrategyKind::kPrefix) {
      arms.push_back(finding.schedule.arm);
    }
    explore::Learn(target, options, arms);
    const explore::Investigation investigation =
        explore::Investigate(target, options, finding, kReplayCount);
    absl::StrAppendFormat(&found.message, "; replayed %d of %d, %d preemptions left",
                          investigation.replayed, investigation.replays,
                          investigation.minimized.finding.preemptions);
    const explore::Minimized& minimized = investigation.minimized;
    if (minimized.left_out != 0) {
      absl::StrAppend(&found.message, ", without ",
                      explore::PartsText(minimized.left_out, minimized.asked_parts));
    }
    for (const explore::SymbolizedStack& stack : investigation.pair) {
      absl::StrAppend(&found.message, "; ", FirstFrame(stack));
    }
    // The report of the run.
    std::fputs(explore::Describe(investigation, absl::StrCat(program_, " ", kernel_), "").c_str(),
               stderr);
  }
  found_ = std::move(found);
}

void ExploredKernel::Check(const ScenarioContext&, ViolationList& out) const {
  if (found_.has_value()) out.Add(found_->rule, found_->message);
}

}  // namespace stressd::host
