// ObjectPlaces: shared words through which threads hand each other references.
//
// Model.  A place holds one reference or nothing. Swap() puts one in and takes
//   out what was there; the reference changes hands without being counted. So
//   the thread that drops an object is seldom its owner.
// Thread safety.  Swap(): any attached thread. Count(): world stopped.
// Fork.  Plain memory: consistent at safe points.

#ifndef STRESSD_HOST_SCENARIOS_OBJECT_PLACES_H_
#define STRESSD_HOST_SCENARIOS_OBJECT_PLACES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/base/atomic.h"
#include "runtime/runtime.h"

namespace stressd::host {

class ObjectPlaces {
 public:
  explicit ObjectPlaces(size_t place_count) : places_(place_count) {}

  // Puts `object` (a stolen reference, or null) into place `index` modulo the
  // number of places; returns what was there, now the caller's, or null.
  rt::Object* Swap(uint64_t index, rt::Object* object) {
    // (Y1) acq_rel exchange, synchronizes with the exchange (Y1) of another
    //      thread: what it wrote into the object comes before we look at it.
    return places_[index % places_.size()].exchange(object, std::memory_order_acq_rel);
  }

  // Swap() that drops what was there. May run destructors.
  void Put(rt::ObjectThread& thread, uint64_t index, rt::Object* object) {
    rt::DecrefIfNotNull(thread, Swap(index, object));
  }

  // Empties every place.
  void DropAll(rt::ObjectThread& thread) {
    for (size_t i = 0; i < places_.size(); ++i) Put(thread, i, nullptr);
  }

  // How many places hold a reference.
  int64_t Count() const {
    int64_t count = 0;
    for (const rt::Atomic<rt::Object*>& place : places_) {
      // relaxed: nobody else runs.
      if (place.load(std::memory_order_relaxed) != nullptr) ++count;
    }
    return count;
  }

 private:
  std::vector<rt::Atomic<rt::Object*>> places_;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_OBJECT_PLACES_H_
