// An embedder's program with two interpreters: a producer sends lines, a consumer adds
// them up. The documentation's example, run as a test.

#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "runtime/base/check.h"
#include "runtime/interp/interp.h"

namespace {

void Produce(rt::Exchange& exchange, uint64_t producer, uint64_t lines) {
  const rt::RunResult result =
      rt::RunIn(exchange.runtime(), producer, [&](rt::ThreadState& thread) {
        RT_CHECK(
            rt::OpenEnd(exchange, thread, lines, rt::ChannelEnd::kSend) == rt::ExchangeStatus::kOk,
            "example", "the end opens");
        for (int i = 1; i <= 100; ++i) {
          rt::CrossData line = rt::CrossData::MakeBytes(exchange, thread, std::string(i, '-'));
          if (!line || rt::Send(exchange, thread, lines, line, rt::kWaitForEver) !=
                           rt::ExchangeStatus::kOk) {
            break;
          }
          // Releases the lines that the consumer is done with.
          if (!rt::SafePoint(thread)) return;
        }
        rt::CloseEnd(exchange, thread, lines, rt::ChannelEnd::kSend);
      });
  EXPECT_TRUE(result.ok()) << rt::TextOf(result.status);
}

TEST(ExampleTest, TwoInterpreters) {
  const std::unique_ptr<rt::Runtime> runtime = rt::Runtime::Create();
  const std::unique_ptr<rt::Exchange> exchange = rt::Exchange::Create(*runtime);
  const uint64_t producer = rt::Interpreter::Create(*runtime)->id();
  uint64_t lines = 0;
  ASSERT_EQ(rt::CreateChannel(*exchange, {.capacity = 8}, &lines), rt::ExchangeStatus::kOk);
  size_t length = 0;
  {
    rt::ScopedThreadState consumer(*runtime->main_interpreter());
    ASSERT_EQ(rt::OpenEnd(*exchange, *consumer, lines, rt::ChannelEnd::kReceive),
              rt::ExchangeStatus::kOk);
    std::thread thread([&] { Produce(*exchange, producer, lines); });
    rt::CrossData line;
    while (rt::Receive(*exchange, *consumer, lines, &line, rt::kWaitForEver) ==
           rt::ExchangeStatus::kOk) {
      length += line.bytes().size();
    }
    thread.join();
  }
  EXPECT_EQ(length, 5050u);
  // Runs what waits there; then nothing is left.
  EXPECT_EQ(rt::DestroyInterpreter(*runtime, producer), rt::InterpreterStatus::kOk);
  EXPECT_EQ(exchange->Read().live_count, 0);
}

}  // namespace
