// Kernels of lock-free readers.
//
//   attach-poll        QSBR by itself: what a reader reads is not freed under it
//   freelist-probe     a reader tries a number that its owner drops and makes again
//   list-resize        a reader of a list while an append replaces the array
//   frees-left-behind  a thread exits with delayed frees that a reader pins

#include <cstdint>
#include <cstdlib>

#include "runtime/qsbr/qsbr.h"
#include "stressd/explore/kernels/kernels.h"
#include "stressd/explore/kernels/stage.h"

namespace stressd::kernels {
namespace {

constexpr int64_t kValue = 41;

void* AllocateSlots(std::size_t bytes, std::size_t alignment) {
  return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

// A list of one number, in the hands of the director.
rt::List* NewList(Stage& stage) {
  rt::List* const list = rt::ListNew(stage.director(), 1);
  Judge(list != nullptr, "no memory for a list");
  rt::Object* const number = rt::AsObject(rt::NumberNew(stage.director(), kValue));
  Judge(rt::ListAppend(stage.director(), list, number), "no memory for an item");
  rt::Decref(stage.director(), number);
  return list;
}

// Appends a number to a full list: a new array, and an old one to free later.
void Grow(rt::ThreadState& writer, rt::List* list) {
  rt::Object* const next = rt::AsObject(rt::NumberNew(writer, kValue + 1));
  Judge(rt::ListAppend(writer, list, next), "no memory to grow");
  rt::Decref(writer, next);
}

// Reads an item and judges its value.
void ReadItem(rt::ThreadState& reader, rt::List* list, int64_t index) {
  rt::Object* const item = rt::ListGet(reader, list, index);
  if (item == nullptr) return;
  const int64_t value = rt::NumberValue(item);
  Judge(value == kValue || value == kValue + 1, "a reader got something that was never there");
  rt::Decref(reader, item);
}

}  // namespace

void AttachPoll() {
  rt::QsbrShared qsbr({&AllocateSlots, &free});
  rt::QsbrSlot* const reader = qsbr.Reserve(2);
  rt::QsbrSlot* const writer = qsbr.Reserve(3);
  Judge(reader != nullptr && writer != nullptr, "no memory for slots");
  auto* const first = new int64_t(kValue);
  auto* const second = new int64_t(kValue + 1);
  rt::Atomic<int64_t*> shared(first);
  bool freed = false;
  RunTogether({[&] {
                 qsbr.Attach(*reader);
                 // acquire, with the release exchange below: the value is there.
                 const int64_t* const seen = shared.load(std::memory_order_acquire);
                 // A free before the detach is a use after free.
                 Judge(*seen == kValue || *seen == kValue + 1, "a reader read what was freed");
                 qsbr.Detach(*reader);
               },
               [&] {
                 qsbr.Attach(*writer);
                 int64_t* const old = shared.exchange(second, std::memory_order_acq_rel);
                 const rt::QsbrSequence goal = qsbr.Advance();
                 qsbr.QuiescentState(*writer);
                 for (int turn = 0; turn < 2 && !freed; ++turn) {
                   freed = qsbr.Poll(*writer, goal);
                 }
                 if (freed) {
                   *old = 0;
                   delete old;
                 }
                 qsbr.Detach(*writer);
               }});
  if (!freed) delete first;
  delete second;
  qsbr.CheckInvariantsWorldStopped();
  qsbr.Release(reader);
  qsbr.Release(writer);
}

void FreelistProbe() {
  Stage stage;
  rt::List* const list = NewList(stage);
  rt::ThreadState& reader = stage.NewActor();
  rt::ThreadState& writer = stage.NewActor();
  stage.Strike({[&] { Perform(reader, [&] { ReadItem(reader, list, 0); }); },
                [&] {
                  Perform(writer, [&] {
                    for (int turn = 0; turn < 2; ++turn) {
                      // The old one dies, and may be the next one at once.
                      rt::Object* const next = rt::AsObject(rt::NumberNew(writer, kValue + 1));
                      Judge(rt::ListSet(writer, list, 0, next), "no item to set");
                      rt::Decref(writer, next);
                    }
                  });
                }});
  rt::Decref(stage.director(), rt::AsObject(list));
  stage.Finish();
}

void ListResize() {
  Stage stage;
  rt::List* const list = NewList(stage);
  rt::ThreadState& reader = stage.NewActor();
  rt::ThreadState& writer = stage.NewActor();
  stage.Strike({[&] {
                  Perform(reader, [&] {
                    ReadItem(reader, list, 0);
                    ReadItem(reader, list, 1);
                  });
                },
                [&] {
                  Perform(writer, [&] {
                    Grow(writer, list);
                    Judge(rt::SafePoint(writer), "safe point");
                  });
                }});
  Judge(rt::ListSize(list) == 2, "an item was lost");
  rt::Decref(stage.director(), rt::AsObject(list));
  stage.Finish();
}

void FreesLeftBehind() {
  Stage stage;
  rt::List* const list = NewList(stage);
  rt::ThreadState& reader = stage.NewActor();
  rt::ThreadState& leaver = stage.NewActor();
  rt::ThreadState& heir = stage.NewActor();
  stage.Strike({[&] { Perform(reader, [&] { ReadItem(reader, list, 0); }); },
                [&] {
                  Judge(rt::Attach(leaver), "attach");
                  Grow(leaver, list);
                  stage.Leave(leaver);  // With the old array, which the reader may read.
                },
                [&] { Perform(heir, [&] { Judge(rt::SafePoint(heir), "safe point"); }); }});
  rt::Decref(stage.director(), rt::AsObject(list));
  stage.Finish();
}

}  // namespace stressd::kernels
