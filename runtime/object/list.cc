#include "runtime/object/list.h"

#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/check.h"
#include "runtime/base/slow_path_point.h"
#include "runtime/object/destroy.h"
#include "runtime/object/new_reference.h"
#include "runtime/object/object_space.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/tracking.h"
#include "runtime/object/type.h"

namespace rt {

static_assert(sizeof(List) == kListBytes);

namespace {

// 4: the first array of a list that grows by appending.
constexpr int64_t kSmallestCapacity = 4;
// Keeps the byte count far from overflow; beyond any memory we run in.
constexpr int64_t kLargestCapacity = int64_t{1} << 40;

size_t ArrayBytes(int64_t capacity) {
  return sizeof(ListArray) + static_cast<size_t>(capacity) * sizeof(Atomic<Object*>);
}

// Returns what a full array of `size` slots grows to.
int64_t GrownCapacity(int64_t size) {
  if (TakesSlowPath("object.list_growth")) return size + 1;
  // By half: the copies then cost less than three stores an item.
  return size == 0 ? kSmallestCapacity : size + (size + 1) / 2;
}

// Returns an array of empty slots, or null when out of memory.
ListArray* NewArray(ObjectThread& thread, int64_t capacity) {
  if (capacity > kLargestCapacity) return nullptr;
  auto* array =
      static_cast<ListArray*>(AllocateBlock(thread, HeapKind::kMemory, ArrayBytes(capacity)));
  if (array == nullptr) return nullptr;
  array->capacity = capacity;
  for (int64_t i = 0; i < capacity; ++i) {
    // relaxed: published with the array (L2).
    array->items[i].store(nullptr, std::memory_order_relaxed);
  }
  return array;
}

// Gives an array that is no list's any more to delayed free. Null is ignored.
// Holding no mutex: may stop the world.
void RetireArray(ObjectThread& thread, ListArray* array) {
  if (array == nullptr) return;
  thread.delayed_free.FreeMemory(array, ArrayBytes(array->capacity));
}

List* CheckList(List* list) {
  RT_CHECK(IsList(&list->header), "INV-KIND", "not a list");
  return list;
}

int64_t SizeLocked(const List* list) {
  // relaxed: written under the list's mutex.
  return list->size.load(std::memory_order_relaxed);
}

ListArray* ArrayLocked(const List* list) {
  // relaxed: written under the list's mutex.
  return list->array.load(std::memory_order_relaxed);
}

int64_t CapacityLocked(const List* list) {
  const ListArray* array = ArrayLocked(list);
  return array == nullptr ? 0 : array->capacity;
}

void PublishArrayLocked(List* list, ListArray* array) {
  // (L2) release store, synchronizes with the acquire loads (L1) and (L6) in
  //      ListGet(): a reader sees the capacity and the items copied into it.
  list->array.store(array, std::memory_order_release);
}

// Gives the list an array of `capacity` slots with its items in it. Returns
// false when out of memory; else `*old` is the array to retire, or null.
bool ResizeLocked(ObjectThread& thread, List* list, int64_t capacity, ListArray** old) {
  ListArray* array = NewArray(thread, capacity);
  if (array == nullptr) return false;
  *old = ArrayLocked(list);
  const int64_t size = SizeLocked(list);
  for (int64_t i = 0; i < size; ++i) {
    // relaxed: written under the mutex; published with the array (L2).
    array->items[i].store((*old)->items[i].load(std::memory_order_relaxed),
                          std::memory_order_relaxed);
  }
  PublishArrayLocked(list, array);
  thread.counters->Add(Counter::kListResizes);
  return true;
}

void StoreItemLocked(ListArray* array, int64_t index, Object* item) {
  // (L4) release store, synchronizes with the acquire loads (L3) and (L5) in
  //      ListGet(): readers see the object that we store.
  array->items[index].store(item, std::memory_order_release);
}

// The part of ListGet() that no race can disturb.
Object* GetUnderMutex(ObjectThread& thread, List* list, int64_t index) {
  thread.counters->Add(Counter::kListReadRetries);
  MutexLock lock(list->header.mutex);
  if (index >= SizeLocked(list)) return nullptr;
  // relaxed: written under the mutex.
  Object* item = ArrayLocked(list)->items[index].load(std::memory_order_relaxed);
  IncrefMaybeWeakref(thread, item);
  return item;
}

}  // namespace

List* ListNew(ObjectThread& thread, int64_t capacity) {
  RT_CHECK(capacity >= 0, "L-1", "a capacity below 0");
  auto* list = static_cast<List*>(thread.list_freelist.Pop());
  if (list != nullptr) {
    RT_DCHECK(reinterpret_cast<uintptr_t>(list->header.type) == kDeadTypeWord, "FL-2",
              "a list on the freelist was written to");
    thread.counters->AddHot(Counter::kFreelistHits);
  } else {
    list = reinterpret_cast<List*>(AllocateCollectable(thread, sizeof(List), /*prefix_bytes=*/0));
    thread.counters->Add(Counter::kFreelistMisses);
    if (list == nullptr) return nullptr;
  }
  // Before anything can fail: a dying list looks at them. relaxed: published
  // with the list.
  list->size.store(0, std::memory_order_relaxed);
  list->array.store(nullptr, std::memory_order_relaxed);
  NewReferenceInline(thread, &list->header, &thread.space->types.list_type);
  thread.counters->AddHot(Counter::kListsCreated);
  if (capacity == 0) return list;
  ListArray* array = NewArray(thread, capacity);
  if (array == nullptr) {
    Decref(thread, &list->header);
    return nullptr;
  }
  // relaxed: published with the list.
  list->array.store(array, std::memory_order_relaxed);
  return list;
}

int64_t ListSize(const List* list) {
  RT_CHECK(IsList(&list->header), "INV-KIND", "not a list");
  // relaxed: true at some moment; orders nothing.
  return list->size.load(std::memory_order_relaxed);
}

Object* ListGet(ObjectThread& thread, List* list, int64_t index) {
  CheckList(list);
  thread.counters->Add(Counter::kListReads);
  // relaxed: a hint; every slot up to the capacity may be read.
  if (index < 0 || index >= list->size.load(std::memory_order_relaxed)) {
    return nullptr;
  }
  // (L1) acquire load, synchronizes with the release (L2) in
  //      PublishArrayLocked(): capacity and items are there.
  ListArray* array = list->array.load(std::memory_order_acquire);
  if (array == nullptr || index >= array->capacity) {
    return GetUnderMutex(thread, list, index);
  }
  // (L3) acquire load, synchronizes with the release (L4) in StoreItemLocked():
  //      the item, as it was when it was stored, is visible.
  Object* item = array->items[index].load(std::memory_order_acquire);
  if (item != nullptr && TryIncref(thread, item)) {
    // Now that what lives at this address cannot die: is it still in the slot,
    // and was the slot still the list's when we looked? The array cannot have
    // gone and come back, because delayed free waits for us.
    // (L5) acquire load, synchronizes with the release (L4) in
    //      StoreItemLocked(): if this is another object at the same address, we
    //      see that one; and the look at the array comes after.
    if (array->items[index].load(std::memory_order_acquire) == item &&
        // (L6) acquire load, synchronizes with the release (L2) in
        //      PublishArrayLocked(): a stale array would show here.
        list->array.load(std::memory_order_acquire) == array) {
      return item;
    }
    Decref(thread, item);
  }
  return GetUnderMutex(thread, list, index);
}

bool ListAppend(ObjectThread& thread, List* list, Object* item) {
  CheckList(list);
  ListArray* old = nullptr;
  {
    MutexLock lock(list->header.mutex);
    const int64_t size = SizeLocked(list);
    const int64_t capacity = CapacityLocked(list);
    if (size == capacity && !ResizeLocked(thread, list, GrownCapacity(size), &old)) return false;
    Incref(thread, item);
    StoreItemLocked(ArrayLocked(list), size, item);
    // relaxed: a hint to readers; the slot says what is there.
    list->size.store(size + 1, std::memory_order_relaxed);
  }
  RetireArray(thread, old);
  thread.counters->Add(Counter::kListWrites);
  return true;
}

bool ListSet(ObjectThread& thread, List* list, int64_t index, Object* item) {
  CheckList(list);
  Object* old;
  {
    MutexLock lock(list->header.mutex);
    if (index < 0 || index >= SizeLocked(list)) return false;
    Incref(thread, item);
    ListArray* array = ArrayLocked(list);
    // relaxed: written under the mutex.
    old = array->items[index].load(std::memory_order_relaxed);
    StoreItemLocked(array, index, item);
  }
  thread.counters->Add(Counter::kListWrites);
  Decref(thread, old);
  return true;
}

Object* ListPop(ObjectThread& thread, List* list) {
  CheckList(list);
  Object* item;
  ListArray* old = nullptr;
  {
    MutexLock lock(list->header.mutex);
    const int64_t size = SizeLocked(list);
    if (size == 0) return nullptr;
    ListArray* array = ArrayLocked(list);
    // relaxed: written under the mutex.
    item = array->items[size - 1].load(std::memory_order_relaxed);
    StoreItemLocked(array, size - 1, nullptr);
    // relaxed: a hint to readers.
    list->size.store(size - 1, std::memory_order_relaxed);
    // Shrinks at a quarter, so that it takes many calls to grow again. Without
    // memory it stays as it is.
    if (array->capacity > 2 * kSmallestCapacity && size - 1 < array->capacity / 4) {
      (void)ResizeLocked(thread, list, array->capacity / 2, &old);
    }
  }
  RetireArray(thread, old);
  thread.counters->Add(Counter::kListWrites);
  return item;
}

void ListClear(ObjectThread& thread, List* list) {
  CheckList(list);
  ListArray* array;
  int64_t size;
  {
    MutexLock lock(list->header.mutex);
    array = ArrayLocked(list);
    size = SizeLocked(list);
    // relaxed: a hint to readers.
    list->size.store(0, std::memory_order_relaxed);
    PublishArrayLocked(list, nullptr);
  }
  // The array is ours; readers that still look at it find it is not the list's.
  for (int64_t i = 0; i < size; ++i) {
    // relaxed: nobody writes it any more.
    Decref(thread, array->items[i].load(std::memory_order_relaxed));
  }
  RetireArray(thread, array);
  thread.counters->Add(Counter::kListWrites);
}

bool IsList(const Object* object) { return TypeOf(object)->kind == TypeKind::kList; }

void DestroyList(ObjectThread& thread, Object* object) {
  auto* list = reinterpret_cast<List*>(object);
  // relaxed, all: the last reference is gone, so nobody reads or writes.
  ListArray* array = list->array.load(std::memory_order_relaxed);
  const int64_t size = list->size.load(std::memory_order_relaxed);
  for (int64_t i = 0; i < size; ++i) {
    Decref(thread, array->items[i].load(std::memory_order_relaxed));
  }
  // At once: a reader of the array would have held the list.
  HeapFree(array);
  // What the next life finds, and FL-2.
  list->size.store(0, std::memory_order_relaxed);
  list->array.store(nullptr, std::memory_order_relaxed);
  thread.counters->AddHot(Counter::kListsDestroyed);
  MarkDead(object);
  if (thread.list_freelist.Push(object)) {
    thread.counters->AddHot(Counter::kFreelistPushes);
    return;
  }
  thread.counters->Add(Counter::kFreelistOverflows);
  HeapFree(object);
}

void TraverseList(Object* object, ObjectVisitor visit, void* argument) {
  const auto* list = reinterpret_cast<const List*>(object);
  // relaxed, all: the world is stopped.
  ListArray* array = list->array.load(std::memory_order_relaxed);
  const int64_t size = list->size.load(std::memory_order_relaxed);
  for (int64_t i = 0; i < size; ++i) {
    visit(argument, array->items[i].load(std::memory_order_relaxed));
  }
}

void ClearGarbageList(ObjectThread& thread, Object* object) {
  auto* list = reinterpret_cast<List*>(object);
  // relaxed, all: nobody else can reach the list.
  ListArray* array = list->array.load(std::memory_order_relaxed);
  const int64_t size = list->size.load(std::memory_order_relaxed);
  // Empty before the first destructor runs.
  list->size.store(0, std::memory_order_relaxed);
  list->array.store(nullptr, std::memory_order_relaxed);
  for (int64_t i = 0; i < size; ++i) {
    Decref(thread, array->items[i].load(std::memory_order_relaxed));
  }
  HeapFree(array);
}

}  // namespace rt
