#include "stressd/explore/store_buffer.h"

#include <string.h>

namespace explore {
namespace {

void* Memory(const BufferedStore& store) { return reinterpret_cast<void*>(store.address); }

bool Overlap(const BufferedStore& a, const BufferedStore& b) {
  return a.address < b.address + b.size_bytes && b.address < a.address + a.size_bytes;
}

}  // namespace

BufferedStore& StoreBuffer::Push(uintptr_t address, uint8_t size_bytes, const void* value) {
  BufferedStore& store = stores_[count_++];
  store.address = address;
  store.size_bytes = size_bytes;
  store.atomic = store.ordered = false;
  store.captured = value != nullptr;
  store.release.Clear();
  memcpy(store.under, Memory(store), size_bytes);
  if (value != nullptr) {
    memcpy(store.value, value, size_bytes);
    memcpy(Memory(store), value, size_bytes);
  }
  return store;
}

void StoreBuffer::Capture() {
  if (count_ == 0) return;
  BufferedStore& store = stores_[count_ - 1];
  if (store.captured) return;
  memcpy(store.value, Memory(store), store.size_bytes);
  store.captured = true;
}

void StoreBuffer::Lift() {
  Capture();
  for (uint32_t i = count_; i-- > 0;) {
    BufferedStore& store = stores_[i];
    if (memcmp(Memory(store), store.value, store.size_bytes) == 0) {
      memcpy(Memory(store), store.under, store.size_bytes);
    } else {
      Drain(i, /*laid=*/true);  // See Limits.
    }
  }
}

void StoreBuffer::Lay() {
  for (uint32_t i = 0; i < count_; ++i) {
    BufferedStore& store = stores_[i];
    memcpy(store.under, Memory(store), store.size_bytes);
    memcpy(Memory(store), store.value, store.size_bytes);
  }
}

bool StoreBuffer::MayDrain(uint32_t position, bool may_pass) const {
  if (position == 0) return true;
  if (!may_pass || stores_[position].ordered || (position >= fence_ && fence_ > 0)) return false;
  for (uint32_t i = 0; i < position; ++i) {
    if (Overlap(stores_[i], stores_[position])) return false;
  }
  return true;
}

uint32_t StoreBuffer::EligibleCount(bool may_pass) const {
  uint32_t count = 0;
  for (uint32_t i = 0; i < count_; ++i) count += MayDrain(i, may_pass) ? 1 : 0;
  return count;
}

uint32_t StoreBuffer::Eligible(bool may_pass, uint32_t index) const {
  for (uint32_t i = 0; i < count_; ++i) {
    if (MayDrain(i, may_pass) && index-- == 0) return i;
  }
  return 0;
}

void StoreBuffer::Drain(uint32_t position, bool laid) {
  Capture();
  if (!laid)
    memcpy(Memory(stores_[position]), stores_[position].value, stores_[position].size_bytes);
  for (uint32_t i = position + 1; i < count_; ++i) stores_[i - 1] = stores_[i];
  --count_;
  if (fence_ > position) --fence_;
}

}  // namespace explore
