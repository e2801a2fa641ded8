// Each leftover is planted in a real interpreter between two observations: the
// oracles that must see it see it, and no other one objects.

#include "stressd/host/oracles/oracle.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <set>
#include <string>

#include "absl/functional/function_ref.h"
#include "gtest/gtest.h"
#include "runtime/base/config.h"
#include "runtime/runtime.h"

namespace stressd::host {
namespace {

using Names = std::set<std::string>;

class OracleTest : public testing::Test {
 protected:
  OracleTest()
      : runtime_(rt::Runtime::Create()),
        interpreter_(*runtime_->main_interpreter()),
        thread_(interpreter_) {}

  // Returns the oracles that object to what `leftover` leaves behind.
  Names Objecting(absl::FunctionRef<void()> leftover, JudgeScope scope = JudgeScope::kEverything) {
    const auto before = Observe(interpreter_, *thread_);
    EXPECT_TRUE(before.ok());
    leftover();
    const auto after = Observe(interpreter_, *thread_, &*before);
    EXPECT_TRUE(after.ok());
    ViolationList found;
    JudgeAll(*before, *after, scope, "in the test", found);
    Names names;
    for (const Violation& violation : found.violations()) {
      names.insert(violation.oracle);
      EXPECT_NE(violation.message.find("(in the test)"), std::string::npos);
    }
    return names;
  }

  std::unique_ptr<rt::Runtime> runtime_;
  rt::Interpreter& interpreter_;
  rt::ScopedThreadState thread_;
};

TEST_F(OracleTest, TableIsSortedAndDocumented) {
  std::string previous;
  for (const Oracle& oracle : Oracles()) {
    EXPECT_LT(previous, oracle.name);
    previous = oracle.name;
    EXPECT_FALSE(oracle.doc.empty());
    EXPECT_NE(oracle.judge, nullptr);
  }
  EXPECT_EQ(Oracles().size(), 10u);
}

TEST_F(OracleTest, NothingLeftMeansNoObjection) {
  EXPECT_EQ(Objecting([] {}), Names{});
}

// Warm freelists, grown arrays, retired pages: work that was cleaned up.
TEST_F(OracleTest, WorkThatIsDoneLeavesNothing) {
  EXPECT_EQ(Objecting([&] {
              rt::List* const list = rt::ListNew(*thread_);
              for (int i = 0; i < 5000; ++i) {
                rt::Number* const number = rt::NumberNew(*thread_, i);
                ASSERT_TRUE(rt::ListAppend(*thread_, list, rt::AsObject(number)));
                rt::Decref(*thread_, rt::AsObject(number));
              }
              rt::Decref(*thread_, rt::AsObject(list));
            }),
            Names{});
}

TEST_F(OracleTest, ALostObjectIsSeen) {
  rt::Number* lost = nullptr;
  const Names names = Objecting([&] { lost = rt::NumberNew(*thread_, 1); });
  Names expected = {"counter-conservation", "heap-balance"};
  if (RT_REFERENCE_TOTALS) expected.insert("reference-total");
  EXPECT_EQ(names, expected);
  rt::Decref(*thread_, rt::AsObject(lost));
}

TEST_F(OracleTest, ALostReferenceToALivingObjectIsSeen) {
  rt::Number* const number = rt::NumberNew(*thread_, 1);
  EXPECT_EQ(Objecting([&] { rt::Incref(*thread_, rt::AsObject(number)); }),
            Names{"reference-total"});
  rt::Decref(*thread_, rt::AsObject(number));
  rt::Decref(*thread_, rt::AsObject(number));
}

TEST_F(OracleTest, NegativeDriftIsSeen) {
  EXPECT_EQ(Objecting([&] { thread_->counters->AddReferences(rt::kStatIndexNumber, -1); }),
            Names{"reference-total"});
  thread_->counters->AddReferences(rt::kStatIndexNumber, 1);
}

TEST_F(OracleTest, AThreadStateThatStaysIsSeen) {
  rt::ThreadState* stays = nullptr;
  const Names names = Objecting([&] { stays = rt::NewThreadState(interpreter_); });
  EXPECT_TRUE(names.contains("thread-list"));
  EXPECT_TRUE(names.contains("qsbr-slots"));
  rt::ClearThreadState(*thread_, *stays);
  rt::DeleteThreadState(*thread_, *stays);
  rt::ReleaseThreadState(stays);
}

TEST_F(OracleTest, AnInterpreterThatStaysIsSeen) {
  rt::Interpreter* stays = nullptr;
  EXPECT_EQ(Objecting([&] { stays = rt::Interpreter::Create(*runtime_); }), Names{"interpreters"});
  ASSERT_TRUE(rt::Interpreter::Destroy(stays));
}

TEST_F(OracleTest, AnOpenDescriptorIsSeenButNotInAChild) {
  int descriptor = -1;
  EXPECT_EQ(Objecting([&] { descriptor = open("/dev/null", O_RDONLY); }),
            Names{"process-resources"});
  close(descriptor);
  EXPECT_EQ(Objecting([&] { descriptor = open("/dev/null", O_RDONLY); }, JudgeScope::kRuntimeOnly),
            Names{});
  close(descriptor);
}

TEST_F(OracleTest, AnUnreapedChildIsSeen) {
  pid_t child = -1;
  EXPECT_EQ(Objecting([&] {
              child = fork();
              if (child == 0) _exit(0);
            }),
            Names{"child-processes"});
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
}

}  // namespace
}  // namespace stressd::host
