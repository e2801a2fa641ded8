// Every verdict a living host can give, by scenarios of a few lines.
#include "stressd/host/run_executor.h"

#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "runtime/base/clock.h"
#include "runtime/base/config.h"
#include "runtime/base/sanitizer.h"
#include "runtime/runtime.h"
#include "stressd/host/balance_message.h"
#include "stressd/host/runtime_snapshot.h"
#include "stressd/host/scenario/round_loop.h"
#include "stressd/protocol/black_box_memory.h"
#include "stressd/protocol/black_box_view.h"

namespace stressd::host {
namespace {

using protocol::RunResult;

// What the scenario of a test does; it outlives the run.
struct Script {
  std::function<absl::Status(ScenarioContext&)> set_up;
  std::function<absl::Status(ScenarioContext&)> run;
  std::function<void(ViolationList&)> check;
  int tear_down_count = 0;
};

Script* g_script = nullptr;

class Scripted final : public Scenario {
 public:
  explicit Scripted(const Parameters&) {}
  absl::Status SetUp(ScenarioContext& context) override {
    return g_script->set_up ? g_script->set_up(context) : absl::OkStatus();
  }
  absl::Status Run(ScenarioContext& context) override {
    context.progress().Count(1);
    return g_script->run ? g_script->run(context) : absl::OkStatus();
  }
  void Check(const ScenarioContext&, ViolationList& out) const override {
    if (g_script->check) g_script->check(out);
  }
  void TearDown(ScenarioContext&) override { ++g_script->tear_down_count; }
};

constexpr ParameterSpec kParameters[] = {
    IntParameter("size", 2, 1, 3, "Of nothing."),
};
constexpr ScenarioDeclaration Declare(std::string_view name, bool always_fresh) {
  ScenarioDeclaration declaration;
  declaration.name = name;
  declaration.parameters = kParameters;
  declaration.always_fresh = always_fresh;
  declaration.create = &CreateScenario<Scripted>;
  return declaration;
}
constexpr ScenarioDeclaration kScripted = Declare("scripted", false);
constexpr ScenarioDeclaration kFreshOnly = Declare("fresh-only", true);

class RunExecutorTest : public testing::Test {
 protected:
  RunExecutorTest()
      : box_(*protocol::BlackBoxMapping::MapAnonymous()),
        writer_(box_.memory()),
        view_(box_.memory()) {
    writer_.Format("test", "id");
    rt::RuntimeConfig config;
    config.counter_memory = writer_.counters();
    config.counter_memory_bytes = sizeof(protocol::CounterSection);
    runtime_ = rt::Runtime::Create(config);
    options_.runtime = runtime_.get();
    options_.writer = &writer_;
    options_.control = &control_;
    options_.gate = &gate_;
    options_.resident = true;
    options_.on_progress = [this](const protocol::RunProgress& progress) {
      phases_.push_back(progress.phase());
    };
    options_.find = [](const std::string& name) -> const ScenarioDeclaration* {
      if (name == "scripted") return &kScripted;
      if (name == "fresh-only") return &kFreshOnly;
      return nullptr;
    };
    g_script = &script_;
  }
  ~RunExecutorTest() override { g_script = nullptr; }

  static protocol::RunRequest Request(const std::string& scenario) {
    protocol::RunRequest request;
    request.set_run_id(7);
    request.set_scenario(scenario);
    request.set_seed(3);
    return request;
  }

  RunResult Execute(const protocol::RunRequest& request) {
    EXPECT_TRUE(control_.Begin(request.run_id()));
    RunExecutor executor(options_);
    RunResult result = executor.Execute(request, rt::MonotonicNanoseconds());
    control_.End();
    EXPECT_EQ(result.run_id(), request.run_id());
    EXPECT_EQ(rt::CurrentThreadState(), nullptr) << "E1";
    return result;
  }
  RunResult Execute() { return Execute(Request("scripted")); }

  static bool HasViolation(const RunResult& result, const std::string& rule) {
    for (const protocol::Violation& violation : result.violations()) {
      if (violation.rule() == rule) return true;
    }
    return false;
  }

  protocol::BlackBoxMapping box_;
  protocol::BlackBoxWriter writer_;
  protocol::BlackBoxView view_;
  std::unique_ptr<rt::Runtime> runtime_;
  RunControl control_;
  ObservationGate gate_;
  RunExecutor::Options options_;
  Script script_;
  std::vector<protocol::Phase> phases_;
};

TEST_F(RunExecutorTest, AnEmptyRunPassesWithExactZero) {
  const RunResult result = Execute();
  EXPECT_EQ(result.verdict(), RunResult::PASSED) << result.DebugString();
  EXPECT_EQ(result.operation_count(), 1);
  EXPECT_EQ(result.before().SerializeAsString(), result.after().SerializeAsString());
  EXPECT_EQ(result.after().thread_state_count(), 1);
  EXPECT_GT(result.start_latency_ns(), 0);
  EXPECT_LT(result.start_latency_ns(),
            result.set_up_ns() + result.run_ns() + rt::kNanosecondsPerSecond);
  EXPECT_EQ(script_.tear_down_count, 1);
  EXPECT_EQ(phases_, (std::vector<protocol::Phase>{protocol::PHASE_SET_UP, protocol::PHASE_RUN,
                                                   protocol::PHASE_QUIESCE, protocol::PHASE_CHECK,
                                                   protocol::PHASE_TEAR_DOWN}));
  EXPECT_EQ(view_.run().phase, protocol::RunPhase::kIdle);
  EXPECT_EQ(view_.run().run_id, 7);
  EXPECT_EQ(view_.run().operation_count, 1);
}

TEST_F(RunExecutorTest, RunsFollowEachOtherInOneRuntime) {
  const uint64_t progress = view_.Progress();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Execute().verdict(), RunResult::PASSED);
    EXPECT_EQ(runtime_->interpreter_count(), 1u);
  }
  EXPECT_NE(view_.Progress(), progress);
}

TEST_F(RunExecutorTest, TheScenariosOwnPromiseIsJudged) {
  script_.check = [](ViolationList& out) { out.Add("own", "not kept"); };
  const RunResult result = Execute();
  EXPECT_EQ(result.verdict(), RunResult::VIOLATION);
  ASSERT_EQ(result.violations_size(), 1);
  EXPECT_EQ(result.violations(0).rule(), "own");
  EXPECT_EQ(result.violations(0).message(), "not kept");
}

TEST_F(RunExecutorTest, ALostReferenceIsAViolationAndALeak) {
  options_.resident = false;
  options_.check_leaks = true;
  script_.run = [](ScenarioContext& context) {
    EXPECT_NE(rt::NumberNew(context.main_thread(), 1), nullptr);
    return absl::OkStatus();
  };
  const RunResult result = Execute();
  EXPECT_EQ(result.verdict(), RunResult::VIOLATION) << result.DebugString();
  EXPECT_TRUE(HasViolation(result, "heap-balance"));
#if RT_REFERENCE_TOTALS
  EXPECT_TRUE(HasViolation(result, "reference-total"));
  EXPECT_EQ(result.after().reference_total(), result.before().reference_total() + 1);
#endif
  EXPECT_TRUE(HasViolation(result, "interpreter-end"));
  EXPECT_EQ(result.leak_report(), rt::kAddressSanitizer);
  EXPECT_EQ(view_.report_kind(),
            rt::kAddressSanitizer ? protocol::ReportKind::kLeak : protocol::ReportKind::kNone);
  // The interpreter took its memory along: the runtime itself is as before.
  EXPECT_FALSE(HasViolation(result, "runtime-balance"));
}

TEST_F(RunExecutorTest, AnInterpreterLeftBehindIsAViolation) {
  script_.run = [](ScenarioContext& context) {
    EXPECT_NE(rt::Interpreter::Create(context.runtime()), nullptr);
    return absl::OkStatus();
  };
  const RunResult result = Execute();
  EXPECT_EQ(result.verdict(), RunResult::VIOLATION);
  EXPECT_TRUE(HasViolation(result, "runtime-balance")) << result.DebugString();
}

TEST_F(RunExecutorTest, WhatCannotRunIsAnError) {
  script_.run = [](ScenarioContext&) { return absl::ResourceExhaustedError("no threads"); };
  RunResult result = Execute();
  EXPECT_EQ(result.verdict(), RunResult::ERROR);
  EXPECT_EQ(result.error(), "no threads");
  EXPECT_FALSE(result.invalid_argument());
  script_.run = nullptr;
  script_.set_up = [](ScenarioContext&) { return absl::InternalError("no set-up"); };
  result = Execute();
  EXPECT_EQ(result.verdict(), RunResult::ERROR);
  EXPECT_EQ(result.operation_count(), 0) << "Run() after a failed SetUp()";
  EXPECT_EQ(script_.tear_down_count, 2);
}

TEST_F(RunExecutorTest, AWrongRequestIsAnErrorOfTheRequest) {
  std::vector<protocol::RunRequest> requests;
  requests.push_back(Request("no-such-scenario"));
  requests.push_back(Request("fresh-only"));
  requests.push_back(Request("scripted"));
  (*requests.back().mutable_parameters())["size"] = "4";
  requests.push_back(Request("scripted"));
  (*requests.back().mutable_parameters())["colour"] = "1";
  requests.push_back(Request("scripted"));
  requests.back().set_preset("no-such-preset");
  requests.push_back(Request("scripted"));
  requests.back().set_duration_ns(-1);
  for (const protocol::RunRequest& request : requests) {
    const RunResult result = Execute(request);
    EXPECT_EQ(result.verdict(), RunResult::ERROR) << request.DebugString();
    EXPECT_TRUE(result.invalid_argument()) << request.DebugString();
    EXPECT_FALSE(result.error().empty());
  }
  EXPECT_TRUE(phases_.empty());
}

TEST_F(RunExecutorTest, NotReachingTheGoalIsInconclusive) {
  script_.check = [](ViolationList& out) { out.AddUnreached("the summit"); };
  const RunResult result = Execute();
  EXPECT_EQ(result.verdict(), RunResult::INCONCLUSIVE);
  EXPECT_EQ(result.error(), "not reached: the summit");
}

TEST_F(RunExecutorTest, AStopEndsARunThatWouldNotEnd) {
  for (StopReason reason : {StopReason::kCancelled, StopReason::kTimedOut}) {
    script_.run = [&](ScenarioContext& context) {
      return context.RunWorkers(2, [&](Worker& worker) {
        if (worker.index == 0) control_.Stop(7, reason);
        while (!context.ShouldStop()) context.progress().Heartbeat();
        return absl::OkStatus();
      });
    };
    script_.check = [](ViolationList& out) { out.AddUnreached("the end"); };
    EXPECT_EQ(Execute().verdict(),
              reason == StopReason::kCancelled ? RunResult::CANCELLED : RunResult::TIMED_OUT);
  }
}

TEST_F(RunExecutorTest, WhatAStoppedRunLeavesBehindIsFound) {
  script_.run = [&](ScenarioContext& context) {
    EXPECT_NE(rt::NumberNew(context.main_thread(), 1), nullptr);
    control_.Stop(7, StopReason::kCancelled);
    return absl::OkStatus();
  };
  EXPECT_EQ(Execute().verdict(), RunResult::VIOLATION);
}

TEST_F(RunExecutorTest, AStopBeforeTheStartIsNotLost) {
  script_.set_up = [&](ScenarioContext&) {
    control_.Stop(7, StopReason::kCancelled);
    return absl::OkStatus();
  };
  const RunResult result = Execute();
  EXPECT_EQ(result.verdict(), RunResult::CANCELLED);
  EXPECT_EQ(result.operation_count(), 0);
}

TEST_F(RunExecutorTest, AStopOfAnotherRunIsIgnored) {
  script_.run = [&](ScenarioContext& context) {
    control_.Stop(6, StopReason::kCancelled);
    EXPECT_FALSE(context.ShouldStop());
    return absl::OkStatus();
  };
  EXPECT_EQ(Execute().verdict(), RunResult::PASSED);
}

TEST_F(RunExecutorTest, AReportInAChildIsTheVerdict) {
  script_.run = [&](ScenarioContext&) {
    writer_.RecordReport(protocol::ReportKind::kThread);
    return absl::OkStatus();
  };
  EXPECT_EQ(Execute().verdict(), RunResult::SANITIZER_REPORT);
}

TEST_F(RunExecutorTest, ABrokenInvariantInAChildIsAViolation) {
  script_.run = [&](ScenarioContext&) {
    writer_.RecordFailure("F1", "fork.cc", 1, "totals differ");
    return absl::OkStatus();
  };
  const RunResult result = Execute();
  EXPECT_EQ(result.verdict(), RunResult::VIOLATION);
  EXPECT_TRUE(HasViolation(result, "invariant"));
}

TEST_F(RunExecutorTest, AnotherThreadLooksIntoALiveRun) {
  protocol::SnapshotResult live;
  protocol::SnapshotResult judged;
  script_.run = [&](ScenarioContext& context) {
    rt::Number* kept = rt::NumberNew(context.main_thread(), 1);
    rt::ScopedDetach detached(context.main_thread());
    std::thread([&] { live = TakeSnapshot(*runtime_, gate_); }).join();
    EXPECT_TRUE(detached.End());
    rt::Decref(context.main_thread(), rt::AsObject(kept));
    return absl::OkStatus();
  };
  script_.check = [&](ViolationList&) {
    std::thread([&] { judged = TakeSnapshot(*runtime_, gate_); }).join();
  };
  const RunResult result = Execute();
  EXPECT_EQ(result.verdict(), RunResult::PASSED) << result.DebugString();
  EXPECT_EQ(live.error(), "");
  ASSERT_EQ(live.interpreters_size(), 2);
  EXPECT_EQ(live.interpreters(1).balance().thread_state_count(), 1);
  EXPECT_EQ(live.interpreters(1).balance().heaps(1).block_count(),
            result.before().heaps(1).block_count() + 1);
#if RT_REFERENCE_TOTALS
  EXPECT_EQ(live.interpreters(1).balance().reference_total(),
            result.before().reference_total() + 1);
#endif
  EXPECT_NE(judged.error(), "");
  // Between runs: the runtime's own interpreter.
  const protocol::SnapshotResult idle = TakeSnapshot(*runtime_, gate_);
  EXPECT_EQ(idle.error(), "");
  ASSERT_EQ(idle.interpreters_size(), 1);
  EXPECT_EQ(idle.interpreters(0).balance().thread_state_count(), 0);
}

TEST_F(RunExecutorTest, ADurationIsWorkedAndMeasurementsAreReported) {
  script_.run = [](ScenarioContext& context) {
    RoundLoop loop(context, context.prng(), 2);
    while (loop.Next()) context.progress().Count(1);
    context.Measure("rounds_count", loop.begun_count());
    return absl::OkStatus();
  };
  const RunResult declared = Execute();
  EXPECT_EQ(declared.verdict(), RunResult::PASSED) << declared.DebugString();
  EXPECT_EQ(declared.measurements().at("rounds_count"), 2);
  protocol::RunRequest request = Request("scripted");
  request.set_duration_ns(20'000'000);
  const RunResult timed = Execute(request);
  EXPECT_EQ(timed.verdict(), RunResult::PASSED) << timed.DebugString();
  EXPECT_GT(timed.measurements().at("rounds_count"), 2);
  EXPECT_GE(timed.run_ns(), 20'000'000);
}

TEST_F(RunExecutorTest, CountersOfDestroyedInterpretersAreTheRuns) {
  script_.run = [](ScenarioContext& context) {
    rt::Interpreter* const own = rt::Interpreter::Create(context.runtime());
    rt::ScopedDetach detached(context.main_thread());
    {
      rt::ScopedThreadState thread(*own);
      rt::Decref(*thread, rt::AsObject(rt::NumberNew(*thread, 1)));
    }
    EXPECT_TRUE(rt::Interpreter::Destroy(own));
    rt::CounterTotals elsewhere;
    elsewhere.events[static_cast<size_t>(rt::Counter::kForks)] = 3;
    context.AddCounters(elsewhere);
    return detached.End() ? absl::OkStatus() : absl::AbortedError("shut down");
  };
  for (int i = 0; i < 2; ++i) {
    const RunResult result = Execute();
    EXPECT_EQ(result.verdict(), RunResult::PASSED) << result.DebugString();
    EXPECT_EQ(result.counters().at("number_created_count"), 1) << "of this run alone";
    EXPECT_EQ(result.counters().at("number_destroyed_count"), 1);
    EXPECT_EQ(result.counters().at("fork_count"), 3) << "of a runtime of its own";
  }
}

TEST_F(RunExecutorTest, WorkersStandInTheBlackBox) {
  script_.run = [](ScenarioContext& context) {
    return context.RunWorkers(2, [](Worker& worker) {
      return worker.index == 0 ? absl::OkStatus() : absl::InternalError("broken");
    });
  };
  EXPECT_EQ(Execute().verdict(), RunResult::ERROR);
  int64_t end_arguments[2] = {-1, -1};
  for (const protocol::EventView& event : view_.Events()) {
    if (event.ring_index == 0) continue;
    ASSERT_LE(event.ring_index, 2);
    const int64_t index = event.ring_index - 1;
    if (event.kind == protocol::EventKind::kWorkerStart) {
      EXPECT_EQ(event.number, 0u);
      EXPECT_EQ(event.argument, index);
    } else {
      EXPECT_EQ(event.kind, protocol::EventKind::kWorkerEnd);
      EXPECT_EQ(event.number, 1u);
      end_arguments[index] = event.argument;
    }
  }
  EXPECT_EQ(end_arguments[0], 1) << "it ended well";
  EXPECT_EQ(end_arguments[1], 0) << "it failed";
}

TEST_F(RunExecutorTest, CountersAreLiveInTheBlackBox) {
  NameCounters(writer_);
  int64_t seen = 0;
  script_.run = [&](ScenarioContext& context) {
    for (int i = 0; i < 10; ++i) {
      rt::Decref(context.main_thread(), rt::AsObject(rt::NumberNew(context.main_thread(), i)));
    }
    for (const protocol::CounterView& slot : view_.Counters()) {
      if (slot.use != protocol::SlotUse::kThread) continue;
      for (size_t i = 0; i < protocol::kCounterCount; ++i) {
        if (view_.counter_name(i) == "number_created_count") {
          seen += slot.counters[i];
        }
      }
    }
    return absl::OkStatus();
  };
  const RunResult result = Execute();
  EXPECT_EQ(result.verdict(), RunResult::PASSED);
  EXPECT_EQ(seen, 10);
  EXPECT_EQ(result.counters().at("number_created_count"), 10);
  EXPECT_EQ(view_.type_name(rt::kStatIndexNumber), "number");
}

}  // namespace
}  // namespace stressd::host
