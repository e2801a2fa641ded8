#include "stressd/explore/kernels/stage.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "runtime/base/slow_path_point.h"
#include "stressd/explore/optional.h"

namespace stressd::kernels {
namespace {

bool g_runtimes_stay = false;  // Set before the first Stage.

std::vector<const char*> g_slow_paths;  // Written before the hook is installed.

void CountDeath(rt::ObjectThread& /*thread*/, rt::Instance* /*instance*/, void* context) {
  // relaxed: read after the strike's threads are joined.
  static_cast<rt::Atomic<int64_t>*>(context)->fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

void Judge(bool holds, const char* text) {
  if (holds) return;
  fprintf(stderr, "kernel: %s\n", text);
  abort();
}

void TakeSlowPaths(std::initializer_list<const char*> names) {
  g_slow_paths.assign(names);
  g_slow_paths.insert(g_slow_paths.end(), {"sync.park", "state.sleep"});
  (void)rt::SetSlowPathHook([](const char* name) {
    for (const char* wanted : g_slow_paths) {
      if (strcmp(wanted, name) == 0) return true;
    }
    return false;
  });
}

void RunTogether(std::initializer_list<std::function<void()>> parts) {
  std::vector<std::thread> threads;
  threads.reserve(parts.size());
  int number = 0;
  for (const std::function<void()>& part : parts) {
    if (stress_explore_keeps(number++) != 0) threads.emplace_back(part);
  }
  for (std::thread& thread : threads) thread.join();
}

bool Keeps(int index) { return stress_explore_keeps(kFirstOperationPart + index) != 0; }

void Perform(rt::ThreadState& actor, const std::function<void()>& action) {
  Judge(rt::Attach(actor), "an actor is not let in");
  action();
  rt::Detach(actor);
}

Stage::Stage(const rt::RuntimeConfig& config) : runtime_(rt::Runtime::Create(config)) {
  Judge(runtime_ != nullptr, "no memory for a runtime");
  TakeSlowPaths();
  // Collections come where a kernel asks for one.
  rt::EnableCollection(interpreter(), false);
  director_ = rt::NewThreadState(interpreter());
  Judge(director_ != nullptr && rt::Attach(*director_), "the director is not let in");
  rt::BalanceSnapshot start;
  Judge(interpreter().Snapshot(*director_, &start), "no first balance");
  block_count_at_start_ = start.LiveBlockCount();
}

void Stage::LeaveRuntimesStanding() { g_runtimes_stay = true; }

Stage::~Stage() {
  (void)rt::SetSlowPathHook(nullptr);
  if (g_runtimes_stay) {
    (void)runtime_.release();
    return;
  }
  rt::ClearThreadState(*director_, *director_);
  rt::DeleteThreadState(*director_, *director_);
}

rt::ThreadState& Stage::NewActor() {
  rt::ThreadState& actor = NewColdActor();
  As(actor, [&] {
    void* const block = rt::AllocateBlock(actor, rt::HeapKind::kObject, rt::kNumberBytes);
    Judge(block != nullptr, "no memory to warm an actor");
    rt::HeapFree(block);
  });
  return actor;
}

rt::ThreadState& Stage::NewColdActor() {
  rt::ThreadState* const thread = rt::NewThreadState(interpreter());
  Judge(thread != nullptr, "no memory for an actor");
  actors_.push_back(std::make_unique<Actor>());
  actors_.back()->thread = thread;
  actors_.back()->has_left.store(false, std::memory_order_relaxed);
  return *thread;
}

void Stage::As(rt::ThreadState& actor, const std::function<void()>& action) {
  rt::Detach(*director_);
  Perform(actor, action);
  Judge(rt::Attach(*director_), "the director is not let in again");
}

void Stage::Strike(std::initializer_list<std::function<void()>> parts) {
  rt::Detach(*director_);
  RunTogether(parts);
  Judge(rt::Attach(*director_), "the director is not let in after the strike");
}

void Stage::Leave(rt::ThreadState& actor) {
  for (const std::unique_ptr<Actor>& one : actors_) {
    // relaxed: read by the main thread after it joined us.
    if (one->thread == &actor) one->has_left.store(true, std::memory_order_relaxed);
  }
  rt::ClearThreadState(actor, actor);
  rt::DeleteThreadState(actor, actor);
}

rt::TypeObject* Stage::NewMortalType() {
  rt::TypeSpec spec;
  spec.name = "mortal";
  spec.slot_count = 1;
  spec.finalizer = &CountDeath;
  spec.finalizer_context = &death_count_;
  rt::TypeObject* const type = rt::TypeNew(*director_, spec);
  Judge(type != nullptr, "no memory for a type");
  return type;
}

int64_t Stage::deaths() const { return death_count_.load(std::memory_order_relaxed); }

void Stage::CheckInvariants() {
  Judge(rt::StopTheWorld(*director_, rt::StopScope::kInterpreter), "no stop for a check");
  interpreter().CheckInvariantsWorldStopped(*director_);
  rt::StartTheWorld(*director_);
}

void Stage::Finish(int64_t immortal_block_count) {
  for (const std::unique_ptr<Actor>& actor : actors_) {
    if (actor->has_left.load(std::memory_order_relaxed)) continue;
    rt::ClearThreadState(*director_, *actor->thread);
    rt::DeleteThreadState(*director_, *actor->thread);
    rt::ReleaseThreadState(actor->thread);
  }
  actors_.clear();
  // Twice: the first lets the sequences move, the second frees what waited for it.
  for (int turn = 0; turn < 2; ++turn) {
    Judge(interpreter().Quiesce(*director_) && rt::SafePoint(*director_), "no rest");
  }
  rt::BalanceSnapshot end;
  Judge(interpreter().Snapshot(*director_, &end), "no last balance");
  Judge(end.reference_total == 0, "references are left over, or missing");
  Judge(end.queued_object_count == 0, "an object waits for its owner for ever");
  Judge(end.delayed_free_count == 0, "a delayed free waits for ever");
  Judge(end.qsbr_slot_count == 1 && end.thread_state_count == 1, "a thread state is left over");
  Judge(end.LiveBlockCount() == block_count_at_start_ + immortal_block_count,
        "blocks are left over, or missing");
  CheckInvariants();
}

}  // namespace stressd::kernels
