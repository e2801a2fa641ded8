// Cross-interpreter data: every kind, released once, in the right place.

#include "runtime/interp/cross_data.h"

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/fault_point.h"
#include "runtime/interp/interp_testing.h"

namespace rt {
namespace {

// An opaque datum's release writes down where it ran.
struct Released {
  int count = 0;
  uint64_t interpreter_id = 0;  // 0: the origin was gone.
};

void WriteDown(void* data, ThreadState* origin) {
  auto* const released = static_cast<Released*>(data);
  ++released->count;
  released->interpreter_id = origin == nullptr ? 0 : origin->interpreter->id();
  if (origin != nullptr) {
    EXPECT_EQ(CurrentThreadState(), origin);
  }
}

// Makes an opaque datum in `id`.
CrossData MakeThere(World& world, uint64_t id, Released* released) {
  CrossData data;
  EXPECT_TRUE(RunIn(*world.runtime, id, [&](ThreadState& thread) {
                data = CrossData::MakeOpaque(*world.exchange, thread, released, WriteDown);
              }).ok());
  EXPECT_TRUE(data);
  return data;
}

TEST(CrossDataTest, KindsCarryTheirPayload) {
  World world;
  {
    ScopedThreadState main(world.main());
    Exchange& exchange = *world.exchange;
    const CrossData integer = CrossData::MakeInteger(exchange, *main, -7);
    EXPECT_EQ(integer.integer(), -7);
    EXPECT_EQ(integer.origin_id(), world.main().id());
    std::string text(1000, 'x');
    const CrossData bytes = CrossData::MakeBytes(exchange, *main, text);
    text[0] = 'y';
    EXPECT_EQ(bytes.bytes(), std::string(1000, 'x')) << "a copy";
    EXPECT_EQ(CrossData::MakeBytes(exchange, *main, "").bytes(), "");
    SharedMemory memory = SharedMemory::Create(exchange, 64);
    const CrossData handle = CrossData::MakeMemory(exchange, *main, memory);
    memset(memory.data(), 'm', 64);
    memory = SharedMemory();
    EXPECT_EQ(handle.memory().size_bytes(), 64u);
    EXPECT_EQ(static_cast<const char*>(handle.memory().data())[63], 'm');
    EXPECT_EQ(exchange.Read().memory_count, 1);
    EXPECT_EQ(exchange.Read().live_count, 3);
    EXPECT_EQ(exchange.Read().live_bytes, 8 + 1000 + 64);
  }
  world.ExpectNothingLeft();
}

TEST(CrossDataTest, IsReleasedAtASafePointOfItsOrigin) {
  World world;
  const uint64_t origin = world.NewInterpreter();
  Released released;
  CrossData data = MakeThere(world, origin, &released);
  ScopedThreadState main(world.main());
  data.Release();
  EXPECT_FALSE(data);
  EXPECT_EQ(released.count, 0) << "not here";
  EXPECT_EQ(world.exchange->Read().pending_count, 1);
  EXPECT_TRUE(RunIn(*world.runtime, origin, [&](ThreadState& thread) {
                EXPECT_EQ(released.count, 0);
                EXPECT_TRUE(SafePoint(thread));
                EXPECT_EQ(released.count, 1);
              }).ok());
  EXPECT_EQ(released.interpreter_id, origin);
  EXPECT_EQ(world.exchange->Read().released_home_count, 1);
  world.ExpectNothingLeft();
}

// gh-109556: more than any ring takes, to an origin that rests; its end finds them all.
TEST(CrossDataTest, NoReleaseIsLostOnAnIdleOrigin) {
  World world;
  const uint64_t origin = world.NewInterpreter();
  std::vector<Released> released(1000);
  for (Released& each : released) MakeThere(world, origin, &each).Release();
  EXPECT_EQ(world.exchange->Read().pending_count, 1000);
  EXPECT_EQ(DestroyInterpreter(*world.runtime, origin), InterpreterStatus::kOk);
  for (const Released& each : released) {
    ASSERT_EQ(each.count, 1);
    ASSERT_EQ(each.interpreter_id, origin);
  }
  world.ExpectNothingLeft();
}

// gh-153713.
TEST(CrossDataTest, TheHolderReleasesWhatHasNoOriginAnyMore) {
  World world;
  const uint64_t origin = world.NewInterpreter();
  Released released;
  CrossData data = MakeThere(world, origin, &released);
  EXPECT_EQ(DestroyInterpreter(*world.runtime, origin), InterpreterStatus::kOk);
  EXPECT_EQ(released.count, 0) << "still in our hand";
  data.Release();
  EXPECT_EQ(released.count, 1);
  EXPECT_EQ(released.interpreter_id, 0u);
  EXPECT_EQ(world.exchange->Read().released_orphaned_count, 1);
  world.ExpectNothingLeft();
}

// An origin that reaches no safe point pins no unbounded memory.
TEST(CrossDataTest, TheBacklogIsBounded) {
  World world({.pending_limit_count = 10, .pending_limit_bytes = 1000});
  const uint64_t origin = world.NewInterpreter();
  std::vector<CrossData> data(100);
  EXPECT_TRUE(RunIn(*world.runtime, origin, [&](ThreadState& thread) {
                for (CrossData& each : data) {
                  each = CrossData::MakeBytes(*world.exchange, thread, std::string(200, 'b'));
                }
              }).ok());
  data.clear();
  EXPECT_EQ(world.exchange->Read().pending_count, 5) << "1000 bytes";
  EXPECT_EQ(world.exchange->Read().released_early_count, 95);
  EXPECT_EQ(DestroyInterpreter(*world.runtime, origin), InterpreterStatus::kOk);
  EXPECT_EQ(world.exchange->Read().released_home_count, 5);
  world.ExpectNothingLeft();
}

TEST(CrossDataTest, AnObjectInAHandKeepsItsInterpreter) {
  World world;
  const uint64_t origin = world.NewInterpreter();
  CrossData data;
  EXPECT_TRUE(RunIn(*world.runtime, origin, [&](ThreadState& thread) {
                Number* const number = NumberNew(thread, 123456789);
                EXPECT_FALSE(CrossData::MakeObject(*world.exchange, thread, AsObject(number)))
                    << "mortal";
                ASSERT_TRUE(MakeImmortal(thread, AsObject(number)));
                data = CrossData::MakeObject(*world.exchange, thread, AsObject(number));
              }).ok());
  ASSERT_TRUE(data);
  ScopedThreadState main(world.main());
  EXPECT_EQ(DestroyInterpreter(*world.runtime, origin), InterpreterStatus::kLeased);
  EXPECT_EQ(reinterpret_cast<const Number*>(data.object())->value, 123456789);
  data.Release();
  EXPECT_EQ(DestroyInterpreter(*world.runtime, origin), InterpreterStatus::kOk);
  world.ExpectNothingLeft();
}

TEST(CrossDataTest, OutlivesItsExchangeAndItsRuntime) {
  auto world = std::make_unique<World>();
  const uint64_t origin = world->NewInterpreter();
  Released held;
  Released pending;
  CrossData data = MakeThere(*world, origin, &held);
  MakeThere(*world, origin, &pending).Release();
  SharedMemory memory = SharedMemory::Create(*world->exchange, 8);
  world->exchange.reset();
  EXPECT_EQ(pending.count, 0);
  world->runtime.reset();
  EXPECT_EQ(pending.count, 1);
  EXPECT_EQ(pending.interpreter_id, origin);
  data.Release();
  EXPECT_EQ(held.count, 1);
  EXPECT_EQ(held.interpreter_id, 0u);
}

std::atomic<int> allocations_until_failure = -1;

TEST(CrossDataTest, EveryAllocationFailsOnce) {
  World world;
  {
    ScopedThreadState main(world.main());
    Exchange& exchange = *world.exchange;
    Released released;
    const SharedMemory memory = SharedMemory::Create(exchange, 8);
    const FaultHook before =
        SetFaultHook([](const char*) { return allocations_until_failure.fetch_sub(1) == 0; });
    allocations_until_failure = 0;
    EXPECT_FALSE(CrossData::MakeInteger(exchange, *main, 1));
    allocations_until_failure = 0;
    EXPECT_FALSE(CrossData::MakeBytes(exchange, *main, "bytes"));
    allocations_until_failure = 0;
    EXPECT_FALSE(CrossData::MakeMemory(exchange, *main, memory));
    allocations_until_failure = 0;
    EXPECT_FALSE(CrossData::MakeOpaque(exchange, *main, &released, WriteDown));
    allocations_until_failure = 0;
    EXPECT_FALSE(SharedMemory::Create(exchange, 8));
    uint64_t id = 0;
    allocations_until_failure = 0;
    EXPECT_EQ(CreateQueue(exchange, {}, &id), ExchangeStatus::kOutOfMemory);
    allocations_until_failure = 0;
    EXPECT_EQ(CreateChannel(exchange, {}, &id), ExchangeStatus::kOutOfMemory);
    ASSERT_EQ(CreateChannel(exchange, {}, &id), ExchangeStatus::kOk);
    allocations_until_failure = 0;
    EXPECT_EQ(OpenEnd(exchange, *main, id, ChannelEnd::kSend), ExchangeStatus::kOutOfMemory);
    allocations_until_failure = 0;
    EXPECT_EQ(Exchange::Create(*world.runtime), nullptr);
    SetFaultHook(before);
    EXPECT_EQ(released.count, 0) << "what was not taken is not released";
    EXPECT_EQ(exchange.Read().made_count, 0);
    EXPECT_EQ(exchange.Read().queue_count, 1);
  }
  world.ExpectNothingLeft();
}

}  // namespace
}  // namespace rt
