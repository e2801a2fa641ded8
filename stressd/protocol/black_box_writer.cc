#include "stressd/protocol/black_box_writer.h"

#include <unistd.h>

#include "stressd/protocol/black_box_text.h"

namespace stressd::protocol {
namespace {

// Adds to a word that only the calling thread writes. relaxed: a statistic,
// orders nothing.
void AddOwned(Word64& word, uint64_t amount) {
  word.store(word.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

void ClearRing(EventRing& ring) {
  // relaxed: the executor's thread starts workers after this, and readers mark
  // events torn by their sequences.
  ring.event_count.store(0, std::memory_order_relaxed);
  for (EventCell& event : ring.events) {
    event.sequence.store(0, std::memory_order_relaxed);
  }
}

}  // namespace

void BlackBoxWriter::Format(std::string_view flavor, std::string_view build_id) {
  BlackBoxHeader& header = memory_.header;
  // relaxed: published by `magic` below.
  header.version.store(kBlackBoxVersion, std::memory_order_relaxed);
  header.header_bytes.store(sizeof(BlackBoxHeader), std::memory_order_relaxed);
  header.total_bytes.store(kBlackBoxBytes, std::memory_order_relaxed);
  header.pid.store(static_cast<uint64_t>(::getpid()), std::memory_order_relaxed);
  StoreText(header.flavor, flavor);
  StoreText(header.build_id, build_id);
  // (P1) release store, synchronizes with the acquire load (P2) in
  //      BlackBoxView::Check(): who sees the magic sees the header.
  header.magic.store(kBlackBoxMagic, std::memory_order_release);
}

void BlackBoxWriter::SetCounterName(size_t index, std::string_view name) {
  if (index < kCounterCount) StoreText(memory_.names.counters[index], name);
}

void BlackBoxWriter::SetTypeName(size_t index, std::string_view name) {
  if (index < kTypeCount) StoreText(memory_.names.types[index], name);
}

void BlackBoxWriter::BeginRun(int64_t run_id, std::string_view scenario, uint64_t seed,
                              int64_t now_ns) {
  RunSection& run = memory_.run;
  // (P3) acquire-release add, synchronizes with the acquire loads (P4) in
  //      BlackBoxView::run(): its acquire half keeps the stores below after the
  //      odd number, so a reader who sees one of them cannot see the old even
  //      number twice.
  run.sequence.fetch_add(1, std::memory_order_acq_rel);
  // (P15) release store, synchronizes with the acquire load (P16) in
  //       BlackBoxView::run(): who reads this run's id sees the odd number.
  run.run_id.store(static_cast<uint64_t>(run_id), std::memory_order_release);
  // relaxed, down to (P5): between the two changes of `sequence`.
  StoreText(run.scenario, scenario);
  run.seed.store(seed, std::memory_order_relaxed);
  run.start_time_ns.store(now_ns, std::memory_order_relaxed);
  run.first_operation_time_ns.store(0, std::memory_order_relaxed);
  run.operation_count.store(0, std::memory_order_relaxed);
  for (EventRing& ring : memory_.rings) ClearRing(ring);
  // (P5) release add, synchronizes with the acquire loads (P4) in
  //      BlackBoxView::run(): who sees the even number sees this run.
  run.sequence.fetch_add(1, std::memory_order_release);
}

void BlackBoxWriter::EnterPhase(RunPhase phase, int64_t now_ns) {
  // relaxed: statistics, order nothing.
  memory_.run.phase.store(static_cast<uint32_t>(phase), std::memory_order_relaxed);
  AddOwned(memory_.run.phase_change_count, 1);
  AddEvent(0, EventKind::kPhase, static_cast<int64_t>(phase), now_ns);
}

void BlackBoxWriter::EndRun(int64_t now_ns) { EnterPhase(RunPhase::kIdle, now_ns); }

void BlackBoxWriter::AddEvent(size_t ring_index, EventKind kind, int64_t argument, int64_t now_ns) {
  if (ring_index >= kRingCount) return;
  EventRing& ring = memory_.rings[ring_index];
  // relaxed: only this thread writes it.
  const uint64_t number = ring.event_count.load(std::memory_order_relaxed);
  EventCell& cell = ring.events[number % kEventCount];
  // relaxed: the release stores below order what a reader relies on: each of
  // them comes after the odd number.
  cell.sequence.store(2 * number + 1, std::memory_order_relaxed);
  // (P6) release stores, synchronize with the acquire loads (P7) in
  //      BlackBoxView::Events(): who reads one of these values then reads the
  //      odd number, or a later one, and knows that the cell is torn.
  cell.time_ns.store(now_ns, std::memory_order_release);
  cell.kind.store(static_cast<uint32_t>(kind), std::memory_order_release);
  cell.argument.store(argument, std::memory_order_release);
  // (P8) release store, synchronizes with the acquire load (P9) in
  //      BlackBoxView::Events(): who sees it sees the whole event.
  cell.sequence.store(2 * number + 2, std::memory_order_release);
  ring.event_count.store(number + 1, std::memory_order_relaxed);
}

void BlackBoxWriter::RecordFailure(const char* invariant, const char* file, int line,
                                   const char* text) {
  FailureText& failure = memory_.run.failure;
  uint32_t none = static_cast<uint32_t>(TextState::kNone);
  // relaxed: it only elects the writer; (P10) publishes.
  if (!failure.state.compare_exchange_strong(none, static_cast<uint32_t>(TextState::kWriting),
                                             std::memory_order_relaxed)) {
    return;
  }
  failure.line.store(static_cast<uint32_t>(line), std::memory_order_relaxed);
  StoreText(failure.invariant, invariant == nullptr ? "" : invariant);
  StoreText(failure.file, file == nullptr ? "" : file);
  StoreText(failure.text, text == nullptr ? "" : text);
  // (P10) release store, synchronizes with the acquire load (P11) in
  //       BlackBoxView::failure(): who sees it complete reads all of it.
  failure.state.store(static_cast<uint32_t>(TextState::kComplete), std::memory_order_release);
}

void BlackBoxWriter::RecordReport(ReportKind kind) {
  uint32_t none = static_cast<uint32_t>(ReportKind::kNone);
  // relaxed: one word that says it all.
  memory_.run.report_kind.compare_exchange_strong(none, static_cast<uint32_t>(kind),
                                                  std::memory_order_relaxed);
}

void BlackBoxWriter::RecordCrash(int signal, uint64_t address) {
  // (P12) release store of the signal after the address, synchronizes with the
  //       acquire load (P13) in BlackBoxView::crash(): a signal has its address.
  memory_.run.crash_address.store(address, std::memory_order_relaxed);
  memory_.run.crash_signal.store(static_cast<uint32_t>(signal), std::memory_order_release);
}

ReportKind BlackBoxWriter::report_kind() const {
  // relaxed: one word that says it all; only RecordReport() writes it.
  return static_cast<ReportKind>(memory_.run.report_kind.load(std::memory_order_relaxed));
}

bool BlackBoxWriter::has_failure() const {
  // relaxed: nothing of the text is read.
  return memory_.run.failure.state.load(std::memory_order_relaxed) != 0;
}

}  // namespace stressd::protocol
