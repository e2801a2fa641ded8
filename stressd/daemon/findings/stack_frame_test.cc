#include "stressd/daemon/findings/stack_frame.h"

#include <gtest/gtest.h>

namespace stressd::findings {
namespace {

TEST(StackFrameTest, ReadsAFrameOfAddressSanitizer) {
  const auto frame =
      ParseStackFrame("    #0 0x55ce4e in rt::Box<long>::Load() const /b/runtime/x.cc:12:53");
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->index, 0);
  EXPECT_EQ(frame->function, "rt::Box<long>::Load() const");
  EXPECT_EQ(frame->file, "/b/runtime/x.cc");
  EXPECT_EQ(FrameKey(*frame), "rt::Box::Load runtime/x.cc");
  EXPECT_TRUE(IsOwnFrame(*frame));
}

TEST(StackFrameTest, ReadsAFrameOfThreadSanitizer) {
  const auto frame = ParseStackFrame(
      "    #12 operator new(unsigned long) <null> (tsan+0x124082) (BuildId: "
      "d85fa4)");
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->index, 12);
  EXPECT_EQ(frame->module, "tsan");
  EXPECT_EQ(frame->module_offset, 0x124082u);
  EXPECT_EQ(NormalizeFunction(frame->function), "operator new");
  EXPECT_FALSE(IsOwnFrame(*frame));
}

TEST(StackFrameTest, AFrameWithoutNameKeepsItsModule) {
  const auto frame = ParseStackFrame("    #1 0x556b  (/opt/host+0x14c8ac) (BuildId: 2d83)");
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->function, "");
  EXPECT_EQ(frame->module, "/opt/host");
  EXPECT_EQ(frame->module_offset, 0x14c8acu);
}

TEST(StackFrameTest, ReadsFramesOfEuStackAndOfBacktraces) {
  const auto eu = ParseStackFrame("#2  0x00005600dd26a5cb rt::WaitForEver()");
  ASSERT_TRUE(eu.has_value());
  EXPECT_EQ(FrameKey(*eu), "rt::WaitForEver");
  const auto eu_return = ParseStackFrame("#3  0x00005600dd26a5cb - 1 rt::Run(int)");
  ASSERT_TRUE(eu_return.has_value());
  EXPECT_EQ(FrameKey(*eu_return), "rt::Run");
  const auto at = ParseStackFrame("    @     0x55d0c0ffe0aa        112  rt::Crash()");
  ASSERT_TRUE(at.has_value());
  EXPECT_EQ(FrameKey(*at), "rt::Crash");
}

TEST(StackFrameTest, OtherLinesAreNoFrames) {
  for (const char* line : {"", "#", "#x", "@", "@ home", "SUMMARY: #0", "#12",
                           "TID 12:", "READ of size 8 at 0x502000000010 thread T0"}) {
    EXPECT_FALSE(ParseStackFrame(line).has_value()) << line;
  }
}

TEST(StackFrameTest, FunctionsLoseArgumentsTemplatesAndReturnType) {
  EXPECT_EQ(NormalizeFunction("void rt::Foo<int, A<b>>::Bar(int, char) const"), "rt::Foo::Bar");
  EXPECT_EQ(NormalizeFunction("rt::(anonymous namespace)::Crash(int*)"), "rt::{anonymous}::Crash");
  EXPECT_EQ(NormalizeFunction("rt::X::operator<(rt::X const&) const"), "rt::X::operator<");
  EXPECT_EQ(NormalizeFunction("rt::X::operator->()"), "rt::X::operator->");
  EXPECT_EQ(NormalizeFunction("rt::X::operator()(int)"), "rt::X::operator()");
  EXPECT_EQ(NormalizeFunction("rt::Run(int) (.llvm.1234)"), "rt::Run");
  EXPECT_EQ(NormalizeFunction("rt::Run.cold"), "rt::Run");
  EXPECT_EQ(NormalizeFunction("rt::Run+0x1f"), "rt::Run");
  EXPECT_EQ(NormalizeFunction("main"), "main");
  EXPECT_EQ(NormalizeFunction(""), "");
}

TEST(StackFrameTest, MessengersAreNotOwnFrames) {
  StackFrame frame;
  frame.function = "rt::CheckFailed(char const*)";
  frame.file = "/b/runtime/base/check.cc";
  EXPECT_FALSE(IsOwnFrame(frame));
  frame.function = "rt::Decref(rt::Object*)";
  frame.file = "/proc/self/cwd/runtime/object/decref.cc";
  EXPECT_TRUE(IsOwnFrame(frame));
  EXPECT_EQ(NormalizeFile(frame.file), "runtime/object/decref.cc");
}

TEST(StackFrameTest, AbsurdLinesAreHarmless) {
  const std::string deep = "#0 0x1 in " + std::string(100000, '<');
  EXPECT_TRUE(ParseStackFrame(deep).has_value());
  EXPECT_EQ(NormalizeFunction(std::string(100000, '(')), "");
  EXPECT_FALSE(ParseStackFrame("#99999999999999999999 0x1 in f").has_value());
}

}  // namespace
}  // namespace stressd::findings
