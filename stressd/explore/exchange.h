// The memory that `stress-explore` and the program under test share: what to
// run next, and what came of it.
//
// Model.  A memfd, inherited by the program as descriptor STRESS_EXPLORE_FD and
// mapped by both. The driver fills `request` and writes one byte to the
// command pipe; the program runs the batch and answers one byte. Results are
// written while the schedule runs, so they survive the death of the process
// that ran it. A kernel program (kernel.h) speaks the same language and runs a
// batch in one process.
// Invariants.  I1: kVersion is equal on both sides, else the program refuses.
// I2: the counts never pass the arrays' lengths; what does not fit is counted
// in `dropped` and the schedule's file says it is partial.
// Thread safety.  One side writes at a time, in turns.
// Fork.  The mapping is shared by all children, which is its purpose.
#ifndef STRESSD_EXPLORE_EXCHANGE_H_
#define STRESSD_EXPLORE_EXCHANGE_H_

#include <stdint.h>

namespace explore {

// The environment variable with four descriptors: "exchange,commands,answers,output".
inline constexpr char kDescriptorsVariable[] = "STRESS_EXPLORE_FD";

inline constexpr uint32_t kMagic = 0x45787072;
inline constexpr uint32_t kVersion = 2;

// Agents of a choice: thread t is t, its store buffer's drain kDrainAgent + t.
inline constexpr uint32_t kMaxThreads = 128;
inline constexpr uint32_t kDrainAgent = kMaxThreads;
inline constexpr uint32_t kAgentCount = 2 * kMaxThreads;

inline constexpr uint32_t kMaxBatch = 256;
inline constexpr uint32_t kMaxSegments = 1 << 16;
inline constexpr uint32_t kMaxChoices = 1 << 16;
inline constexpr uint32_t kMaxEvents = 1 << 17;
inline constexpr uint32_t kMaxStackNodes = 1 << 18;
inline constexpr uint32_t kSiteCount = 1 << 16;
inline constexpr uint32_t kMaxFrames = 48;
inline constexpr uint32_t kMaxFindingStacks = 16;
// Optional parts (optional.h): bits of a mask.
inline constexpr uint32_t kMaxParts = 64;

enum class StrategyKind : uint32_t {
  kRandomWalk,
  kUniformWalk,
  kPct,
  kPos,
  kStarvation,
  kPrefix,    // Exhaustive search: follow `choices`, then preempt nobody.
  kDirected,  // Follow `segments`: replay and minimization.
};
inline constexpr uint32_t kStrategyKindCount = 7;

enum class MemoryModel : uint32_t { kSequential, kTso, kPso };

enum class Verdict : uint32_t {
  kPassed,
  kDataRace,
  kUseAfterFree,
  kDoubleFree,
  kDeadlock,
  kLivelock,
  kMisuse,       // E.g. unlocking a mutex that another thread holds.
  kCheck,        // A kernel's check, or explore_fail().
  kCrashed,      // A signal.
  kExited,       // A status other than 0.
  kHung,         // No end within the time limit: outside the engine's control.
  kUnsupported,  // The program did what the engine does not model.
  kDiverged,     // The determinism audit saw two different runs of one schedule.
};
inline constexpr uint32_t kVerdictCount = 13;

enum class SwitchReason : uint16_t { kPreempted, kBlocked, kYielded, kEnded, kDrained };

// `agent` ran until it had announced `until` operations in all. The last segment
// of a schedule has no end: kNoEnd.
inline constexpr uint64_t kNoEnd = ~uint64_t{0};
struct Segment {
  uint32_t agent;
  SwitchReason reason;  // Why the agent stopped.
  uint16_t pick;        // A drain's: which of the stores that could, in program order.
  uint64_t until;
  uint64_t pc;  // Of the operation it stopped before; 0 at its end.
};

// One decision with more than one possibility, for exhaustive search. Bit i of
// the mask is the i-th thread, bit 32+i its drain; or bit 32+i is the i-th store
// of a drain that may let any of them go.
struct Choice {
  uint64_t enabled;
  uint64_t tried;   // Possibilities that earlier schedules took here.
  uint8_t chosen;   // Bit number.
  uint8_t current;  // Bit number of the thread that ran; kNoBit if it cannot go on.
  uint8_t reserved[6];
};
inline constexpr uint8_t kNoBit = 255;

// One operation, in order; only with Request::trace.
struct Event {
  uint16_t agent;
  uint8_t kind;
  uint8_t size_bytes;
  uint32_t stack;  // Node of `stack_nodes`.
  uint64_t address;
  uint64_t pc;
};

struct StackNode {
  uint32_t parent;  // 0 is the empty stack.
  uint32_t depth;
  uint64_t pc;  // Return address of the call.
};

struct Request {
  uint32_t quit;
  uint32_t batch_count;
  uint64_t seeds[kMaxBatch];
  StrategyKind strategy;
  uint32_t depth;                      // d of PCT; the bound of kPrefix.
  uint32_t restart;                    // kPrefix: begin the search anew.
  uint32_t bound_delays;               // kPrefix: bound delays instead of preemptions.
  uint64_t step_estimate;              // k: schedule points expected; 0 if unknown.
  uint64_t thread_steps[kMaxThreads];  // The same per thread, in order of creation.
  MemoryModel model;
  uint32_t detect_races;
  uint32_t filter_sites;  // Decide only where learning saw sharing.
  uint32_t learn_sites;
  uint32_t trace;
  uint32_t eager_timeouts;  // A timeout may fire while other threads can run.
  uint64_t max_steps;       // More is a livelock.
  uint32_t segment_count;   // Of `segments`, for kDirected.
  uint64_t left_out;        // Optional parts that are not there.
};

struct FindingStack {
  char title[96];
  uint32_t frame_count;
  uint64_t frames[kMaxFrames];  // Innermost first; the first is exact, the others return addresses.
};

struct Result {
  uint32_t runs_done;  // Of the batch; the last of them is the finding, if any.
  int32_t child_pid;   // Of the running schedule, 0 between schedules.
  Verdict verdict;
  int32_t status;  // Signal or exit status.
  MemoryModel model;
  uint64_t steps;   // Operations announced.
  uint64_t points;  // Of them, those where a choice could be made.
  uint64_t switches;
  uint64_t preemptions;
  uint64_t signatures[kMaxBatch];  // Of the order of conflicting operations.
  uint64_t run_points[kMaxBatch];
  uint32_t thread_count;
  uint64_t thread_steps[kMaxThreads];
  uint32_t divergence;  // kDirected left its segments: number + 1 of the first.
  char divergence_note[160];
  char message[1024];
  uint32_t stack_count;
  FindingStack stacks[kMaxFindingStacks];
  uint32_t segment_count;  // One more stands in `segments`: who runs now.
  uint32_t choice_count;   // kPrefix: of `choices`, the last schedule's decisions.
  uint32_t prefix_count;   // Of them, those that the next schedule must repeat.
  uint32_t exhausted;      // kPrefix: no schedule within the bound is left.
  uint32_t event_count;
  uint32_t stack_node_count;
  uint32_t dropped;      // Segments, choices or events that did not fit.
  uint64_t image_base;   // Of the program's own code, to make addresses comparable.
  uint64_t asked_parts;  // Optional parts that any schedule of the batch asked for.
};

struct Exchange {
  uint32_t magic;
  uint32_t version;
  uint32_t ready;       // The program reached its fork point.
  uint32_t in_process;  // It runs its batches in one process.
  Request request;
  Result result;
  uint8_t sites[kSiteCount];  // Bit 0: seen while learning; bit 1: shared.
  Segment requested_segments[kMaxSegments];
  Segment segments[kMaxSegments];
  Choice choices[kMaxChoices];
  Event events[kMaxEvents];
  StackNode stack_nodes[kMaxStackNodes];
};

}  // namespace explore

#endif  // STRESSD_EXPLORE_EXCHANGE_H_
