// Attach, detach and suspend: the protocol on the state word.
//
// Model.  Every change between detached and attached is one compare-exchange, so
//   a stop that suspends the detached and flags the attached (stop.cc) and the
//   thread itself always agree on who was first: there is nothing to poll for.
// Thread safety.  As each comment says. Internal to state/.

#ifndef RUNTIME_STATE_ATTACH_H_
#define RUNTIME_STATE_ATTACH_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "runtime/state/runtime_impl.h"
#include "runtime/state/thread_state_impl.h"

namespace rt {

inline constexpr uint32_t kDetachedWord = static_cast<uint32_t>(ThreadStatus::kDetached);
inline constexpr uint32_t kAttachedWord = static_cast<uint32_t>(ThreadStatus::kAttached);
inline constexpr uint32_t kSuspendedWord = static_cast<uint32_t>(ThreadStatus::kSuspended);
inline constexpr uint32_t kSuspendedWaitingWord =
    static_cast<uint32_t>(ThreadStatus::kSuspendedWaiting);
inline constexpr uint32_t kShuttingDownWord = static_cast<uint32_t>(ThreadStatus::kShuttingDown);

// Attach() that always returns, whatever RuntimeConfig::late_attach says.
[[nodiscard]] bool AttachOrRefuse(ThreadStateImpl& thread);

// Sleeps until the process ends. The caller holds no mutex.
[[noreturn]] void SleepForEver();

// What every refusal ends with: sleeps if `thread` is to hang, else returns false.
bool Refuse(const ThreadStateImpl& thread);

// Detach() that is also allowed within a destructor: for waiting for a turn.
void DetachAnywhere(ThreadStateImpl& thread);

// Asks `thread`, in scope of a stop, to pause. Returns true if there is an
// answer to wait for, false if it was detached and is suspended now.
bool RequestSuspensionLocked(ThreadStateImpl& thread);

// Ends the suspension of `thread` and wakes it if it sleeps.
void ResumeLocked(ThreadStateImpl& thread);

// Makes `thread`, which is not attached, refuse to attach for ever, and wakes
// it if it sleeps. Returns false if it is attached.
[[nodiscard]] bool ShutDownLocked(ThreadStateImpl& thread);

// Answers for one thread state: the one that answers last wakes the requester.
void CountDownLocked(RuntimeImpl& runtime, InterpreterImpl& interpreter)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(runtime.threads_mutex);

// Detaches the slot of the current thread state, which reads nothing more, ahead of
// EndAttachmentOfUnlinked().
void EndReading(ThreadStateImpl& thread);

// Ends attached time of a thread state that has just been unlinked, so that no
// stop looks at it any more. Its slot is detached.
void EndAttachmentOfUnlinked(ThreadStateImpl& thread);

}  // namespace rt

#endif  // RUNTIME_STATE_ATTACH_H_
