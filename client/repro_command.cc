// `stressctl repro`: runs a finding's first run again, counts how often it shows,
// and on request makes it smaller.
//
// Model.  A repetition has the scenario, parameters, flavor and seed of the run
// that showed the finding first, in a fresh host. A hit is a run that the daemon
// puts to the same finding; other findings are told apart. Minimising goes
// through the whole-number parameters in the order of their declaration: the
// least allowed value, else half the distance to it, again and again, as long as
// the hit rate stays at or above the floor; then the duration by halves. First of
// all the plan is dropped, or else one part of it after the other. A step ends as
// soon as its outcome is certain.

#include <grpcpp/client_context.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/commands.h"
#include "client/exit_code.h"
#include "client/hit_rate.h"
#include "client/run_report.h"
#include "client/run_series.h"
#include "client/text.h"
#include "proto/stressd/v1/finding.grpc.pb.h"
#include "proto/stressd/v1/run.grpc.pb.h"
#include "proto/stressd/v1/scenario.grpc.pb.h"

namespace stressd::client {
namespace {

// A run is not made shorter than this: less than a host needs to start threads.
constexpr absl::Duration kDurationMin = absl::Milliseconds(100);

absl::Duration Took(const v1::Run& run) {
  return ToTime(run.end_time()) - ToTime(run.start_time());
}

class ReproCommand {
 public:
  ReproCommand(Session& session, const ReproOptions& options)
      : session_(session),
        options_(options),
        series_(session, {.parallel = options.parallel, .request_id = "", .quiet = options.quiet}) {
  }

  int Execute() {
    if (const int code = FindSpec(); code != kExitPassed) return code;
    std::vector<v1::Run> runs;
    if (const int code = RunAgain(spec_, /*ends_early=*/false, &runs); code != kExitPassed) {
      return code;
    }
    Report(spec_, runs);
    if (options_.minimise && !series_.interrupted()) {
      if (!MeetsFloor(runs)) {
        std::cerr << absl::StreamFormat(
            "stressctl: not minimised: %.3g hits per run are below --floor=%.3g\n",
            Seen(runs).PerRun(), options_.floor);
      } else if (const int code = Minimise(); code != kExitPassed) {
        return code;
      }
    }
    if (session_.format() == OutputFormat::kJson) session_.PrintList(series_.finished());
    return ExitCodeOf(series_.finished(), series_.interrupted());
  }

 private:
  // Reads the finding and the run that showed it first.
  int FindSpec() {
    const auto findings = v1::FindingService::NewStub(session_.channel());
    v1::GetFindingRequest request;
    request.set_name(ResourceName("findings", options_.finding));
    if (const grpc::Status status =
            session_.Call(*findings, &v1::FindingService::Stub::GetFinding, request, &finding_);
        !status.ok()) {
      return session_.Fail(status);
    }
    const auto runs = v1::RunService::NewStub(session_.channel());
    grpc::Status status;
    for (const std::string& name : {finding_.first_run(), finding_.last_run()}) {
      v1::GetRunRequest get;
      get.set_name(name);
      v1::Run run;
      status = session_.Call(*runs, &v1::RunService::Stub::GetRun, get, &run);
      if (!status.ok()) continue;
      spec_ = run.spec();
      spec_.set_host_kind(v1::FRESH);
      spec_.clear_repetition();
      return kExitPassed;
    }
    if (status.error_code() != grpc::StatusCode::NOT_FOUND) return session_.Fail(status);
    std::cerr << "stressctl: the runs of " << finding_.name() << " are deleted; what is left is\n  "
              << finding_.repeat_command() << '\n';
    return kExitCouldNotRun;
  }

  HitRate Seen(absl::Span<const v1::Run> runs) const {
    return CountHits(runs, [this](const v1::Run& run) { return IsHit(run); });
  }
  bool IsHit(const v1::Run& run) const {
    return run.finding() == finding_.name() ||
           std::find(run.more_findings().begin(), run.more_findings().end(), finding_.name()) !=
               run.more_findings().end();
  }
  bool MeetsFloor(const std::vector<v1::Run>& runs) const {
    const HitRate seen = Seen(runs);
    return seen.hit_count > 0 && seen.PerRun() >= options_.floor;
  }

  // Runs `spec` `times` times, or until it is certain which side of the floor the
  // hits will be on.
  int RunAgain(const v1::RunSpec& spec, bool ends_early, std::vector<v1::Run>* runs) {
    const size_t first = series_.finished().size();
    const auto mine = [this, first] {
      return absl::MakeConstSpan(series_.finished()).subspan(first);
    };
    const auto needed = std::max(
        int64_t{1},
        static_cast<int64_t>(std::ceil(options_.floor * static_cast<double>(options_.times))));
    const auto is_open = [&](const v1::RunSpec&) {
      const HitRate seen = Seen(mine());
      return seen.hit_count < needed &&
             seen.hit_count + (options_.times - seen.run_count) >= needed;
    };
    const std::vector<v1::RunSpec> specs(static_cast<size_t>(options_.times), spec);
    const int code = series_.Execute(specs, ends_early ? RunSeries::Filter(is_open) : nullptr);
    runs->assign(mine().begin(), mine().end());
    return code;
  }

  int Minimise() {
    const auto stub = v1::ScenarioService::NewStub(session_.channel());
    v1::GetScenarioRequest request;
    request.set_name(ResourceName("scenarios", spec_.scenario()));
    v1::Scenario scenario;
    if (const grpc::Status status =
            session_.Call(*stub, &v1::ScenarioService::Stub::GetScenario, request, &scenario);
        !status.ok()) {
      return session_.Fail(status);
    }
    if (const int code = ShrinkPlan(); code != kExitPassed) return code;
    for (const v1::Parameter& parameter : scenario.parameters()) {
      if (parameter.type() != v1::Parameter::INT64) continue;
      if (const int code = Shrink(parameter); code != kExitPassed) return code;
    }
    if (const int code = ShrinkDuration(); code != kExitPassed) return code;
    if (series_.interrupted()) return kExitPassed;
    std::vector<v1::Run> runs;
    if (const int code = RunAgain(spec_, /*ends_early=*/false, &runs); code != kExitPassed) {
      return code;
    }
    if (session_.is_table()) std::cout << "\nThe smallest that still shows it:\n";
    Report(spec_, runs);
    return kExitPassed;
  }

  // Lowers one parameter of spec_ as far as the hits allow.
  int Shrink(const v1::Parameter& parameter) {
    int64_t least = 0;
    int64_t value = 0;
    std::string& text = (*spec_.mutable_parameters())[parameter.parameter_id()];
    if (!absl::SimpleAtoi(parameter.minimum(), &least) || !absl::SimpleAtoi(text, &value)) {
      return kExitPassed;
    }
    bool tries_least = true;
    while (value > least && !series_.interrupted()) {
      const int64_t smaller = tries_least ? least : least + (value - least) / 2;
      tries_least = false;
      v1::RunSpec spec = spec_;
      (*spec.mutable_parameters())[parameter.parameter_id()] = absl::StrCat(smaller);
      bool kept = false;
      if (const int code =
              Try(spec, absl::StrCat(parameter.parameter_id(), " ", value, " → ", smaller), &kept);
          code != kExitPassed) {
        return code;
      }
      // The least was the first half's limit; after that each failed half ends it.
      if (!kept && smaller != least) return kExitPassed;
      if (!kept) continue;
      value = smaller;
    }
    return kExitPassed;
  }

  // Drops what spec_ does not need of its plan.
  int ShrinkPlan() {
    if (spec_.plan().empty() || spec_.plan() == "none") return kExitPassed;
    bool kept = false;
    if (const int code = TryPlan("none", &kept); code != kExitPassed || kept) return code;
    std::vector<std::string> parts = absl::StrSplit(spec_.plan(), ';');
    for (size_t i = 0; i < parts.size() && parts.size() > 1 && !series_.interrupted();) {
      std::vector<std::string> fewer = parts;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      if (const int code = TryPlan(absl::StrJoin(fewer, ";"), &kept); code != kExitPassed) {
        return code;
      }
      if (kept) {
        parts = std::move(fewer);
      } else {
        ++i;
      }
    }
    return kExitPassed;
  }

  int TryPlan(const std::string& plan, bool* kept) {
    *kept = false;
    v1::RunSpec spec = spec_;
    spec.set_plan(plan);
    return Try(spec, absl::StrCat("plan ", spec_.plan(), " → ", plan), kept);
  }

  int ShrinkDuration() {
    while (spec_.has_duration() && !series_.interrupted()) {
      const absl::Duration now = ToDuration(spec_.duration());
      if (now / 2 < kDurationMin) return kExitPassed;
      v1::RunSpec spec = spec_;
      *spec.mutable_duration() = FromDuration(now / 2);
      bool kept = false;
      const std::string what =
          absl::StrCat("duration ", DurationText(now), " → ", DurationText(now / 2));
      if (const int code = Try(spec, what, &kept); code != kExitPassed) return code;
      if (!kept) return kExitPassed;
    }
    return kExitPassed;
  }

  // Runs `spec` and takes it over if it still hits often enough. A spec that the
  // daemon refuses, since parameters may depend on each other, is not taken.
  int Try(const v1::RunSpec& spec, const std::string& what, bool* kept) {
    v1::Run checked;
    const grpc::Status status = series_.Create(spec, 0, 1, /*validate_only=*/true, &checked);
    if (status.error_code() == grpc::StatusCode::INVALID_ARGUMENT) return kExitPassed;
    if (!status.ok()) return session_.Fail(status);
    std::vector<v1::Run> runs;
    if (const int code = RunAgain(spec, /*ends_early=*/true, &runs); code != kExitPassed) {
      return code;
    }
    *kept = MeetsFloor(runs);
    if (*kept) spec_ = spec;
    if (session_.is_table()) {
      const HitRate seen = Seen(runs);
      std::cout << absl::StreamFormat("%-40s %d hits in %d runs: %s\n", what, seen.hit_count,
                                      seen.run_count, *kept ? "kept" : "not kept")
                << std::flush;
    }
    return kExitPassed;
  }

  void Report(const v1::RunSpec& spec, const std::vector<v1::Run>& runs) const {
    if (!session_.is_table()) return;
    const HitRate seen = Seen(runs);
    std::vector<absl::Duration> hit_times;
    absl::Duration busy;
    std::string line;
    int64_t other_count = 0;
    for (const v1::Run& run : runs) {
      busy += Took(run);
      if (IsHit(run)) {
        hit_times.push_back(Took(run));
        line = run.repeat_command();
      } else if (ExitCodeOf(run.verdict()) == kExitFound) {
        ++other_count;
      }
    }
    std::sort(hit_times.begin(), hit_times.end());
    Table table({"FINDING", "SCENARIO", "FLAVOR", "RUNS>", "HITS>", "RATE PER RUN>",
                 "95 % INTERVAL", "HITS/S>", "MEDIAN TIME TO HIT>", "OTHER FINDINGS>"});
    const double seconds = absl::ToDoubleSeconds(busy);
    table.AddRow(
        {finding_.name(), spec.scenario(), spec.flavor(), CountText(seen.run_count),
         CountText(seen.hit_count), absl::StrFormat("%.3g", seen.PerRun()),
         IntervalText(seen, 0.95),
         seconds > 0 ? absl::StrFormat("%.3g", static_cast<double>(seen.hit_count) / seconds)
                     : std::string("-"),
         hit_times.empty() ? std::string("-") : DurationText(hit_times[hit_times.size() / 2]),
         CountText(other_count)});
    session_.PrintTable(table);
    if (!line.empty()) std::cout << "repeat   " << line << '\n';
  }

  Session& session_;
  const ReproOptions& options_;
  RunSeries series_;
  v1::Finding finding_;
  v1::RunSpec spec_;
};

}  // namespace

int ReproduceFinding(Session& session, const ReproOptions& options) {
  return ReproCommand(session, options).Execute();
}

}  // namespace stressd::client
