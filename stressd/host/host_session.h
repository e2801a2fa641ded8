// A host in conversation with the daemon: executes the runs it is asked for.
//
// Model.  Two threads. The executor's (the caller of Serve()) executes one run
// at a time. The listener's receives: it hands runs over, passes a cancel to the
// live run, and answers the rest by itself, so that a resident host is
// answerable while a run works. A fresh host is the same with one run.
//   end       the daemon says Shutdown, or closes the socket; a fresh host also
//             after its run. A live run is asked to stop first on Shutdown; on a
//             closed socket nobody would read its result: the process exits.
// Thread safety.  Serve(): once.
// Fork.  The listener does not exist in a scenario's children.
#ifndef STRESSD_HOST_HOST_SESSION_H_
#define STRESSD_HOST_HOST_SESSION_H_

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>

#include "absl/status/status.h"
#include "runtime/state/runtime.h"
#include "stressd/host/control_link.h"
#include "stressd/host/observation_gate.h"
#include "stressd/host/run_control.h"
#include "stressd/host/run_executor.h"
#include "stressd/protocol/black_box_writer.h"
#include "stressd/protocol/host.pb.h"

namespace stressd::host {

enum class SessionKind { kResident, kFresh };

class HostSession {
 public:
  // All must outlive the session.
  HostSession(SessionKind kind, ControlLink* link, rt::Runtime* runtime,
              protocol::BlackBoxWriter* writer);
  HostSession(const HostSession&) = delete;
  HostSession& operator=(const HostSession&) = delete;

  // Says hello, serves until the end, returns the process's exit code.
  [[nodiscard]] int Serve();

 private:
  struct PendingRun {
    protocol::RunRequest request;
    int64_t arrival_time_ns = 0;
  };

  // The listener's thread.
  void Listen();
  // Returns false when the conversation is over.
  bool Handle(const protocol::ToHost& message);
  void AcceptRun(const protocol::RunRequest& request);
  void EndConversation(int exit_code);
  // Ends the process if the daemon cannot be reached.
  void SendOrExit(const protocol::ToDaemon& message);

  // The executor's thread. Nothing when the conversation is over.
  std::optional<PendingRun> NextRun();
  void ExecuteRun(const PendingRun& run);

  const SessionKind kind_;
  ControlLink& link_;
  rt::Runtime& runtime_;
  RunControl control_;
  ObservationGate gate_;
  RunExecutor executor_;

  // Guards the fields below. Taken before the run control's.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<PendingRun> pending_;
  bool over_ = false;
  int exit_code_ = 0;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_HOST_SESSION_H_
