// Channels: ends, who closes them, and what the other side hears.

#include "runtime/interp/channel.h"

#include <thread>

#include "gtest/gtest.h"
#include "runtime/interp/interp_testing.h"

namespace rt {
namespace {

ExchangeStatus SendInteger(World& world, ThreadState& thread, uint64_t id, int64_t value) {
  CrossData data = CrossData::MakeInteger(*world.exchange, thread, value);
  return Send(*world.exchange, thread, id, data, 0);
}

TEST(ChannelTest, OnlyHoldersOfAnEndUseIt) {
  World world;
  uint64_t id = 0;
  ASSERT_EQ(CreateChannel(*world.exchange, {}, &id), ExchangeStatus::kOk);
  ScopedThreadState main(world.main());
  CrossData out;
  EXPECT_EQ(SendInteger(world, *main, id, 1), ExchangeStatus::kNotAssociated);
  EXPECT_EQ(Receive(*world.exchange, *main, id, &out, 0), ExchangeStatus::kNotAssociated);
  EXPECT_EQ(CloseEnd(*world.exchange, *main, id, ChannelEnd::kSend),
            ExchangeStatus::kNotAssociated);
  ASSERT_EQ(OpenEnd(*world.exchange, *main, id, ChannelEnd::kSend), ExchangeStatus::kOk);
  EXPECT_EQ(SendInteger(world, *main, id, 1), ExchangeStatus::kOk);
  EXPECT_EQ(Receive(*world.exchange, *main, id, &out, 0), ExchangeStatus::kNotAssociated);
  EXPECT_EQ(GetFromQueue(*world.exchange, *main, id, &out, 0), ExchangeStatus::kNotFound)
      << "a channel is no queue";
  ASSERT_EQ(OpenEnd(*world.exchange, *main, id, ChannelEnd::kReceive), ExchangeStatus::kOk);
  ASSERT_EQ(Receive(*world.exchange, *main, id, &out, 0), ExchangeStatus::kOk);
  EXPECT_EQ(out.integer(), 1);
  out.Release();
  EXPECT_EQ(DestroyChannel(*world.exchange, id), ExchangeStatus::kOk);
  EXPECT_EQ(DestroyChannel(*world.exchange, id), ExchangeStatus::kNotFound);
  world.ExpectNothingLeft();
}

TEST(ChannelTest, ReceiversDrainWhatTheLastSenderLeft) {
  World world;
  uint64_t id = 0;
  ASSERT_EQ(CreateChannel(*world.exchange, {}, &id), ExchangeStatus::kOk);
  ScopedThreadState main(world.main());
  ASSERT_EQ(OpenEnd(*world.exchange, *main, id, ChannelEnd::kReceive), ExchangeStatus::kOk);
  const uint64_t sender = world.NewInterpreter();
  EXPECT_TRUE(
      RunIn(*world.runtime, sender, [&](ThreadState& thread) {
        ASSERT_EQ(OpenEnd(*world.exchange, thread, id, ChannelEnd::kSend), ExchangeStatus::kOk);
        ASSERT_EQ(OpenEnd(*world.exchange, thread, id, ChannelEnd::kSend), ExchangeStatus::kOk);
        EXPECT_EQ(SendInteger(world, thread, id, 1), ExchangeStatus::kOk);
        EXPECT_EQ(CloseEnd(*world.exchange, thread, id, ChannelEnd::kSend), ExchangeStatus::kOk);
        EXPECT_EQ(SendInteger(world, thread, id, 2), ExchangeStatus::kOk) << "once more";
      }).ok());
  CrossData out;
  ASSERT_EQ(Receive(*world.exchange, *main, id, &out, 0), ExchangeStatus::kOk);
  // Its end closes the sending end, and orphans what is left.
  out.Release();
  EXPECT_EQ(DestroyInterpreter(*world.runtime, sender), InterpreterStatus::kOk);
  ASSERT_EQ(Receive(*world.exchange, *main, id, &out, kWaitForEver), ExchangeStatus::kOk);
  EXPECT_EQ(out.integer(), 2);
  EXPECT_EQ(out.origin_id(), kNoOrigin);
  out.Release();
  EXPECT_EQ(Receive(*world.exchange, *main, id, &out, kWaitForEver), ExchangeStatus::kClosed);
  EXPECT_EQ(OpenEnd(*world.exchange, *main, id, ChannelEnd::kSend), ExchangeStatus::kClosed);
  world.ExpectNothingLeft();
}

TEST(ChannelTest, SendersHearThatNobodyReceives) {
  World world;
  uint64_t id = 0;
  ASSERT_EQ(CreateChannel(*world.exchange, {.capacity = 1}, &id), ExchangeStatus::kOk);
  const uint64_t receiver = world.NewInterpreter();
  EXPECT_TRUE(RunIn(*world.runtime, receiver, [&](ThreadState& thread) {
                ASSERT_EQ(OpenEnd(*world.exchange, thread, id, ChannelEnd::kReceive),
                          ExchangeStatus::kOk);
              }).ok());
  std::thread sender([&] {
    ScopedThreadState thread(world.main());
    ASSERT_EQ(OpenEnd(*world.exchange, *thread, id, ChannelEnd::kSend), ExchangeStatus::kOk);
    ASSERT_EQ(SendInteger(world, *thread, id, 1), ExchangeStatus::kOk);
    CrossData data = CrossData::MakeInteger(*world.exchange, *thread, 2);
    EXPECT_EQ(Send(*world.exchange, *thread, id, data, kWaitForEver), ExchangeStatus::kClosed);
    EXPECT_TRUE(data) << "kept";
  });
  while (world.exchange->Read().waiter_count == 0) std::this_thread::yield();
  EXPECT_EQ(DestroyInterpreter(*world.runtime, receiver), InterpreterStatus::kOk);
  sender.join();
  EXPECT_EQ(world.exchange->Read().queued_count, 0) << "dropped with the last receiving end";
  // What the sender made is released by the safe points of its interpreter.
  ScopedThreadState main(world.main());
  EXPECT_TRUE(world.main().Quiesce(*main));
  world.ExpectNothingLeft();
}

}  // namespace
}  // namespace rt
