// A series of runs: creates them, follows them, keeps what they showed.
//
// Model.  At most `parallel` runs are in flight; the oldest is followed, the
//   others are read when their turn comes. Ctrl-C asks the daemon to cancel those
//   in flight, and no more are created.
// Thread safety.  Called from the main thread.
#ifndef CLIENT_RUN_SERIES_H_
#define CLIENT_RUN_SERIES_H_

#include <grpcpp/support/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "client/hit_rate.h"
#include "client/session.h"
#include "client/status_line.h"
#include "proto/stressd/v1/run.grpc.pb.h"

namespace stressd::client {

struct SeriesOptions {
  int64_t parallel = 1;  // Runs in flight.
  std::string request_id;
  bool quiet = false;  // No status line.
};

class RunSeries {
 public:
  // Asked before a run is created; false: it is left out.
  using Filter = std::function<bool(const v1::RunSpec&)>;

  // `session` outlives the series.
  RunSeries(Session& session, SeriesOptions options);
  ~RunSeries();

  // Executes `specs` and appends to finished(). Returns kExitPassed, or the code
  // of the call that failed, which it has told of on stderr; runs that were in
  // flight then are cancelled.
  int Execute(const std::vector<v1::RunSpec>& specs, const Filter& wants = nullptr);

  // Creates one run without following it; `count` is the number of all runs.
  grpc::Status Create(const v1::RunSpec& spec, size_t index, size_t count, bool validate_only,
                      v1::Run* run);

  const std::vector<v1::Run>& finished() const { return finished_; }
  bool interrupted();

 private:
  grpc::Status Follow(v1::Run* run, const std::string& position);
  std::string RequestId(size_t index, size_t count) const;
  void CancelAll();

  Session& session_;
  const SeriesOptions options_;
  std::unique_ptr<v1::RunService::Stub> stub_;
  StatusLine line_;
  std::vector<v1::Run> finished_;
  std::mutex mutex_;
  std::set<std::string> in_flight_;  // Names; under mutex_.
  bool interrupted_ = false;         // Under mutex_.
};

// The code of all `runs`; that of a cancellation, too, if it was `interrupted`.
int ExitCodeOf(const std::vector<v1::Run>& runs, bool interrupted);

// The trials (IsTrial()) among `runs` and those of them for which `is_hit` holds.
HitRate CountHits(absl::Span<const v1::Run> runs,
                  const std::function<bool(const v1::Run&)>& is_hit);

}  // namespace stressd::client

#endif  // CLIENT_RUN_SERIES_H_
