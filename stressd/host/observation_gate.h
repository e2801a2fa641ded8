// Lets another thread look into the live interpreter without disturbing the
// run's own observations.
//
// Model.  A looker enters, attaches a thread state of its own, takes a snapshot
// and leaves. While the executor observes, judges or destroys, the gate is
// closed: a second thread state would be in its figures, or outlive its
// interpreter.
// Invariants.  G1: no looker is inside a closed gate. G2: the interpreter that a
// looker got lives until it leaves.
// Thread safety.  Enter(), Leave(): any thread that waits for nothing in between
// that the executor has. The rest: the executor, with no thread state attached:
// Close() waits for a looker who may be stopping the world. mutex_ is a leaf.
// Fork.  Children do not use it.
#ifndef STRESSD_HOST_OBSERVATION_GATE_H_
#define STRESSD_HOST_OBSERVATION_GATE_H_

#include <condition_variable>
#include <mutex>

namespace rt {
class Interpreter;
}

namespace stressd::host {

class ObservationGate {
 public:
  // Lets lookers in and shows them `interpreter`, which may be null: no run.
  void Open(rt::Interpreter* interpreter);
  // Lets no looker in any more and waits until none is inside.
  void Close();

  // Returns false when the gate is closed. Else `interpreter` is what Open()
  // was given, and the caller must Leave().
  [[nodiscard]] bool Enter(rt::Interpreter** interpreter);
  void Leave();

 private:
  std::mutex mutex_;  // Guards the fields below.
  std::condition_variable left_;
  rt::Interpreter* interpreter_ = nullptr;
  bool open_ = false;
  int looker_count_ = 0;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_OBSERVATION_GATE_H_
