#include "client/run_report.h"

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "client/exit_code.h"
#include "client/table.h"
#include "client/text.h"

namespace stressd::client {
namespace {

// Lines of a report that a failed run shows; `runs get` shows all of it.
constexpr size_t kReportLineMax = 40;

absl::Duration WallTime(const v1::Run& run) {
  if (!run.has_start_time() || !run.has_end_time()) return absl::ZeroDuration();
  return ToTime(run.end_time()) - ToTime(run.start_time());
}

const v1::ReferenceTotal* TotalOf(const v1::Run& run) {
  for (const v1::ReferenceTotal& total : run.result().references()) {
    if (total.type() == "total") return &total;
  }
  return nullptr;
}

std::string ReferenceText(const v1::Run& run) {
  const v1::ReferenceTotal* total = TotalOf(run);
  if (total == nullptr) return "-";
  return absl::StrFormat("%s → %s (%+d)", CountText(total->before()), CountText(total->after()),
                         total->after() - total->before());
}

void PrintText(const std::string& text, size_t line_max) {
  size_t lines = 0;
  size_t at = 0;
  while (at < text.size() && lines < line_max) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::cout << "  " << text.substr(at, end - at) << "\n";
    at = end + 1;
    ++lines;
  }
  if (at < text.size()) {
    std::cout << "  … " << BytesText(static_cast<int64_t>(text.size() - at))
              << " more: stressctl runs get\n";
  }
}

void PrintProblem(const v1::Run& run, size_t line_max) {
  for (const v1::Violation& violation : run.result().violations()) {
    std::cout << "violation " << violation.rule() << ": " << violation.message();
    if (!violation.location().empty()) std::cout << " (" << violation.location() << ")";
    std::cout << "\n";
  }
  if (!run.result().report().empty()) {
    std::cout << "report\n";
    PrintText(run.result().report(), line_max);
  }
  if (!run.result().stacks().empty()) {
    std::cout << "stacks of all threads\n";
    PrintText(run.result().stacks(), line_max);
  }
}

void PrintRepeatLine(const v1::Run& run) {
  if (!run.finding().empty()) std::cout << "finding  " << run.finding() << "\n";
  for (const std::string& finding : run.more_findings()) {
    std::cout << "finding  " << finding << "\n";
  }
  if (!run.repeat_command().empty()) std::cout << "repeat   " << run.repeat_command() << std::endl;
}

// Parts of the balance and the scenario's measurements of one run.
void PrintQuantities(const Session& session, const v1::Run& run) {
  Table balance({"BALANCE", "BEFORE>", "AFTER>"});
  for (const v1::BalanceValue& value : run.result().balance()) {
    const Tone tone = value.before() == value.after() ? Tone::kPlain : Tone::kBad;
    balance.AddRow(
        {value.quantity(), CountText(value.before()), Cell(CountText(value.after()), tone)});
  }
  if (!balance.empty()) {
    std::cout << "\n";
    session.PrintTable(balance);
  }
  Table measurements({"MEASUREMENT", "VALUE>"});
  for (const auto& [name, value] : std::map<std::string, int64_t>(
           run.result().measurements().begin(), run.result().measurements().end())) {
    measurements.AddRow({name, CountText(value)});
  }
  if (!measurements.empty()) {
    std::cout << "\n";
    session.PrintTable(measurements);
  }
}

// Names with a value in any of the runs, in order.
template <typename Read>
std::set<std::string> Names(const std::vector<v1::Run>& runs, const Read& read) {
  std::set<std::string> names;
  for (const v1::Run& run : runs) read(run, &names);
  return names;
}

Table ComparisonTable(const char* what, const std::vector<v1::Run>& runs) {
  std::vector<std::string> columns = {what};
  for (const v1::Run& run : runs) columns.push_back(absl::StrCat(run.spec().flavor(), ">"));
  return Table(std::move(columns));
}

}  // namespace

void PrintFailure(const Session& session, const v1::Run& run) {
  if (run.state() != v1::Run::FINISHED || run.verdict() == v1::PASSED) return;
  const Cell verdict = VerdictCell(run.verdict());
  std::cout << "\n"
            << Toned(verdict.text, verdict.tone, session.color()) << "  " << run.spec().scenario()
            << " " << run.spec().flavor() << "  " << run.result().summary() << "\n";
  PrintProblem(run, kReportLineMax);
  PrintRepeatLine(run);
}

void PrintRunDetails(const Session& session, const v1::Run& run) {
  Table table({"FIELD", "VALUE"});
  table.AddRow({"name", run.name()});
  table.AddRow({"verdict", VerdictCell(run)});
  table.AddRow({"scenario", run.spec().scenario()});
  table.AddRow({"flavor", run.spec().flavor()});
  table.AddRow({"host", HostKindText(run.spec().host_kind())});
  table.AddRow({"seed", absl::StrCat(run.spec().seed())});
  const std::map<std::string, std::string> parameters(run.spec().parameters().begin(),
                                                      run.spec().parameters().end());
  table.AddRow({"parameters", absl::StrJoin(parameters, " ", absl::PairFormatter("="))});
  table.AddRow({"plan", run.spec().plan()});
  table.AddRow({"created", TimeText(run.create_time())});
  table.AddRow({"took", DurationText(WallTime(run))});
  if (run.state() == v1::Run::FINISHED) {
    const v1::RunResult& result = run.result();
    table.AddRow({"operations", CountText(result.operation_count())});
    table.AddRow(
        {"set up, run, check", absl::StrCat(DurationText(ToDuration(result.setup_duration())), ", ",
                                            DurationText(ToDuration(result.run_duration())), ", ",
                                            DurationText(ToDuration(result.check_duration())))});
    if (result.has_start_latency()) {
      table.AddRow({"first operation after", DurationText(ToDuration(result.start_latency()))});
    }
    table.AddRow({"references", ReferenceText(run)});
    for (const v1::PointCount& point : result.points()) {
      table.AddRow({"passed", absl::StrCat(CountText(point.pass_count()), " ", point.point())});
    }
    table.AddRow({"build id", result.build_id()});
    if (!result.summary().empty()) table.AddRow({"summary", result.summary()});
  }
  if (!run.soak().empty()) table.AddRow({"soak", run.soak()});
  if (!run.requeued_from().empty()) table.AddRow({"repeats", run.requeued_from()});
  session.PrintTable(table);
  if (run.state() != v1::Run::FINISHED) return;
  std::cout << "\n";
  PrintRunComparison(session, {run});
  PrintQuantities(session, run);
  PrintProblem(run, SIZE_MAX);
  PrintRepeatLine(run);
}

void PrintRunTable(const Session& session, const std::vector<v1::Run>& runs) {
  Table table({"RUN", "SCENARIO", "FLAVOR", "HOST", "VERDICT", "SEED>", "OPERATIONS>", "REFERENCES",
               "TOOK>", "CREATED"});
  for (const v1::Run& run : runs) {
    table.AddRow({run.name(), run.spec().scenario(), run.spec().flavor(),
                  HostKindText(run.spec().host_kind()), VerdictCell(run),
                  absl::StrCat(run.spec().seed()), CountText(run.result().operation_count()),
                  ReferenceText(run), DurationText(WallTime(run)), TimeText(run.create_time())});
  }
  session.PrintTable(table);
}

void PrintRunComparison(const Session& session, const std::vector<v1::Run>& runs) {
  Table references = ComparisonTable("REFERENCES", runs);
  for (const std::string& type : Names(runs, [](const v1::Run& run, std::set<std::string>* names) {
         for (const v1::ReferenceTotal& total : run.result().references()) {
           names->insert(total.type());
         }
       })) {
    std::vector<Cell> row = {type};
    for (const v1::Run& run : runs) {
      std::string text = "-";
      bool balanced = true;
      for (const v1::ReferenceTotal& total : run.result().references()) {
        if (total.type() != type) continue;
        text = absl::StrCat(CountText(total.before()), " → ", CountText(total.after()));
        balanced = total.before() == total.after();
      }
      row.emplace_back(text, balanced ? Tone::kPlain : Tone::kBad);
    }
    references.AddRow(std::move(row));
  }
  if (!references.empty()) session.PrintTable(references);

  Table counters = ComparisonTable("COUNTER", runs);
  for (const std::string& name : Names(runs, [](const v1::Run& run, std::set<std::string>* names) {
         for (const auto& [counter, value] : run.result().counters()) names->insert(counter);
       })) {
    std::vector<Cell> row = {name};
    for (const v1::Run& run : runs) {
      const auto found = run.result().counters().find(name);
      row.emplace_back(found == run.result().counters().end() ? "-" : CountText(found->second));
    }
    counters.AddRow(std::move(row));
  }
  if (counters.empty()) return;
  std::cout << "\n";
  session.PrintTable(counters);
}

void PrintSeries(const Session& session, const std::vector<v1::Run>& runs) {
  struct Tally {
    HitRate seen;
    absl::Duration busy;
    std::map<v1::Verdict, int64_t> verdicts;
  };
  std::map<std::string, Tally> tallies;
  for (const v1::Run& run : runs) {
    Tally& tally = tallies[run.spec().flavor()];
    ++tally.verdicts[run.verdict()];
    tally.busy += WallTime(run);
    if (!IsTrial(run.verdict())) continue;
    ++tally.seen.run_count;
    if (ExitCodeOf(run.verdict()) == kExitFound) ++tally.seen.hit_count;
  }
  Table table({"FLAVOR", "RUNS>", "HITS>", "RATE PER RUN>", "95 % INTERVAL", "RUNS/S>", "HITS/S>",
               "VERDICTS"});
  for (const auto& [flavor, tally] : tallies) {
    std::vector<std::string> verdicts;
    for (const auto& [verdict, count] : tally.verdicts) {
      verdicts.push_back(absl::StrCat(count, " ", VerdictCell(verdict).text));
    }
    const double seconds = absl::ToDoubleSeconds(tally.busy);
    const auto per_second = [seconds](int64_t count) {
      return seconds > 0 ? absl::StrFormat("%.3g", static_cast<double>(count) / seconds)
                         : std::string("-");
    };
    const int64_t hit_count = tally.seen.hit_count;
    table.AddRow({flavor, CountText(tally.seen.run_count),
                  Cell(CountText(hit_count), hit_count > 0 ? Tone::kBad : Tone::kGood),
                  absl::StrFormat("%.3g", tally.seen.PerRun()), IntervalText(tally.seen, 0.95),
                  per_second(tally.seen.run_count), per_second(hit_count),
                  absl::StrJoin(verdicts, ", ")});
  }
  std::cout << "\n";
  session.PrintTable(table);
}

std::string IntervalText(const HitRate& seen, double confidence) {
  if (seen.run_count == 0) return "-";
  const RateInterval interval = IntervalOf(seen, confidence);
  return absl::StrFormat("[%.3g, %.3g]", interval.low, interval.high);
}

std::string JudgementText(const HitRate& seen, double rate, double confidence) {
  const std::string what = absl::StrFormat("a rate of %.3g per run", rate);
  const std::string basis =
      absl::StrFormat("%d hits in %d runs, %.4g %% interval %s", seen.hit_count, seen.run_count,
                      100 * confidence, IntervalText(seen, confidence));
  switch (JudgeRate(seen, rate, confidence)) {
    case RateJudgement::kExcluded:
      return absl::StrCat(what, " is excluded (", basis, ")");
    case RateJudgement::kEstablished:
      return absl::StrCat(what, " or more is established (", basis, ")");
    case RateJudgement::kOpen:
      return absl::StrFormat(
          "%s is neither excluded nor established (%s; %d runs without a hit "
          "would exclude it)",
          what, basis, RunsToExclude(rate, confidence));
  }
  return basis;
}

}  // namespace stressd::client
