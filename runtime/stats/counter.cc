#include "runtime/stats/counter.h"

#include "runtime/base/check.h"

namespace rt {
namespace {

constexpr CounterUnit kEvents = CounterUnit::kEvents;
constexpr CounterUnit kNanoseconds = CounterUnit::kNanoseconds;
constexpr CounterUnit kBytes = CounterUnit::kBytes;

// In the order of the enumeration.
constexpr CounterInfo kCounters[] = {
    {"thread_state_created_count", kEvents, "Thread states created."},
    {"thread_state_destroyed_count", kEvents, "Thread states cleared and unlinked."},
    {"attach_count", kEvents, "Times a thread attached."},
    {"detach_count", kEvents, "Times a thread detached on its own account."},
    {"suspension_count", kEvents, "Times an attached thread paused for a stop-the-world."},
    {"stop_count", kEvents, "Times the world was stopped."},
    {"stop_wait_ns", kNanoseconds, "Time between asking for a stop and having it."},
    {"stopped_ns", kNanoseconds, "Time during which the world was stopped."},
    {"fork_count", kEvents, "Forks of the process, counted in parent and child."},
    {"number_created_count", kEvents, "Boxed numbers created."},
    {"number_destroyed_count", kEvents, "Boxed numbers destroyed."},
    {"list_created_count", kEvents, "Lists created."},
    {"list_destroyed_count", kEvents, "Lists destroyed."},
    {"instance_created_count", kEvents, "Instances of heap types created."},
    {"instance_destroyed_count", kEvents, "Instances of heap types destroyed."},
    {"type_created_count", kEvents, "Heap types created."},
    {"type_destroyed_count", kEvents, "Heap types destroyed."},
    {"finalizer_run_count", kEvents, "Finalizer callbacks called."},
    {"object_queued_count", kEvents, "Objects queued for their owner to merge."},
    {"object_merged_from_queue_count", kEvents,
     "Queued objects merged by their owner or, once it had exited, in its place."},
    {"object_merged_foreign_count", kEvents,
     "Objects merged by a thread that found their owner gone."},
    {"object_merged_locally_count", kEvents,
     "Objects merged by their owner when the local count reached zero."},
    {"explicit_merge_count", kEvents, "Objects merged on request."},
    {"try_incref_failure_count", kEvents, "References a lock-free reader could not take."},
    {"list_read_count", kEvents, "List items read without the list's lock."},
    {"list_read_retry_count", kEvents, "List reads that fell back to the list's lock."},
    {"list_write_count", kEvents, "Changes of a list under its lock."},
    {"list_resize_count", kEvents, "List arrays replaced by larger or smaller ones."},
    {"delayed_free_enqueued_count", kEvents, "Items handed to delayed free."},
    {"delayed_free_done_count", kEvents, "Items freed after their goal was reached."},
    {"delayed_free_immediate_count", kEvents,
     "Items freed at once because no reader could hold them."},
    {"delayed_free_abandoned_count", kEvents,
     "Items passed to the interpreter's queue by a thread state that ended."},
    {"delayed_enqueued_bytes", kBytes, "Memory handed to delayed free."},
    {"delayed_freed_bytes", kBytes, "Memory freed by delayed free."},
    {"heap_bundle_created_count", kEvents, "Heap bundles allocated."},
    {"heap_bundle_abandoned_count", kEvents, "Heap bundles parked by thread states that ended."},
    {"heap_bundle_adopted_count", kEvents, "Parked heap bundles taken by new thread states."},
    {"heap_bundle_destroyed_count", kEvents, "Heap bundles destroyed with their memory."},
    {"allocation_failure_count", kEvents, "Blocks that an object could not get."},
    {"freelist_hit_count", kEvents, "Allocations served by a freelist."},
    {"freelist_miss_count", kEvents, "Allocations a freelist could not serve."},
    {"freelist_push_count", kEvents, "Objects kept on a freelist."},
    {"freelist_overflow_count", kEvents, "Objects a full or disabled freelist refused."},
    {"weak_reference_created_count", kEvents, "Weak references created."},
    {"weak_reference_destroyed_count", kEvents, "Weak references destroyed."},
    {"weak_reference_cleared_count", kEvents, "Weak references whose referent died first."},
    {"collection_count", kEvents, "Collections of cyclic garbage that ran to their end."},
    {"object_collected_count", kEvents, "Objects that collections cleared as garbage."},
    {"object_resurrected_count", kEvents, "Objects that finalizers saved from a collection."},
    {"count_id_assigned_count", kEvents, "Objects that began to be counted per thread."},
    {"count_id_released_count", kEvents, "Objects that ended to be counted per thread."},
    {"object_merged_for_detached_count", kEvents, "Objects merged in place of a detached owner."},
};
static_assert(sizeof(kCounters) / sizeof(kCounters[0]) == kCounterCount);

}  // namespace

const CounterInfo& GetCounterInfo(Counter counter) {
  const std::size_t index = static_cast<std::size_t>(counter);
  RT_CHECK(index < kCounterCount, "COUNTER-I1", "counter number %zu", index);
  return kCounters[index];
}

}  // namespace rt
