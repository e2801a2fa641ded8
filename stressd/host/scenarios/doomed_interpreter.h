// DoomedInterpreter: an interpreter whose every object belongs to its thread
// states, so that it can be destroyed by somebody else at any safe point.
//
// Model.  Each thread roots a shared list and a type through the local object of
//   its thread state and between safe points holds nothing else. Whatever the
//   threads are at, clearing their thread states drops everything: objects in
//   the list, references in merge queues, old arrays in delayed frees.
// Invariants.  D1: at a safe point a thread holds no reference but its local
//   object's. D2: the list refers to numbers and instances only, instances to
//   numbers: no cycles.
// Thread safety.  Root(), Work(): any thread attached to the interpreter.
//   Create(): one thread, before the others.

#ifndef STRESSD_HOST_SCENARIOS_DOOMED_INTERPRETER_H_
#define STRESSD_HOST_SCENARIOS_DOOMED_INTERPRETER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "runtime/base/atomic.h"
#include "runtime/runtime.h"
#include "stressd/host/scenario/prng.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

class DoomedInterpreter {
 public:
  DoomedInterpreter() = default;
  DoomedInterpreter(const DoomedInterpreter&) = delete;
  DoomedInterpreter& operator=(const DoomedInterpreter&) = delete;

  // Makes the shared list and the type; `thread` holds them until Release().
  // ResourceExhaustedError if memory runs out.
  absl::Status Create(rt::ThreadState& thread);
  // Drops what Create() made; the roots keep it alive.
  void Release(rt::ThreadState& thread);

  // Gives `thread` its local object. False if memory ran out.
  [[nodiscard]] bool Root(rt::ThreadState& thread);

  // How Work() ended.
  enum class Outcome { kDone, kShutDown, kOutOfMemory };

  // Does `operation_count` random operations with safe points among them. After
  // kShutDown the thread state is not current any more. `thread` has its root.
  [[nodiscard]] Outcome Work(rt::ThreadState& thread, Prng& prng, int64_t operation_count);

  // The interpreter being gone: reports instances whose finalizer did not run
  // exactly once.
  void Judge(std::string_view moment, ViolationList& out) const;

 private:
  static void CountFinalizer(rt::ObjectThread& thread, rt::Instance* instance, void* doomed);

  [[nodiscard]] bool Append(rt::ThreadState& thread, Prng& prng);
  void Read(rt::ThreadState& thread, Prng& prng);

  rt::List* list_ = nullptr;
  rt::TypeObject* type_ = nullptr;
  rt::Atomic<int64_t> instances_made_{0};
  rt::Atomic<int64_t> finalizers_run_{0};
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_DOOMED_INTERPRETER_H_
