// `stressctl run`: creates runs, follows them, shows what they found.
//
// Model.  Every run of a flavor gets the first seed plus its index. At most
// `parallel` runs are in flight; the oldest is followed, the others are read
// when their turn comes. Ctrl-C asks the daemon to cancel those in flight.

#include <grpcpp/client_context.h>

#include <cstdint>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/commands.h"
#include "client/exit_code.h"
#include "client/interrupt.h"
#include "client/run_report.h"
#include "client/status_line.h"
#include "client/text.h"
#include "proto/stressd/v1/run.grpc.pb.h"
#include "proto/stressd/v1/scenario.grpc.pb.h"

namespace stressd::client {
namespace {

// The runs in flight, which Ctrl-C cancels. Thread safe.
class RunsInFlight {
 public:
  explicit RunsInFlight(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::RunService::NewStub(channel)) {}

  void Add(const std::string& name) {
    std::lock_guard<std::mutex> lock(mutex_);
    names_.insert(name);
  }
  void Remove(const std::string& name) {
    std::lock_guard<std::mutex> lock(mutex_);
    names_.erase(name);
  }
  bool interrupted() {
    std::lock_guard<std::mutex> lock(mutex_);
    return interrupted_;
  }
  void CancelAll() {
    std::set<std::string> names;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      interrupted_ = true;
      names = names_;
    }
    for (const std::string& name : names) {
      grpc::ClientContext context;
      v1::CancelRunRequest request;
      request.set_name(name);
      v1::Run run;
      // A run that has ended meanwhile cannot be cancelled; its verdict arrives.
      (void)stub_->CancelRun(&context, request, &run);
    }
  }

 private:
  std::unique_ptr<v1::RunService::Stub> stub_;
  std::mutex mutex_;
  std::set<std::string> names_;
  bool interrupted_ = false;
};

class RunCommand {
 public:
  RunCommand(Session& session, const RunOptions& options)
      : session_(session),
        options_(options),
        stub_(v1::RunService::NewStub(session.channel())),
        in_flight_(session.channel()),
        line_(options.quiet || !session.is_table()) {}

  int Execute() {
    if (const int code = MakeSpecs(); code != kExitPassed) return code;
    Interrupt::Install().SetAction([this] { in_flight_.CancelAll(); });
    const int code = options_.dry_run || options_.detach ? CreateOnly() : CreateAndFollow();
    Interrupt::Install().SetAction(nullptr);
    return code;
  }

 private:
  int Usage(const std::string& message) {
    std::cerr << "stressctl: " << message << std::endl;
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

  grpc::Status Create(const v1::RunSpec& spec, size_t index, v1::Run* run) {
    grpc::ClientContext context;
    session_.Prepare(context);
    v1::CreateRunRequest request;
    *request.mutable_spec() = spec;
    request.set_request_id(RequestId(index));
    request.set_validate_only(options_.dry_run);
    return stub_->CreateRun(&context, request, run);
  }

  // A retried call must not start a second run; the id makes it harmless.
  std::string RequestId(size_t index) {
    if (!options_.request_id.empty()) {
      return specs_.size() == 1 ? options_.request_id
                                : absl::StrCat(options_.request_id, "-", index);
    }
    static std::random_device device;
    const uint64_t high = device();
    return absl::StrCat("stressctl-", absl::Hex((high << 32) | device(), absl::kZeroPad16), "-",
                        index);
  }

  int CreateOnly() {
    std::vector<v1::Run> runs;
    for (size_t index = 0; index < specs_.size(); ++index) {
      v1::Run run;
      if (const grpc::Status status = Create(specs_[index], index, &run); !status.ok()) {
        return session_.Fail(status);
      }
      runs.push_back(std::move(run));
    }
    if (session_.is_table() && options_.dry_run) {
      for (const v1::Run& run : runs) PrintRunDetails(session_, run);
    } else if (session_.is_table()) {
      for (const v1::Run& run : runs) std::cout << run.name() << std::endl;
    } else {
      session_.PrintList(runs);
    }
    return kExitPassed;
  }

  int CreateAndFollow() {
    std::deque<v1::Run> flying;
    std::vector<int> codes;
    size_t next = 0;
    while (next < specs_.size() || !flying.empty()) {
      while (next < specs_.size() && !in_flight_.interrupted() &&
             flying.size() < static_cast<size_t>(options_.parallel)) {
        v1::Run run;
        if (const grpc::Status status = Create(specs_[next], next, &run); !status.ok()) {
          line_.Clear();
          in_flight_.CancelAll();
          return session_.Fail(status);
        }
        in_flight_.Add(run.name());
        flying.push_back(std::move(run));
        ++next;
      }
      if (flying.empty()) break;  // Interrupted.
      v1::Run run = std::move(flying.front());
      flying.pop_front();
      if (const grpc::Status status = Follow(&run); !status.ok()) {
        line_.Clear();
        return session_.Fail(status);
      }
      in_flight_.Remove(run.name());
      codes.push_back(ExitCodeOf(run.verdict()));
      if (session_.format() == OutputFormat::kNdjson) session_.PrintMessage(run);
      finished_.push_back(std::move(run));
    }
    line_.Clear();
    if (in_flight_.interrupted()) codes.push_back(kExitCancelled);
    Report();
    return CombineExitCodes(codes);
  }

  // Streams `run` until it has finished; resumes where a stream broke off.
  grpc::Status Follow(v1::Run* run) {
    // 3: enough for a stream cut by a proxy, not for a daemon that went away.
    for (int attempt = 0;; ++attempt) {
      grpc::ClientContext context;
      v1::WatchRunRequest request;
      request.set_name(run->name());
      request.set_after_sequence(run->sequence());
      auto reader = stub_->WatchRun(&context, request);
      v1::WatchRunResponse response;
      while (reader->Read(&response)) {
        *run = std::move(*response.mutable_run());
        line_.Show(*run, Position());
      }
      const grpc::Status status = reader->Finish();
      if (run->state() == v1::Run::FINISHED) return grpc::Status::OK;
      if (status.error_code() != grpc::StatusCode::UNAVAILABLE || attempt >= 3) {
        return status.ok() ? grpc::Status(grpc::StatusCode::INTERNAL,
                                          absl::StrCat("the stream of ", run->name(),
                                                       " ended before the run did"))
                           : status;
      }
      if (!session_.WaitUntilReachable(absl::Seconds(5))) return status;
    }
  }

  std::string Position() const {
    if (specs_.size() == 1) return "";
    return absl::StrCat(finished_.size() + 1, "/", specs_.size());
  }

  void Report() {
    if (session_.format() == OutputFormat::kJson) session_.PrintList(finished_);
    if (!session_.is_table()) return;
    // More than this is a series: its failures and its statistics say more.
    constexpr size_t kTableMax = 12;
    if (finished_.size() <= kTableMax) {
      PrintRunTable(session_, finished_);
      std::cout << "\n";
      PrintRunComparison(session_, finished_);
    }
    if (options_.repeat > 1) PrintSeries(session_, finished_);
    size_t failures = 0;
    for (const v1::Run& run : finished_) {
      if (run.verdict() == v1::PASSED) continue;
      if (++failures > kTableMax) {
        std::cout << "\nFurther failures: stressctl runs list\n";
        break;
      }
      PrintFailure(session_, run);
    }
    std::cout << std::flush;
  }

  Session& session_;
  const RunOptions& options_;
  std::unique_ptr<v1::RunService::Stub> stub_;
  RunsInFlight in_flight_;
  StatusLine line_;
  std::vector<v1::RunSpec> specs_;
  std::vector<v1::Run> finished_;
};

}  // namespace

int RunScenario(Session& session, const RunOptions& options) {
  return RunCommand(session, options).Execute();
}

}  // namespace stressd::client
