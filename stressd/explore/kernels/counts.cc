// Kernels of biased reference counting.
//
//   decref-merge    the owner's last drop and a foreign one: one of them destroys
//   queued-merge    a foreign drop that only the owner's count covers goes to its queue
//   merged-reuse    who sees a merged count drops it to 0 and makes the next object there
//   queued-immortal the owner makes an object immortal that another thread drops
//   owner-exit      the same, and the owner's life ends
//   blocked-owner   the owner is away: who drops merges for it, while it comes back
//   count-id-reuse  a type dies, and its id goes to the next one, while another thread
//                   still has counts of the first in its array

#include "stressd/explore/kernels/kernels.h"
#include "stressd/explore/kernels/stage.h"

namespace stressd::kernels {
namespace {

// An instance that `owner` made and holds once, and that `others` hold once each.
rt::Object* NewShared(Stage& stage, rt::TypeObject* type, rt::ThreadState& owner,
                      std::initializer_list<rt::ThreadState*> others) {
  rt::Object* object = nullptr;
  stage.As(owner, [&] { object = rt::AsObject(rt::InstanceNew(owner, type)); });
  Judge(object != nullptr, "no memory for an instance");
  for (rt::ThreadState* other : others) {
    stage.As(*other, [&] { rt::Incref(*other, object); });
  }
  return object;
}

void FinishWithOneDeath(Stage& stage, rt::TypeObject* type) {
  rt::Decref(stage.director(), rt::AsObject(type));
  stage.Finish();
  Judge(stage.deaths() == 1, "the object did not die exactly once");
}

}  // namespace

void DecrefMerge() {
  Stage stage;
  // Plain: each holder writes its own before it drops, who destroys reads both.
  struct Legacy {
    int64_t of_owner = 0;
    int64_t of_other = 0;
    int64_t sum = 0;
  } legacy;
  rt::TypeSpec spec;
  spec.name = "legacy";
  spec.finalizer = [](rt::ObjectThread& /*thread*/, rt::Instance* /*instance*/, void* context) {
    auto* const left = static_cast<Legacy*>(context);
    left->sum += left->of_owner + left->of_other;
  };
  spec.finalizer_context = &legacy;
  rt::TypeObject* const type = rt::TypeNew(stage.director(), spec);
  Judge(type != nullptr, "no memory for a type");
  rt::ThreadState& owner = stage.NewActor();
  rt::ThreadState& other = stage.NewActor();
  rt::Object* const object = NewShared(stage, type, owner, {&other});
  const auto drop = [&](rt::ThreadState& actor, int64_t& mine) {
    Perform(actor, [&] {
      mine = 1;
      rt::Decref(actor, object);
    });
  };
  stage.Strike({[&] { drop(owner, legacy.of_owner); }, [&] { drop(other, legacy.of_other); }});
  rt::Decref(stage.director(), rt::AsObject(type));
  stage.Finish();
  Judge(legacy.sum == 2, "the object did not die exactly once, with all that was left");
}

void QueuedMerge() {
  Stage stage;
  rt::TypeObject* const type = stage.NewMortalType();
  rt::ThreadState& owner = stage.NewActor();
  rt::ThreadState& other = stage.NewActor();
  rt::Object* const object = NewShared(stage, type, owner, {});
  stage.As(owner, [&] { rt::Incref(owner, object); });  // For `other` to drop: it queues.
  stage.Strike({[&] {
                  Judge(rt::Attach(owner), "attach");
                  rt::Incref(owner, object);
                  Judge(rt::SafePoint(owner), "safe point");
                  rt::Decref(owner, object);
                  rt::Decref(owner, object);
                  rt::Detach(owner);
                },
                [&] { Perform(other, [&] { rt::Decref(other, object); }); }});
  FinishWithOneDeath(stage, type);
}

void MergedReuse() {
  Stage stage;
  rt::ThreadState& owner = stage.NewActor();
  rt::ThreadState& other = stage.NewActor();
  rt::Object* number = nullptr;
  stage.As(owner, [&] {
    number = rt::AsObject(rt::NumberNew(owner, 1));
    // All of them for `other` to drop: the first one queues.
    for (int more = 0; more < 2; ++more) rt::Incref(owner, number);
  });
  rt::Object* next = nullptr;
  stage.Strike({[&] {
                  Judge(rt::Attach(owner), "attach");
                  Judge(rt::SafePoint(owner), "safe point");
                  rt::Detach(owner);
                },
                [&] {
                  Perform(other, [&] {
                    for (int drop = 0; drop < 3; ++drop) rt::Decref(other, number);
                    // The same block, if the number died here.
                    next = rt::AsObject(rt::NumberNew(other, 2));
                    rt::Incref(other, next);
                  });
                }});
  stage.As(other, [&] {
    Judge(rt::TrueCount(next) == 2, "a new number has a count that nobody gave it");
    for (int drop = 0; drop < 2; ++drop) rt::Decref(other, next);
  });
  stage.Finish();
}

void QueuedImmortal() {
  Stage stage;
  rt::ThreadState& owner = stage.NewActor();
  rt::ThreadState& other = stage.NewActor();
  rt::Object* number = nullptr;
  stage.As(owner, [&] {
    number = rt::AsObject(rt::NumberNew(owner, 1));
    rt::Incref(owner, number);  // For `other` to drop: it queues.
  });
  bool immortal = false;
  stage.Strike({[&] {
                  Judge(rt::Attach(owner), "attach");
                  immortal = rt::MakeImmortal(owner, number);
                  Judge(rt::SafePoint(owner), "safe point");
                  rt::Detach(owner);
                },
                [&] { Perform(other, [&] { rt::Decref(other, number); }); }});
  // Of an immortal object nothing is counted, of the other one this is the last.
  stage.As(owner, [&] { rt::Decref(owner, number); });
  stage.Finish(immortal ? 1 : 0);
}

void OwnerExit() {
  Stage stage;
  rt::TypeObject* const type = stage.NewMortalType();
  rt::ThreadState& owner = stage.NewActor();
  rt::ThreadState& other = stage.NewActor();
  rt::Object* const object = NewShared(stage, type, owner, {});
  stage.As(owner, [&] { rt::Incref(owner, object); });  // For `other` to drop: it queues.
  stage.Strike({[&] {
                  Judge(rt::Attach(owner), "attach");
                  rt::Decref(owner, object);
                  stage.Leave(owner);
                },
                [&] { Perform(other, [&] { rt::Decref(other, object); }); }});
  FinishWithOneDeath(stage, type);
}

void BlockedOwner() {
  Stage stage;
  rt::TypeObject* const type = stage.NewMortalType();
  rt::ThreadState& owner = stage.NewActor();
  rt::ThreadState& other = stage.NewActor();
  rt::Object* const first = NewShared(stage, type, owner, {});
  rt::Object* const second = NewShared(stage, type, owner, {});
  stage.Strike({[&] { Perform(owner, [] {}); },
                [&] {
                  Perform(other, [&] {
                    rt::Decref(other, first);
                    rt::Decref(other, second);
                  });
                }});
  rt::Decref(stage.director(), rt::AsObject(type));
  stage.Finish();
  Judge(stage.deaths() == 2, "the objects did not die exactly once each");
}

void CountIdReuse() {
  Stage stage;
  rt::TypeObject* const old_type = stage.NewMortalType();
  rt::ThreadState& user = stage.NewActor();
  rt::ThreadState& other = stage.NewActor();
  rt::Object* instance = nullptr;
  // A foreign user, so that the type gets an id and `user` an array.
  stage.As(user, [&] { instance = rt::AsObject(rt::InstanceNew(user, old_type)); });
  rt::Object* made = nullptr;
  stage.Strike({[&] {
                  Judge(rt::Attach(user), "attach");
                  rt::Decref(user, instance);  // Takes one off in the array.
                  rt::Detach(user);
                },
                [&] {
                  Judge(rt::Attach(other), "attach");
                  // Merges the arrays: the old type may die, and its id is free.
                  rt::Decref(other, rt::AsObject(old_type));
                  (void)rt::Collect(other);
                  rt::TypeSpec spec;
                  spec.name = "next";
                  rt::TypeObject* const next = rt::TypeNew(other, spec);
                  Judge(next != nullptr, "no memory for a type");
                  made = rt::AsObject(rt::InstanceNew(other, next));
                  rt::Decref(other, rt::AsObject(next));
                  rt::Detach(other);
                }});
  stage.As(user, [&] {
    // With the new type's id, if it has one.
    rt::Object* const mine =
        rt::AsObject(rt::InstanceNew(user, reinterpret_cast<rt::TypeObject*>(made->type)));
    rt::Decref(user, mine);
  });
  rt::Decref(stage.director(), made);
  Judge(rt::Collect(stage.director()).status == rt::CollectStatus::kDone, "no collection");
  stage.Finish();
  Judge(stage.deaths() == 1, "the instance did not die exactly once");
}

}  // namespace stressd::kernels
