#include "runtime/object/dict.h"

#include "runtime/alloc/heap_bundle.h"
#include "runtime/base/check.h"
#include "runtime/object/destroy.h"
#include "runtime/object/number.h"
#include "runtime/object/object_space.h"
#include "runtime/object/reference_count.h"
#include "runtime/object/tracking.h"

namespace rt {
namespace {

static_assert(sizeof(Dict) == kDictBytes);

// 8: the first table of a dict.
constexpr uint64_t kSmallestSlotCount = 8;
// Keeps the byte count far from overflow.
constexpr int64_t kLargestDict = int64_t{1} << 38;

constexpr uintptr_t kNumberBit = 1;

// What a slot is compared by.
struct Key {
  uint64_t hash;
  uintptr_t word;  // As DictEntry::key.
};

// Mixes the bits; a bijection, so equal hashes mean equal arguments. The constants
// are those of the SplitMix64 generator's output function.
uint64_t Mix(uint64_t bits) {
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
  return bits ^ (bits >> 31);
}

Key KeyOf(const Object* object) {
  const auto address = reinterpret_cast<uintptr_t>(object);
  if (TypeOf(object)->kind == TypeKind::kNumber) {
    return {Mix(static_cast<uint64_t>(NumberValue(object))), address | kNumberBit};
  }
  return {Mix(address), address};
}

Object* KeyObject(uintptr_t word) { return reinterpret_cast<Object*>(word & ~kNumberBit); }

size_t TableBytes(uint64_t slot_count) {
  return sizeof(DictTable) + slot_count * sizeof(DictEntry);
}

DictTable* NewTable(ObjectThread& thread, uint64_t slot_count) {
  auto* table = static_cast<DictTable*>(
      AllocateBlock(thread, HeapKind::kMemory, TableBytes(slot_count)));
  if (table == nullptr) return nullptr;
  table->mask = slot_count - 1;
  table->filled = 0;
  for (uint64_t i = 0; i < slot_count; ++i) {
    // relaxed, all: published with the table (D2).
    table->entries[i].hash.store(0, std::memory_order_relaxed);
    table->entries[i].key.store(0, std::memory_order_relaxed);
    table->entries[i].value.store(nullptr, std::memory_order_relaxed);
  }
  return table;
}

// Gives a table that is no dict's any more to delayed free. Null is ignored.
// Holding no mutex: may stop the world.
void RetireTable(ObjectThread& thread, DictTable* table) {
  if (table == nullptr) return;
  thread.delayed_free.FreeMemory(table, TableBytes(table->mask + 1));
}

// Returns the slot of `key`, or the free one that it would get.
DictEntry* Find(DictTable* table, const Key& key) {
  for (uint64_t i = key.hash;; ++i) {
    DictEntry& entry = table->entries[i & table->mask];
    // (D3) acquire load, synchronizes with the release (D4) in InsertLocked(): the
    //      hash of the slot, and a value, are there.
    const uintptr_t word = entry.key.load(std::memory_order_acquire);
    if (word == 0) return &entry;
    // relaxed: constant, D-3.
    if (entry.hash.load(std::memory_order_relaxed) == key.hash &&
        ((word ^ key.word) & kNumberBit) == 0) {
      return &entry;
    }
  }
}

Dict* CheckDict(Dict* dict) {
  RT_CHECK(IsDict(&dict->header), "INV-KIND", "not a dict");
  return dict;
}

DictTable* TableLocked(const Dict* dict) {
  // relaxed: written under the dict's mutex.
  return dict->table.load(std::memory_order_relaxed);
}

void PublishTableLocked(Dict* dict, DictTable* table) {
  // (D2) release store, synchronizes with the acquire loads (D1) and (D7) in
  //      DictGet(): a reader sees the slots as they were copied.
  dict->table.store(table, std::memory_order_release);
}

void AddSizeLocked(Dict* dict, int64_t change) {
  // relaxed, both: written under the mutex, a hint to readers.
  dict->size.store(dict->size.load(std::memory_order_relaxed) + change, std::memory_order_relaxed);
}

void StoreValueLocked(DictEntry& entry, Object* value) {
  // (D5) release store, synchronizes with the acquire loads (D6) and (D8) in
  //      DictGet(): readers see the object that we store.
  entry.value.store(value, std::memory_order_release);
}

// Fills a slot that is free or deleted. The caller has taken the references.
void InsertLocked(DictTable* table, DictEntry& entry, const Key& key, Object* value) {
  // relaxed: written under the mutex.
  if (entry.key.load(std::memory_order_relaxed) != 0) {
    // relaxed: readers look at the sort only, which stays.
    entry.key.store(key.word, std::memory_order_relaxed);
    StoreValueLocked(entry, value);
    return;
  }
  // relaxed, both: published by (D4).
  entry.hash.store(key.hash, std::memory_order_relaxed);
  entry.value.store(value, std::memory_order_relaxed);
  // (D4) release store, synchronizes with the acquire load (D3) in Find().
  entry.key.store(key.word, std::memory_order_release);
  ++table->filled;
}

// Gives the dict a table with room for one entry more, without what was deleted.
// Returns false when out of memory; else `*old` is the table to retire, or null.
bool RebuildLocked(ObjectThread& thread, Dict* dict, DictTable** old) {
  // relaxed: written under the mutex.
  const int64_t size = dict->size.load(std::memory_order_relaxed);
  if (size >= kLargestDict) return false;
  // A third full afterwards: as many inserts again until the next rebuild.
  uint64_t slot_count = kSmallestSlotCount;
  while (slot_count < static_cast<uint64_t>(size + 1) * 3) slot_count *= 2;
  DictTable* table = NewTable(thread, slot_count);
  if (table == nullptr) return false;
  *old = TableLocked(dict);
  if (*old != nullptr) {
    for (uint64_t i = 0; i <= (*old)->mask; ++i) {
      // relaxed, all: written under the mutex.
      const DictEntry& entry = (*old)->entries[i];
      Object* const value = entry.value.load(std::memory_order_relaxed);
      if (value == nullptr) continue;
      const Key key = {entry.hash.load(std::memory_order_relaxed),
                       entry.key.load(std::memory_order_relaxed)};
      InsertLocked(table, *Find(table, key), key, value);
    }
  }
  PublishTableLocked(dict, table);
  return true;
}

// The part of DictGet() that no race can disturb.
Object* GetUnderMutex(ObjectThread& thread, Dict* dict, const Key& key) {
  MutexLock lock(dict->header.mutex);
  DictTable* const table = TableLocked(dict);
  if (table == nullptr) return nullptr;
  // relaxed: written under the mutex.
  Object* const value = Find(table, key)->value.load(std::memory_order_relaxed);
  if (value != nullptr) IncrefMaybeWeakref(thread, value);
  return value;
}

// Drops what the slots of a table hold that is no dict's any more.
void DropEntries(ObjectThread& thread, DictTable* table) {
  for (uint64_t i = 0; i <= table->mask; ++i) {
    // relaxed, both: nobody writes it any more.
    Object* const value = table->entries[i].value.load(std::memory_order_relaxed);
    if (value == nullptr) continue;
    Decref(thread, KeyObject(table->entries[i].key.load(std::memory_order_relaxed)));
    Decref(thread, value);
  }
}

}  // namespace

Dict* DictNew(ObjectThread& thread) {
  auto* dict = static_cast<Dict*>(thread.dict_freelist.Pop());
  if (dict != nullptr) {
    RT_DCHECK(reinterpret_cast<uintptr_t>(dict->header.type) == kDeadTypeWord, "FL-2",
              "a dict on the freelist was written to");
    thread.counters->Add(Counter::kFreelistHits);
  } else {
    dict = reinterpret_cast<Dict*>(AllocateCollectable(thread, sizeof(Dict), /*prefix_bytes=*/0));
    thread.counters->Add(Counter::kFreelistMisses);
    if (dict == nullptr) return nullptr;
  }
  // relaxed, all: published with the dict.
  dict->size.store(0, std::memory_order_relaxed);
  dict->table.store(nullptr, std::memory_order_relaxed);
  dict->count_id.store(kNoCountId, std::memory_order_relaxed);
  NewReference(thread, &dict->header, &thread.space->types.dict_type);
  return dict;
}

int64_t DictSize(const Dict* dict) {
  RT_CHECK(IsDict(&dict->header), "INV-KIND", "not a dict");
  // relaxed: true at some moment; orders nothing.
  return dict->size.load(std::memory_order_relaxed);
}

Object* DictGet(ObjectThread& thread, Dict* dict, Object* object) {
  CheckDict(dict);
  const Key key = KeyOf(object);
  // (D1) acquire load, synchronizes with the release (D2) in
  //      PublishTableLocked(): the slots are there.
  DictTable* const table = dict->table.load(std::memory_order_acquire);
  if (table == nullptr) return nullptr;
  DictEntry* const entry = Find(table, key);
  // (D6) acquire load, synchronizes with the release (D5) in StoreValueLocked():
  //      the value, as it was when it was stored, is visible. The first value of
  //      a slot came with its key.
  Object* const value = entry->value.load(std::memory_order_acquire);
  if (value == nullptr) return nullptr;
  if (TryIncref(thread, value)) {
    // Now that what lives at this address cannot die: is it still in the slot,
    // and was the slot still the dict's when we looked? The table cannot have
    // gone and come back, because delayed free waits for us.
    // (D8) acquire load, synchronizes with the release (D5) in StoreValueLocked():
    //      if this is another object at the same address, we see that one; and
    //      the look at the table comes after.
    if (entry->value.load(std::memory_order_acquire) == value &&
        // (D7) acquire load, synchronizes with the release (D2) in
        //      PublishTableLocked(): a stale table would show here.
        dict->table.load(std::memory_order_acquire) == table) {
      return value;
    }
    Decref(thread, value);
  }
  return GetUnderMutex(thread, dict, key);
}

bool DictSet(ObjectThread& thread, Dict* dict, Object* object, Object* value) {
  CheckDict(dict);
  const Key key = KeyOf(object);
  Object* old_value = nullptr;
  DictTable* old_table = nullptr;
  {
    MutexLock lock(dict->header.mutex);
    DictTable* table = TableLocked(dict);
    DictEntry* entry = table == nullptr ? nullptr : Find(table, key);
    // relaxed, all: written under the mutex.
    if (entry == nullptr ||
        (entry->key.load(std::memory_order_relaxed) == 0 &&
         static_cast<uint64_t>(table->filled + 1) * 3 > (table->mask + 1) * 2)) {
      if (!RebuildLocked(thread, dict, &old_table)) return false;
      table = TableLocked(dict);
      entry = Find(table, key);
    }
    old_value = entry->value.load(std::memory_order_relaxed);
    Incref(thread, value);
    if (old_value != nullptr) {
      StoreValueLocked(*entry, value);
    } else {
      Incref(thread, object);
      InsertLocked(table, *entry, key, value);
      AddSizeLocked(dict, 1);
    }
  }
  RetireTable(thread, old_table);
  DecrefIfNotNull(thread, old_value);
  return true;
}

bool DictDelete(ObjectThread& thread, Dict* dict, Object* object) {
  CheckDict(dict);
  const Key key = KeyOf(object);
  Object* old_key;
  Object* old_value;
  {
    MutexLock lock(dict->header.mutex);
    DictTable* const table = TableLocked(dict);
    if (table == nullptr) return false;
    DictEntry* const entry = Find(table, key);
    // relaxed, both: written under the mutex.
    old_value = entry->value.load(std::memory_order_relaxed);
    if (old_value == nullptr) return false;
    old_key = KeyObject(entry->key.load(std::memory_order_relaxed));
    StoreValueLocked(*entry, nullptr);
    AddSizeLocked(dict, -1);
  }
  Decref(thread, old_key);
  Decref(thread, old_value);
  return true;
}

void DictClear(ObjectThread& thread, Dict* dict) {
  CheckDict(dict);
  DictTable* table;
  {
    MutexLock lock(dict->header.mutex);
    table = TableLocked(dict);
    // relaxed: a hint to readers.
    dict->size.store(0, std::memory_order_relaxed);
    PublishTableLocked(dict, nullptr);
  }
  if (table == nullptr) return;
  // The table is ours; readers that still look at it find it is not the dict's.
  DropEntries(thread, table);
  RetireTable(thread, table);
}

bool DictNext(ObjectThread& thread, Dict* dict, int64_t* position, Object** key, Object** value) {
  CheckDict(dict);
  MutexLock lock(dict->header.mutex);
  const DictTable* const table = TableLocked(dict);
  if (table == nullptr) return false;
  for (auto i = static_cast<uint64_t>(*position); i <= table->mask; ++i) {
    // relaxed, both: written under the mutex.
    Object* const found = table->entries[i].value.load(std::memory_order_relaxed);
    if (found == nullptr) continue;
    *key = KeyObject(table->entries[i].key.load(std::memory_order_relaxed));
    *value = found;
    // The dict holds references until the mutex is free.
    Incref(thread, *key);
    IncrefMaybeWeakref(thread, *value);
    *position = static_cast<int64_t>(i + 1);
    return true;
  }
  return false;
}

bool IsDict(const Object* object) { return TypeOf(object)->kind == TypeKind::kDict; }

void DictCountPerThread(ObjectThread& thread, Dict* dict) {
  CheckDict(dict);
  AssignCountId(thread, &dict->header, dict->count_id);
}

void DestroyDict(ObjectThread& thread, Object* object) {
  ClearGarbageDict(thread, object);
  MarkDead(object);
  if (thread.dict_freelist.Push(object)) {
    thread.counters->Add(Counter::kFreelistPushes);
    return;
  }
  thread.counters->Add(Counter::kFreelistOverflows);
  HeapFree(object);
}

void TraverseDict(Object* object, ObjectVisitor visit, void* argument) {
  // relaxed, all: the world is stopped.
  const DictTable* const table =
      reinterpret_cast<const Dict*>(object)->table.load(std::memory_order_relaxed);
  if (table == nullptr) return;
  for (uint64_t i = 0; i <= table->mask; ++i) {
    Object* const value = table->entries[i].value.load(std::memory_order_relaxed);
    if (value == nullptr) continue;
    visit(argument, KeyObject(table->entries[i].key.load(std::memory_order_relaxed)));
    visit(argument, value);
  }
}

void ClearGarbageDict(ObjectThread& thread, Object* object) {
  auto* dict = reinterpret_cast<Dict*>(object);
  // relaxed, all: nobody else can reach the dict.
  DictTable* const table = dict->table.load(std::memory_order_relaxed);
  // Empty before the first destructor runs; and what the next life finds.
  dict->size.store(0, std::memory_order_relaxed);
  dict->table.store(nullptr, std::memory_order_relaxed);
  if (table == nullptr) return;
  DropEntries(thread, table);
  // At once: a reader of the table would have held the dict.
  HeapFree(table);
}

}  // namespace rt
