#include "stressd/daemon/runs/run_watch.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace stressd::runs {
namespace {

RunRecord Snapshot(uint64_t sequence, RunState state = RunState::kRunning) {
  RunRecord run;
  run.id = 1;
  run.sequence = sequence;
  run.state = state;
  return run;
}

TEST(RunWatchTest, ASlowSubscriberGetsTheNewestSnapshotOnly) {
  int ready_count = 0;
  RunWatch watch([&] { ++ready_count; });
  for (uint64_t i = 1; i <= 100; ++i) watch.Publish(Snapshot(i));
  EXPECT_EQ(ready_count, 1);
  EXPECT_EQ(watch.Take()->sequence, 100u);
  EXPECT_FALSE(watch.Take().has_value());
  watch.Publish(Snapshot(101));
  EXPECT_EQ(ready_count, 2);
}

TEST(RunWatchTest, OlderSnapshotsAndThoseAfterTheFinalOneAreDropped) {
  RunWatch watch([] {});
  watch.Publish(Snapshot(5));
  watch.Publish(Snapshot(4));
  EXPECT_EQ(watch.Take()->sequence, 5u);
  watch.Publish(Snapshot(6, RunState::kFinished));
  watch.Publish(Snapshot(7, RunState::kFinished));
  EXPECT_EQ(watch.Take()->sequence, 6u);
  EXPECT_FALSE(watch.Take().has_value());
}

TEST(RunWatchTest, CancelFromWithinTheCallbackDoesNotWaitForItself) {
  RunWatch* self = nullptr;
  RunWatch watch([&] { self->Cancel(); });
  self = &watch;
  watch.Publish(Snapshot(1));
  EXPECT_FALSE(watch.Take().has_value());
}

// Publishers race with Take() and with the end of the subscriber: the callback
// must not touch what its owner freed after Cancel() (asan, tsan).
TEST(RunWatchTest, AfterCancelTheCallbackIsNeverEntered) {
  for (int round = 0; round < 50; ++round) {
    auto ready_count = std::make_unique<std::atomic<int>>(0);
    auto watch = std::make_shared<RunWatch>(
        [raw = ready_count.get()] { raw->fetch_add(1, std::memory_order_relaxed); });
    std::vector<std::thread> publishers;
    for (uint64_t t = 0; t < 3; ++t) {
      publishers.emplace_back([watch, t] {
        for (uint64_t i = 0; i < 100; ++i) watch->Publish(Snapshot(1 + t + 3 * i));
      });
    }
    uint64_t last = 0;
    for (int i = 0; i < 20; ++i) {
      const std::optional<RunRecord> run = watch->Take();
      if (!run.has_value()) continue;
      EXPECT_GT(run->sequence, last);
      last = run->sequence;
    }
    watch->Cancel();
    ready_count.reset();
    for (std::thread& each : publishers) each.join();
  }
}

}  // namespace
}  // namespace stressd::runs
