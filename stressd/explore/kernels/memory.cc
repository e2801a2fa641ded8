// Kernels of heaps, weak references and collections.
//
//   heap-adopt      a thread leaves its heaps, the next one takes them, a third one frees
//   foreign-free    a block dies in a foreign thread while its owner allocates
//   page-hold       a page gets empty and is wanted for something else, under a reader
//   weak-get        a weak reference is read while its referent dies and another one is made
//   create-collect  a thread state is made and dies while another one collects
//   collect-twice   two threads want to collect
//   queue-collect   a collection finds what was queued for an owner that it stopped

#include <cstdint>
#include <vector>

#include "runtime/object/merge_queue.h"
#include "stressd/explore/kernels/kernels.h"
#include "stressd/explore/kernels/stage.h"

namespace stressd::kernels {
namespace {

rt::Object* NewInstance(rt::ThreadState& thread, rt::TypeObject* type) {
  rt::Object* const object = rt::AsObject(rt::InstanceNew(thread, type));
  Judge(object != nullptr, "no memory for an instance");
  return object;
}

}  // namespace

void HeapAdopt() {
  Stage stage;
  rt::ThreadState& leaver = stage.NewActor();
  rt::ThreadState& other = stage.NewActor();
  rt::ThreadState& heir = stage.NewColdActor();
  rt::Object* object = nullptr;
  stage.As(leaver, [&] { object = rt::AsObject(rt::ListNew(leaver)); });
  Judge(object != nullptr, "no memory for a list");
  stage.As(leaver, [&] { rt::Incref(leaver, object); });
  stage.Strike({[&] {
                  Judge(rt::Attach(leaver), "attach");
                  rt::Decref(leaver, object);
                  stage.Leave(leaver);
                },
                [&] {
                  Judge(rt::Attach(other), "attach");
                  rt::Decref(other, object);  // A block of the leaver's heap dies here.
                  rt::Detach(other);
                },
                [&] {
                  Judge(rt::Attach(heir), "attach");
                  rt::Object* const mine = rt::AsObject(rt::ListNew(heir));  // Adopts.
                  Judge(mine != nullptr, "no memory for the heir");
                  rt::Decref(heir, mine);
                  rt::Detach(heir);
                }});
  stage.Finish();
}

void CreateCollect() {
  Stage stage;
  rt::ThreadState& collector = stage.NewActor();
  stage.Strike({[&] {
                  Judge(rt::Attach(collector), "attach");
                  const rt::CollectStatus status = rt::Collect(collector).status;
                  Judge(status == rt::CollectStatus::kDone, "no collection");
                  rt::Detach(collector);
                },
                [&] {
                  rt::ScopedThreadState life(stage.interpreter());
                  Judge(static_cast<bool>(life), "no thread state");
                  rt::List* const list = rt::ListNew(*life);
                  Judge(list != nullptr && rt::ListAppend(*life, list, rt::AsObject(list)),
                        "no memory for a cycle");
                  rt::Decref(*life, rt::AsObject(list));  // Garbage from here on.
                }});
  Judge(rt::Collect(stage.director()).status == rt::CollectStatus::kDone, "no collection");
  stage.Finish();
}

void CollectTwice() {
  Stage stage;
  rt::TypeObject* const type = stage.NewMortalType();
  rt::ThreadState* const collectors[] = {&stage.NewActor(), &stage.NewActor()};
  auto* const garbage = rt::InstanceNew(stage.director(), type);
  rt::InstanceSet(stage.director(), garbage, 0, rt::AsObject(garbage));
  rt::Decref(stage.director(), rt::AsObject(garbage));
  int done_count[2] = {};
  const auto collect = [&](int index) {
    Perform(*collectors[index], [&] {
      const rt::CollectStatus status = rt::Collect(*collectors[index]).status;
      Judge(status == rt::CollectStatus::kDone || status == rt::CollectStatus::kBusy,
            "neither a collection nor one that another thread is at");
      done_count[index] = status == rt::CollectStatus::kDone ? 1 : 0;
    });
  };
  stage.Strike({[&] { collect(0); }, [&] { collect(1); }});
  Judge(done_count[0] + done_count[1] > 0, "nobody collected");
  Judge(stage.deaths() == 1, "garbage was not finalized exactly once");
  rt::Decref(stage.director(), rt::AsObject(type));
  stage.Finish();
}

void QueueCollect() {
  Stage stage;
  rt::TypeObject* const type = stage.NewMortalType();
  rt::ThreadState& owner = stage.NewActor();
  rt::ThreadState& other = stage.NewActor();
  // The second one is none of the collector's: only who merges it can destroy it.
  rt::Object* object = nullptr;
  rt::Object* number = nullptr;
  stage.As(owner, [&] {
    object = NewInstance(owner, type);
    number = rt::AsObject(rt::NumberNew(owner, 1));
  });
  stage.Strike({[&] {
                  Judge(rt::Attach(owner), "attach");
                  Judge(rt::SafePoint(owner), "safe point");
                  rt::Detach(owner);
                },
                [&] {
                  Perform(other, [&] {
                    rt::Decref(other, object);  // The owner's: they queue.
                    rt::Decref(other, number);
                    Judge(rt::Collect(other).status == rt::CollectStatus::kDone, "no collection");
                  });
                }});
  Judge(stage.deaths() == 1, "what was queued did not die exactly once");
  rt::Decref(stage.director(), rt::AsObject(type));
  stage.Finish();
}

void ForeignFree() {
  Stage stage;
  rt::TypeObject* const type = stage.NewMortalType();
  // Neighbours: their ids differ by one.
  rt::ThreadState& owner = stage.NewActor();
  rt::ThreadState& other = stage.NewActor();
  rt::Object* object = nullptr;
  stage.As(owner, [&] { object = NewInstance(owner, type); });
  stage.As(other, [&] { rt::Incref(other, object); });
  stage.As(owner, [&] { rt::Decref(owner, object); });  // The last one is the other's.
  const auto make_and_drop = [&](rt::ThreadState& thread) {
    rt::Decref(thread, NewInstance(thread, type));
  };
  stage.Strike({[&] {
                  Perform(owner, [&] {
                    make_and_drop(owner);
                    make_and_drop(owner);
                  });
                },
                [&] { Perform(other, [&] { rt::Decref(other, object); }); }});
  rt::Decref(stage.director(), rt::AsObject(type));
  stage.Finish();
  Judge(stage.deaths() == 3, "the instances did not die exactly once each");
}

void PageHold() {
  Stage stage;
  rt::TypeSpec spec;
  spec.slot_count = 1;
  rt::TypeObject* const type = rt::TypeNew(stage.director(), spec);
  Judge(type != nullptr, "no memory for a type");
  rt::ThreadState& reader = stage.NewActor();
  rt::ThreadState& writer = stage.NewActor();
  rt::List* const list = rt::ListNew(stage.director(), 1);
  std::vector<rt::Object*> others;
  stage.As(writer, [&] {
    // A page full of instances, and then the two first blocks of the next one: the
    // second is the list's, and the only one that stays. (A page is 64 KiB; the last page
    // of a size class would not be given up.)
    constexpr int kPageShift = 16;
    const auto page_of = [](rt::Object* object) {
      return reinterpret_cast<uintptr_t>(object) >> kPageShift;
    };
    do {
      others.push_back(NewInstance(writer, type));
    } while (page_of(others.back()) == page_of(others.front()));
    rt::Object* const only = NewInstance(writer, type);
    Judge(page_of(only) == page_of(others.back()), "not the page that was expected");
    for (rt::Object* drop : {others.back(), others.front()}) rt::Decref(writer, drop);
    others.pop_back();
    others.erase(others.begin());
    Judge(rt::ListAppend(writer, list, only), "no memory to append");
    rt::Decref(writer, only);
  });
  stage.Strike({[&] {
                  Perform(reader, [&] {
                    rt::Object* const item = rt::ListGet(reader, list, 0);
                    Judge(item != nullptr, "the item is gone");
                    Judge(rt::IsInstance(item) || rt::IsNumber(item), "an item of another kind");
                    rt::Decref(reader, item);
                  });
                },
                [&] {
                  Perform(writer, [&] {
                    rt::Object* const number = rt::AsObject(rt::NumberNew(writer, 1));
                    Judge(rt::ListSet(writer, list, 0, number), "no item to replace");
                    // Of another size: it wants a page.
                    const std::vector<rt::Object*> items(64, number);
                    rt::Tuple* const tuple = rt::TupleNew(writer, items.data(), 64);
                    Judge(tuple != nullptr, "no memory for a tuple");
                    rt::Decref(writer, number);
                    rt::Decref(writer, rt::AsObject(tuple));
                  });
                }});
  stage.As(writer, [&] {
    for (rt::Object* other : others) rt::Decref(writer, other);
  });
  rt::Decref(stage.director(), rt::AsObject(list));
  rt::Decref(stage.director(), rt::AsObject(type));
  stage.Finish();
}

void WeakGet() {
  Stage stage;
  // Large, so that a page is given out four blocks at a time, and then again what died.
  rt::TypeSpec spec;
  spec.slot_count = 110;
  spec.weakly_referable = true;
  rt::TypeObject* const wanted = rt::TypeNew(stage.director(), spec);
  rt::TypeObject* const unwanted = rt::TypeNew(stage.director(), spec);
  Judge(wanted != nullptr && unwanted != nullptr, "no memory for types");
  rt::ThreadState& reader = stage.NewActor();
  rt::ThreadState& writer = stage.NewActor();
  rt::Object* kept[3] = {};
  rt::Object* referent = nullptr;
  rt::WeakReference* reference = nullptr;
  stage.As(writer, [&] {
    for (rt::Object*& one : kept) one = NewInstance(writer, wanted);
    referent = NewInstance(writer, wanted);
    reference = rt::WeakReferenceNew(writer, referent);
    Judge(reference != nullptr, "no memory for a weak reference");
  });
  rt::Object* next = nullptr;
  rt::WeakReference* next_reference = nullptr;
  stage.Strike({[&] {
                  Perform(reader, [&] {
                    rt::Object* const found = rt::WeakReferenceGet(reader, reference);
                    if (found == nullptr) return;
                    Judge(rt::TypeOf(found) == wanted, "a weak reference found a stranger");
                    rt::Decref(reader, found);
                  });
                },
                [&] {
                  Perform(writer, [&] {
                    rt::Decref(writer, referent);
                    next = NewInstance(writer, unwanted);  // Where the referent was.
                    next_reference = rt::WeakReferenceNew(writer, next);
                    Judge(next_reference != nullptr, "no memory for a weak reference");
                  });
                }});
  stage.As(writer, [&] {
    rt::Decref(writer, &reference->header);
    rt::Decref(writer, next);
    rt::Decref(writer, &next_reference->header);
    for (rt::Object* one : kept) rt::Decref(writer, one);
  });
  rt::Decref(stage.director(), rt::AsObject(wanted));
  rt::Decref(stage.director(), rt::AsObject(unwanted));
  stage.Finish();
}

}  // namespace stressd::kernels
