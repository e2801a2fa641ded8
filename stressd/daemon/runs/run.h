// Runs as the daemon knows them: what was asked, where it stands, what it
// found. The vocabulary that service, store, findings and supervisor share.
//
// Model.  A RunSpec is what a client (or a soak) asks for. RunManager turns it
// into a RunRecord, which it alone changes; everybody else gets copies. What a
// host did is one RunOutcome.
// Invariants.  R1: ids are positive, grow and are never reused, also over a
// restart.  R2: start_time is set from RUNNING on, end_time and a verdict
// exactly when FINISHED.  R3: report texts are bounded (kReportBytesMax each).
// Thread safety.  Plain values.
#ifndef STRESSD_DAEMON_RUNS_RUN_H_
#define STRESSD_DAEMON_RUNS_RUN_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "stressd/daemon/runs/verdict.h"

namespace stressd::runs {

// 256 KiB: ten TSan reports with full stacks; a longer text loses its middle.
inline constexpr size_t kReportBytesMax = 256 * 1024;

// 8: those that a run passes most say where its time goes; more would be a profile.
inline constexpr size_t kPointCountMax = 8;

// What to execute.
struct RunSpec {
  std::string scenario;
  std::string flavor = "plain";
  HostKind host_kind = HostKind::kUnspecified;
  // Values as written by the user; the scenario's declaration gives each its
  // type. After CreateRun() every declared parameter is present.
  std::map<std::string, std::string> parameters;
  std::optional<uint64_t> seed;  // Drawn by the daemon if absent.
  // How long the scenario keeps working; zero: as its parameters say.
  absl::Duration duration = absl::ZeroDuration();
  // A run still alive after this is TIMED_OUT; zero: derived from `duration`.
  absl::Duration time_limit = absl::ZeroDuration();
  // Makes CreateRun() idempotent: the same id gives the same run. May be empty.
  std::string request_id;
  int64_t soak_id = 0;        // The soak that asked for it, or 0.
  int64_t repetition_id = 0;  // Id of the first run of a series, or 0.
  // How the run is perturbed (protocol/perturbation_plan.h). Empty: none. After
  // CreateRun() canonical and never auto.
  std::string plan;
};

// One broken promise, by an oracle, a scenario's Check() or a runtime check.
struct Violation {
  std::string rule;      // Name of the oracle, the check or the invariant.
  std::string message;   // One sentence.
  std::string location;  // "file:line" for a runtime check, else empty.
};

struct CounterValue {
  std::string name;
  int64_t value = 0;
};

// References of one type over a run: at its baseline and after it quiesced.
struct ReferenceTotal {
  std::string type;  // "total" for the sum over all types.
  int64_t before = 0;
  int64_t after = 0;
};

// Another part of the balance: "heap.object.blocks", "qsbr_slots", ...
struct BalanceValue {
  std::string name;
  int64_t before = 0;
  int64_t after = 0;
};

// How far a live run is. Read from the black box.
struct RunProgress {
  std::string phase;  // "set up", "run", "check", ...; empty before the first.
  int64_t operation_count = 0;
  int64_t heartbeat_count = 0;
  int64_t thread_count = 0;  // Worker slots in use.
  int64_t rss_bytes = 0;     // Resident memory of the host.
  absl::Duration elapsed = absl::ZeroDuration();
};

// One entry of the black box's event rings.
struct RunEventRecord {
  int64_t slot_index = 0;
  uint64_t sequence = 0;
  std::string name;
  int64_t time_ns = 0;  // Monotonic, of the host.
  int64_t argument = 0;
};

// How the host process ended; -1 where it does not apply.
struct HostEnding {
  int64_t pid = 0;
  int exit_code = -1;
  int signal = -1;
  bool still_alive = false;  // A resident host that goes on.
};

// What a host did with a run.
struct RunOutcome {
  Verdict verdict = Verdict::kUnspecified;
  std::string summary;  // One line: why this verdict.
  std::vector<Violation> violations;
  std::vector<CounterValue> counters;  // Partial unless the host finished.
  std::vector<ReferenceTotal> references;
  std::vector<BalanceValue> balance;
  std::vector<CounterValue> measurements;  // Of the scenario, by its names.
  std::vector<CounterValue> points;        // Schedule points most often passed.
  int64_t operation_count = 0;
  absl::Duration setup_duration = absl::ZeroDuration();
  absl::Duration run_duration = absl::ZeroDuration();
  absl::Duration check_duration = absl::ZeroDuration();
  absl::Duration tear_down_duration = absl::ZeroDuration();
  // From CreateRun() to the first operation; zero if there was none.
  absl::Duration start_latency = absl::ZeroDuration();
  std::string report;                  // The host's stderr where it matters: a sanitizer's text.
  std::string stacks;                  // All threads of a hung host.
  std::vector<RunEventRecord> events;  // The black box's last ones, after a death.
  HostEnding host;
  std::string build_id;
};

// A run. Copies are snapshots.
struct RunRecord {
  int64_t id = 0;
  RunSpec spec;  // Complete: seed, parameters, host kind and limits filled in.
  RunState state = RunState::kQueued;
  uint64_t sequence = 0;  // Grows with each change that is published.
  bool cancel_requested = false;
  // The run that this one replaces after the daemon's restart cut that off.
  int64_t requeued_from_id = 0;
  int32_t requeue_count = 0;  // How often in a row that happened.
  absl::Time create_time;
  absl::Time start_time;  // Unix epoch until RUNNING.
  absl::Time end_time;    // Unix epoch until FINISHED.
  RunProgress progress;
  RunOutcome outcome;
  int64_t finding_id = 0;                 // Set by the finding sink, or 0.
  std::vector<int64_t> more_finding_ids;  // What else the run showed.

  Verdict verdict() const { return outcome.verdict; }
};

// The command line that repeats `run`: `stressctl run thread-churn --flavor=…`.
std::string RepeatCommandLine(const RunRecord& run);

// Shortens `text` to `bytes_max` by cutting out its middle, with a line that
// says how much is missing.
std::string BoundedText(std::string text, size_t bytes_max);

}  // namespace stressd::runs

#endif  // STRESSD_DAEMON_RUNS_RUN_H_
