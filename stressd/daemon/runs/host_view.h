// A live look at the hosts: their processes, counters and reference totals.
// The supervisor implements it, the service shows it.
//
// Model.  Sample() reads the black box and disturbs nobody: values of different
// slots are not one instant. Snapshot() asks the host for a balance, which is
// exact and costs it a stop of the world.
// Thread safety.  Any thread.
#ifndef STRESSD_DAEMON_RUNS_HOST_VIEW_H_
#define STRESSD_DAEMON_RUNS_HOST_VIEW_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "stressd/daemon/runs/run.h"

namespace stressd::runs {

// Counters and reference totals of one thread state or interpreter.
struct CounterSlot {
  enum class Kind { kUnspecified = 0, kInterpreter = 1, kThread = 2 };
  Kind kind = Kind::kUnspecified;
  int64_t slot_index = 0;
  uint64_t owner_id = 0;                 // Thread state's or interpreter's id.
  uint64_t interpreter_id = 0;           // The one it belongs to; itself for one.
  bool torn = false;                     // Changed hands while it was read.
  std::vector<CounterValue> counters;    // Zero ones left out.
  std::vector<CounterValue> references;  // By type; zero ones left out.
};

// A host as it is now.
struct HostSample {
  std::string flavor;
  HostKind kind = HostKind::kUnspecified;
  int64_t pid = 0;
  std::string build_id;
  absl::Time sample_time;
  absl::Time start_time;
  int64_t finished_run_count = 0;  // By this process.
  int64_t replacement_count = 0;   // Hosts of this flavor before it.
  int64_t run_id = 0;              // 0 between runs.
  int64_t rss_bytes = 0;
  RunProgress progress;
  std::vector<CounterSlot> slots;
  std::vector<CounterValue> counters;    // Summed over the slots.
  std::vector<CounterValue> references;  // Summed over the slots, by type.
  int64_t reference_total = 0;
};

// A host's exact balance; names as the host gives them.
struct HostBalance {
  std::string flavor;
  int64_t pid = 0;
  std::vector<CounterValue> values;
  std::vector<CounterValue> references;  // By type.
  int64_t reference_total = 0;
};

class HostView {
 public:
  virtual ~HostView() = default;

  // All hosts, resident ones first, in the order of the flavors.
  virtual std::vector<HostSample> SampleHosts() = 0;

  // The resident host of `flavor`; starts it if there is none. NotFoundError
  // for an unknown flavor, UnavailableError if it does not start.
  virtual absl::StatusOr<HostSample> SampleResident(absl::string_view flavor) = 0;

  // AbortedError while that host executes a run; DeadlineExceededError after
  // `timeout`.
  virtual absl::StatusOr<HostBalance> Snapshot(absl::string_view flavor,
                                               absl::Duration timeout) = 0;
};

}  // namespace stressd::runs

#endif  // STRESSD_DAEMON_RUNS_HOST_VIEW_H_
