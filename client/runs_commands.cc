// `stressctl runs`: reads, follows and cancels runs that exist.

#include <grpcpp/client_context.h>

#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/commands.h"
#include "client/exit_code.h"
#include "client/list_pages.h"
#include "client/run_report.h"
#include "client/status_line.h"
#include "client/text.h"
#include "proto/stressd/v1/run.grpc.pb.h"

namespace stressd::client {
namespace {

int BadValue(const std::string& flag, const std::string& value, const std::string& allowed) {
  std::cerr << "stressctl: " << flag << ": '" << value << "' is unknown; allowed: " << allowed
            << std::endl;
  return kExitUsage;
}

}  // namespace

int ListRuns(Session& session, const ListOptions& options) {
  const auto stub = v1::RunService::NewStub(session.channel());
  v1::ListRunsRequest request;
  request.set_scenario(options.scenario);
  request.set_flavor(options.flavor);
  if (!options.soak.empty()) request.set_soak(ResourceName("soaks", options.soak));
  if (!options.state.empty()) {
    v1::Run::State state;
    if (!v1::Run::State_Parse(absl::AsciiStrToUpper(options.state), &state)) {
      return BadValue("--state", options.state, "queued, running, finished");
    }
    request.set_state(state);
  }
  if (!options.verdict.empty()) {
    v1::Verdict verdict;
    if (!v1::Verdict_Parse(absl::AsciiStrToUpper(options.verdict), &verdict)) {
      return BadValue("--verdict", options.verdict,
                      "passed, violation, sanitizer_report, crashed, hung, error, cancelled, "
                      "timed_out, inconclusive");
    }
    request.set_verdict(verdict);
  }
  std::vector<v1::Run> runs;
  const grpc::Status status = ForEachPage<v1::ListRunsRequest, v1::ListRunsResponse>(
      session, request, options.limit,
      [&](auto* context, const auto& page_request, auto* response) {
        return stub->ListRuns(context, page_request, response);
      },
      [&](const v1::ListRunsResponse& response) {
        runs.insert(runs.end(), response.runs().begin(), response.runs().end());
        return response.runs_size();
      });
  if (!status.ok()) return session.Fail(status);
  if (session.is_table()) {
    PrintRunTable(session, runs);
    return kExitPassed;
  }
  session.PrintList(runs);
  return kExitPassed;
}

int GetRun(Session& session, const std::string& run_name) {
  const auto stub = v1::RunService::NewStub(session.channel());
  v1::GetRunRequest request;
  request.set_name(ResourceName("runs", run_name));
  v1::Run run;
  if (const grpc::Status status = session.Call(*stub, &v1::RunService::Stub::GetRun, request, &run);
      !status.ok()) {
    return session.Fail(status);
  }
  if (session.is_table()) {
    PrintRunDetails(session, run);
  } else {
    session.PrintMessage(run);
  }
  return kExitPassed;
}

int WatchRun(Session& session, const std::string& run_name) {
  const auto stub = v1::RunService::NewStub(session.channel());
  grpc::ClientContext context;
  v1::WatchRunRequest request;
  request.set_name(ResourceName("runs", run_name));
  auto reader = stub->WatchRun(&context, request);
  v1::WatchRunResponse response;
  StatusLine line(!session.is_table());
  while (reader->Read(&response)) {
    line.Show(response.run(), "");
    if (!session.is_table()) session.PrintMessage(response.run());
  }
  line.Clear();
  if (const grpc::Status status = reader->Finish(); !status.ok()) return session.Fail(status);
  if (session.is_table()) PrintRunDetails(session, response.run());
  return ExitCodeOf(response.run().verdict());
}

int CancelRun(Session& session, const std::string& run_name) {
  const auto stub = v1::RunService::NewStub(session.channel());
  v1::CancelRunRequest request;
  request.set_name(ResourceName("runs", run_name));
  v1::Run run;
  if (const grpc::Status status =
          session.Call(*stub, &v1::RunService::Stub::CancelRun, request, &run);
      !status.ok()) {
    return session.Fail(status);
  }
  if (session.is_table()) {
    std::cout << run.name() << " is asked to end" << std::endl;
  } else {
    session.PrintMessage(run);
  }
  return kExitPassed;
}

}  // namespace stressd::client
