#include "client/run_series.h"

#include <grpcpp/client_context.h>

#include <deque>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/exit_code.h"
#include "client/interrupt.h"

namespace stressd::client {

RunSeries::RunSeries(Session& session, SeriesOptions options)
    : session_(session),
      options_(std::move(options)),
      stub_(v1::RunService::NewStub(session.channel())),
      line_(options_.quiet || !session.is_table()) {
  Interrupt::Install().SetAction([this] { CancelAll(); });
}

RunSeries::~RunSeries() { Interrupt::Install().SetAction(nullptr); }

bool RunSeries::interrupted() {
  std::lock_guard<std::mutex> lock(mutex_);
  return interrupted_;
}

void RunSeries::CancelAll() {
  std::set<std::string> names;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    interrupted_ = true;
    names = in_flight_;
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

grpc::Status RunSeries::Create(const v1::RunSpec& spec, size_t index, size_t count,
                               bool validate_only, v1::Run* run) {
  grpc::ClientContext context;
  session_.Prepare(context);
  v1::CreateRunRequest request;
  *request.mutable_spec() = spec;
  request.set_request_id(RequestId(index, count));
  request.set_validate_only(validate_only);
  return stub_->CreateRun(&context, request, run);
}

// A retried call must not start a second run; the id makes it harmless.
std::string RunSeries::RequestId(size_t index, size_t count) const {
  if (!options_.request_id.empty()) {
    return count == 1 ? options_.request_id : absl::StrCat(options_.request_id, "-", index);
  }
  static std::random_device device;
  const uint64_t high = device();
  return absl::StrCat("stressctl-", absl::Hex((high << 32) | device(), absl::kZeroPad16), "-",
                      index);
}

int RunSeries::Execute(const std::vector<v1::RunSpec>& specs, const Filter& wants) {
  std::deque<v1::Run> flying;
  size_t next = 0;
  size_t followed = 0;
  while (next < specs.size() || !flying.empty()) {
    while (next < specs.size() && !interrupted() &&
           flying.size() < static_cast<size_t>(options_.parallel)) {
      const size_t index = next++;
      if (wants != nullptr && !wants(specs[index])) continue;
      v1::Run run;
      if (const grpc::Status status = Create(specs[index], index, specs.size(), false, &run);
          !status.ok()) {
        line_.Clear();
        CancelAll();
        return session_.Fail(status);
      }
      {
        std::lock_guard<std::mutex> lock(mutex_);
        in_flight_.insert(run.name());
      }
      flying.push_back(std::move(run));
    }
    if (flying.empty()) break;  // Interrupted, or nothing more is wanted.
    v1::Run run = std::move(flying.front());
    flying.pop_front();
    const std::string position =
        specs.size() == 1 ? "" : absl::StrCat(++followed, "/", specs.size());
    if (const grpc::Status status = Follow(&run, position); !status.ok()) {
      line_.Clear();
      CancelAll();
      return session_.Fail(status);
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      in_flight_.erase(run.name());
    }
    if (session_.format() == OutputFormat::kNdjson) session_.PrintMessage(run);
    finished_.push_back(std::move(run));
  }
  line_.Clear();
  return kExitPassed;
}

// Streams `run` until it has finished; resumes where a stream broke off.
grpc::Status RunSeries::Follow(v1::Run* run, const std::string& position) {
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
      line_.Show(*run, position);
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

int ExitCodeOf(const std::vector<v1::Run>& runs, bool interrupted) {
  std::vector<int> codes;
  codes.reserve(runs.size() + 1);
  for (const v1::Run& run : runs) codes.push_back(ExitCodeOf(run.verdict()));
  if (interrupted) codes.push_back(kExitCancelled);
  return CombineExitCodes(codes);
}

HitRate CountHits(absl::Span<const v1::Run> runs,
                  const std::function<bool(const v1::Run&)>& is_hit) {
  HitRate seen;
  for (const v1::Run& run : runs) {
    if (!IsTrial(run.verdict())) continue;
    ++seen.run_count;
    if (is_hit(run)) ++seen.hit_count;
  }
  return seen;
}

}  // namespace stressd::client
