// Reads a black box, live or after the death of its host.
//
// Model.  Everything is copied out and made harmless: unknown numbers become
// the last known meaning of "nothing", texts are cut at their field's end and
// keep printable characters only. What was caught half-written is marked
// `torn`: its numbers may mix two moments, but were all read in bounds.
// Thread safety.  Any thread, at any time; no locks, no allocation but for the
// results.
#ifndef STRESSD_PROTOCOL_BLACK_BOX_VIEW_H_
#define STRESSD_PROTOCOL_BLACK_BOX_VIEW_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "stressd/protocol/black_box_layout.h"

namespace stressd::protocol {

struct BlackBoxIdentity {
  std::string flavor;
  std::string build_id;
  int64_t pid = 0;
};

struct RunView {
  bool torn = false;
  int64_t run_id = 0;
  std::string scenario;
  uint64_t seed = 0;
  RunPhase phase = RunPhase::kIdle;
  // CLOCK_MONOTONIC; 0: not yet.
  int64_t start_time_ns = 0;
  int64_t first_operation_time_ns = 0;
  int64_t operation_count = 0;
  int64_t heartbeat_count = 0;
};

struct FailureView {
  // The writer died, or was still writing.
  bool torn = false;
  std::string invariant;
  std::string file;
  int64_t line = 0;
  std::string text;
};

struct CrashView {
  int32_t signal = 0;
  uint64_t address = 0;
};

struct EventView {
  bool torn = false;
  // 0: the executor; i: worker i - 1 of the run.
  int32_t ring_index = 0;
  // Number of the event in its ring, from 0.
  uint64_t number = 0;
  int64_t time_ns = 0;
  EventKind kind = EventKind::kNone;
  int64_t argument = 0;
};

struct CounterView {
  bool torn = false;
  SlotUse use = SlotUse::kFree;
  uint64_t owner_id = 0;
  uint64_t interpreter_id = 0;
  std::array<int64_t, kCounterCount> counters = {};
  std::array<int64_t, kTypeCount> type_references = {};
};

// Views memory that it does not own.
class BlackBoxView {
 public:
  explicit BlackBoxView(const BlackBoxMemory* memory) : memory_(*memory) {}

  // Tells whether a host has formatted the box and speaks our version:
  // FailedPrecondition (not formatted yet) or DataLoss. The functions below
  // are safe to call whatever this returns.
  absl::Status Check() const;

  BlackBoxIdentity identity() const;
  RunView run() const;
  // Changes whenever the run makes progress: operations, signs of life of the
  // scenario, changes of phase. A host that hangs does not change it.
  uint64_t Progress() const;
  // The first broken invariant, if any.
  std::optional<FailureView> failure() const;
  ReportKind report_kind() const;
  // The signal that ended the host, if our handler saw it.
  std::optional<CrashView> crash() const;

  // The last events of every ring, oldest first by time.
  std::vector<EventView> Events() const;
  // The slots in use, and those that are torn. Tries a few times to read them
  // all between two changes of hands, so that their sums count nothing twice;
  // marks all of them torn when it cannot. Empty before the runtime exists and
  // where its region is overwritten.
  std::vector<CounterView> Counters() const;
  // Empty where unnamed. `index` is below kCounterCount, kTypeCount.
  std::string counter_name(size_t index) const;
  std::string type_name(size_t index) const;

 private:
  const BlackBoxMemory& memory_;
};

}  // namespace stressd::protocol

#endif  // STRESSD_PROTOCOL_BLACK_BOX_VIEW_H_
