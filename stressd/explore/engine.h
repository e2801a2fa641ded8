// The controlled engine: runs the program's threads one at a time and decides,
// before every operation, which of them goes on.
//
// Model.  Hooks announce operations. Announce() asks the strategy and returns
// when the announcing thread is chosen, so that the operation itself happens
// with nothing in between. A thread that has to wait is left out of the choice
// until what it waits for is true; when nobody is left, that is a deadlock and
// not a guess. Time is virtual: it stands still while anybody can run, and passes
// when all who can run only yield.
// Invariants.  I1: `current()` is the thread whose context runs. I2: only its
// store buffer is laid over memory. I3: a waiting thread's predicate is a pure
// function of engine state.
// Thread safety.  The engine's OS thread only.
// Fork.  A child continues with a copy; ForkServer uses that.
#ifndef STRESSD_EXPLORE_ENGINE_H_
#define STRESSD_EXPLORE_ENGINE_H_

#include <stdarg.h>
#include <stdint.h>

#include "stressd/explore/context.h"
#include "stressd/explore/exchange.h"
#include "stressd/explore/heap.h"
#include "stressd/explore/race_detector.h"
#include "stressd/explore/shadow.h"
#include "stressd/explore/stack_table.h"
#include "stressd/explore/strategy.h"
#include "stressd/explore/thread.h"

namespace explore {

// The exit status of a schedule that ended with a finding.
inline constexpr int kFindingStatus = 66;

class Engine {
 public:
  // Before the first use of anything else; later calls do nothing.
  void Init();
  bool initialized() const { return current_ != nullptr; }

  // Starts schedule number `run` of the request's batch. With `reset`
  // everything known of the program is forgotten (kernel programs).
  void Begin(uint32_t run, bool reset);
  // The schedule is over and nothing was found, or a finding was reported.
  void End();
  // Decisions are made between Begin() and End(), once there are two threads.
  bool running() const { return running_; }
  bool alone() const { return live_count_ <= 1; }
  // Whether an access could race with one before or after it. It cannot while a
  // thread is alone that knows all that the others did: whoever it starts knows
  // that too.
  bool judging() const { return running_ && !quiet_; }
  // The current thread has learned what an ended thread did.
  void NoteJoined();
  // Set-up and check of a kernel are not scheduled.
  void set_scheduling(bool on) { scheduling_ = on; }

  // The calling thread is about to do `operation`. May run other threads first.
  void Announce(const Operation& operation);
  void Announce(OperationKind kind, uintptr_t address, uintptr_t pc) {
    Announce(Operation{kind, 0, kSeqCst, address, pc});
  }
  // Announces an access and judges it. A plain store that the model may delay
  // is taken over by the store buffer.
  void Access(OperationKind kind, uintptr_t address, uint32_t size_bytes, int order, uintptr_t pc) {
    if (!running_ || PassQuickly(address, size_bytes)) return;
    AccessJudged(kind, address, size_bytes, order, pc);
  }
  // While nobody can race and nobody asks (see judging()) an access only counts,
  // which makes the end of a program cheap. Returns false if it must be looked at.
  bool PassQuickly(uintptr_t address, uint32_t size_bytes) {
    if (!quick_) return false;
    Result& result = exchange_->result;
    if (result.steps >= exchange_->request.max_steps) return false;
    if (shadow_.freed().Holds(address, address + size_bytes)) return false;
    ++result.steps;
    ++views_[current_->id].operations;
    now_ns_ += kTickNs;
    return true;
  }
  // The judging alone, for an operation that was announced.
  void Judge(OperationKind kind, uintptr_t address, uint32_t size_bytes, uintptr_t pc);
  // After a load or a failed compare-exchange: notices spin loops.
  void NoteRead(uintptr_t address, uint32_t size_bytes, uintptr_t pc) {
    if (running_ && !alone()) NoteReadOfMany(address, size_bytes, pc);
  }

  // Waits, without an announcement, until `kind` holds for `object`. Returns
  // false if `deadline_ns` of virtual time came first.
  bool Wait(WaitKind kind, SyncObject* object, int64_t deadline_ns = kNoDeadline,
            Thread* target = nullptr);
  // Queues: the current thread at the end of `object`'s; the first, or `random`
  // one, of it woken. Returns whether there was one.
  void Enqueue(SyncObject* object);
  bool WakeOne(SyncObject* object, bool random);

  // Threads. Create() returns null when there are too many.
  Thread* Create(void* (*function)(void*), void* argument, uintptr_t pc);
  [[noreturn]] void FinishThread(void* result);
  Thread* FindThread(pthread_t handle);
  Thread& thread(uint32_t id) { return threads_[id]; }
  uint32_t thread_count() const { return thread_count_; }
  Thread* current() { return current_; }

  // Store buffers.
  bool buffering() const { return buffering_ && scheduling_ && !alone(); }
  void DrainAll(Thread& thread);
  // An atomic store that the model may delay.
  void BufferedAtomicStore(uintptr_t address, uint32_t size_bytes, int order, const void* value,
                           uintptr_t pc);

  // Virtual time since the start of the program, in nanoseconds.
  int64_t now_ns() { return now_ns_ += kTickNs; }
  // Somebody did what another thread could be waiting for.
  void NoteProgress() {
    current_->spin.Wrote();
    idle_yields_ = 0;
  }

  // Findings end the schedule. AddStack() before Report().
  void AddStack(const char* title, uint32_t stack, uintptr_t pc);
  [[noreturn]] void Report(Verdict verdict, int status, const char* format, ...)
      __attribute__((format(printf, 4, 5)));
  void ReportFault(const AccessFault& fault, const Operation& operation, const char* what);

  void EnterFunction(uintptr_t pc) { current_->calls.Enter(pc); }
  void ExitFunction() { current_->calls.Exit(); }
  // Where `thread` is, as a node of the StackTable.
  uint32_t StackOf(Thread& thread) { return thread.calls.Node(stacks_); }

  Exchange* exchange() { return exchange_; }
  Shadow& shadow() { return shadow_; }
  RaceDetector& detector() { return detector_; }
  Heap& heap() { return heap_; }
  ContextPool& contexts() { return contexts_; }
  Random& random() { return random_; }
  void set_abandon_to(void** jump) { abandon_to_ = jump; }

 private:
  // What one look at the clock, or one operation, takes.
  static constexpr int64_t kTickNs = 100;

  static void ThreadEntry();
  void AccessJudged(OperationKind kind, uintptr_t address, uint32_t size_bytes, int order,
                    uintptr_t pc);
  void NoteReadOfMany(uintptr_t address, uint32_t size_bytes, uintptr_t pc);
  void SetQuiet(bool quiet);
  void ResetThread(Thread& thread);
  void RunDestructors(Thread& thread);
  void Schedule(bool can_go_on, bool yielded, SwitchReason reason);
  uint32_t Collect(bool can_go_on, int* position);
  bool CanRun(const Thread& thread) const;
  bool AdvanceClock();
  Thread* EarliestDeadline();
  void Expire(Thread& thread);
  void RemoveWaiter(SyncObject* object, Thread& thread);
  void SwitchTo(Thread& next, SwitchReason reason);
  void DrainByChoice(Thread& thread);
  void Drain(Thread& thread, uint32_t position, bool laid);
  void RecordSegment(uint32_t agent, SwitchReason reason, uint64_t until, uint64_t pc,
                     uint16_t pick = 0);
  // Writes down, provisionally, who runs from here on.
  void RecordRunning(uint32_t agent);
  void RecordEvent(uint32_t agent, const Operation& operation, uint32_t stack);
  [[noreturn]] void ReportDeadlock();
  [[noreturn]] void ReportLivelock();
  void AddThreadStacks();
  const char* WaitText(const Thread& thread, char* text, uint32_t size);

  Exchange* exchange_ = nullptr;
  Thread* current_ = nullptr;
  bool running_ = false;
  bool quiet_ = false;       // See judging().
  bool quick_ = false;       // Quiet, and nobody wants a trace.
  bool scheduling_ = false;  // On from Init().
  bool buffering_ = false;
  bool may_pass_ = false;
  bool filter_ = false;
  bool abandoned_ = false;
  void** abandon_to_ = nullptr;
  uint32_t run_ = 0;
  uint32_t thread_count_ = 0;
  uint32_t live_count_ = 0;
  uint64_t seed_ = 0;
  int64_t now_ns_ = 0;
  uint32_t idle_yields_ = 0;  // Since the last progress.
  Strategy* strategy_ = nullptr;
  Random random_;
  uint32_t agents_[kAgentCount] = {};
  AgentView views_[kAgentCount] = {};
  Thread threads_[kMaxThreads] = {};
  Shadow shadow_;
  StackTable stacks_;
  RaceDetector detector_;
  Heap heap_;
  ContextPool contexts_;
};

// The one engine of the process.
extern Engine g_engine;

inline uintptr_t Address(const volatile void* pointer) {
  return reinterpret_cast<uintptr_t>(pointer);
}

// The instruction after the call of the function that uses this.
#define EXPLORE_CALLER_PC() (reinterpret_cast<uintptr_t>(__builtin_return_address(0)))

}  // namespace explore

#endif  // STRESSD_EXPLORE_ENGINE_H_
