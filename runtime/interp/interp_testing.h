// What the tests of interp/ share: a runtime whose invariants are checked in each stop,
// with an exchange, and the check that nothing is left over.

#ifndef RUNTIME_INTERP_INTERP_TESTING_H_
#define RUNTIME_INTERP_INTERP_TESTING_H_

#include <cstdint>
#include <memory>

#include "gtest/gtest.h"
#include "runtime/interp/interp.h"

namespace rt {

struct World {
  explicit World(const ExchangeConfig& exchange_config = {}) {
    RuntimeConfig config;
    config.check_every_stop_count = 1;
    runtime = Runtime::Create(config);
    exchange = Exchange::Create(*runtime, exchange_config);
    EXPECT_NE(exchange, nullptr);
  }

  Interpreter& main() const { return *runtime->main_interpreter(); }
  uint64_t NewInterpreter() const { return Interpreter::Create(*runtime)->id(); }

  // Nothing is left over, everything that was made was released.
  void ExpectNothingLeft() const {
    exchange->CheckInvariantsWorldStopped();
    const ExchangeReading reading = exchange->Read();
    EXPECT_EQ(reading.live_count, 0);
    EXPECT_EQ(reading.live_bytes, 0);
    EXPECT_EQ(reading.memory_count, 0);
    EXPECT_EQ(reading.waiter_count, 0);
    EXPECT_EQ(reading.removed_count, 0);
    EXPECT_EQ(reading.made_count, reading.released_count());
  }

  std::unique_ptr<Runtime> runtime;
  std::unique_ptr<Exchange> exchange;
};

}  // namespace rt

#endif  // RUNTIME_INTERP_INTERP_TESTING_H_
