#include "stressd/host/balance_message.h"

#include <cstddef>

#include "runtime/object/object_space.h"
#include "runtime/object/type.h"
#include "runtime/stats/counter.h"
#include "stressd/host/oracles/observation.h"
#include "stressd/protocol/black_box_layout.h"

namespace stressd::host {
namespace {

// In the order of rt::HeapKind.
constexpr const char* kHeapNames[] = {"mem", "object", "gc", "gc-pre"};
static_assert(std::size(kHeapNames) == rt::kHeapKindCount);

// The runtime's counter region and the black box's section are the same bytes.
static_assert(rt::kCounterRegionMagic == protocol::kCounterMagic);
static_assert(rt::kCounterLayoutVersion == protocol::kCounterLayoutVersion);
static_assert(rt::kCounterCapacity == protocol::kCounterCount);
static_assert(rt::kReferenceTypeCount == protocol::kTypeCount);
static_assert(sizeof(rt::CounterSlot) == sizeof(protocol::CounterSlot));
static_assert(sizeof(rt::CounterRegionHeader) == offsetof(protocol::CounterSection, slots));
static_assert(offsetof(rt::CounterRegionHeader, version) ==
              offsetof(protocol::CounterSection, version));
static_assert(offsetof(rt::CounterRegionHeader, slot_bytes) ==
              offsetof(protocol::CounterSection, slot_bytes));
static_assert(offsetof(rt::CounterRegionHeader, change_sequence) ==
              offsetof(protocol::CounterSection, change_sequence));
static_assert(offsetof(rt::CounterSlot, owner_id) == offsetof(protocol::CounterSlot, owner_id));
static_assert(offsetof(rt::CounterSlot, interpreter_id) ==
              offsetof(protocol::CounterSlot, interpreter_id));
static_assert(offsetof(rt::CounterSlot, sequence) == offsetof(protocol::CounterSlot, sequence));
static_assert(offsetof(rt::CounterSlot, kind) == offsetof(protocol::CounterSlot, use));
static_assert(offsetof(rt::CounterSlot, block) == offsetof(protocol::CounterSlot, counters));
static_assert(static_cast<uint32_t>(rt::CounterOwnerKind::kThreadState) ==
              static_cast<uint32_t>(protocol::SlotUse::kThread));
static_assert(static_cast<uint32_t>(rt::CounterOwnerKind::kInterpreter) ==
              static_cast<uint32_t>(protocol::SlotUse::kInterpreter));
static_assert(rt::kTypeNameBytes == protocol::kBlackBoxNameBytes);

}  // namespace

void FillBalance(const rt::BalanceSnapshot& balance, const rt::Interpreter& interpreter,
                 protocol::Balance* out) {
  out->set_reference_total(balance.reference_total);
  for (size_t i = 0; i < balance.references_by_type.size(); ++i) {
    if (balance.references_by_type[i] == 0) continue;
    std::string name = TypeName(interpreter, i);
    if (name.empty()) name = "type-" + std::to_string(i);
    // Several types may have one name.
    (*out->mutable_type_references())[name] += balance.references_by_type[i];
  }
  for (size_t i = 0; i < rt::kHeapKindCount; ++i) {
    protocol::HeapBalance* heap = out->add_heaps();
    heap->set_heap(kHeapNames[i]);
    heap->set_block_count(balance.heaps[i].block_count);
    heap->set_bytes(balance.heaps[i].block_bytes);
  }
  out->set_qsbr_slot_count(balance.qsbr_slot_count);
  out->set_delayed_free_count(balance.delayed_free_count);
  out->set_delayed_free_bytes(balance.delayed_free_bytes);
  out->set_queued_object_count(balance.queued_object_count);
  out->set_thread_state_count(balance.thread_state_count);
}

void FillCounters(const rt::CounterTotals& counters,
                  google::protobuf::Map<std::string, int64_t>* out) {
  for (size_t i = 0; i < rt::kCounterCount; ++i) {
    if (counters.events[i] == 0) continue;
    const char* name = rt::GetCounterInfo(static_cast<rt::Counter>(i)).name;
    (*out)[name] = counters.events[i];
  }
}

void NameCounters(protocol::BlackBoxWriter& writer) {
  for (size_t i = 0; i < rt::kCounterCount; ++i) {
    writer.SetCounterName(i, rt::GetCounterInfo(static_cast<rt::Counter>(i)).name);
  }
}

void NameTypes(const rt::Interpreter& interpreter, protocol::BlackBoxWriter& writer) {
  for (size_t i = 0; i < rt::kReferenceTypeCount; ++i) {
    writer.SetTypeName(i, TypeName(interpreter, i));
  }
}

}  // namespace stressd::host
