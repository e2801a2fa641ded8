// Writes a black box: the host's side.
//
// Model.  A thin layer over BlackBoxMemory that knows the order of the stores.
// Values that only one thread writes are stored relaxed; what tells a reader
// that other values are complete is a release store.
// Thread safety.  BeginRun(), EnterPhase(), EndRun(): the executor's thread.
// AddEvent() with the same ring, SetTypeName(): one thread at a time.
// RecordFailure(), RecordReport(), RecordCrash(): any thread, at any time, from
// signal handlers too; they allocate nothing and wait for nobody.
// Fork.  A forked child of the scenario writes into its parent's box: it may
// call RecordFailure() and RecordReport(), and leaves the rest alone.
#ifndef STRESSD_PROTOCOL_BLACK_BOX_WRITER_H_
#define STRESSD_PROTOCOL_BLACK_BOX_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "stressd/protocol/black_box_layout.h"

namespace stressd::protocol {

// Writes memory that it does not own.
class BlackBoxWriter {
 public:
  explicit BlackBoxWriter(BlackBoxMemory* memory) : memory_(*memory) {}

  // Writes identity and names; the box counts as formatted from then on. Once,
  // on memory of zeros, before the host starts threads.
  void Format(std::string_view flavor, std::string_view build_id);
  // Before or after Format(). Names beyond their field are cut.
  void SetCounterName(size_t index, std::string_view name);
  void SetTypeName(size_t index, std::string_view name);

  // Begins a run: clears what the last one left in run and rings.
  void BeginRun(int64_t run_id, std::string_view scenario, uint64_t seed, int64_t now_ns);
  void EnterPhase(RunPhase phase, int64_t now_ns);
  // The box is idle again; the numbers stay for the reader.
  void EndRun(int64_t now_ns);

  // The cells that the run's threads count into.
  Word64* operation_count() { return &memory_.run.operation_count; }
  Word64* heartbeat_count() { return &memory_.run.heartbeat_count; }
  SignedWord64* first_operation_time_ns() { return &memory_.run.first_operation_time_ns; }

  // Drops the event when there is no such ring.
  void AddEvent(size_t ring_index, EventKind kind, int64_t argument, int64_t now_ns);

  // Keeps the first broken invariant of the process; later ones are dropped.
  void RecordFailure(const char* invariant, const char* file, int line, const char* text);
  // Keeps the first kind.
  void RecordReport(ReportKind kind);
  void RecordCrash(int signal, uint64_t address);
  ReportKind report_kind() const;
  // Whether an invariant was found broken, by this process or a child of it.
  bool has_failure() const;

  // Where the runtime's counters live.
  CounterSection* counters() { return &memory_.counters; }

 private:
  BlackBoxMemory& memory_;
};

}  // namespace stressd::protocol

#endif  // STRESSD_PROTOCOL_BLACK_BOX_WRITER_H_
