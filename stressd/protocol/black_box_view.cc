#include "stressd/protocol/black_box_view.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "stressd/protocol/black_box_text.h"

namespace stressd::protocol {
namespace {

// A value that a broken host may have written: beyond `last` it means nothing.
template <typename Enum>
Enum KnownOr(uint32_t value, Enum last, Enum nothing) {
  return value <= static_cast<uint32_t>(last) ? static_cast<Enum>(value) : nothing;
}

// relaxed: values that change while we read; what is reported is each of them
// at some moment.
int64_t Value(const SignedWord64& word) { return word.load(std::memory_order_relaxed); }
int64_t Value(const Word64& word) {
  return static_cast<int64_t>(word.load(std::memory_order_relaxed));
}

EventView ReadEvent(const EventCell& cell, uint64_t number) {
  EventView event;
  event.number = number;
  // (P9) acquire load, synchronizes with the release store (P8) in
  //      BlackBoxWriter::AddEvent(): an even number means a whole event.
  const uint64_t before = cell.sequence.load(std::memory_order_acquire);
  // (P7) acquire loads, synchronize with the release stores (P6) in
  //      BlackBoxWriter::AddEvent(): a value of the next event makes the odd
  //      number of it visible to the load after these.
  event.time_ns = cell.time_ns.load(std::memory_order_acquire);
  event.kind =
      KnownOr(cell.kind.load(std::memory_order_acquire), EventKind::kWorkerEnd, EventKind::kNone);
  event.argument = cell.argument.load(std::memory_order_acquire);
  // relaxed: ordered after the acquire loads (P7).
  const uint64_t after = cell.sequence.load(std::memory_order_relaxed);
  event.torn = before != after || before != 2 * number + 2;
  return event;
}

// Appends the slot if it is in use or torn.
void ReadSlot(const CounterSlot& slot, std::vector<CounterView>& out) {
  // Acquire: (P14) in BlackBoxView::Counters().
  const uint32_t before = slot.sequence.load(std::memory_order_acquire);
  const uint64_t owner_id = slot.owner_id.load(std::memory_order_relaxed);
  if (owner_id == 0 && before % 2 == 0) return;
  CounterView& view = out.emplace_back();
  const uint32_t use = slot.use.load(std::memory_order_relaxed);
  view.use = KnownOr(use, SlotUse::kInterpreter, SlotUse::kFree);
  view.owner_id = owner_id;
  view.interpreter_id = slot.interpreter_id.load(std::memory_order_relaxed);
  // Acquire: the values come before the second look at the sequence.
  for (size_t i = 0; i < kCounterCount; ++i) {
    view.counters[i] = slot.counters[i].load(std::memory_order_acquire);
  }
  for (size_t i = 0; i < kTypeCount; ++i) {
    view.type_references[i] = slot.type_references[i].load(std::memory_order_acquire);
  }
  const uint32_t after = slot.sequence.load(std::memory_order_relaxed);
  view.torn =
      before != after || before % 2 != 0 || use > static_cast<uint32_t>(SlotUse::kInterpreter);
}

}  // namespace

absl::Status BlackBoxView::Check() const {
  const BlackBoxHeader& header = memory_.header;
  // (P2) acquire load, synchronizes with the release store (P1) in
  //      BlackBoxWriter::Format(): the header below is complete.
  const uint64_t magic = header.magic.load(std::memory_order_acquire);
  if (magic == 0) {
    return absl::FailedPreconditionError("the black box is not formatted yet");
  }
  if (magic != kBlackBoxMagic) {
    return absl::DataLossError("the black box is overwritten: wrong magic");
  }
  // relaxed, here and below: ordered by (P2).
  const uint32_t version = header.version.load(std::memory_order_relaxed);
  if (version != kBlackBoxVersion) {
    return absl::DataLossError(
        absl::StrCat("black box of version ", version, ", we read ", kBlackBoxVersion));
  }
  if (header.header_bytes.load(std::memory_order_relaxed) != sizeof(BlackBoxHeader) ||
      header.total_bytes.load(std::memory_order_relaxed) != kBlackBoxBytes) {
    return absl::DataLossError("the black box is overwritten: wrong sizes");
  }
  return absl::OkStatus();
}

BlackBoxIdentity BlackBoxView::identity() const {
  return {LoadText(memory_.header.flavor), LoadText(memory_.header.build_id),
          Value(memory_.header.pid)};
}

RunView BlackBoxView::run() const {
  const RunSection& run = memory_.run;
  RunView view;
  // (P4) acquire loads, synchronize with (P3) and with the release add (P5) in
  //      BlackBoxWriter::BeginRun(): the same even number on both sides means
  //      one run.
  const uint64_t before = run.sequence.load(std::memory_order_acquire);
  view.scenario = LoadText(run.scenario);
  view.seed = run.seed.load(std::memory_order_relaxed);
  view.start_time_ns = Value(run.start_time_ns);
  view.first_operation_time_ns = Value(run.first_operation_time_ns);
  view.phase =
      KnownOr(run.phase.load(std::memory_order_relaxed), RunPhase::kTearDown, RunPhase::kIdle);
  view.operation_count = Value(run.operation_count);
  view.heartbeat_count = Value(run.heartbeat_count);
  // (P16) acquire load, synchronizes with the release store (P15) in
  //       BlackBoxWriter::BeginRun(): a next run's id makes its odd number
  //       visible to the load below.
  view.run_id = static_cast<int64_t>(run.run_id.load(std::memory_order_acquire));
  const uint64_t after = run.sequence.load(std::memory_order_acquire);
  view.torn = before != after || before % 2 != 0;
  return view;
}

uint64_t BlackBoxView::Progress() const {
  const RunSection& run = memory_.run;
  // relaxed: statistics, order nothing. All but the operations never decrease,
  // and these go back only with a new run, which is progress as well.
  return run.sequence.load(std::memory_order_relaxed) * 1'000'003 +
         run.phase_change_count.load(std::memory_order_relaxed) * 10'007 +
         run.operation_count.load(std::memory_order_relaxed) +
         run.heartbeat_count.load(std::memory_order_relaxed);
}

std::optional<FailureView> BlackBoxView::failure() const {
  const FailureText& failure = memory_.run.failure;
  // (P11) acquire load, synchronizes with the release store (P10) in
  //       BlackBoxWriter::RecordFailure(): the text is complete.
  const uint32_t state = failure.state.load(std::memory_order_acquire);
  if (state == static_cast<uint32_t>(TextState::kNone)) return std::nullopt;
  FailureView view;
  view.torn = state != static_cast<uint32_t>(TextState::kComplete);
  view.invariant = LoadText(failure.invariant);
  view.file = LoadText(failure.file);
  view.line = failure.line.load(std::memory_order_relaxed);
  view.text = LoadText(failure.text);
  return view;
}

ReportKind BlackBoxView::report_kind() const {
  return KnownOr(memory_.run.report_kind.load(std::memory_order_relaxed), ReportKind::kUndefined,
                 ReportKind::kNone);
}

std::optional<CrashView> BlackBoxView::crash() const {
  // (P13) acquire load, synchronizes with the release store (P12) in
  //       BlackBoxWriter::RecordCrash(): the address belongs to the signal.
  const uint32_t signal = memory_.run.crash_signal.load(std::memory_order_acquire);
  // 64: the last signal of Linux.
  if (signal == 0 || signal > 64) return std::nullopt;
  return CrashView{static_cast<int32_t>(signal),
                   memory_.run.crash_address.load(std::memory_order_relaxed)};
}

std::vector<EventView> BlackBoxView::Events() const {
  std::vector<EventView> events;
  for (size_t i = 0; i < kRingCount; ++i) {
    const EventRing& ring = memory_.rings[i];
    // relaxed: each event carries its own number. It may be any value: only
    // its remainder is used as an index.
    const uint64_t end = ring.event_count.load(std::memory_order_relaxed);
    const uint64_t count = std::min<uint64_t>(end, kEventCount);
    for (uint64_t number = end - count; number != end; ++number) {
      EventView event = ReadEvent(ring.events[number % kEventCount], number);
      event.ring_index = static_cast<int32_t>(i);
      events.push_back(event);
    }
  }
  std::sort(events.begin(), events.end(), [](const EventView& a, const EventView& b) {
    return std::tie(a.time_ns, a.ring_index, a.number) <
           std::tie(b.time_ns, b.ring_index, b.number);
  });
  return events;
}

std::vector<CounterView> BlackBoxView::Counters() const {
  const CounterSection& section = memory_.counters;
  std::vector<CounterView> views;
  // relaxed: the region is laid out before its first slot is handed out, and
  // every slot says by itself whether it is in use.
  if (section.magic.load(std::memory_order_relaxed) != kCounterMagic ||
      section.version.load(std::memory_order_relaxed) != kCounterLayoutVersion ||
      section.slot_bytes.load(std::memory_order_relaxed) != sizeof(CounterSlot)) {
    return views;
  }
  // 8: a change of hands takes a microsecond, reading all slots a hundred.
  constexpr int kAttemptCount = 8;
  for (int attempt = 0; attempt < kAttemptCount; ++attempt) {
    // (P14) acquire loads, synchronize with the runtime's release stores of
    //       `change_sequence` and, in ReadSlot(), of `sequence`: the same even
    //       number before and after means that nothing changed hands.
    const uint32_t before = section.change_sequence.load(std::memory_order_acquire);
    views.clear();
    for (const CounterSlot& slot : section.slots) ReadSlot(slot, views);
    const uint32_t after = section.change_sequence.load(std::memory_order_acquire);
    if (before == after && before % 2 == 0) return views;
  }
  for (CounterView& view : views) view.torn = true;
  return views;
}

std::string BlackBoxView::counter_name(size_t index) const {
  if (index >= kCounterCount) return "";
  return LoadText(memory_.names.counters[index]);
}

std::string BlackBoxView::type_name(size_t index) const {
  if (index >= kTypeCount) return "";
  return LoadText(memory_.names.types[index]);
}

}  // namespace stressd::protocol
