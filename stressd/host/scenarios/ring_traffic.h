// RingTraffic: cyclic garbage, weak references to it, and finalizers that save
// their object.
//
// Model.  A thread makes a ring of up to eight instances, ties some to a ring of
//   another thread, refers to some weakly, and drops it. Every instance carries a
//   number, drawn from one count; a part of the finalizers, decided by the number,
//   puts its instance into a shared list, from where DropSaved() drops it. Numbers
//   are limited: when they are used up MakeRing() makes nothing until Settle().
// Invariants.  TR-1, TR-2. Once everything was dropped and collected, every number
//   was finalized exactly once, every weak reference has lost its referent, and its
//   callback was called once.
// Thread safety, fork.  traffic.h. Each thread keeps its weak references in an entry
//   of its own of the lists, `worker`.

#ifndef STRESSD_HOST_SCENARIOS_RING_TRAFFIC_H_
#define STRESSD_HOST_SCENARIOS_RING_TRAFFIC_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "runtime/base/atomic.h"
#include "runtime/runtime.h"
#include "stressd/host/scenario/prng.h"
#include "stressd/host/scenario/violation.h"

namespace stressd::host {

class RingTraffic {
 public:
  // 8: rings of one, which no queue of merges holds together, up to some that
  // span several threads.
  static constexpr int64_t kLongestRing = 8;

  struct Shape {
    size_t worker_count = 1;
    size_t number_limit = 0;
    // Of 1000 rings: how many are tied to another one, referred to weakly.
    uint64_t shared_per_mille = 0;
    uint64_t weak_per_mille = 0;
    uint64_t save_per_mille = 0;  // Of 1000 instances.
  };

  explicit RingTraffic(const Shape& shape);

  // Makes the type and the lists, unless they are there. ResourceExhaustedError when
  // memory runs out.
  absl::Status Create(rt::ThreadState& thread);
  // Makes a ring and drops it. ResourceExhaustedError when memory ran out.
  absl::Status MakeRing(rt::ThreadState& thread, size_t worker, Prng& prng);
  // Looks through some weak references of the worker's own, the newest preferred.
  void ReadSome(rt::ThreadState& thread, size_t worker, Prng& prng);

  // Drops what ties the rings together; what finalizers have saved; the type and the
  // lists.
  void DropShared(rt::ThreadState& thread);
  void DropSaved(rt::ThreadState& thread);
  void Drop(rt::ThreadState& thread);
  bool HasSaved() const { return saved_ != nullptr && rt::ListSize(saved_) != 0; }

  // Everything being collected: counts what is wrong, drops the weak references and
  // starts the numbers anew.
  void Settle(rt::ThreadState& thread);
  // Reports what Settle() has counted.
  void Judge(ViolationList& out) const;

  int64_t made_count() const { return made_count_; }
  int64_t saved_count() const {
    // relaxed: a statistic, orders nothing.
    return saved_count_.load(std::memory_order_relaxed);
  }

 private:
  static void Finalize(rt::ObjectThread& thread, rt::Instance* instance, void* context);
  static void NoteCallback(rt::ObjectThread& thread, rt::WeakReference* reference, void* context);

  void Read(rt::ThreadState& thread, rt::WeakReference* weak);
  rt::Instance* NewInstance(rt::ThreadState& thread, int64_t number);
  absl::Status Entangle(rt::ThreadState& thread, rt::Instance* instance, Prng& prng);

  const Shape shape_;
  rt::TypeObject* type_ = nullptr;
  rt::List* shared_ = nullptr;
  rt::List* saved_ = nullptr;
  // Weak references that outlive their referent, by worker.
  std::vector<std::vector<rt::WeakReference*>> kept_;
  // How often each number was finalized, and whether it stands in an instance.
  std::vector<rt::Atomic<uint8_t>> finalized_;
  std::vector<rt::Atomic<uint8_t>> given_;
  rt::Atomic<int64_t> made_{0};
  rt::Atomic<int64_t> foreign_numbers_{0};
  rt::Atomic<int64_t> wrong_referents_{0};
  rt::Atomic<int64_t> callbacks_{0};
  rt::Atomic<int64_t> saved_count_{0};

  int64_t made_count_ = 0;
  int64_t expected_callbacks_ = 0;
  int64_t wrongly_finalized_ = 0;
  int64_t outlived_ = 0;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_RING_TRAFFIC_H_
