// Kernels of lock-free readers.
//
//   attach-poll        QSBR by itself: what a reader reads is not freed under it
//   freelist-probe     a reader tries a number that dies and is made again elsewhere
//   list-resize        a reader of a list while an append replaces the array
//   seal-again         delayed frees behind others of their chunk get a goal of their own
//   frees-left-behind  a thread exits with delayed frees that a reader pins

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "runtime/qsbr/qsbr.h"
#include "stressd/explore/kernels/kernels.h"
#include "stressd/explore/kernels/stage.h"

namespace stressd::kernels {
namespace {

constexpr int64_t kValue = 41;

void* AllocateSlots(std::size_t bytes, std::size_t alignment) {
  return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

// Appends a number: with a full list a new array, and an old one to free later.
void Append(rt::ThreadState& writer, rt::List* list, int64_t value) {
  rt::Object* const next = rt::AsObject(rt::NumberNew(writer, value));
  Judge(rt::ListAppend(writer, list, next), "no memory to grow");
  rt::Decref(writer, next);
}

// Puts a number in place of another one, which may die. Readers may try it from the start.
void Replace(rt::ThreadState& writer, rt::List* list, int64_t index, int64_t value) {
  rt::Object* const next = rt::AsObject(rt::NumberNew(writer, value));
  rt::SetMaybeWeakref(next);
  Judge(rt::ListSet(writer, list, index, next), "no item to replace");
  rt::Decref(writer, next);
}

// A list of one number, in the hands of the director.
rt::List* NewList(Stage& stage) {
  rt::List* const list = rt::ListNew(stage.director(), 1);
  Judge(list != nullptr, "no memory for a list");
  Append(stage.director(), list, kValue);
  return list;
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
  // The sequence wraps at the first advance.
  rt::QsbrShared qsbr({&AllocateSlots, &free}, ~rt::QsbrSequence{0});
  rt::QsbrSlot* const writer = qsbr.Reserve(2);
  // The last slot of a block is the reader's: a scan must see every one.
  rt::QsbrSlot* reader = writer;
  std::vector<rt::QsbrSlot*> idle;
  while (qsbr.slots_in_use_count() < qsbr.slot_capacity_count()) {
    if (reader != writer) idle.push_back(reader);
    reader = qsbr.ReserveLast(3 + idle.size());
    Judge(reader != nullptr, "no memory for slots");
  }
  auto* const first = new int64_t(kValue);
  auto* const second = new int64_t(kValue + 1);
  rt::Atomic<int64_t*> shared(first);
  bool freed = false;
  RunTogether({[&] {
                 const auto read = [&] {
                   // acquire, with the release exchange below: the value is there.
                   const int64_t* const seen = shared.load(std::memory_order_acquire);
                   // A free before the next quiescent state is a use after free.
                   Judge(*seen == kValue || *seen == kValue + 1, "a reader read what was freed");
                 };
                 qsbr.Attach(*reader);
                 read();
                 qsbr.QuiescentState(*reader);
                 read();
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
  for (rt::QsbrSlot* slot : idle) qsbr.Release(slot);
  qsbr.Release(reader);
  qsbr.Release(writer);
}

void FreelistProbe() {
  Stage stage;
  rt::List* const list = NewList(stage);
  Append(stage.director(), list, kValue + 1);
  rt::ThreadState& reader = stage.NewActor();
  rt::ThreadState& writer = stage.NewActor();
  constexpr int64_t kOther = 97;  // Never at index 0.
  stage.Strike({[&] { Perform(reader, [&] { ReadItem(reader, list, 0); }); },
                [&] {
                  Perform(writer, [&] {
                    Replace(writer, list, 0, kValue + 1);
                    // What died at index 0 may be this one.
                    Replace(writer, list, 1, kOther);
                  });
                }});
  rt::Decref(stage.director(), rt::AsObject(list));
  stage.Finish();
}

void ListResize() {
  Stage stage;
  // Every append replaces the array, and every array that is replaced is due at once.
  TakeSlowPaths({"object.list_growth", "alloc.delayed_chunk_full"});
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
                    Append(writer, list, kValue + 1);
                    Judge(rt::SafePoint(writer), "safe point");
                    (void)writer.delayed_free.Process();
                  });
                }});
  Judge(rt::ListSize(list) == 2, "an item was lost");
  rt::Decref(stage.director(), rt::AsObject(list));
  stage.Finish();
}

void SealAgain() {
  Stage stage;
  TakeSlowPaths({"object.list_growth"});
  rt::List* const list = NewList(stage);
  rt::ThreadState& reader = stage.NewActor();
  rt::ThreadState& writer = stage.NewActor();
  stage.As(writer, [&] {
    // One entry of a chunk has its goal, which is reached when the strike begins.
    Append(writer, list, kValue + 1);
    (void)writer.delayed_free.Process();
  });
  stage.Strike({[&] { Perform(reader, [&] { ReadItem(reader, list, 0); }); },
                [&] {
                  Perform(writer, [&] {
                    Append(writer, list, kValue + 1);  // A second entry behind it.
                    for (int turn = 0; turn < 3; ++turn) (void)writer.delayed_free.Process();
                  });
                }});
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
                  Append(leaver, list, kValue + 1);
                  stage.Leave(leaver);  // With the old array, which the reader may read.
                },
                [&] { Perform(heir, [&] { Judge(rt::SafePoint(heir), "safe point"); }); }});
  rt::Decref(stage.director(), rt::AsObject(list));
  stage.Finish();
}

}  // namespace stressd::kernels
