#include "runtime/state/attach.h"

#include <atomic>
#include <cstdint>

#include "runtime/base/check.h"
#include "runtime/base/futex.h"
#include "runtime/base/slow_path_point.h"
#include "runtime/base/thread_id.h"
#include "runtime/object/merge_queue.h"
#include "runtime/qsbr/qsbr.h"
#include "runtime/state/borrow.h"
#include "runtime/state/pending_call.h"
#include "runtime/stats/counter.h"
#include "runtime/sync/mutex.h"

namespace rt {
namespace {

// The current thread state of this OS thread.
constinit thread_local ThreadState* current_thread_state = nullptr;
// Its address is the mark.
constinit thread_local char os_thread_mark = 0;
// OS threads in SleepForEver().
constinit Atomic<uint64_t> hanging_thread_count{0};

// 60: a stop that finds everybody detached or about to answer lasts a few
// microseconds, a sleep and a wake-up of a virtual CPU 20 to 70.
constexpr int kResumeSpinTurns = 60;

QsbrShared& QsbrOf(ThreadStateImpl& thread) { return *thread.qsbr_slot->shared; }

// Sleeps until the suspended `thread` is attached on its behalf (true) or shut
// down (false). Touches nothing but the thread state: when it is shut down, its
// interpreter may be gone.
bool WaitForResume(ThreadStateImpl& thread) {
  for (int turn = 0;; ++turn) {
    // (T1) acquire load, synchronizes with the release exchange (T2) in
    //      ResumeLocked() and (T3) in ShutDownLocked(): we see what was done in
    //      the stopped world, and our slot attached.
    const uint32_t word = thread.state.load(std::memory_order_acquire);
    if (word == kShuttingDownWord) return false;
    // The stop flag may already be up again: attached all the same.
    if ((word & ~kStopRequestedFlag) == kAttachedWord) return true;
    RT_DCHECK(word == kSuspendedWaitingWord, "T2", "state %u while waiting", word);
    if (turn < kResumeSpinTurns && !TakesSlowPath("state.sleep")) {
      SpinBriefly(turn);
    } else {
      FutexWait(thread.state, kSuspendedWaitingWord, kNoTimeout);
    }
  }
}

// Attached on its behalf or by itself; the slot is attached in the first case.
enum class AttachResult : uint8_t { kBySelf, kOnBehalf, kRefused };

// Takes `thread` from detached to attached; false, having done nothing, when it is
// in another state, which goes to `*word`.
inline bool TryTakeAttached(ThreadStateImpl& thread, uint32_t* word) {
  *word = kDetachedWord;
  // (T4) acquire on success, synchronizes with the release exchange (T2) in
  //      ResumeLocked(), the release (T5) of our own last detach and the release
  //      (BR2) in ReturnBorrowed(): we see what was done in a stop, what another
  //      OS thread did as us, and what was merged for us.
  return thread.state.compare_exchange_strong(*word, kAttachedWord, std::memory_order_acquire,
                                              std::memory_order_acquire);
}

// After TryTakeAttached() found `word`: waits until it can be had, or not any more.
[[gnu::cold, gnu::noinline]] AttachResult WaitToAttach(ThreadStateImpl& thread, uint32_t word) {
  do {
    if (word == kShuttingDownWord) return AttachResult::kRefused;
    if ((word & kBorrowedFlag) != 0) {
      WaitForReturn(thread);
      continue;
    }
    RT_CHECK(word == kSuspendedWord || word == kDetachedWord, "T2",
             "attach of a thread state in state %u", word);
    if (word == kDetachedWord) continue;
    // relaxed on success: nothing of ours is handed over by going to sleep.
    if (thread.state.compare_exchange_strong(word, kSuspendedWaitingWord, std::memory_order_relaxed,
                                             std::memory_order_relaxed)) {
      return WaitForResume(thread) ? AttachResult::kOnBehalf : AttachResult::kRefused;
    }
  } while (!TryTakeAttached(thread, &word));
  return AttachResult::kBySelf;
}

// Detaches in answer to a stop. The slot is detached already.
[[gnu::cold, gnu::noinline]] void AnswerStop(ThreadStateImpl& thread, uint32_t suspended_word) {
  InterpreterImpl& interpreter = InterpreterOf(thread);
  RuntimeImpl& runtime = interpreter.runtime;
  MutexLock lock(runtime.threads_mutex);
  thread.counters->Add(Counter::kSuspensions);
  // relaxed: only this thread clears bits, only under the mutex stops set it.
  thread.eval_breaker.fetch_and(~kEvalBreakerStop, std::memory_order_relaxed);
  // (T6) release exchange, synchronizes with the acquire (T7) in
  //      WaitForCountdown() through the countdown: everything we did attached
  //      comes before the stopped world.
  const uint32_t word = thread.state.exchange(suspended_word, std::memory_order_release);
  RT_CHECK(word == (kAttachedWord | kStopRequestedFlag), "INV-STW-2",
           "answer of a thread state in state %u", word);
  CountDownLocked(runtime, interpreter);
}

}  // namespace

ThreadState* CurrentThreadState() { return current_thread_state; }

const void* OsThreadMark() { return &os_thread_mark; }

void SetCurrentThreadState(ThreadState* thread) {
  current_thread_state = thread;
  SetCurrentThreadId(thread == nullptr ? kNobodyId : thread->id);
}

ThreadStatus StatusOf(const ThreadState& thread) {
  // relaxed: a momentary view, orders nothing.
  return static_cast<ThreadStatus>(thread.state.load(std::memory_order_relaxed) &
                                   ~(kStopRequestedFlag | kBorrowFlags));
}

void SleepForEver() {
  Atomic<uint32_t> word{0};
  // relaxed: a statistic, orders nothing.
  hanging_thread_count.fetch_add(1, std::memory_order_relaxed);
  for (;;) FutexWait(word, 0, kNoTimeout);
}

uint64_t HangingThreadCount() {
  // relaxed: a momentary view.
  return hanging_thread_count.load(std::memory_order_relaxed);
}

bool Refuse(const ThreadStateImpl& thread) {
  if (thread.hangs_when_refused) SleepForEver();
  return false;
}

namespace {

// What an attach finds to do now and then.
[[gnu::cold, gnu::noinline]] void BindToOsThread(ThreadStateImpl& thread) {
  // Attached, so nobody walks this thread state's parts while they change.
  MergeQueueEnter(thread);
  thread.bound = true;
}

[[gnu::cold, gnu::noinline]] void AskForDelayedFrees(ThreadStateImpl& thread) {
  // Somebody has to, and the thread states that left these may have been the
  // last ones that looked. relaxed: our own bit, for our own safe point.
  thread.eval_breaker.fetch_or(kEvalBreakerDelayedFree, std::memory_order_relaxed);
}

// The part of an attach that follows the exchange of the state word. The slot's
// exchange comes first: an atomic operation waits for every store before it.
inline void BecomeAttached(ThreadStateImpl& thread, AttachResult result) {
  if (result == AttachResult::kBySelf) {
    QsbrOf(thread).Attach(*thread.qsbr_slot);
  }
  SetCurrentThreadState(&thread);
  if (thread.os_thread != &os_thread_mark) thread.os_thread = &os_thread_mark;
  if (!thread.bound) [[unlikely]]
    BindToOsThread(thread);
  if (InterpreterOf(thread).space.delayed_free.HasEntries()) [[unlikely]]
    AskForDelayedFrees(thread);
  thread.counters->AddHot(Counter::kAttaches);
}

[[gnu::cold, gnu::noinline]] bool AttachSlow(ThreadStateImpl& thread, uint32_t word) {
  const AttachResult result = WaitToAttach(thread, word);
  if (result == AttachResult::kRefused) return false;
  BecomeAttached(thread, result);
  return true;
}

inline bool AttachInline(ThreadStateImpl& thread) {
  RT_CHECK(current_thread_state == nullptr, "T2",
           "attach on an OS thread that has a current thread state");
  uint32_t word;
  if (!TryTakeAttached(thread, &word)) [[unlikely]]
    return AttachSlow(thread, word);
  BecomeAttached(thread, AttachResult::kBySelf);
  return true;
}

}  // namespace

bool Attach(ThreadState& thread) { return AttachInline(ImplOf(thread)) || Refuse(ImplOf(thread)); }

bool AttachOrRefuse(ThreadStateImpl& thread) { return AttachInline(thread); }

namespace {

inline void DetachInline(ThreadStateImpl& thread) {
  RT_CHECK(current_thread_state == &thread, "T2", "detach of a thread state that is not current");
  thread.counters->AddHot(Counter::kDetaches);
  QsbrOf(thread).Detach(*thread.qsbr_slot);
  SetCurrentThreadState(nullptr);
  uint32_t word = kAttachedWord;
  // (T5) seq_cst on success. As a release it synchronizes with the acquire (T4) of
  //      the next attach, (T15) in DrainAndDetach(), (T8) in
  //      RequestSuspensionLocked(), (T3) in ShutDownLocked() and (BR1) in
  //      BorrowDetached(): who attaches, stops, clears or borrows us sees all we
  //      did. Total order with (T14) and (BR3): see there.
  if (!thread.state.compare_exchange_strong(word, kDetachedWord, std::memory_order_seq_cst,
                                            std::memory_order_relaxed)) [[unlikely]] {
    AnswerStop(thread, kSuspendedWord);
  }
}

// Whether somebody has queued for `thread`, which is detached.
inline bool QueuedWhileLeaving(const ThreadStateImpl& thread) {
  // (T14) seq_cst load, total order with (T5), (BR3) and the bit's setting in
  //       object/merge_queue.cc: who queued for us before it could see us
  //       detached has set the bit, and we see it. BO-4.
  return (thread.eval_breaker.load(std::memory_order_seq_cst) & kEvalBreakerMerge) != 0;
}

// Merges what was queued for detached `thread`, as often as there is something.
[[gnu::cold, gnu::noinline]] void DrainAndDetach(ThreadStateImpl& thread) {
  do {
    uint32_t word = kDetachedWord;
    // Stopped or borrowed meanwhile: the borrower takes all there is; what a stop
    // interrupts waits for the next one who queues, or for our attach.
    // (T15) acquire on success, synchronizes with the release (BR2) in
    //       ReturnBorrowed() and (T5): what was merged for us, as in an attach.
    if (!thread.state.compare_exchange_strong(word, kAttachedWord, std::memory_order_acquire,
                                              std::memory_order_relaxed)) {
      return;
    }
    BecomeAttached(thread, AttachResult::kBySelf);
    MergeQueueDrain(thread);
    DetachInline(thread);
  } while (QueuedWhileLeaving(thread));
}

}  // namespace

void Detach(ThreadState& public_thread) {
  ThreadStateImpl& thread = ImplOf(public_thread);
  RT_CHECK(thread.destroy_depth == 0, "T5", "detach within a destructor");
  // relaxed: a bit that is missed here is seen by (T14).
  if ((thread.eval_breaker.load(std::memory_order_relaxed) & kEvalBreakerMerge) != 0) [[unlikely]] {
    MergeQueueDrain(thread);
  }
  DetachInline(thread);
  if (QueuedWhileLeaving(thread)) [[unlikely]]
    DrainAndDetach(thread);
}

void DetachAnywhere(ThreadStateImpl& thread) { DetachInline(thread); }

bool HandleEvalBreaker(ThreadState& public_thread) {
  ThreadStateImpl& thread = ImplOf(public_thread);
  RT_DCHECK(current_thread_state == &thread, "T2",
            "safe point of a thread state that is not current");
  RT_CHECK(thread.destroy_depth == 0, "T5", "safe point within a destructor");
  // relaxed: see SafePoint().
  uint32_t bits = thread.eval_breaker.load(std::memory_order_relaxed);
  if ((bits & kEvalBreakerStop) != 0) {
    QsbrOf(thread).Detach(*thread.qsbr_slot);
    AnswerStop(thread, kSuspendedWaitingWord);
    if (!WaitForResume(thread)) {
      SetCurrentThreadState(nullptr);
      return Refuse(thread);
    }
  }
  // (T9) acq_rel, synchronizes with the fetch_or of who asked, (T16) in
  //      PostPendingCall() for one: a bit set after this is handled at the next
  //      safe point.
  bits = thread.eval_breaker.fetch_and(~(kEvalBreakerMerge | kEvalBreakerDelayedFree |
                                         kEvalBreakerCollect | kEvalBreakerPendingCalls),
                                       std::memory_order_acq_rel);
  // First, so that no stop of ours comes between the bit and the list (PC3).
  if ((bits & kEvalBreakerPendingCalls) != 0) (void)RunPendingCalls(thread);
  if ((bits & kEvalBreakerMerge) != 0) MergeQueueDrain(thread);
  if ((bits & kEvalBreakerDelayedFree) != 0) thread.delayed_free.Process();
  if ((bits & kEvalBreakerCollect) == 0) return true;
  // Another thread may be at it already: then nothing is left to do.
  return InterpreterOf(thread).collector.Collect(thread).status != CollectStatus::kShutDown;
}

bool RequestSuspensionLocked(ThreadStateImpl& thread) {
  // relaxed: the exchanges below decide.
  uint32_t word = thread.state.load(std::memory_order_relaxed);
  for (;;) {
    const uint32_t borrow = word & kBorrowFlags;  // Goes on beside the new status.
    const uint32_t status = word & ~kBorrowFlags;
    if (status == kShuttingDownWord) return false;
    RT_CHECK(status == kDetachedWord || status == kAttachedWord, "INV-STW-1",
             "a stop found a thread state in state %u", word);
    const bool attached = status == kAttachedWord;
    RT_DCHECK(!attached || borrow == 0, "BO-1", "an attached thread state is borrowed");
    const uint32_t wanted = attached ? kAttachedWord | kStopRequestedFlag : kSuspendedWord | borrow;
    // (T8) acquire on success, synchronizes with the release (T5) in Detach():
    //      we see all that the detached thread did.
    if (!thread.state.compare_exchange_weak(word, wanted, std::memory_order_acquire,
                                            std::memory_order_relaxed)) {
      continue;
    }
    if (attached) {
      // relaxed: only makes the thread look at its state word.
      thread.eval_breaker.fetch_or(kEvalBreakerStop, std::memory_order_relaxed);
    }
    return attached;
  }
}

void ResumeLocked(ThreadStateImpl& thread) {
  // relaxed: the exchange below decides.
  uint32_t word = thread.state.load(std::memory_order_relaxed);
  for (;;) {
    const uint32_t borrow = word & kBorrowFlags;
    if ((word & ~kBorrowFlags) != kSuspendedWord && word != kSuspendedWaitingWord) return;
    const bool waiting = word == kSuspendedWaitingWord;
    // On its behalf, before it can run: nobody frees what it is about to read.
    if (waiting) QsbrOf(thread).Attach(*thread.qsbr_slot);
    // (T2) release exchange, synchronizes with the acquire (T1) in
    //      WaitForResume() and (T4) in TryTakeAttached().
    if (thread.state.compare_exchange_strong(word, waiting ? kAttachedWord : kDetachedWord | borrow,
                                             std::memory_order_release,
                                             std::memory_order_relaxed)) {
      if (waiting) FutexWake(&thread.state, 1);
      return;
    }
    RT_CHECK(!waiting, "T2", "a sleeping thread changed its state to %u", word);
  }
}

bool ShutDownLocked(ThreadStateImpl& thread) {
  // relaxed: the exchange below decides.
  uint32_t word = thread.state.load(std::memory_order_relaxed);
  for (;;) {
    if ((word & ~kStopRequestedFlag) == kAttachedWord) return false;
    const uint32_t borrow = word & kBorrowFlags;
    if ((word & ~kBorrowFlags) == kShuttingDownWord) return true;
    // (T3) acq_rel, synchronizes with the acquire (T1) in WaitForResume() and
    //      the release (T5) in Detach(): who clears it sees all it did. A borrower
    //      goes on: it holds the bucket mutex, which the clear takes (BO-2).
    if (thread.state.compare_exchange_weak(word, kShuttingDownWord | borrow,
                                           std::memory_order_acq_rel, std::memory_order_relaxed)) {
      if (word == kSuspendedWaitingWord) FutexWake(&thread.state, 1);
      return true;
    }
  }
}

void EndReading(ThreadStateImpl& thread) { QsbrOf(thread).Detach(*thread.qsbr_slot); }

void EndAttachmentOfUnlinked(ThreadStateImpl& thread) {
  // relaxed: unlinked, so no stop and no other thread looks at it.
  thread.state.store(kShuttingDownWord, std::memory_order_relaxed);
  SetCurrentThreadState(nullptr);
}

}  // namespace rt
