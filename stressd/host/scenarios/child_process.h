// ChildProcess: a forked child that ends with a verdict, and how its parent
// collects that verdict.
//
// Model.  The parent makes a Channel before the fork. The child writes what it
//   found as lines into it and ends with _exit(); the parent waits for its end
//   with a deadline, kills it if it hangs, reaps it and reads the lines. The
//   verdict is the wait status; the lines explain it.
// Invariants.  H1: after CollectChild() the child is reaped, whatever it did.
// Thread safety.  Each channel belongs to one thread.
// Fork.  A channel's write end may be inherited by children of other threads:
//   nobody waits for its end of file.

#ifndef STRESSD_HOST_SCENARIOS_CHILD_PROCESS_H_
#define STRESSD_HOST_SCENARIOS_CHILD_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

// How a child ends that is not killed and does not crash.
inline constexpr int kChildPassed = 0;
inline constexpr int kChildViolation = 1;
// It could not do its work: no memory, no threads.
inline constexpr int kChildError = 2;

class ChildChannel {
 public:
  // ResourceExhaustedError if no pipe can be made.
  static absl::StatusOr<ChildChannel> Make();
  ~ChildChannel();
  ChildChannel(ChildChannel&& other) noexcept;
  ChildChannel& operator=(ChildChannel&&) = delete;

  // In the child: reports `text` (cut at 32 KiB, which a pipe always holds) and
  // ends the process at once, running no destructors or exit handlers.
  [[noreturn]] void Exit(int code, std::string_view text);

  // In the parent, after the child's end: returns what it reported.
  std::string ReadAll();

 private:
  ChildChannel(int read_end, int write_end) : read_end_(read_end), write_end_(write_end) {}

  int read_end_;
  int write_end_;
};

// In the child, first thing: makes it die with the thread that forked it, and
// ends it if the parent is gone already.
void DieWithHost(pid_t parent);

// In the child: reports everything in `found` and ends the process with
// kChildViolation, or with kChildPassed if it is empty.
[[noreturn]] void ExitWithViolations(ChildChannel& channel, const ViolationList& found);

// In the parent: waits until `child` has ended, at most `deadline`, then kills
// it; reaps it; adds to `out` what it reported, or that it hung, crashed or ended
// unexpectedly, always with its pid and wait status. Calls `heartbeat` now and
// then while it waits. Returns ResourceExhaustedError for kChildError.
absl::Status CollectChild(pid_t child, ChildChannel& channel, absl::Duration deadline,
                          absl::FunctionRef<void()> heartbeat, ViolationList& out);

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_CHILD_PROCESS_H_
