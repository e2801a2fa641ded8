// Object bursts: so many small objects of one kind at once that a freelist
// overflows or is emptied.
//
// Model.  A burst has a few more or fewer objects than the freelist of its kind
//   holds: marked numbers, lists with and without an array, or tuples of one or two
//   marked numbers.
// Thread safety.  MakeBurst(), DropBurst(): an attached thread.

#ifndef STRESSD_HOST_SCENARIOS_OBJECT_BURST_H_
#define STRESSD_HOST_SCENARIOS_OBJECT_BURST_H_

#include <cstdint>
#include <vector>

#include "runtime/runtime.h"
#include "stressd/host/scenario/prng.h"

namespace stressd::host {

using ObjectBurst = std::vector<rt::Object*>;

// A new reference to a marked number, or null when memory ran out.
rt::Object* NewMarkedNumber(rt::ThreadState& thread, Prng& prng);

// Appends objects of a random kind. Returns false, with what there was memory for,
// when it ran out.
[[nodiscard]] bool MakeBurst(rt::ThreadState& thread, Prng& prng, ObjectBurst& burst);

// Drops every object, from the first to the last, and empties the list.
void DropBurst(rt::ThreadState& thread, ObjectBurst& burst);

// Drops and deletes a burst that another thread has made; null is ignored. Returns
// how many of its numbers did not hold what they were made with.
[[nodiscard]] int64_t DropTakenBurst(rt::ThreadState& thread, ObjectBurst* taken);

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIOS_OBJECT_BURST_H_
