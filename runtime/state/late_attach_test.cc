// What a thread meets that comes back after its thread state was shut down: a refusal,
// or, where the embedder asked for it, an endless sleep.

#include <atomic>
#include <barrier>
#include <memory>
#include <thread>

#include "gtest/gtest.h"
#include "runtime/state/state_testing.h"

namespace rt {
namespace {

// Lives as long as threads that never end: for ever.
struct Late {
  std::barrier<> meet{2};
  std::atomic<int> returned_count = 0;
};

std::unique_ptr<Runtime> MakeRuntime(LateAttach late_attach) {
  RuntimeConfig config;
  config.late_attach = late_attach;
  return Runtime::Create(config);
}

void AwaitHanging(uint64_t count) {
  while (HangingThreadCount() < count) std::this_thread::yield();
}

TEST(LateAttachTest, IsRefusedByDefault) {
  std::unique_ptr<Runtime> runtime = MakeRuntime(LateAttach::kRefuse);
  ThreadState* const thread = NewThreadState(*runtime->main_interpreter());
  const uint64_t hanging = HangingThreadCount();
  ASSERT_TRUE(runtime->Finalize());
  std::thread([&] { EXPECT_FALSE(Attach(*thread)); }).join();
  EXPECT_EQ(HangingThreadCount(), hanging);
  ReleaseThreadState(thread);
}

TEST(LateAttachTest, AttachHangsWhereTheEmbedderAskedForIt) {
  static Late late;
  const uint64_t hanging = HangingThreadCount();
  std::unique_ptr<Runtime> runtime = MakeRuntime(LateAttach::kHang);
  static ThreadState* thread = nullptr;
  thread = NewThreadState(*runtime->main_interpreter());
  ASSERT_TRUE(runtime->Finalize());
  runtime.reset();  // Hanging needs nothing of the runtime.
  std::thread([] {
    (void)Attach(*thread);
    ++late.returned_count;
  }).detach();
  AwaitHanging(hanging + 1);
  EXPECT_EQ(late.returned_count, 0);
}

// In the middle of work, and while it waits for its turn to stop the world: neither
// keeps the finalizer waiting.
TEST(LateAttachTest, SafePointsAndStopsHangToo) {
  for (const bool stops : {false, true}) {
    auto* const late = new Late;  // Never freed: its thread never ends.
    const uint64_t hanging = HangingThreadCount();
    std::unique_ptr<Runtime> runtime = MakeRuntime(LateAttach::kHang);
    Interpreter* const interpreter = runtime->main_interpreter();
    std::thread([late, stops, interpreter] {
      ThreadState* const thread = NewThreadState(*interpreter);
      EXPECT_TRUE(Attach(*thread));
      late->meet.arrive_and_wait();
      for (;;) {
        if (!stops) {
          if (!SafePoint(*thread)) break;
        } else {
          if (!StopTheWorld(*thread, StopScope::kInterpreter)) break;
          StartTheWorld(*thread);
        }
      }
      ++late->returned_count;
    }).detach();
    late->meet.arrive_and_wait();
    ASSERT_TRUE(runtime->Finalize());
    runtime.reset();
    AwaitHanging(hanging + 1);
    EXPECT_EQ(late->returned_count, 0);
    // LeakSanitizer finds it on the stack of its thread.
  }
}

}  // namespace
}  // namespace rt
