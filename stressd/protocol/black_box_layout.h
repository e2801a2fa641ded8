// The black box: memory shared by the daemon and one runtime host, read while
// the host lives and after it is dead.
//
// Model.  A sealed memfd of kBlackBoxBytes, laid out as BlackBoxMemory:
//
//   header    who writes here; `magic` is stored last, so it tells "formatted"
//   names     what the counters and the reference totals are called
//   run       the run under way: phase, first failure, kind of a report
//   rings     the last events, one ring per thread that tells any
//   counters  one slot per thread state and per interpreter
//
// Every word has one writer at a time (said at the field) and is an atomic of
// a fixed size without a pointer in it. A host may die anywhere and may, being
// a stress host, have overwritten anything: the reader (black_box_view.h)
// believes no number it finds here.
// Invariants.  B1: the offsets are those asserted below; a change of any of
// them is a new kProtocolVersion.
// Thread safety.  Writers as said at each field; any number of readers.
#ifndef STRESSD_PROTOCOL_BLACK_BOX_LAYOUT_H_
#define STRESSD_PROTOCOL_BLACK_BOX_LAYOUT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace stressd::protocol {

// "STRESSBX", little endian.
inline constexpr uint64_t kBlackBoxMagic = 0x5842535345525453;
inline constexpr uint32_t kBlackBoxVersion = 1;

inline constexpr size_t kBlackBoxNameBytes = 32;
inline constexpr size_t kBlackBoxTextBytes = 256;
inline constexpr size_t kCounterCount = 64;
inline constexpr size_t kTypeCount = 64;
// Thread states and interpreters together; more of them count privately. 515:
// what fits into 137 pages.
inline constexpr size_t kCounterSlotCount = 515;
// Offsets and meanings of CounterSection.
inline constexpr uint64_t kCounterMagic = 0x3153'5254'4e43'5452;  // "RTCNTRS1"
inline constexpr uint32_t kCounterLayoutVersion = 2;
// Ring 0 is the executor's, ring 1 + i is of the run's worker i; workers beyond
// that tell nothing.
inline constexpr size_t kRingCount = 64;
// Per ring. A power of two.
inline constexpr size_t kEventCount = 64;

using Word64 = std::atomic<uint64_t>;
using SignedWord64 = std::atomic<int64_t>;
using Word32 = std::atomic<uint32_t>;
static_assert(Word64::is_always_lock_free && Word32::is_always_lock_free);
static_assert(sizeof(Word64) == 8 && sizeof(Word32) == 4);

// A text of at most `kBytes` bytes, padded with zeros, in atomic words: it may
// be read while it is written and is then at worst half of each.
template <size_t kBytes>
struct Text {
  static_assert(kBytes % 8 == 0);
  Word64 words[kBytes / 8];
};

// A text that is written once: `state` tells how far the writer came.
enum class TextState : uint32_t { kNone = 0, kWriting = 1, kComplete = 2 };

// Which sanitizer spoke. Written by its hooks before the report's exit.
enum class ReportKind : uint32_t {
  kNone = 0,
  kAddress = 1,
  kLeak = 2,
  kThread = 3,
  kUndefined = 4,
};

// Of the run; the numbers are those of Phase in host.proto.
enum class RunPhase : uint32_t {
  kIdle = 0,
  kSetUp = 1,
  kRun = 2,
  kQuiesce = 3,
  kCheck = 4,
  kTearDown = 5,
};

// Whose counters a slot holds. The numbers are runtime/stats's.
enum class SlotUse : uint32_t { kFree = 0, kThread = 1, kInterpreter = 2 };

// What a ring tells. `argument` is explained beside each.
enum class EventKind : uint32_t {
  kNone = 0,
  kPhase = 1,        // the RunPhase entered
  kWorkerStart = 2,  // index of the worker
  kWorkerEnd = 3,    // 1: it ended well
};

// Written by the host's main thread before `magic`, never after.
struct BlackBoxHeader {
  Word64 magic;
  Word32 version;
  Word32 header_bytes;
  Word64 total_bytes;
  Word64 pid;
  Text<16> flavor;
  Text<64> build_id;
  unsigned char reserved[144];
};
static_assert(sizeof(BlackBoxHeader) == 256);

struct BlackBoxNames {
  Text<kBlackBoxNameBytes> counters[kCounterCount];
  // Changed when a scenario makes a type.
  Text<kBlackBoxNameBytes> types[kTypeCount];
};

// The first broken invariant, written by the thread that wins `state`.
struct FailureText {
  Word32 state;
  Word32 line;
  Text<kBlackBoxNameBytes> invariant;
  Text<kBlackBoxTextBytes> file;
  Text<kBlackBoxTextBytes> text;
};

// Written by the executor's thread but for the last three groups.
struct RunSection {
  // Odd while the executor begins or ends a run, so that a reader does not mix
  // two of them.
  Word64 sequence;
  Word64 run_id;
  Text<64> scenario;
  Word64 seed;
  SignedWord64 start_time_ns;
  // Of the first operation; 0: none yet. Written by the thread that made it.
  SignedWord64 first_operation_time_ns;
  Word32 phase;
  Word32 reserved;
  // Grows with each change of phase and with each finished run.
  Word64 phase_change_count;
  // Units of work the scenario counted, and its signs of life. Any thread adds.
  Word64 operation_count;
  Word64 heartbeat_count;

  // Written by a sanitizer's hook in whichever thread reports.
  Word32 report_kind;
  // Written by the crash handler: the signal, and the address it names.
  Word32 crash_signal;
  Word64 crash_address;
  // Written by the thread whose check failed.
  FailureText failure;
};

// One event. `sequence` is 2n+1 while event n is written, then 2n+2.
struct EventCell {
  Word64 sequence;
  SignedWord64 time_ns;
  Word32 kind;
  Word32 reserved;
  SignedWord64 argument;
};
static_assert(sizeof(EventCell) == 32);

// Written by one thread.
struct alignas(64) EventRing {
  // Events written so far.
  Word64 event_count;
  unsigned char reserved[56];
  EventCell events[kEventCount];
};
static_assert(sizeof(EventRing) == 64 + kEventCount * sizeof(EventCell));

// Counters of one thread state or interpreter.
struct alignas(64) CounterSlot {
  // Id of the thread state or interpreter; 0: the slot is free.
  Word64 owner_id;
  // Id of the thread state's interpreter.
  Word64 interpreter_id;
  // Odd while the slot changes hands or is folded into another one.
  Word32 sequence;
  // SlotUse.
  Word32 use;
  unsigned char reserved[40];
  SignedWord64 counters[kCounterCount];
  SignedWord64 type_references[kTypeCount];
};
static_assert(sizeof(CounterSlot) == 64 + 8 * (kCounterCount + kTypeCount));

// The runtime's counter region, which runtime/stats writes and describes; the
// host asserts that both mean the same bytes. Whole pages: in a child forked by
// a scenario a private copy takes their place.
struct alignas(4096) CounterSection {
  Word64 magic;
  Word32 version;
  Word32 header_bytes;
  Word32 slot_bytes;
  Word32 slot_count;
  Word32 counter_count;
  Word32 type_count;
  // Odd while any slot changes hands.
  Word32 change_sequence;
  unsigned char reserved[28];
  CounterSlot slots[kCounterSlotCount];
};
static_assert(offsetof(CounterSection, slots) == 64);
static_assert(sizeof(CounterSection) - 64 - sizeof(CounterSection::slots) < sizeof(CounterSlot));

struct BlackBoxMemory {
  BlackBoxHeader header;
  alignas(64) BlackBoxNames names;
  alignas(4096) RunSection run;
  alignas(4096) EventRing rings[kRingCount];
  CounterSection counters;
};
inline constexpr size_t kBlackBoxBytes = sizeof(BlackBoxMemory);
static_assert(kBlackBoxBytes % 4096 == 0, "B1");
static_assert(offsetof(BlackBoxMemory, names) == 256, "B1");
static_assert(offsetof(BlackBoxMemory, run) == 8192, "B1");
static_assert(offsetof(BlackBoxMemory, rings) == 12288, "B1");
static_assert(offsetof(BlackBoxMemory, counters) == 147456, "B1");

}  // namespace stressd::protocol

#endif  // STRESSD_PROTOCOL_BLACK_BOX_LAYOUT_H_
