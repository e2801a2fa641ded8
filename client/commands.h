// The commands of stressctl. Each takes its parsed options, prints its result
// and returns the exit code; what went wrong is on stderr by then.
//
// Thread safety.  Called from the main thread, one at a time.
#ifndef CLIENT_COMMANDS_H_
#define CLIENT_COMMANDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/session.h"

namespace stressd::client {

struct RunOptions {
  std::string scenario;
  std::vector<std::string> flavors;     // Empty: plain.
  std::optional<uint64_t> seed;         // Of the first run; the daemon draws it if absent.
  std::vector<std::string> parameters;  // `name=value`.
  std::string preset;                   // Values of the scenario's preset, or empty.
  absl::Duration duration = absl::ZeroDuration();
  absl::Duration time_limit = absl::ZeroDuration();
  int64_t repeat = 1;    // Runs per flavor, with seeds counting up.
  int64_t parallel = 1;  // Runs in flight.
  std::string host;      // `resident`, `fresh` or empty.
  std::string plan;      // How the runs are perturbed; empty: not.
  std::string request_id;
  bool quiet = false;
  bool detach = false;  // Create, print the names, do not wait.
  bool dry_run = false;
  // A flavor gets no more runs once `rate` is excluded or established with this
  // confidence; absent: it gets `repeat`.
  std::optional<double> until_confidence;
  double rate = 0;  // Hits per run.
};

struct ReproOptions {
  std::string finding;
  int64_t times = 20;
  int64_t parallel = 1;
  bool quiet = false;
  bool minimise = false;
  double floor = 0.5;  // Hits per run that a smaller run must keep.
};

struct ListOptions {
  int32_t limit = 50;
  std::string scenario;
  std::string flavor;
  std::string state;
  std::string verdict;
  std::string soak;
};

struct LiveOptions {
  std::vector<std::string> flavors;
  bool watch = false;
  absl::Duration interval = absl::Seconds(1);
  int64_t sample_count = 0;  // Samples of --watch; 0: until interrupted.
  bool per_thread = false;
  bool exact = false;  // References only: a balance in a stop of the world.
};

int ListScenarios(Session& session);
int DescribeScenario(Session& session, const std::string& scenario);

int RunScenario(Session& session, const RunOptions& options);

int ListRuns(Session& session, const ListOptions& options);
int GetRun(Session& session, const std::string& run);
int WatchRun(Session& session, const std::string& run);
int CancelRun(Session& session, const std::string& run);

int ShowCounters(Session& session, const LiveOptions& options);
int ShowReferences(Session& session, const LiveOptions& options);

int ListFindings(Session& session, const ListOptions& options);
int GetFinding(Session& session, const std::string& finding);
int ReproduceFinding(Session& session, const ReproOptions& options);

int ListSoaks(Session& session, int32_t limit);
int StartSoak(Session& session, const std::string& plan_path);
int StopSoak(Session& session, const std::string& soak);
int SoakStatus(Session& session, const std::string& soak);

// `wait`: how long to wait for the daemon to become reachable.
int ShowStatus(Session& session, absl::Duration wait);

}  // namespace stressd::client

#endif  // CLIENT_COMMANDS_H_
