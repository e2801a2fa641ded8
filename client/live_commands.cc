// `stressctl counters` and `stressctl references`: what the hosts count, live.

#include <grpcpp/client_context.h>
#include <unistd.h>

#include <cstdint>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/commands.h"
#include "client/exit_code.h"
#include "client/text.h"
#include "proto/stressd/v1/counters.grpc.pb.h"

namespace stressd::client {
namespace {

using Values = google::protobuf::Map<std::string, int64_t>;

std::string HostTitle(const v1::HostCounters& host) {
  std::string title =
      absl::StrCat(host.flavor(), " ", HostKindText(host.host_kind()), " pid ", host.pid(), "  ",
                   BytesText(host.rss_bytes()), "  ", host.finished_run_count(), " runs");
  if (!host.run().empty()) absl::StrAppend(&title, "  executing ", host.run());
  return title;
}

std::string SlotName(const v1::CounterSlot& slot) {
  std::string name = slot.owner() == v1::CounterSlot::INTERPRETER
                         ? absl::StrCat("interpreter ", slot.owner_id())
                         : absl::StrCat("thread ", slot.owner_id(), " of ", slot.interpreter_id());
  if (slot.is_torn()) name += " (torn)";
  return name;
}

// One column for the host, and one for each slot if they are asked for.
void PrintHost(const Session& session, const v1::HostCounters& host, bool references,
               bool per_slot) {
  const auto values_of = [&](const auto& part) -> const Values& {
    return references ? part.references() : part.counters();
  };
  std::cout << Toned(HostTitle(host), Tone::kBold, session.color()) << "\n";
  Table table({references ? "TYPE" : "COUNTER", "VALUE>", "OF"});
  const auto add = [&](const Values& values, const std::string& owner) {
    const std::map<std::string, int64_t> sorted(values.begin(), values.end());
    for (const auto& [name, value] : sorted) table.AddRow({name, CountText(value), owner});
  };
  add(values_of(host), "all");
  if (references) table.AddRow({"total", CountText(host.reference_total()), "all"});
  if (per_slot) {
    for (const v1::CounterSlot& slot : host.slots()) add(values_of(slot), SlotName(slot));
  }
  session.PrintTable(table);
  std::cout << std::endl;
}

template <typename Response>
void PrintSample(const Session& session, const Response& response, bool references, bool per_slot) {
  if (!session.is_table()) {
    session.PrintMessage(response);
    return;
  }
  if (response.hosts().empty()) std::cout << "no host is alive\n";
  for (const v1::HostCounters& host : response.hosts()) {
    PrintHost(session, host, references, per_slot);
  }
}

int ShowLive(Session& session, const LiveOptions& options, bool references) {
  const auto stub = v1::CounterService::NewStub(session.channel());
  grpc::ClientContext context;
  if (!options.watch) {
    session.Prepare(context);
    v1::GetCountersRequest request;
    for (const std::string& flavor : options.flavors) request.add_flavors(flavor);
    v1::GetCountersResponse response;
    if (const grpc::Status status = stub->GetCounters(&context, request, &response); !status.ok()) {
      return session.Fail(status);
    }
    PrintSample(session, response, references, options.per_thread);
    return kExitPassed;
  }
  v1::WatchCountersRequest request;
  for (const std::string& flavor : options.flavors) request.add_flavors(flavor);
  *request.mutable_interval() = FromDuration(options.interval);
  auto reader = stub->WatchCounters(&context, request);
  v1::WatchCountersResponse response;
  const bool redraw = session.is_table() && isatty(STDOUT_FILENO) == 1;
  int64_t samples = 0;
  while (reader->Read(&response)) {
    if (redraw) std::cout << "\033[H\033[2J";
    PrintSample(session, response, references, options.per_thread);
    if (options.sample_count > 0 && ++samples >= options.sample_count) {
      context.TryCancel();
      return kExitPassed;
    }
  }
  const grpc::Status status = reader->Finish();
  return status.ok() ? kExitPassed : session.Fail(status);
}

int ShowBalance(Session& session, const LiveOptions& options) {
  const auto stub = v1::CounterService::NewStub(session.channel());
  std::vector<std::string> flavors = options.flavors;
  if (flavors.empty()) flavors.push_back("plain");
  for (const std::string& flavor : flavors) {
    grpc::ClientContext context;
    session.Prepare(context);
    v1::GetBalanceRequest request;
    request.set_flavor(flavor);
    v1::Balance balance;
    if (const grpc::Status status = stub->GetBalance(&context, request, &balance); !status.ok()) {
      return session.Fail(status);
    }
    if (!session.is_table()) {
      session.PrintMessage(balance);
      continue;
    }
    std::cout << Toned(absl::StrCat(balance.flavor(), " resident pid ", balance.pid()), Tone::kBold,
                       session.color())
              << "\n";
    Table table({"WHAT", "ALIVE>"});
    for (const auto& [name, value] :
         std::map<std::string, int64_t>(balance.references().begin(), balance.references().end())) {
      table.AddRow({absl::StrCat("references to ", name), CountText(value)});
    }
    table.AddRow({"references in total", CountText(balance.reference_total())});
    for (const auto& [name, value] :
         std::map<std::string, int64_t>(balance.values().begin(), balance.values().end())) {
      table.AddRow({name, CountText(value)});
    }
    session.PrintTable(table);
    std::cout << std::endl;
  }
  return kExitPassed;
}

}  // namespace

int ShowCounters(Session& session, const LiveOptions& options) {
  return ShowLive(session, options, false);
}

int ShowReferences(Session& session, const LiveOptions& options) {
  if (options.exact) return ShowBalance(session, options);
  return ShowLive(session, options, true);
}

}  // namespace stressd::client
