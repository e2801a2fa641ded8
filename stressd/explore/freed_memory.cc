#include "stressd/explore/freed_memory.h"

#include "stressd/explore/array.h"

namespace explore {
namespace {

constexpr uint32_t kFirstCapacity = 256;

// Bits [first, last) of a page's words, for one word.
uint64_t Mask(uint32_t word, uint32_t first, uint32_t last) {
  const uint32_t low = word * 64;
  const uint32_t from = first > low ? first - low : 0;
  const uint32_t to = last < low + 64 ? last - low : 64;
  const uint64_t above = ~uint64_t{0} << from;
  return to == 64 ? above : above & ~(~uint64_t{0} << to);
}

}  // namespace

uint32_t FreedMemory::Slot(uintptr_t number) const {
  return static_cast<uint32_t>((number * 0x9e3779b97f4a7c15) >> 40) & (capacity_ - 1);
}

FreedMemory::Page* FreedMemory::Find(uintptr_t number) const {
  if (capacity_ == 0) return nullptr;
  for (uint32_t slot = Slot(number);; slot = (slot + 1) & (capacity_ - 1)) {
    Page& page = pages_[slot];
    if (page.generation != generation_) return nullptr;
    if (page.number == number) return &page;
  }
}

FreedMemory::Page* FreedMemory::FindOrAdd(uintptr_t number) {
  if (2 * used_ >= capacity_) Grow();
  for (uint32_t slot = Slot(number);; slot = (slot + 1) & (capacity_ - 1)) {
    Page& page = pages_[slot];
    if (page.generation != generation_) {
      ++used_;
      page = Page{};
      page.number = number;
      page.generation = generation_;
      return &page;
    }
    if (page.number == number) return &page;
  }
}

void FreedMemory::Grow() {
  Page* old = pages_;
  const uint32_t old_capacity = capacity_;
  capacity_ = old_capacity == 0 ? kFirstCapacity : 2 * old_capacity;
  pages_ = static_cast<Page*>(MapPages(capacity_ * sizeof(Page)));
  if (generation_ == 0) generation_ = 1;  // Fresh pages are of generation 0.
  for (uint32_t i = 0; i < old_capacity; ++i) {
    if (old[i].generation != generation_) continue;
    uint32_t slot = Slot(old[i].number);
    while (pages_[slot].generation == generation_) slot = (slot + 1) & (capacity_ - 1);
    pages_[slot] = old[i];
  }
  if (old != nullptr) UnmapPages(old, old_capacity * sizeof(Page));
}

void FreedMemory::Change(uintptr_t begin, uintptr_t end, bool freed) {
  constexpr uintptr_t kPageBytes = uintptr_t{1} << kPageShift;
  for (uintptr_t at = begin & ~uintptr_t{7}; at < end;) {
    const uintptr_t next = (at & ~(kPageBytes - 1)) + kPageBytes;
    const uintptr_t stop = end < next ? end : next;
    Page* page = freed ? FindOrAdd(at >> kPageShift) : Find(at >> kPageShift);
    if (page != nullptr) {
      const uint32_t first = static_cast<uint32_t>(at & (kPageBytes - 1)) / 8;
      const uint32_t last = first + static_cast<uint32_t>((stop - at + 7) / 8);
      for (uint32_t word = first / 64; word * 64 < last; ++word) {
        const uint64_t mask = Mask(word, first, last);
        page->bits[word] = freed ? page->bits[word] | mask : page->bits[word] & ~mask;
      }
    }
    at = next;
  }
}

void FreedMemory::Mark(uintptr_t begin, uintptr_t end) {
  if (begin < low_) low_ = begin;
  if (end > high_) high_ = end;
  Change(begin, end, true);
}

void FreedMemory::Unmark(uintptr_t begin, uintptr_t end) {
  if (used_ != 0) Change(begin, end, false);
}

bool FreedMemory::Search(uintptr_t begin, uintptr_t end) const {
  for (uintptr_t at = begin & ~uintptr_t{7}; at < end; at += 8) {
    const Page* page = Find(at >> kPageShift);
    if (page == nullptr) {
      at |= (uintptr_t{1} << kPageShift) - 8;  // On to the next page.
      continue;
    }
    const uint32_t bit = static_cast<uint32_t>(at >> 3) % (kWords * 64);
    if ((page->bits[bit / 64] >> (bit % 64) & 1) != 0) return true;
  }
  return false;
}

}  // namespace explore
