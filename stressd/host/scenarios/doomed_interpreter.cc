#include "stressd/host/scenarios/doomed_interpreter.h"

#include "absl/strings/str_format.h"

namespace stressd::host {
namespace {

// 200: more than a delayed-free batch (127) of old arrays can come from it, few
// enough that a round stays short.
constexpr int64_t kListLimit = 200;
constexpr int64_t kOperationsPerSafePoint = 8;

}  // namespace

absl::Status DoomedInterpreter::Create(rt::ThreadState& thread) {
  list_ = rt::ListNew(thread);
  type_ = rt::TypeNew(
      thread,
      {.name = "Doomed", .slot_count = 1, .finalizer = &CountFinalizer, .finalizer_context = this});
  if (list_ != nullptr && type_ != nullptr) return absl::OkStatus();
  Release(thread);
  return absl::ResourceExhaustedError("no memory for a shared list and a type");
}

void DoomedInterpreter::Release(rt::ThreadState& thread) {
  if (list_ != nullptr) rt::Decref(thread, rt::AsObject(list_));
  if (type_ != nullptr) rt::Decref(thread, rt::AsObject(type_));
  // The pointers stay: the roots keep alive what they point to.
}

bool DoomedInterpreter::Root(rt::ThreadState& thread) {
  rt::List* const root = rt::ListNew(thread);
  if (root == nullptr) return false;
  if (!rt::ListAppend(thread, root, rt::AsObject(list_)) ||
      !rt::ListAppend(thread, root, rt::AsObject(type_))) {
    rt::Decref(thread, rt::AsObject(root));
    return false;
  }
  rt::SetLocalObject(thread, rt::AsObject(root));
  return true;
}

DoomedInterpreter::Outcome DoomedInterpreter::Work(rt::ThreadState& thread, Prng& prng,
                                                   int64_t operation_count) {
  for (int64_t i = 0; i < operation_count; ++i) {
    const uint64_t draw = prng.Below(100);
    if (draw < 45) {
      if (!Append(thread, prng)) return Outcome::kOutOfMemory;
    } else if (draw < 70) {
      // Mostly another thread's object: its owner gets it through its queue.
      rt::DecrefIfNotNull(thread, rt::ListPop(thread, list_));
    } else if (draw < 97) {
      Read(thread, prng);
    } else {
      rt::Detach(thread);
      if (!rt::Attach(thread)) return Outcome::kShutDown;
    }
    if (i % kOperationsPerSafePoint == 0 && !rt::SafePoint(thread)) {
      return Outcome::kShutDown;
    }
  }
  return Outcome::kDone;
}

bool DoomedInterpreter::Append(rt::ThreadState& thread, Prng& prng) {
  if (rt::ListSize(list_) >= kListLimit) {
    rt::ListClear(thread, list_);
    return true;
  }
  rt::Number* const number = rt::NumberNew(thread, static_cast<int64_t>(prng.Next()));
  if (number == nullptr) return false;
  rt::Object* item = rt::AsObject(number);
  if (prng.Chance(1, 3)) {
    rt::Instance* const instance = rt::InstanceNew(thread, type_);
    if (instance == nullptr) {
      rt::Decref(thread, item);
      return false;
    }
    // relaxed: a statistic, judged when the interpreter is gone.
    instances_made_.fetch_add(1, std::memory_order_relaxed);
    rt::InstanceSet(thread, instance, 0, item);
    rt::Decref(thread, item);
    item = rt::AsObject(instance);
  }
  const bool appended = rt::ListAppend(thread, list_, item);
  rt::Decref(thread, item);
  return appended;
}

void DoomedInterpreter::Read(rt::ThreadState& thread, Prng& prng) {
  const int64_t size = rt::ListSize(list_);
  if (size == 0) return;
  rt::DecrefIfNotNull(
      thread,
      rt::ListGet(thread, list_, static_cast<int64_t>(prng.Below(static_cast<uint64_t>(size)))));
}

void DoomedInterpreter::CountFinalizer(rt::ObjectThread&, rt::Instance*, void* doomed) {
  // relaxed: a statistic, judged when the interpreter is gone.
  static_cast<DoomedInterpreter*>(doomed)->finalizers_run_.fetch_add(1, std::memory_order_relaxed);
}

void DoomedInterpreter::Judge(std::string_view moment, ViolationList& out) const {
  // relaxed: no thread works in the interpreter any more.
  const int64_t made = instances_made_.load(std::memory_order_relaxed);
  const int64_t run = finalizers_run_.load(std::memory_order_relaxed);
  if (made == run) return;
  out.Add("finalizers",
          absl::StrFormat("%d instances were made and %d finalizers ran (%s)", made, run, moment));
}

}  // namespace stressd::host
