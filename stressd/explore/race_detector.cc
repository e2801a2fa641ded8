#include "stressd/explore/race_detector.h"

#include "stressd/explore/random.h"

namespace explore {

void RaceDetector::Begin(Shadow* shadow, uint8_t* sites, uintptr_t image_base, bool learn,
                         bool report_races) {
  shadow_ = shadow;
  sites_ = sites;
  image_base_ = image_base;
  learn_ = learn;
  report_races_ = report_races;
  signature_ = 0;
  learned_.Clear();
  notes_.Clear();
  if (learn) notes_.Push(SiteNote{});  // Number 0 is the end of a list.
}

uint32_t RaceDetector::SiteIndex(uintptr_t pc, uintptr_t image_base) {
  return static_cast<uint32_t>(Mix(pc - image_base)) % kSiteCount;
}

void RaceDetector::CheckGranule(const Thread& thread, Cell& cell, const Access& access,
                                AccessFault& fault) {
  uint32_t* link = &cell.accesses;
  uint32_t reusable = kNoAccess;
  while (*link != kNoAccess) {
    const uint32_t index = *link;
    Access& earlier = shadow_->access(index);
    const bool ordered =
        earlier.thread == thread.id || earlier.clock <= thread.clock.Get(earlier.thread);
    const bool overlap = (earlier.bytes & access.bytes) != 0;
    if (overlap && earlier.thread != thread.id && (earlier.write || access.write)) {
      if (!ordered && !(earlier.atomic && access.atomic) && fault.kind == AccessFault::kNone) {
        fault.kind = AccessFault::kRace;
        fault.earlier = earlier;
      }
    }
    // Whatever races with `earlier` from now on races with `access` too, if it
    // covers the same bytes at least as strongly.
    if (ordered && (earlier.bytes & ~access.bytes) == 0 && (access.write || !earlier.write) &&
        (!access.atomic || earlier.atomic)) {
      *link = earlier.next;
      if (reusable == kNoAccess) {
        reusable = index;
      } else {
        shadow_->ReleaseAccess(index);
      }
      continue;
    }
    link = &earlier.next;
  }
  const uint32_t head = cell.accesses;
  if (reusable == kNoAccess) reusable = shadow_->AddAccess(access);
  Access& kept = shadow_->access(reusable);
  kept = access;
  kept.next = head;
  cell.accesses = reusable;
}

void RaceDetector::Learn(const Thread& thread, const Cell& cell, bool write, uint32_t site) {
  const uint32_t number = shadow_->NumberOf(cell);
  if (number >= learned_.size()) learned_.Resize(number + 1);
  LearnedCell& learned = learned_[number];
  if (learned.thread == 0) learned.thread = static_cast<uint16_t>(thread.id + 1);
  learned.several |= learned.thread != thread.id + 1;
  learned.written |= write;
  if (learned.several && learned.written) {
    sites_[site] |= 3;
    for (uint32_t note = learned.first_note; note != 0; note = notes_[note].next) {
      sites_[notes_[note].site] |= 3;
    }
    learned.first_note = 0;
    return;
  }
  for (uint32_t note = learned.first_note; note != 0; note = notes_[note].next) {
    if (notes_[note].site == site) return;
  }
  notes_.Push(SiteNote{site, learned.first_note});
  learned.first_note = notes_.size() - 1;
}

AccessFault RaceDetector::Check(const Thread& thread, uint32_t stack, uintptr_t address,
                                uint32_t size_bytes, bool write, bool atomic, uintptr_t pc) {
  AccessFault fault;
  if (shadow_->freed().Holds(address, address + size_bytes)) fault.kind = AccessFault::kFreed;
  const uint32_t site = learn_ ? SiteIndex(pc, image_base_) : 0;
  if (learn_) sites_[site] |= 1;
  Access access{};
  access.thread = thread.id;
  access.write = write ? 1 : 0;
  access.atomic = atomic ? 1 : 0;
  access.clock = thread.clock.Get(thread.id);
  access.stack = stack;
  access.pc = pc;
  const uintptr_t end = address + size_bytes;
  for (uintptr_t at = address; at < end; at = (at | 7) + 1) {
    Cell& cell = *shadow_->FindOrAdd(at);
    const uint32_t first = at & 7;
    const uint32_t last = end - (at - first) < 8 ? static_cast<uint32_t>(end - (at - first)) : 8;
    access.bytes = static_cast<uint8_t>((0xff << first) & (0xff >> (8 - last)));
    CheckGranule(thread, cell, access, fault);
    if (learn_) Learn(thread, cell, write, site);
    const uint64_t event = Mix(cell.history ^ (pc - image_base_), thread.id);
    signature_ += event;
    if (write) cell.history = event;
  }
  if (fault.kind == AccessFault::kRace && !report_races_) fault.kind = AccessFault::kNone;
  return fault;
}

void RaceDetector::Touch(const Thread& thread, uintptr_t address, uintptr_t pc, bool modifies) {
  Cell& cell = *shadow_->FindOrAdd(address);
  const uint64_t event = Mix(cell.history ^ (pc - image_base_), thread.id);
  signature_ += event;
  if (modifies) cell.history = event;
}

void RaceDetector::AtomicLoad(Thread& thread, uintptr_t address, int order) {
  const SyncObject* object = shadow_->FindSync(address);
  if (object == nullptr) return;
  if (Acquires(order)) {
    thread.clock.Join(object->clock);
  } else {
    thread.acquirable.Join(object->clock);
  }
}

void RaceDetector::StoreClock(Thread& thread, int order, VectorClock& out) {
  if (Releases(order)) {
    out.Assign(thread.clock);
    Tick(thread);
  } else {
    out.Assign(thread.release_fence);
  }
}

void RaceDetector::Publish(uintptr_t address, const VectorClock& release) {
  SyncObject* object = shadow_->FindSync(address);
  if (object == nullptr) {
    if (release.size() == 0) return;
    object = shadow_->Sync(address);
  }
  object->clock.Assign(release);
}

void RaceDetector::AtomicUpdate(Thread& thread, uintptr_t address, int order) {
  // A read-modify-write continues the release sequence: it adds to what readers
  // acquire instead of replacing it.
  SyncObject* object = shadow_->FindSync(address);
  if (object == nullptr) {
    // Nothing was released here, and nothing is.
    if (!Releases(order) && thread.release_fence.size() == 0) return;
    object = shadow_->Sync(address);
  }
  if (Acquires(order)) {
    thread.clock.Join(object->clock);
  } else {
    thread.acquirable.Join(object->clock);
  }
  if (Releases(order)) {
    object->clock.Join(thread.clock);
    Tick(thread);
  } else {
    object->clock.Join(thread.release_fence);
  }
}

void RaceDetector::Fence(Thread& thread, int order) {
  if (Acquires(order)) thread.clock.Join(thread.acquirable);
  if (Releases(order)) {
    thread.release_fence.Assign(thread.clock);
    Tick(thread);
  }
}

}  // namespace explore
