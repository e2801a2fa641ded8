// `stressctl status`: the daemon, its hosts and its limits.

#include <grpcpp/client_context.h>

#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands.h"
#include "client/exit_code.h"
#include "client/text.h"
#include "proto/stressd/v1/status.grpc.pb.h"

namespace stressd::client {
namespace {

void PrintStatus(const Session& session, const v1::DaemonStatus& status) {
  std::vector<std::string> verdicts;
  for (const v1::VerdictCount& count : status.verdict_counts()) {
    verdicts.push_back(absl::StrCat(count.run_count(), " ", v1::Verdict_Name(count.verdict())));
  }
  Table table({"STRESSD", status.is_draining() ? "shutting down" : "serving"});
  table.AddRow({"version", absl::StrCat(status.version(), " build ", status.build_id())});
  table.AddRow({"pid", absl::StrCat(status.pid())});
  table.AddRow({"addresses", absl::StrJoin(status.addresses(), ", ")});
  table.AddRow({"state folder", status.state_folder()});
  table.AddRow({"up", DurationText(ToDuration(status.uptime()))});
  table.AddRow({"memory", BytesText(status.rss_bytes())});
  table.AddRow({"store", absl::StrCat(BytesText(status.store_bytes()), ", ",
                                      CountText(status.stored_run_count()), " runs")});
  table.AddRow(
      {"runs", absl::StrCat(status.queued_run_count(), " queued, ", status.running_run_count(),
                            " running, ", status.finished_run_count(), " finished")});
  if (!verdicts.empty()) table.AddRow({"verdicts", absl::StrJoin(verdicts, ", ")});
  session.PrintTable(table);

  std::cout << "\n";
  Table flavors({"FLAVOR", "BUILD ID", "HOST"});
  for (const v1::Flavor& flavor : status.flavors()) {
    flavors.AddRow({flavor.flavor_id(), flavor.build_id(), flavor.host_path()});
  }
  session.PrintTable(flavors);
  if (status.hosts_size() == 0) return;

  std::cout << "\n";
  Table hosts({"HOST", "KIND", "PID>", "MEMORY>", "RUNS>", "REPLACED>", "EXECUTING"});
  for (const v1::HostSummary& host : status.hosts()) {
    hosts.AddRow({host.flavor(), HostKindText(host.host_kind()), absl::StrCat(host.pid()),
                  BytesText(host.rss_bytes()), CountText(host.finished_run_count()),
                  CountText(host.replacement_count()), host.run()});
  }
  session.PrintTable(hosts);
}

}  // namespace

int ShowStatus(Session& session, absl::Duration wait) {
  if (wait > absl::ZeroDuration() && !session.WaitUntilReachable(wait)) {
    std::cerr << "stressctl: no stressd at " << session.address() << " within "
              << DurationText(wait) << std::endl;
    return kExitUnreachable;
  }
  const auto stub = v1::StatusService::NewStub(session.channel());
  v1::DaemonStatus status;
  if (const grpc::Status result =
          session.Call(*stub, &v1::StatusService::Stub::GetStatus, v1::GetStatusRequest(), &status);
      !result.ok()) {
    return session.Fail(result);
  }
  if (session.is_table()) {
    PrintStatus(session, status);
    std::cout << std::flush;
  } else {
    session.PrintMessage(status);
  }
  return kExitPassed;
}

}  // namespace stressd::client
