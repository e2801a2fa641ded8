// What the kernels share: a runtime with a few actors, the strike, the judgement.
//
// Model.  A kernel is a program of two to four threads that meet in one hand-over of
// the core, made small so that the controlled engine can try its interleavings one by
// one. It sets up with one thread (nothing of that is scheduled), strikes once, and
// judges: exact balance, every invariant, whatever the kernel knows beside. A thread
// state belongs to an actor, not to an OS thread: so the set-up makes objects that an
// actor of the strike owns.
//   The judgement dies by abort(), which is what the engine takes for a finding;
// races, deadlocks and uses after free it finds by itself. Compiled without the
// engine a kernel strikes once with what the machine does.
// Thread safety.  A Stage belongs to the main thread; Strike() starts and joins.

#ifndef STRESSD_EXPLORE_KERNELS_STAGE_H_
#define STRESSD_EXPLORE_KERNELS_STAGE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

#include "runtime/interp/interp.h"
#include "runtime/runtime.h"

namespace stressd::kernels {

// Dies with `text` unless `holds`.
void Judge(bool holds, const char* text);

// Runs each of `parts` on an OS thread of its own, and returns when all have ended. The
// i-th of them is optional part i (stressd/explore/optional.h): left out, it has no thread.
void RunTogether(std::initializer_list<std::function<void()>> parts);

// Whether operation `index`, 0 to 47, of the kernel is there: a turn of a loop, or what else
// its judgement can do without. Optional part kFirstOperationPart + index.
inline constexpr int kFirstOperationPart = 16;
bool Keeps(int index);

// Attaches `actor` on the calling OS thread for `action`: a part of a strike.
void Perform(rt::ThreadState& actor, const std::function<void()>& action);

// From here on the slow path points of these names (runtime/base/slow_path_point.h) take
// their rarer way, and those at which a thread could spin or sleep: it sleeps. Turns of a
// spin loop tell the engine nothing, and what follows them would be out of its reach.
void TakeSlowPaths(std::initializer_list<const char*> names = {});

class Stage {
 public:
  explicit Stage(const rt::RuntimeConfig& config = {});
  // Destroys the runtime, unless LeaveRuntimesStanding() was called.
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  // From here on no Stage destroys its runtime: for a process that ends with its kernel.
  // The end of a runtime costs as much as the rest of a schedule, has one thread, and is
  // no business of kernels that do not bring it about themselves.
  static void LeaveRuntimesStanding();

  rt::Runtime& runtime() { return *runtime_; }
  rt::Interpreter& interpreter() { return *runtime_->main_interpreter(); }

  // The main thread's own thread state: attached, but for the time of Strike() and As().
  rt::ThreadState& director() { return *director_; }

  // A detached thread state for the strike. Deleted by Finish(), unless Leave() does. It has
  // heaps and a counter slot already, so that the strike is about nothing else; a new one's
  // first attach and first allocation are still to come.
  rt::ThreadState& NewActor();
  rt::ThreadState& NewColdActor();

  // Runs `action` on the main thread with `actor` attached, instead of the director.
  void As(rt::ThreadState& actor, const std::function<void()>& action);

  // RunTogether() with the director detached.
  void Strike(std::initializer_list<std::function<void()>> parts);

  // For an actor that ends its life within the strike: clears and deletes `actor`,
  // which is attached on the calling OS thread.
  void Leave(rt::ThreadState& actor);

  // A type whose instances count their deaths in deaths().
  rt::TypeObject* NewMortalType();
  int64_t deaths() const;

  // Deletes the actors, brings the interpreter to rest and judges: no reference, no
  // block and no entry of any queue but `immortal_block_count` blocks that stay for ever;
  // every invariant. Last call but the destructor.
  void Finish(int64_t immortal_block_count = 0);
  // The invariants alone, in a stop of the director's.
  void CheckInvariants();

 private:
  struct Actor {
    rt::ThreadState* thread;
    rt::Atomic<bool> has_left;
  };

  std::unique_ptr<rt::Runtime> runtime_;
  rt::ThreadState* director_ = nullptr;
  std::vector<std::unique_ptr<Actor>> actors_;
  rt::Atomic<int64_t> death_count_{0};
  int64_t block_count_at_start_ = 0;
};

}  // namespace stressd::kernels

#endif  // STRESSD_EXPLORE_KERNELS_STAGE_H_
