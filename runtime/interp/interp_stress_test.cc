// Threads over a few interpreters that come and go: everybody sends, takes, creates and
// destroys at once; in the end every datum was released exactly once.

#include <array>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/sanitizer.h"
#include "runtime/interp/interp_testing.h"

namespace rt {
namespace {

constexpr int kThreads = 6;
constexpr size_t kPlaces = 3;  // Interpreters at a time.
constexpr int kSteps = (kAddressSanitizer || kThreadSanitizer) ? 250 : 1200;

struct Traffic {
  World world;
  std::array<std::atomic<uint64_t>, kPlaces> places;
  std::array<uint64_t, 3> queues;
  std::atomic<int64_t> opaque_made = 0;
  std::atomic<int64_t> opaque_released = 0;
  std::atomic<int64_t> destroyed = 0;
  std::atomic<int64_t> received = 0;
  std::atomic<int64_t> refused = 0;
};

void CountRelease(void* data, ThreadState* origin) {
  if (origin != nullptr) {
    EXPECT_EQ(CurrentThreadState(), origin);
  }
  ++static_cast<Traffic*>(data)->opaque_released;
}

CrossData MakeAny(Traffic& traffic, ThreadState& thread, uint32_t draw) {
  Exchange& exchange = *traffic.world.exchange;
  switch (draw % 4) {
    case 0:
      return CrossData::MakeInteger(exchange, thread, static_cast<int64_t>(draw));
    case 1:
      return CrossData::MakeBytes(exchange, thread, std::string(draw % 200, 's'));
    case 2: {
      const SharedMemory memory = SharedMemory::Create(exchange, 32);
      return CrossData::MakeMemory(exchange, thread, memory);
    }
    default:
      ++traffic.opaque_made;
      return CrossData::MakeOpaque(exchange, thread, &traffic, CountRelease);
  }
}

// A few puts and gets, attached in some interpreter.
void Trade(Traffic& traffic, ThreadState& thread, std::mt19937& random) {
  Exchange& exchange = *traffic.world.exchange;
  for (int i = 0; i < 4; ++i) {
    const uint64_t queue = traffic.queues[random() % traffic.queues.size()];
    // Short waits, so that everybody meets full and empty queues.
    const int64_t timeout_ns = random() % 2 == 0 ? 0 : 20'000;
    if (random() % 2 == 0) {
      CrossData data = MakeAny(traffic, thread, static_cast<uint32_t>(random()));
      const ExchangeStatus status = PutInQueue(exchange, thread, queue, data, timeout_ns);
      ASSERT_TRUE(status == ExchangeStatus::kOk || status == ExchangeStatus::kTimedOut);
    } else {
      CrossData data;
      const ExchangeStatus status = GetFromQueue(exchange, thread, queue, &data, timeout_ns);
      ASSERT_TRUE(status == ExchangeStatus::kOk || status == ExchangeStatus::kTimedOut);
      if (status == ExchangeStatus::kOk) ++traffic.received;
    }
    ASSERT_TRUE(SafePoint(thread));
  }
}

void Work(Traffic& traffic, uint32_t seed) {
  std::mt19937 random(seed);
  Runtime& runtime = *traffic.world.runtime;
  for (int step = 0; step < kSteps; ++step) {
    std::atomic<uint64_t>& place = traffic.places[random() % kPlaces];
    const uint64_t id = place.load();
    if (random() % 8 == 0) {
      if (DestroyInterpreter(runtime, id) == InterpreterStatus::kOk) {
        ++traffic.destroyed;
        place.store(traffic.world.NewInterpreter());
      } else {
        ++traffic.refused;
      }
      continue;
    }
    const RunResult result =
        RunIn(runtime, id, [&](ThreadState& thread) { Trade(traffic, thread, random); });
    if (!result.called) ++traffic.refused;
    if (seed == 1 && step % 64 == 0) traffic.world.exchange->CheckInvariantsWorldStopped();
  }
}

TEST(InterpStressTest, EveryDatumIsReleasedOnce) {
  Traffic traffic;
  for (std::atomic<uint64_t>& place : traffic.places) place = traffic.world.NewInterpreter();
  const QueueConfig configs[] = {{.capacity = 0, .orphans = OrphanPolicy::kDrop},
                                 {.capacity = 4, .orphans = OrphanPolicy::kKeep},
                                 {.capacity = 1, .orphans = OrphanPolicy::kDrop}};
  for (size_t i = 0; i < traffic.queues.size(); ++i) {
    ASSERT_EQ(CreateQueue(*traffic.world.exchange, configs[i], &traffic.queues[i]),
              ExchangeStatus::kOk);
  }
  std::vector<std::thread> threads;
  for (uint32_t w = 0; w < kThreads; ++w) {
    threads.emplace_back([&traffic, w] { Work(traffic, w + 1); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const uint64_t queue : traffic.queues) {
    EXPECT_EQ(DestroyQueue(*traffic.world.exchange, queue), ExchangeStatus::kOk);
  }
  for (const std::atomic<uint64_t>& place : traffic.places) {
    EXPECT_EQ(DestroyInterpreter(*traffic.world.runtime, place), InterpreterStatus::kOk);
  }
  EXPECT_GT(traffic.destroyed, 0);
  EXPECT_GT(traffic.received, 0);
  EXPECT_EQ(traffic.opaque_released, traffic.opaque_made);
  EXPECT_EQ(traffic.world.runtime->interpreter_count(), 1u);
  EXPECT_EQ(traffic.world.runtime->ReadReferenceTotal(), 0);
  traffic.world.ExpectNothingLeft();
}

}  // namespace
}  // namespace rt
