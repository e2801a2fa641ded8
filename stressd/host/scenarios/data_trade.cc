#include "stressd/host/scenarios/data_trade.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/object/per_thread_count.h"

namespace stressd::host {
namespace {

// The value of every object that is given.
constexpr int64_t kObjectValue = (int64_t{1} << 40) + 5;

// 16: an interpreter has a few when it ends.
constexpr uint64_t kFrozenTypeOneIn = 16;

// Bytes whose every character says how many there are.
std::string TextOfLength(int64_t length) {
  return std::string(static_cast<size_t>(length), static_cast<char>('a' + length % 26));
}

}  // namespace

absl::Status DataTrade::Begin() {
  rt::RuntimeConfig config;
  config.check_every_stop_count = 16;
  runtime_ = rt::Runtime::Create(config);
  if (runtime_ == nullptr) return absl::ResourceExhaustedError("no runtime could be made");
  exchange_ = rt::Exchange::Create(*runtime_);
  if (exchange_ == nullptr) return absl::ResourceExhaustedError("no exchange could be made");
  const uint64_t unused = NewInterpreter();
  if (rt::DestroyInterpreter(*runtime_, unused, &unused_end_) != rt::InterpreterStatus::kOk) {
    return absl::AbortedError("an unused interpreter could not be destroyed");
  }
  places_ = std::vector<rt::Atomic<uint64_t>>(shape_.interpreter_count);
  // relaxed: no other thread exists yet.
  for (auto& place : places_) place.store(NewInterpreter(), std::memory_order_relaxed);
  bool made = true;
  for (size_t i = 0; i < kQueueCount; ++i) {
    const rt::QueueConfig queue = {
        .capacity = i == 0 ? 0 : shape_.capacity,
        .orphans = i == 1 ? rt::OrphanPolicy::kKeep : rt::OrphanPolicy::kDrop};
    made = made && rt::CreateQueue(*exchange_, queue, &queues_[i]) == rt::ExchangeStatus::kOk;
  }
  made = made && rt::CreateChannel(*exchange_, {.capacity = shape_.capacity}, &channel_) ==
                     rt::ExchangeStatus::kOk;
  return made ? absl::OkStatus() : absl::ResourceExhaustedError("no queue could be made");
}

uint64_t DataTrade::NewInterpreter() {
  rt::Interpreter* const interpreter = rt::Interpreter::Create(*runtime_);
  return interpreter == nullptr ? 0 : interpreter->id();
}

void DataTrade::Step(Tally& tally, Prng& prng) {
  rt::Atomic<uint64_t>& place = places_[prng.Below(places_.size())];
  // (IC1) acquire load, synchronizes with the release store (IC2): who made the
  //       interpreter has asked for its id before we destroy it. A stale id is
  //       refused.
  const uint64_t id = place.load(std::memory_order_acquire);
  if (prng.Chance(shape_.destroy_per_mille, 1000)) return Destroy(tally, place, id);
  const rt::RunResult result =
      rt::RunIn(*runtime_, id, [&](rt::ThreadState& thread) { Visit(tally, thread, prng); });
  const bool refused = result.status == rt::InterpreterStatus::kNotFound ||
                       result.status == rt::InterpreterStatus::kBeingDestroyed;
  if (!result.ok() && !refused) {
    tally.found.Add("interpreters",
                    absl::StrCat("RunIn() of a living one: ", rt::TextOf(result.status)));
  }
}

void DataTrade::Destroy(Tally& tally, rt::Atomic<uint64_t>& place, uint64_t id) {
  rt::BalanceSnapshot end;
  const rt::InterpreterStatus status = rt::DestroyInterpreter(*runtime_, id, &end);
  if (status == rt::InterpreterStatus::kOk) {
    ++tally.destroyed_count;
    Judge(end, tally.found);
    // (IC2) release store, synchronizes with the acquire load (IC1).
    place.store(NewInterpreter(), std::memory_order_release);
  } else if (status == rt::InterpreterStatus::kFinalizing ||
             status == rt::InterpreterStatus::kShutDown) {
    tally.found.Add("interpreters", absl::StrCat("destroying one: ", rt::TextOf(status)));
  }
}

// An interpreter ends with nothing but its immortal objects.
void DataTrade::Judge(const rt::BalanceSnapshot& end, ViolationList& found) const {
  if (end.reference_total == unused_end_.reference_total && end.queued_object_count == 0 &&
      end.delayed_free_count == 0 && end.thread_state_count == 0 && end.qsbr_slot_count == 0) {
    return;
  }
  found.Add("interpreters",
            absl::StrFormat("an interpreter ended with %d references, %d queued objects, %d "
                            "delayed frees, %d thread states and %d slots",
                            end.reference_total, end.queued_object_count, end.delayed_free_count,
                            end.thread_state_count, end.qsbr_slot_count));
}

// Makes a type and its instance immortal: the reference of one to the other stays in the
// thread's array of counts, to be merged when the thread state ends.
void DataTrade::FreezeType(rt::ThreadState& thread) {
  rt::TypeObject* const type = rt::TypeNew(thread, {.name = "Frozen", .slot_count = 1});
  if (type == nullptr) return;
  // As another thread's first use of it would.
  (void)rt::AssignCountId(thread, rt::AsObject(type), type->count_id);
  rt::Instance* const instance = rt::InstanceNew(thread, type);
  // Refused only while somebody else's drop is queued, and nobody else knows them.
  const auto freeze = [&thread](rt::Object* object) {
    if (!rt::MakeImmortal(thread, object)) rt::Decref(thread, object);
  };
  if (instance != nullptr) freeze(rt::AsObject(instance));
  freeze(rt::AsObject(type));
}

// One stay in an interpreter.
void DataTrade::Visit(Tally& tally, rt::ThreadState& thread, Prng& prng) {
  rt::Exchange& exchange = *exchange_;
  if (prng.Chance(1, kFrozenTypeOneIn)) FreezeType(thread);
  const bool sends = prng.Chance(1, 2);
  const rt::ChannelEnd end = sends ? rt::ChannelEnd::kSend : rt::ChannelEnd::kReceive;
  const bool has_end = rt::OpenEnd(exchange, thread, channel_, end) == rt::ExchangeStatus::kOk;
  for (int64_t i = 0; i < shape_.trades; ++i) {
    const size_t index = prng.Below(kQueueCount + (has_end ? 1 : 0));
    const int64_t wait_ns = prng.Chance(1, 2) ? shape_.wait_ns : 0;
    const bool is_channel = index == kQueueCount;
    rt::CrossData data;
    rt::ExchangeStatus status = rt::ExchangeStatus::kOk;
    if (is_channel ? sends : prng.Chance(1, 2)) {
      data = MakeAny(thread, prng);
      if (!data) continue;
      status = is_channel ? rt::Send(exchange, thread, channel_, data, wait_ns)
                          : rt::PutInQueue(exchange, thread, queues_[index], data, wait_ns);
    } else {
      status = is_channel ? rt::Receive(exchange, thread, channel_, &data, wait_ns)
                          : rt::GetFromQueue(exchange, thread, queues_[index], &data, wait_ns);
      if (status == rt::ExchangeStatus::kOk) ++tally.traded_count;
      if (status == rt::ExchangeStatus::kOk && !IsIntact(data)) {
        tally.found.Add("cross-interpreter data", "a payload does not read as it was made");
      }
    }
    if (status != rt::ExchangeStatus::kOk && status != rt::ExchangeStatus::kTimedOut &&
        !(is_channel && status == rt::ExchangeStatus::kClosed)) {
      tally.found.Add("cross-interpreter data",
                      absl::StrCat("a refusal that cannot be: ", rt::TextOf(status)));
    }
    if (!rt::SafePoint(thread)) return;
  }
  // Half of them are left to the end of the interpreter.
  if (has_end && prng.Chance(1, 2)) rt::CloseEnd(exchange, thread, channel_, end);
}

rt::CrossData DataTrade::MakeAny(rt::ThreadState& thread, Prng& prng) {
  rt::Exchange& exchange = *exchange_;
  switch (prng.Below(5)) {
    case 0:
      return rt::CrossData::MakeInteger(exchange, thread, prng.Between(0, 1000) * 7);
    case 1:
      return rt::CrossData::MakeBytes(exchange, thread, TextOfLength(prng.Between(0, 300)));
    case 2: {
      const rt::SharedMemory memory = rt::SharedMemory::Create(exchange, sizeof(uint64_t));
      if (memory) *static_cast<uint64_t*>(memory.data()) = memory.size_bytes();
      return rt::CrossData::MakeMemory(exchange, thread, memory);
    }
    case 3: {
      rt::Number* const number = rt::NumberNew(thread, kObjectValue);
      if (number == nullptr) return {};
      if (!rt::MakeImmortal(thread, rt::AsObject(number))) {
        rt::Decref(thread, rt::AsObject(number));
        return {};
      }
      return rt::CrossData::MakeObject(exchange, thread, rt::AsObject(number));
    }
    default: {
      rt::CrossData data = rt::CrossData::MakeOpaque(exchange, thread, this, &CountRelease);
      // relaxed: read when all threads have been joined.
      if (data) opaque_made_.fetch_add(1, std::memory_order_relaxed);
      return data;
    }
  }
}

// Whether a datum reads as MakeAny() made it.
bool DataTrade::IsIntact(const rt::CrossData& data) const {
  switch (data.kind()) {
    case rt::DataKind::kInteger:
      return data.integer() % 7 == 0;
    case rt::DataKind::kBytes:
      return data.bytes() == TextOfLength(static_cast<int64_t>(data.bytes().size()));
    case rt::DataKind::kMemory:
      return *static_cast<const uint64_t*>(data.memory().data()) == sizeof(uint64_t);
    case rt::DataKind::kObject:
      return rt::IsImmortal(data.object()) &&
             reinterpret_cast<const rt::Number*>(data.object())->value == kObjectValue;
    case rt::DataKind::kOpaque:
      return data.opaque() == this;
  }
  return false;
}

void DataTrade::CountRelease(void* data, rt::ThreadState* origin) {
  auto* const trade = static_cast<DataTrade*>(data);
  // relaxed, both: read when all threads have been joined.
  trade->opaque_released_.fetch_add(1, std::memory_order_relaxed);
  if (origin != nullptr && rt::CurrentThreadState() != origin) {
    trade->wrong_place_.fetch_add(1, std::memory_order_relaxed);
  }
}

void DataTrade::End(ViolationList& found) {
  if (exchange_ == nullptr) return;
  for (const uint64_t queue : queues_) rt::DestroyQueue(*exchange_, queue);
  rt::DestroyChannel(*exchange_, channel_);
  for (const auto& place : places_) {
    rt::BalanceSnapshot end;
    // relaxed: all threads have been joined.
    const rt::InterpreterStatus status =
        rt::DestroyInterpreter(*runtime_, place.load(std::memory_order_relaxed), &end);
    if (status != rt::InterpreterStatus::kOk) {
      found.Add("interpreters", absl::StrCat("at the end: ", rt::TextOf(status)));
    } else {
      Judge(end, found);
    }
  }
  exchange_->CheckInvariantsWorldStopped();
  JudgeExchange(found);
}

void DataTrade::JudgeExchange(ViolationList& found) const {
  const rt::ExchangeReading left = exchange_->Read();
  // relaxed, all: all threads have been joined.
  const int64_t made = opaque_made_.load(std::memory_order_relaxed);
  const int64_t released = opaque_released_.load(std::memory_order_relaxed);
  const int64_t wrong = wrong_place_.load(std::memory_order_relaxed);
  if (left.live_count != 0 || left.memory_count != 0 || left.waiter_count != 0 ||
      left.made_count != left.released_count() || left.live_bytes != 0) {
    found.Add("cross-interpreter data",
              absl::StrFormat("%d data, %d bytes, %d blocks, %d waiters are left of %d made",
                              left.live_count, left.live_bytes, left.memory_count,
                              left.waiter_count, left.made_count));
  }
  if (made != released || wrong != 0) {
    found.Add("cross-interpreter data",
              absl::StrFormat("%d opaque data were made, %d released, %d in a wrong place", made,
                              released, wrong));
  }
}

}  // namespace stressd::host
