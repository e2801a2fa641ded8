// `stressctl run`: creates runs, follows them, shows what they found.
//
// Model.  Every run of a flavor gets the first seed plus its index. With
// --until-confidence a flavor gets no more runs once the rate asked about is
// excluded or established by those it has had.

#include <grpcpp/client_context.h>

#include <cstdint>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/commands.h"
#include "client/exit_code.h"
#include "client/hit_rate.h"
#include "client/run_report.h"
#include "client/run_series.h"
#include "client/text.h"
#include "proto/stressd/v1/scenario.grpc.pb.h"

namespace stressd::client {
namespace {

class RunCommand {
 public:
  RunCommand(Session& session, const RunOptions& options)
      : session_(session),
        options_(options),
        series_(session, {.parallel = options.parallel,
                          .request_id = options.request_id,
                          .quiet = options.quiet}) {}

  int Execute() {
    if (const int code = MakeSpecs(); code != kExitPassed) return code;
    if (options_.dry_run || options_.detach) return CreateOnly();
    if (const int code = series_.Execute(
            specs_, [this](const v1::RunSpec& spec) { return IsOpen(spec.flavor()); });
        code != kExitPassed) {
      return code;
    }
    Report();
    return ExitCodeOf(series_.finished(), series_.interrupted());
  }

 private:
  int Usage(const std::string& message) {
    std::cerr << "stressctl: " << message << '\n';
    return kExitUsage;
  }

  // Fills specs_, one per run.
  int MakeSpecs() {
    v1::RunSpec base;
    base.set_scenario(options_.scenario);
    if (options_.host == "resident") base.set_host_kind(v1::RESIDENT);
    if (options_.host == "fresh") base.set_host_kind(v1::FRESH);
    if (!options_.preset.empty()) {
      if (const int code = AddPreset(&base); code != kExitPassed) return code;
    }
    for (const std::string& parameter : options_.parameters) {
      const std::pair<std::string, std::string> pair =
          absl::StrSplit(parameter, absl::MaxSplits('=', 1));
      if (pair.first.empty() || parameter.find('=') == std::string::npos) {
        return Usage(absl::StrCat("--param: '", parameter, "' is not NAME=VALUE"));
      }
      (*base.mutable_parameters())[pair.first] = pair.second;
    }
    if (options_.duration != absl::ZeroDuration()) {
      *base.mutable_duration() = FromDuration(options_.duration);
    }
    if (options_.time_limit != absl::ZeroDuration()) {
      *base.mutable_time_limit() = FromDuration(options_.time_limit);
    }
    base.set_plan(options_.plan);
    std::vector<std::string> flavors = options_.flavors;
    if (flavors.empty()) flavors.push_back("plain");
    for (const std::string& flavor : flavors) {
      for (int64_t index = 0; index < options_.repeat; ++index) {
        v1::RunSpec spec = base;
        spec.set_flavor(flavor);
        if (options_.seed.has_value()) spec.set_seed(*options_.seed + static_cast<uint64_t>(index));
        specs_.push_back(std::move(spec));
      }
    }
    return kExitPassed;
  }

  int AddPreset(v1::RunSpec* spec) {
    const auto stub = v1::ScenarioService::NewStub(session_.channel());
    grpc::ClientContext context;
    session_.Prepare(context);
    v1::GetScenarioRequest request;
    request.set_name(ResourceName("scenarios", options_.scenario));
    v1::Scenario scenario;
    if (const grpc::Status status = stub->GetScenario(&context, request, &scenario); !status.ok()) {
      return session_.Fail(status);
    }
    std::vector<std::string> names;
    for (const v1::Preset& preset : scenario.presets()) {
      names.push_back(preset.preset_id());
      if (preset.preset_id() != options_.preset) continue;
      *spec->mutable_parameters() = preset.parameters();
      return kExitPassed;
    }
    return Usage(absl::StrCat("--preset: ", scenario.scenario_id(), " has no preset '",
                              options_.preset, "'; allowed: ", absl::StrJoin(names, ", ")));
  }

  // Whether another run in `flavor` can still tell something.
  bool IsOpen(const std::string& flavor) const {
    if (!options_.until_confidence.has_value()) return true;
    return JudgeRate(HitsIn(flavor), options_.rate, *options_.until_confidence) ==
           RateJudgement::kOpen;
  }

  HitRate HitsIn(const std::string& flavor) const {
    HitRate seen;
    for (const v1::Run& run : series_.finished()) {
      if (run.spec().flavor() != flavor || !IsTrial(run.verdict())) continue;
      ++seen.run_count;
      if (ExitCodeOf(run.verdict()) == kExitFound) ++seen.hit_count;
    }
    return seen;
  }

  int CreateOnly() {
    std::vector<v1::Run> runs;
    for (size_t index = 0; index < specs_.size(); ++index) {
      v1::Run run;
      if (const grpc::Status status =
              series_.Create(specs_[index], index, specs_.size(), options_.dry_run, &run);
          !status.ok()) {
        return session_.Fail(status);
      }
      runs.push_back(std::move(run));
    }
    if (session_.is_table() && options_.dry_run) {
      for (const v1::Run& run : runs) PrintRunDetails(session_, run);
    } else if (session_.is_table()) {
      for (const v1::Run& run : runs) std::cout << run.name() << '\n';
    } else {
      session_.PrintList(runs);
    }
    return kExitPassed;
  }

  void Report() {
    const std::vector<v1::Run>& finished = series_.finished();
    if (session_.format() == OutputFormat::kJson) session_.PrintList(finished);
    if (!session_.is_table()) return;
    // More than this is a series: its failures and its statistics say more.
    constexpr size_t kTableMax = 12;
    if (finished.size() <= kTableMax) {
      PrintRunTable(session_, finished);
      std::cout << "\n";
      PrintRunComparison(session_, finished);
    }
    if (options_.repeat > 1) PrintSeries(session_, finished);
    if (options_.until_confidence.has_value()) ReportJudgements(*options_.until_confidence);
    size_t failures = 0;
    for (const v1::Run& run : finished) {
      if (run.verdict() == v1::PASSED) continue;
      if (++failures > kTableMax) {
        std::cout << "\nFurther failures: stressctl runs list\n";
        break;
      }
      PrintFailure(session_, run);
    }
    std::cout << std::flush;
  }

  void ReportJudgements(double confidence) const {
    std::map<std::string, HitRate> seen;
    for (const v1::RunSpec& spec : specs_) seen[spec.flavor()] = HitsIn(spec.flavor());
    for (const auto& [flavor, rate] : seen) {
      std::cout << "\n" << flavor << ": " << JudgementText(rate, options_.rate, confidence) << "\n";
    }
  }

  Session& session_;
  const RunOptions& options_;
  RunSeries series_;
  std::vector<v1::RunSpec> specs_;
};

}  // namespace

int RunScenario(Session& session, const RunOptions& options) {
  return RunCommand(session, options).Execute();
}

}  // namespace stressd::client
