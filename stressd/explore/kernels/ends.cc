// Kernels of the end of an interpreter, which one thread brings about while another
// one is in it, comes into it, or asks something of it from outside.
//
//   finalize-create  a thread state is made while its interpreter is finalized
//   destroy-stopper  a thread that waits in a stop, or for its turn to stop, is shut down
//   destroy-lease    a lease is taken by id while the interpreter is destroyed
//   destroy-post     a call is posted to an interpreter that is destroyed
//   post-run         a call is posted to one that lives, while a thread looks for it

#include <cstdint>

#include "stressd/explore/kernels/kernels.h"
#include "stressd/explore/kernels/stage.h"

namespace stressd::kernels {
namespace {

rt::Interpreter* NewInterpreter(Stage& stage) {
  rt::Interpreter* const interpreter = rt::Interpreter::Create(stage.runtime());
  Judge(interpreter != nullptr, "no second interpreter");
  return interpreter;
}

void JudgeLast(const rt::BalanceSnapshot& last) {
  Judge(last.reference_total == 0, "an interpreter ended with references");
  Judge(last.queued_object_count == 0 && last.delayed_free_count == 0,
        "an interpreter ended with something in a queue");
}

// A pending call that counts its runs.
struct CountedCall : rt::PendingCall {
  CountedCall() {
    run = [](rt::PendingCall* call, rt::ThreadState& /*thread*/) {
      // relaxed: read when the strike's threads are joined.
      static_cast<CountedCall*>(call)->run_count.fetch_add(1, std::memory_order_relaxed);
    };
  }
  rt::Atomic<int64_t> run_count{0};
};

}  // namespace

void FinalizeCreate() {
  Stage stage;
  rt::Interpreter* const interpreter = NewInterpreter(stage);
  stage.Strike({[&] {
                  // Refused, or shut down, or out again before the end begins.
                  rt::ScopedThreadState life(*interpreter);
                  if (!life) return;
                  Judge(!interpreter->is_finalizing() || rt::SafePoint(*life) == false,
                        "attached in a finalized interpreter");
                },
                [&] { Judge(interpreter->Finalize(), "not finalized"); }});
  Judge(interpreter->thread_state_count() == 0, "a thread state outlived the finalization");
  rt::BalanceSnapshot last;
  Judge(rt::Interpreter::Destroy(interpreter, &last), "not destroyed");
  JudgeLast(last);
  stage.Finish();
}

void DestroyStopper() {
  Stage stage;
  rt::Interpreter* const interpreter = NewInterpreter(stage);
  rt::ThreadState* const thread = rt::NewThreadState(*interpreter);
  Judge(thread != nullptr, "no thread state in the second interpreter");
  rt::BalanceSnapshot last;
  stage.Strike({[&] {
                  // Each of these may be refused: then the thread is out for good.
                  if (!rt::Attach(*thread)) return;
                  if (!rt::SafePoint(*thread)) return;
                  if (!rt::StopTheWorld(*thread, rt::StopScope::kInterpreter)) return;
                  rt::StartTheWorld(*thread);
                  if (rt::SafePoint(*thread)) rt::Detach(*thread);
                },
                [&] { Judge(rt::Interpreter::Destroy(interpreter, &last), "not destroyed"); }});
  Judge(rt::StatusOf(*thread) == rt::ThreadStatus::kShuttingDown,
        "a thread state was not shut down");
  rt::ReleaseThreadState(thread);
  JudgeLast(last);
  stage.Finish();
}

void DestroyLease() {
  Stage stage;
  rt::Interpreter* const interpreter = NewInterpreter(stage);
  const uint64_t id = interpreter->id();
  rt::InterpreterStatus destroyed = rt::InterpreterStatus::kNotFound;
  stage.Strike({[&] {
                  rt::InterpreterLease lease;
                  const rt::InterpreterStatus status =
                      rt::LeaseInterpreter(stage.runtime(), id, &lease);
                  if (status != rt::InterpreterStatus::kOk) return;
                  Judge(lease->id() == id, "a lease on a stranger");
                  Judge(!lease->is_finalizing(), "a leased interpreter ends");
                },
                [&] { destroyed = rt::DestroyInterpreter(stage.runtime(), id); }});
  if (destroyed == rt::InterpreterStatus::kLeased) {
    destroyed = rt::DestroyInterpreter(stage.runtime(), id);
  }
  Judge(destroyed == rt::InterpreterStatus::kOk, "an interpreter without leases lives on");
  stage.Finish();
}

void DestroyPost() {
  Stage stage;
  rt::Interpreter* const interpreter = NewInterpreter(stage);
  const uint64_t id = interpreter->id();
  CountedCall call;
  bool posted = false;
  rt::BalanceSnapshot last;
  stage.Strike({[&] { posted = rt::PostPendingCall(stage.runtime(), id, &call); },
                [&] { Judge(rt::Interpreter::Destroy(interpreter, &last), "not destroyed"); }});
  // relaxed: the strike's threads are joined.
  Judge(call.run_count.load(std::memory_order_relaxed) == (posted ? 1 : 0),
        "a call that was accepted did not run once, or one that was refused ran");
  JudgeLast(last);
  stage.Finish();
}

void PostRun() {
  Stage stage;
  rt::ThreadState& worker = stage.NewActor();
  CountedCall call;
  stage.Strike({[&] {
                  Judge(rt::Attach(worker), "attach");
                  Judge(rt::SafePoint(worker), "safe point");
                  rt::Detach(worker);
                },
                [&] {
                  Judge(rt::PostPendingCall(stage.runtime(), stage.interpreter().id(), &call),
                        "a living interpreter refuses a call");
                }});
  // Whoever has not run it must know that it waits.
  stage.CheckInvariants();
  stage.As(worker, [&] { Judge(rt::SafePoint(worker), "safe point"); });
  // relaxed: the strike's threads are joined.
  Judge(call.run_count.load(std::memory_order_relaxed) == 1, "a posted call did not run once");
  stage.Finish();
}

}  // namespace stressd::kernels
