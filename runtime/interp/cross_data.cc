#include "runtime/interp/cross_data.h"

#include <atomic>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/raw_memory.h"
#include "runtime/interp/exchange_core.h"

namespace rt {

Datum* ExchangeCore::NewDatum(ThreadState& origin, DataKind kind, size_t extra_bytes,
                              int64_t payload_bytes) {
  RT_CHECK(CurrentThreadState() == &origin, "INV-XI-1", "a datum made outside of its origin");
  void* const memory = RawAllocate(sizeof(Datum) + extra_bytes, alignof(Datum));
  if (memory == nullptr) return nullptr;
  auto* const datum = new (memory) Datum;
  datum->run = RunPending;
  datum->core = this;
  datum->origin_id = origin.interpreter->id();
  datum->kind = kind;
  datum->payload_bytes = payload_bytes;
  AddParty();
  MutexLock lock(mutex);
  ++figures.made_count;
  ++figures.live_count;
  ++figures.in_hand_count;
  figures.live_bytes += payload_bytes;
  return datum;
}

// Where `datum`, which is in our hand, is released. When it is posted it may be gone
// already.
ExchangeCore::ReleasePlace ExchangeCore::RouteLocked(Datum* datum) {
  const ThreadState* const current = CurrentThreadState();
  if (current != nullptr && current->interpreter->id() == datum->origin_id) {
    return ReleasePlace::kHome;
  }
  if (runtime == nullptr || datum->origin_id == kNoOrigin) return ReleasePlace::kOrphaned;
  const int64_t bytes = datum->payload_bytes;
  const bool too_many = figures.pending_count >= config.pending_limit_count ||
                        pending_bytes + bytes > config.pending_limit_bytes;
  // Opaque data alone cannot be released but at home.
  if (too_many && datum->kind != DataKind::kOpaque) return ReleasePlace::kEarly;
  if (!PostPendingCall(*runtime, datum->origin_id, datum)) return ReleasePlace::kOrphaned;
  ++figures.pending_count;
  pending_bytes += bytes;
  return ReleasePlace::kPosted;
}

void ExchangeCore::ReleaseFromHand(Datum* datum) {
  // Before it is posted: a lease would keep the origin from ending, and only its end
  // may run the release.
  datum->lease.Release();
  ReleasePlace place = ReleasePlace::kPosted;
  {
    MutexLock lock(mutex);
    --figures.in_hand_count;
    place = RouteLocked(datum);
    if (place == ReleasePlace::kPosted) return;
    ++figures.releasing_count;
  }
  Finish(datum, place, place == ReleasePlace::kHome ? CurrentThreadState() : nullptr);
}

void ExchangeCore::ReleaseList(Datum* list) {
  while (list != nullptr) {
    Datum* const next = list->next_in_queue;
    list->next_in_queue = nullptr;
    ReleaseFromHand(list);
    list = next;
  }
}

void ExchangeCore::RunPending(PendingCall* call, ThreadState& thread) {
  auto* const datum = static_cast<Datum*>(call);
  ExchangeCore& core = *datum->core;
  {
    MutexLock lock(core.mutex);
    --core.figures.pending_count;
    core.pending_bytes -= datum->payload_bytes;
    ++core.figures.releasing_count;
  }
  core.Finish(datum, ReleasePlace::kHome, &thread);
}

void ExchangeCore::Finish(Datum* datum, ReleasePlace place, ThreadState* origin) {
  RT_CHECK(origin == nullptr || origin->interpreter->id() == datum->origin_id, "INV-XI-1",
           "a datum of interpreter %llu is released in %llu",
           static_cast<unsigned long long>(datum->origin_id),
           static_cast<unsigned long long>(origin->interpreter->id()));
  if (datum->release != nullptr) datum->release(datum->opaque, origin);
  if (datum->memory != nullptr) {
    // (X2) acq_rel decrement, synchronizes with itself and with (X3) in ~SharedMemory():
    //      the last handle frees what the others have written.
    if (datum->memory->handle_count.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      FreeMemory(datum->memory);
    }
  }
  {
    MutexLock lock(mutex);
    --figures.releasing_count;
    --figures.live_count;
    figures.live_bytes -= datum->payload_bytes;
    figures.released_home_count += place == ReleasePlace::kHome ? 1 : 0;
    figures.released_orphaned_count += place == ReleasePlace::kOrphaned ? 1 : 0;
    figures.released_early_count += place == ReleasePlace::kEarly ? 1 : 0;
  }
  std::destroy_at(datum);
  RawFree(datum);
  DropParty();
}

MemoryBlock* ExchangeCore::NewMemory(size_t bytes) {
  void* const memory = RawAllocate(sizeof(MemoryBlock) + bytes, alignof(MemoryBlock));
  if (memory == nullptr) return nullptr;
  auto* const block = new (memory) MemoryBlock;
  block->core = this;
  block->size_bytes = bytes;
  AddParty();
  MutexLock lock(mutex);
  ++figures.memory_count;
  return block;
}

void ExchangeCore::FreeMemory(MemoryBlock* block) {
  std::destroy_at(block);
  RawFree(block);
  {
    MutexLock lock(mutex);
    --figures.memory_count;
  }
  DropParty();
}

SharedMemory SharedMemory::Create(Exchange& exchange, size_t bytes) {
  return SharedMemory(ExchangeCore::Of(exchange).NewMemory(bytes));
}

SharedMemory::~SharedMemory() {
  if (block_ == nullptr) return;
  // (X3) acq_rel decrement, synchronizes with itself and with (X2) in Finish(), the same
  //      count seen from a datum.
  if (block_->handle_count.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    block_->core->FreeMemory(block_);
  }
}

SharedMemory::SharedMemory(const SharedMemory& other) : block_(other.block_) {
  // relaxed: the caller's handle keeps the block.
  if (block_ != nullptr) block_->handle_count.fetch_add(1, std::memory_order_relaxed);
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : block_(std::exchange(other.block_, nullptr)) {}

SharedMemory& SharedMemory::operator=(SharedMemory other) noexcept {
  std::swap(block_, other.block_);
  return *this;
}

void* SharedMemory::data() const { return block_ + 1; }
size_t SharedMemory::size_bytes() const { return block_->size_bytes; }

CrossData CrossData::MakeInteger(Exchange& exchange, ThreadState& origin, int64_t value) {
  Datum* const datum =
      ExchangeCore::Of(exchange).NewDatum(origin, DataKind::kInteger, 0, sizeof(value));
  if (datum != nullptr) datum->integer = value;
  return CrossData(datum);
}

CrossData CrossData::MakeBytes(Exchange& exchange, ThreadState& origin, std::string_view bytes) {
  Datum* const datum = ExchangeCore::Of(exchange).NewDatum(origin, DataKind::kBytes, bytes.size(),
                                                           static_cast<int64_t>(bytes.size()));
  if (datum != nullptr && !bytes.empty()) memcpy(datum->bytes(), bytes.data(), bytes.size());
  return CrossData(datum);
}

CrossData CrossData::MakeMemory(Exchange& exchange, ThreadState& origin,
                                const SharedMemory& memory) {
  if (!memory) return CrossData();
  Datum* const datum = ExchangeCore::Of(exchange).NewDatum(
      origin, DataKind::kMemory, 0, static_cast<int64_t>(memory.size_bytes()));
  if (datum == nullptr) return CrossData();
  datum->memory = memory.block_;
  // relaxed: the caller's handle keeps the block.
  datum->memory->handle_count.fetch_add(1, std::memory_order_relaxed);
  return CrossData(datum);
}

CrossData CrossData::MakeObject(Exchange& exchange, ThreadState& origin, Object* object) {
  if (!IsImmortal(object)) return CrossData();
  Datum* const datum = ExchangeCore::Of(exchange).NewDatum(origin, DataKind::kObject, 0, 0);
  CrossData hand(datum);
  if (datum == nullptr) return hand;
  datum->object = object;
  // INV-XI-6. Refused while somebody destroys the origin: then nothing leaves it.
  if (LeaseInterpreter(origin.interpreter->runtime(), datum->origin_id, &datum->lease,
                       LeaseHolder::kData) != InterpreterStatus::kOk) {
    return CrossData();
  }
  return hand;
}

CrossData CrossData::MakeOpaque(Exchange& exchange, ThreadState& origin, void* data,
                                ReleaseFunction release) {
  Datum* const datum = ExchangeCore::Of(exchange).NewDatum(origin, DataKind::kOpaque, 0, 0);
  if (datum == nullptr) return CrossData();
  datum->opaque = data;
  datum->release = release;
  return CrossData(datum);
}

CrossData& CrossData::operator=(CrossData&& other) noexcept {
  if (this == &other) return *this;
  Release();
  datum_ = std::exchange(other.datum_, nullptr);
  return *this;
}

void CrossData::Release() {
  if (datum_ == nullptr) return;
  Datum* const datum = std::exchange(datum_, nullptr);
  datum->core->ReleaseFromHand(datum);
}

DataKind CrossData::kind() const { return datum_->kind; }
uint64_t CrossData::origin_id() const { return datum_->origin_id; }

int64_t CrossData::integer() const {
  RT_CHECK(kind() == DataKind::kInteger, "INV-XI-1", "not an integer");
  return datum_->integer;
}

std::string_view CrossData::bytes() const {
  RT_CHECK(kind() == DataKind::kBytes, "INV-XI-1", "not bytes");
  return {datum_->bytes(), static_cast<size_t>(datum_->payload_bytes)};
}

SharedMemory CrossData::memory() const {
  RT_CHECK(kind() == DataKind::kMemory, "INV-XI-1", "not shared memory");
  // relaxed: the datum keeps the block.
  datum_->memory->handle_count.fetch_add(1, std::memory_order_relaxed);
  return SharedMemory(datum_->memory);
}

const Object* CrossData::object() const {
  RT_CHECK(kind() == DataKind::kObject, "INV-XI-1", "not an object");
  return datum_->object;
}

void* CrossData::opaque() const {
  RT_CHECK(kind() == DataKind::kOpaque, "INV-XI-1", "not opaque");
  return datum_->opaque;
}

}  // namespace rt
