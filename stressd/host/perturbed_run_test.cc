// Real runs under every kind of plan: they pass, and the plan was at work.
#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "runtime/base/clock.h"
#include "runtime/runtime.h"
#include "stressd/host/observation_gate.h"
#include "stressd/host/run_control.h"
#include "stressd/host/run_executor.h"
#include "stressd/protocol/black_box_memory.h"
#include "stressd/protocol/black_box_writer.h"
#include "stressd/protocol/perturbation_plan.h"

namespace stressd::host {
namespace {

using protocol::RunResult;

class PerturbedRunTest : public testing::Test {
 protected:
  PerturbedRunTest() : box_(*protocol::BlackBoxMapping::MapAnonymous()), writer_(box_.memory()) {
    writer_.Format("test", "id");
    rt::RuntimeConfig config;
    config.counter_memory = writer_.counters();
    config.counter_memory_bytes = sizeof(protocol::CounterSection);
    runtime_ = rt::Runtime::Create(config);
  }

  // A run of `mixed`, short.
  RunResult Execute(const std::string& plan, uint64_t seed = 3) {
    protocol::RunRequest request;
    request.set_run_id(7);
    request.set_scenario("mixed");
    request.set_preset("smoke");
    (*request.mutable_parameters())["rounds"] = "4";
    request.set_seed(seed);
    request.set_plan(plan);
    RunExecutor::Options options;
    options.runtime = runtime_.get();
    options.writer = &writer_;
    options.control = &control_;
    options.gate = &gate_;
    EXPECT_TRUE(control_.Begin(request.run_id()));
    RunExecutor executor(options);
    RunResult result = executor.Execute(request, rt::MonotonicNanoseconds());
    control_.End();
    return result;
  }

  // As above; what must hold of any run with a plan.
  RunResult Pass(const std::string& plan) {
    RunResult result = Execute(plan);
    EXPECT_EQ(result.verdict(), RunResult::PASSED) << plan << ": " << result.error();
    EXPECT_EQ(result.plan(), protocol::ParsePlan(plan)->Text());
    EXPECT_GT(result.measurements().at("plan_passes_count"), 1000) << plan;
    EXPECT_GT(result.points_size(), 50) << plan;
    return result;
  }

  protocol::BlackBoxMapping box_;
  protocol::BlackBoxWriter writer_;
  std::unique_ptr<rt::Runtime> runtime_;
  RunControl control_;
  ObservationGate gate_;
};

TEST_F(PerturbedRunTest, NoPlanCountsNothing) {
  const RunResult result = Execute("");
  EXPECT_EQ(result.verdict(), RunResult::PASSED) << result.error();
  EXPECT_EQ(result.plan(), "none");
  EXPECT_FALSE(result.measurements().contains("plan_passes_count"));
  EXPECT_EQ(result.points_size(), 0);
}

TEST_F(PerturbedRunTest, PausesAreMade) {
  for (const char* plan : {"uniform", "focus:period_count=500", "pct:window_count=2000",
                           "starve:period_count=2000,window_us=200"}) {
    const RunResult result = Pass(plan);
    EXPECT_GT(result.measurements().at("plan_pauses_count"), 0) << plan;
  }
}

TEST_F(PerturbedRunTest, FocusReachesAPointByTheNameThatAResultGives) {
  const RunResult first = Pass("uniform");
  ASSERT_GT(first.points_size(), 0);
  const RunResult result =
      Pass("focus:points=" + first.points(0).point() + ",percent=100,max_delay_us=1");
  EXPECT_GT(result.measurements().at("plan_pauses_count"), 100);
}

TEST_F(PerturbedRunTest, SlowPathsAreTaken) {
  const RunResult result = Pass("slow-paths:per_million=500000");
  EXPECT_GT(result.measurements().at("plan_slow_paths_count"), 0);
  EXPECT_EQ(result.measurements().at("plan_pauses_count"), 0);
}

TEST_F(PerturbedRunTest, HelpersLeaveNoThreadBehind) {
  // The oracle of process resources is the judge.
  (void)Pass("oversubscribe:threads=2");
  EXPECT_GT(Pass("signals:period_us=50").measurements().at("plan_signals_count"), 0);
}

TEST_F(PerturbedRunTest, SeveralKindsAtOnce) {
  const RunResult result = Pass("uniform;pct;slow-paths;signals");
  EXPECT_GT(result.measurements().at("plan_pauses_count"), 0);
  EXPECT_GT(result.measurements().at("plan_slow_paths_count"), 0);
}

TEST_F(PerturbedRunTest, ResultNamesWhatAutoHasDrawn) {
  const RunResult result = Execute("auto", 5);
  EXPECT_EQ(result.verdict(), RunResult::PASSED) << result.error();
  EXPECT_EQ(result.plan(), protocol::ResolvePlan(*protocol::ParsePlan("auto"), 5).Text());
}

TEST_F(PerturbedRunTest, WrongPlansAreRefused) {
  for (const auto& [plan, error] :
       {std::pair("pct:depth=0",
                  "plan.pct.depth: \"0\" is out of range; allowed: a whole number from 1 to 16"),
        std::pair("alloc-failure",
                  "plan: \"alloc-failure\" is not tolerated by mixed; allowed: the other kinds")}) {
    const RunResult result = Execute(plan);
    EXPECT_EQ(result.verdict(), RunResult::ERROR);
    EXPECT_TRUE(result.invalid_argument());
    EXPECT_EQ(result.error(), error);
  }
}

}  // namespace
}  // namespace stressd::host
