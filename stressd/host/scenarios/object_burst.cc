#include "stressd/host/scenarios/object_burst.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "stressd/host/scenarios/marked_number.h"

namespace stressd::host {
namespace {

// 3: a burst ends a little below, at, or a little above a limit.
constexpr int64_t kAroundLimit = 3;
constexpr size_t kTupleSizes = 2;

rt::Object* NewList(rt::ThreadState& thread, Prng& prng) {
  rt::List* const list = rt::ListNew(thread, prng.Chance(1, 8) ? 2 : 0);
  return list == nullptr ? nullptr : rt::AsObject(list);
}

// A tuple of one of kTupleSizes sizes, each of which has a freelist.
rt::Object* NewTuple(rt::ThreadState& thread, Prng& prng) {
  rt::Object* const number = NewMarkedNumber(thread, prng);
  if (number == nullptr) return nullptr;
  rt::Object* const items[kTupleSizes] = {number, number};
  rt::Tuple* const tuple =
      rt::TupleNew(thread, items, prng.Between(1, static_cast<int64_t>(kTupleSizes)));
  rt::Decref(thread, number);
  return tuple == nullptr ? nullptr : rt::AsObject(tuple);
}

}  // namespace

rt::Object* NewMarkedNumber(rt::ThreadState& thread, Prng& prng) {
  rt::Number* const number =
      rt::NumberNew(thread, MarkedNumber(static_cast<uint32_t>(prng.Next())));
  return number == nullptr ? nullptr : rt::AsObject(number);
}

bool MakeBurst(rt::ThreadState& thread, Prng& prng, ObjectBurst& burst) {
  const uint64_t kind = prng.Below(4);
  const int64_t limit = kind == 0   ? rt::kListFreelistLimit
                        : kind == 1 ? rt::kTupleFreelistLimit
                                    : rt::kNumberFreelistLimit;
  for (int64_t i = limit + prng.Between(-kAroundLimit, kAroundLimit); i > 0; --i) {
    rt::Object* const object = kind == 0   ? NewList(thread, prng)
                               : kind == 1 ? NewTuple(thread, prng)
                                           : NewMarkedNumber(thread, prng);
    if (object == nullptr) return false;
    burst.push_back(object);
  }
  return true;
}

void DropBurst(rt::ThreadState& thread, ObjectBurst& burst) {
  for (rt::Object* const object : burst) rt::Decref(thread, object);
  burst.clear();
}

int64_t DropTakenBurst(rt::ThreadState& thread, ObjectBurst* taken) {
  const std::unique_ptr<ObjectBurst> burst(taken);
  if (burst == nullptr) return 0;
  const auto wrong = std::count_if(burst->begin(), burst->end(), [](const rt::Object* object) {
    return rt::IsNumber(object) && !IsMarkedNumber(rt::NumberValue(object));
  });
  DropBurst(thread, *burst);
  return wrong;
}

}  // namespace stressd::host
