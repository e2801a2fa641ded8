// The hidden part of an exchange: one mutex, the tables, the figures.
//
// Model.  A conduit is what a queue and a channel have in common. Conduits hang in a
//   table by id until they are destroyed; one that a waiter has not left yet is kept in
//   the list of the removed until it has (its pins). The core has parties: the Exchange,
//   every datum, every block of shared memory, every waiter; the last one frees it, so
//   data may outlive their exchange, and the exchange its runtime's threads.
// Invariants.  exchange.h. X1: party_count = 1 for the Exchange (until its end) + live
//   data + memory blocks + waiters. X2: pins = the waiters between their sleep and the
//   first look at the mutex after it.
// Thread safety.  Everything but party_count is guarded by `mutex`.
// Lock order.  `mutex`, then threads_mutex of the runtime (leases, pending calls).

#ifndef RUNTIME_INTERP_EXCHANGE_CORE_H_
#define RUNTIME_INTERP_EXCHANGE_CORE_H_

#include <cstddef>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "runtime/base/atomic.h"
#include "runtime/interp/channel.h"
#include "runtime/interp/cross_data.h"
#include "runtime/interp/exchange.h"
#include "runtime/interp/queue.h"
#include "runtime/runtime.h"
#include "runtime/sync/mutex.h"

namespace rt {

class ExchangeCore;

// One datum; bytes follow it in the same block of raw memory.
struct Datum : PendingCall {
  ExchangeCore* core = nullptr;
  uint64_t origin_id = kNoOrigin;
  // ExchangeCore::generation at which origin_id was last seen to live.
  uint64_t generation = 0;
  DataKind kind = DataKind::kInteger;
  int64_t payload_bytes = 0;
  Datum* next_in_queue = nullptr;
  // Of an object, while it is in a hand.
  InterpreterLease lease;
  // By kind.
  int64_t integer = 0;
  MemoryBlock* memory = nullptr;
  Object* object = nullptr;
  void* opaque = nullptr;
  CrossData::ReleaseFunction release = nullptr;

  char* bytes() { return reinterpret_cast<char*>(this + 1); }
};

// Raw memory that several hands share; the bytes follow.
struct alignas(16) MemoryBlock {
  ExchangeCore* core = nullptr;
  size_t size_bytes = 0;
  Atomic<uint64_t> handle_count{1};
};

// An interpreter holds an end of a channel, `open_count` times.
struct EndRecord {
  uint64_t interpreter_id = 0;
  uint64_t open_count = 0;
  ChannelEnd end = ChannelEnd::kSend;
  EndRecord* next = nullptr;
};

enum class ConduitKind : uint8_t { kQueue, kChannel };
enum class Side : uint8_t { kPut = 0, kGet = 1 };

struct Conduit {
  uint64_t id = 0;
  ConduitKind kind = ConduitKind::kQueue;
  QueueConfig config;
  Datum* first = nullptr;
  Datum** last_link = &first;  // Where the next datum goes.
  int64_t count = 0;
  int64_t put_count = 0;
  int64_t got_count = 0;
  int64_t dropped_count = 0;
  bool closed = false;
  EndRecord* ends = nullptr;
  uint64_t pin_count = 0;
  // By Side. The words change whenever somebody is woken.
  uint64_t waiting_count[2] = {0, 0};
  Atomic<uint32_t> word[2] = {Atomic<uint32_t>(0), Atomic<uint32_t>(0)};
  Conduit* next = nullptr;  // In the table or in the list of the removed.
};

// What Put() and Get() work on, and for whom.
struct ConduitRequest {
  uint64_t id;
  ConduitKind kind;
  ThreadState& caller;
  int64_t timeout_ns;
};

class ExchangeCore {
 public:
  ExchangeCore(Runtime& runtime, const ExchangeConfig& config);

  static ExchangeCore& Of(const Exchange& exchange) { return *exchange.core_; }
  // Ends the Exchange's party: empties and removes everything.
  void Close();

  // --- data (cross_data.cc) ---
  // Makes a datum with room for `extra_bytes` in the hand of `origin`; null without
  // memory.
  [[nodiscard]] Datum* NewDatum(ThreadState& origin, DataKind kind, size_t extra_bytes,
                                int64_t payload_bytes);
  void ReleaseFromHand(Datum* datum) ABSL_LOCKS_EXCLUDED(mutex);
  // Releases a list that DropLocked() made.
  void ReleaseList(Datum* list) ABSL_LOCKS_EXCLUDED(mutex);
  [[nodiscard]] MemoryBlock* NewMemory(size_t bytes);
  void FreeMemory(MemoryBlock* block) ABSL_LOCKS_EXCLUDED(mutex);

  // --- conduits (conduit.cc) ---
  [[nodiscard]] ExchangeStatus NewConduit(ConduitKind kind, const QueueConfig& config, uint64_t* id)
      ABSL_LOCKS_EXCLUDED(mutex);
  [[nodiscard]] ExchangeStatus Put(const ConduitRequest& request, CrossData& data)
      ABSL_LOCKS_EXCLUDED(mutex);
  [[nodiscard]] ExchangeStatus Get(const ConduitRequest& request, CrossData* out)
      ABSL_LOCKS_EXCLUDED(mutex);
  ExchangeStatus DestroyConduit(ConduitKind kind, uint64_t id) ABSL_LOCKS_EXCLUDED(mutex);
  Conduit* FindLocked(ConduitKind kind, uint64_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  // Refuses puts from now on, lets takers have the rest.
  void CloseLocked(Conduit& conduit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  // Moves all data of a conduit into the caller's hand, in front of `list`.
  void DropAllLocked(Conduit& conduit, Datum** list) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void WakeAllLocked(Conduit& conduit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  // --- ends (channel.cc) ---
  EndRecord** FindEndLocked(Conduit& channel, uint64_t interpreter_id, ChannelEnd end)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  // Unlinks the record, and closes the channel when it was the last of its side.
  EndRecord* RemoveEndLocked(Conduit& channel, EndRecord** link, Datum** dropped)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void CloseEndsOf(uint64_t interpreter_id) ABSL_LOCKS_EXCLUDED(mutex);

  // --- moments (exchange.cc), as RuntimeExtension ---
  static void BeforeFork(void* core);
  static void AfterForkParent(void* core);
  static void AfterForkChild(void* core);
  static void Finalizing(void* core, Interpreter* interpreter, ThreadState* caller);
  static void InterpreterEnding(void* core, Interpreter& interpreter, ThreadState& caller);
  static void CheckInvariants(void* core);

  void AddParty();
  void DropParty();

  ExchangeReading Read() ABSL_LOCKS_EXCLUDED(mutex);

  static constexpr size_t kBucketCount = 61;  // Prime: ids are consecutive.

  mutable Mutex mutex;
  // Null when the Exchange is gone.
  Runtime* runtime ABSL_GUARDED_BY(mutex);
  const ExchangeConfig config;
  bool finalizing ABSL_GUARDED_BY(mutex) = false;
  uint64_t next_id ABSL_GUARDED_BY(mutex) = 1;
  // Grows whenever an interpreter ends.
  uint64_t generation ABSL_GUARDED_BY(mutex) = 1;
  ExchangeReading figures ABSL_GUARDED_BY(mutex);
  int64_t pending_bytes ABSL_GUARDED_BY(mutex) = 0;
  Conduit* table[kBucketCount] ABSL_GUARDED_BY(mutex) = {};
  Conduit* removed ABSL_GUARDED_BY(mutex) = nullptr;
  uint64_t waiter_party_count ABSL_GUARDED_BY(mutex) = 0;
  // Wakes Close() when the last waiter has left; the figure is waiter_count.
  Atomic<uint32_t> left_word;

 private:
  enum class ReleasePlace : uint8_t { kPosted, kHome, kOrphaned, kEarly };

  ReleasePlace RouteLocked(Datum* datum) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void Finish(Datum* datum, ReleasePlace place, ThreadState* origin) ABSL_LOCKS_EXCLUDED(mutex);
  static void RunPending(PendingCall* call, ThreadState& thread);

  ExchangeStatus TakeOnce(const ConduitRequest& request, Datum** taken, Datum** dropped)
      ABSL_LOCKS_EXCLUDED(mutex);
  [[nodiscard]] bool SleepOn(const ConduitRequest& request, ChannelEnd end, int64_t deadline_ns)
      ABSL_LOCKS_EXCLUDED(mutex);
  ExchangeStatus LookLocked(const ConduitRequest& request, ChannelEnd end, Conduit** out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void PushLocked(Conduit& conduit, Datum* datum) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  // Takes out the first datum, which is then in the caller's hand.
  Datum* PopLocked(Conduit& conduit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void DropOrphansLocked(Conduit& conduit, uint64_t origin_id, Datum** list)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void WakeOneLocked(Conduit& conduit, Side side) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  // Sleeps until woken or until `deadline_ns`. The mutex is held before and not after.
  // Returns false when the caller was shut down.
  [[nodiscard]] bool Sleep(const ConduitRequest& request, Conduit& conduit, Side side,
                           int64_t deadline_ns) ABSL_UNLOCK_FUNCTION(mutex);
  void UnpinLocked(Conduit& conduit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  // Takes a conduit out of the table; frees it, or keeps it for its waiters.
  void RemoveLocked(Conduit& conduit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void CheckConduitLocked(Conduit& conduit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void ForgetWaitersLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  Atomic<uint64_t> party_count_{1};
};

// Frees a conduit that nobody can reach.
void FreeConduit(Conduit* conduit);

}  // namespace rt

#endif  // RUNTIME_INTERP_EXCHANGE_CORE_H_
