// `stressctl soak`: long schedules of runs.

#include <grpcpp/client_context.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands.h"
#include "client/exit_code.h"
#include "client/list_pages.h"
#include "client/text.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/json_util.h"
#include "proto/stressd/v1/soak.grpc.pb.h"

namespace stressd::client {
namespace {

// Keeps the first error of a text format, with its place.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (text.empty()) text = absl::StrCat(line + 1, ":", column + 1, ": ", message);
  }
  std::string text;
};

bool ReadPlan(const std::string& path, v1::SoakPlan* plan) {
  std::string text;
  if (path == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      std::cerr << "stressctl: cannot read the soak plan '" << path << "'" << std::endl;
      return false;
    }
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (parser.ParseFromString(text, plan)) return true;
  std::cerr << "stressctl: " << path << ":" << error.text << std::endl;
  return false;
}

std::string VerdictsText(const v1::SoakTally& tally) {
  std::vector<std::string> parts;
  for (const v1::VerdictCount& count : tally.verdict_counts()) {
    parts.push_back(absl::StrCat(count.run_count(), " ", v1::Verdict_Name(count.verdict())));
  }
  return absl::StrJoin(parts, ", ");
}

bool AllPassed(const v1::SoakTally& tally) {
  for (const v1::VerdictCount& count : tally.verdict_counts()) {
    if (count.verdict() != v1::PASSED) return false;
  }
  return true;
}

int PrintSoak(const Session& session, const v1::Soak& soak) {
  if (!session.is_table()) {
    session.PrintMessage(soak);
    return kExitPassed;
  }
  Table table({"FIELD", "VALUE"});
  table.AddRow({"name", soak.name()});
  table.AddRow({"plan", soak.plan().plan_id()});
  table.AddRow({"state", v1::Soak::State_Name(soak.state())});
  table.AddRow({"seed", absl::StrCat(soak.plan().seed())});
  table.AddRow({"plan of runs", soak.plan().run_plan()});
  table.AddRow({"created", TimeText(soak.create_time())});
  table.AddRow({"ended", TimeText(soak.end_time())});
  table.AddRow({"active for", DurationText(ToDuration(soak.elapsed()))});
  table.AddRow({"steps, skipped", absl::StrCat(soak.step_count(), ", ", soak.skipped_count())});
  table.AddRow({"restarts", absl::StrCat(soak.restart_count())});
  table.AddRow({"last run", soak.last_run()});
  table.AddRow({"last finding", soak.last_finding_run()});
  table.AddRow({"canaries, silent",
                absl::StrCat(soak.canary_run_count(), ", ", soak.silent_canary_run_count())});
  if (soak.silent_canary_run_count() > 0) {
    table.AddRow({"verdict", absl::StrCat("INCONCLUSIVE: a canary stayed silent, last in ",
                                          soak.last_silent_canary_run())});
  }
  session.PrintTable(table);
  std::cout << "\n";
  Table tallies({"SCENARIO", "FLAVOR", "RUNS>", "OPERATIONS>", "BUSY>", "VERDICTS"});
  for (const v1::SoakTally& tally : soak.tallies()) {
    tallies.AddRow({tally.scenario(), tally.flavor(), CountText(tally.run_count()),
                    CountText(tally.operation_count()),
                    DurationText(ToDuration(tally.busy_duration())),
                    Cell(VerdictsText(tally), AllPassed(tally) ? Tone::kGood : Tone::kBad)});
  }
  session.PrintTable(tallies);
  std::cout << std::flush;
  return kExitPassed;
}

}  // namespace

int ListSoaks(Session& session, int32_t limit) {
  const auto stub = v1::SoakService::NewStub(session.channel());
  std::vector<v1::Soak> soaks;
  const grpc::Status status = ForEachPage<v1::ListSoaksRequest, v1::ListSoaksResponse>(
      session, v1::ListSoaksRequest(), limit,
      [&](auto* context, const auto& request, auto* response) {
        return stub->ListSoaks(context, request, response);
      },
      [&](const v1::ListSoaksResponse& response) {
        soaks.insert(soaks.end(), response.soaks().begin(), response.soaks().end());
        return response.soaks_size();
      });
  if (!status.ok()) return session.Fail(status);
  if (!session.is_table()) {
    session.PrintList(soaks);
    return kExitPassed;
  }
  Table table({"SOAK", "PLAN", "STATE", "CREATED", "ACTIVE FOR>", "STEPS>", "LAST FINDING"});
  for (const v1::Soak& soak : soaks) {
    table.AddRow({soak.name(), soak.plan().plan_id(), v1::Soak::State_Name(soak.state()),
                  TimeText(soak.create_time()), DurationText(ToDuration(soak.elapsed())),
                  CountText(soak.step_count()), soak.last_finding_run()});
  }
  session.PrintTable(table);
  return kExitPassed;
}

int StartSoak(Session& session, const std::string& plan_path) {
  v1::StartSoakRequest request;
  if (!ReadPlan(plan_path, request.mutable_plan())) return kExitUsage;
  const auto stub = v1::SoakService::NewStub(session.channel());
  v1::Soak soak;
  if (const grpc::Status status =
          session.Call(*stub, &v1::SoakService::Stub::StartSoak, request, &soak);
      !status.ok()) {
    return session.Fail(status);
  }
  return PrintSoak(session, soak);
}

int StopSoak(Session& session, const std::string& name) {
  const auto stub = v1::SoakService::NewStub(session.channel());
  v1::StopSoakRequest request;
  request.set_name(ResourceName("soaks", name));
  v1::Soak soak;
  if (const grpc::Status status =
          session.Call(*stub, &v1::SoakService::Stub::StopSoak, request, &soak);
      !status.ok()) {
    return session.Fail(status);
  }
  return PrintSoak(session, soak);
}

int SoakStatus(Session& session, const std::string& name) {
  const auto stub = v1::SoakService::NewStub(session.channel());
  v1::GetSoakRequest request;
  request.set_name(ResourceName("soaks", name));
  v1::Soak soak;
  if (const grpc::Status status =
          session.Call(*stub, &v1::SoakService::Stub::GetSoak, request, &soak);
      !status.ok()) {
    return session.Fail(status);
  }
  return PrintSoak(session, soak);
}

}  // namespace stressd::client
