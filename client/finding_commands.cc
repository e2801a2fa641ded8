// `stressctl findings`: the deduplicated problems.

#include <grpcpp/client_context.h>

#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "client/commands.h"
#include "client/exit_code.h"
#include "client/list_pages.h"
#include "client/text.h"
#include "proto/stressd/v1/finding.grpc.pb.h"

namespace stressd::client {
namespace {

void PrintFinding(const Session& session, const v1::Finding& finding) {
  Table table({"FIELD", "VALUE"});
  table.AddRow({"name", finding.name()});
  table.AddRow({"title", Cell(finding.title(), Tone::kBad)});
  table.AddRow({"tool, kind", finding.tool() + ", " + finding.kind()});
  table.AddRow({"verdict", VerdictCell(finding.verdict())});
  table.AddRow({"fingerprint", finding.fingerprint()});
  table.AddRow({"runs", CountText(finding.run_count())});
  table.AddRow({"first seen", TimeText(finding.first_seen_time()) + "  " + finding.first_run()});
  table.AddRow({"last seen", TimeText(finding.last_seen_time()) + "  " + finding.last_run()});
  table.AddRow({"scenarios", absl::StrJoin(finding.scenarios(), ", ")});
  table.AddRow({"flavors", absl::StrJoin(finding.flavors(), ", ")});
  table.AddRow({"build id", finding.build_id()});
  session.PrintTable(table);
  if (finding.frames_size() > 0) {
    std::cout << "\nframes\n  " << absl::StrJoin(finding.frames(), "\n  ") << "\n";
  }
  for (const v1::Violation& violation : finding.violations()) {
    std::cout << "\nviolation " << violation.rule() << ": " << violation.message() << "\n";
  }
  if (!finding.counters().empty()) {
    std::cout << "\n";
    Table counters({"LAST COUNTER", "VALUE>"});
    for (const auto& [name, value] :
         std::map<std::string, int64_t>(finding.counters().begin(), finding.counters().end())) {
      counters.AddRow({name, CountText(value)});
    }
    session.PrintTable(counters);
  }
  if (!finding.report().empty()) std::cout << "\n" << finding.report() << "\n";
  std::cout << "\nrepeat   " << finding.repeat_command() << std::endl;
}

}  // namespace

int ListFindings(Session& session, const ListOptions& options) {
  const auto stub = v1::FindingService::NewStub(session.channel());
  v1::ListFindingsRequest request;
  request.set_scenario(options.scenario);
  request.set_flavor(options.flavor);
  std::vector<v1::Finding> findings;
  const grpc::Status status = ForEachPage<v1::ListFindingsRequest, v1::ListFindingsResponse>(
      session, request, options.limit,
      [&](auto* context, const auto& page_request, auto* response) {
        return stub->ListFindings(context, page_request, response);
      },
      [&](const v1::ListFindingsResponse& response) {
        findings.insert(findings.end(), response.findings().begin(), response.findings().end());
        return response.findings_size();
      });
  if (!status.ok()) return session.Fail(status);
  if (!session.is_table()) {
    session.PrintList(findings);
    return kExitPassed;
  }
  Table table({"FINDING", "VERDICT", "RUNS>", "FLAVORS", "SCENARIOS", "LAST SEEN", "TITLE"});
  for (const v1::Finding& finding : findings) {
    table.AddRow({finding.name(), VerdictCell(finding.verdict()), CountText(finding.run_count()),
                  absl::StrJoin(finding.flavors(), ","), absl::StrJoin(finding.scenarios(), ","),
                  TimeText(finding.last_seen_time()), finding.title()});
  }
  session.PrintTable(table);
  return kExitPassed;
}

int GetFinding(Session& session, const std::string& name) {
  const auto stub = v1::FindingService::NewStub(session.channel());
  v1::GetFindingRequest request;
  request.set_name(ResourceName("findings", name));
  v1::Finding finding;
  if (const grpc::Status status =
          session.Call(*stub, &v1::FindingService::Stub::GetFinding, request, &finding);
      !status.ok()) {
    return session.Fail(status);
  }
  if (session.is_table()) {
    PrintFinding(session, finding);
  } else {
    session.PrintMessage(finding);
  }
  return kExitPassed;
}

}  // namespace stressd::client
