// The reports in testdata/ were printed by clang-19's sanitizers and eu-stack
// about one small program whose sources lay in runtime/demo.
#include "stressd/daemon/findings/report_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"

namespace stressd::findings {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string Recorded(const std::string& name) {
  const std::string path = std::string(std::getenv("TEST_SRCDIR")) + "/" +
                           std::getenv("TEST_WORKSPACE") + "/stressd/daemon/findings/testdata/" +
                           name;
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(ReportParserTest, UseAfterFree) {
  const ParsedReport report = ParseSanitizerReport(Recorded("asan_use_after_free.txt"), nullptr);
  EXPECT_EQ(report.tool, "AddressSanitizer");
  EXPECT_EQ(report.kind, "heap-use-after-free");
  EXPECT_THAT(report.frames,
              ElementsAre("rt::Box::Load runtime/demo/demo.cc", "main runtime/demo/demo.cc"));
  EXPECT_EQ(report.title, "AddressSanitizer: heap-use-after-free in rt::Box::Load");
}

TEST(ReportParserTest, Leak) {
  const ParsedReport report = ParseSanitizerReport(Recorded("lsan_leak.txt"), nullptr);
  EXPECT_EQ(report.tool, "LeakSanitizer");
  EXPECT_EQ(report.kind, "memory leak");
  EXPECT_THAT(report.frames,
              ElementsAre("rt::Leak runtime/demo/demo.cc", "main runtime/demo/demo.cc"));
}

TEST(ReportParserTest, OverflowOfUndefinedBehaviorSanitizer) {
  const ParsedReport report = ParseSanitizerReport(Recorded("ubsan_overflow.txt"), nullptr);
  EXPECT_EQ(report.tool, "UndefinedBehaviorSanitizer");
  EXPECT_EQ(report.kind, "signed integer overflow");
  EXPECT_THAT(report.frames,
              ElementsAre("rt::Add runtime/demo/demo.cc", "main runtime/demo/demo.cc"));
}

TEST(ReportParserTest, UndefinedBehaviorWithoutAStackIsNamedByItsFile) {
  const ParsedReport report = ParseSanitizerReport(
      "/b/runtime/a/b.cc:14:60: runtime error: load of misaligned address "
      "0x7ffd12 for type 'int', which requires 4 byte alignment\n",
      nullptr);
  EXPECT_EQ(report.kind,
            "load of misaligned address N for type 'int', which requires N "
            "byte alignment");
  EXPECT_THAT(report.frames, ElementsAre("runtime/a/b.cc"));
}

TEST(ReportParserTest, DataRaceIsNamedByBothAccesses) {
  const ParsedReport report = ParseSanitizerReport(Recorded("tsan_race.txt"), nullptr);
  EXPECT_EQ(report.tool, "ThreadSanitizer");
  EXPECT_EQ(report.kind, "data race");
  EXPECT_THAT(report.frames,
              ElementsAre("rt::Box::Load runtime/demo/demo.cc", "rt::Use runtime/demo/demo.cc",
                          "operator() runtime/demo/demo.cc", "rt::Box::Store runtime/demo/demo.cc",
                          "operator() runtime/demo/demo.cc"));
}

TEST(ReportParserTest, DataRaceIsTheSameWhicheverAccessComesFirst) {
  const std::string text = Recorded("tsan_race.txt");
  const std::string turned =
      absl::StrReplaceAll(text, {{"rt::Box<long>::Load()", "@"},
                                 {"rt::Box<long>::Store(long)", "rt::Box<long>::Load()"},
                                 {"rt::Use(rt::Box<long>*)", "operator()"}});
  const std::string other =
      absl::StrReplaceAll(turned, {{"@ const", "rt::Box<long>::Store(long)"}});
  const ParsedReport report = ParseSanitizerReport(other, nullptr);
  ASSERT_FALSE(report.frames.empty());
  EXPECT_EQ(report.frames[0], "rt::Box::Load runtime/demo/demo.cc");
}

TEST(ReportParserTest, EveryRaceOfATextOnce) {
  const std::string first = Recorded("tsan_race.txt");
  const std::vector<ParsedReport> one = ParseSanitizerReports(first, nullptr);
  ASSERT_EQ(one.size(), 1u);
  EXPECT_EQ(one[0].frames, ParseSanitizerReport(first, nullptr).frames);
  const std::vector<ParsedReport> reports = ParseSanitizerReports(
      first + "the program said\n" + first + absl::StrReplaceAll(first, {{"Load()", "Peek()"}}),
      nullptr);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].frames, one[0].frames);
  EXPECT_EQ(reports[1].frames[0], "rt::Box::Peek runtime/demo/demo.cc");
  for (const ParsedReport& report : reports) {
    EXPECT_TRUE(absl::StartsWith(report.text, "WARNING: ThreadSanitizer: data race"));
    EXPECT_TRUE(absl::StrContains(report.text, "\nSUMMARY: ThreadSanitizer"));
  }
}

// What follows the lost stack of an access is another stack.
TEST(ReportParserTest, ARaceWithALostStackIsNamedByTheOtherOne) {
  const std::string text =
      "WARNING: ThreadSanitizer: data race on vptr (ctor/dtor vs virtual call) (pid=1)\n"
      "  Write of size 8 at 0x1 by thread T1:\n    #0 rt::A() runtime/a.cc:1:1 (x+0x1)\n\n"
      "  Previous read of size 8 at 0x1 by thread T2:\n    [failed to restore the stack]\n\n"
      "  Location is heap block of size 8 at 0x1 allocated by main thread:\n"
      "    #0 rt::Make() runtime/a.cc:3:1 (x+0x3)\n\nSUMMARY: ThreadSanitizer: data race\n";
  EXPECT_THAT(ParseSanitizerReport(text, nullptr).frames, ElementsAre("rt::A runtime/a.cc"));
}

TEST(ReportParserTest, AReportWithoutItsMiddleNamesNothingBesideAWholeOne) {
  const std::string first = Recorded("tsan_race.txt");
  const std::string cut = first.substr(0, first.size() / 3) + "\n[... 9 bytes left out ...]\n" +
                          absl::StrReplaceAll(first.substr(first.size() / 2), {{"Store", "Drop"}});
  EXPECT_EQ(ParseSanitizerReports(cut + first, nullptr).size(), 1u);
  EXPECT_EQ(ParseSanitizerReports(cut, nullptr).size(), 1u);
  EXPECT_TRUE(ParseSanitizerReports("nothing of the kind\n", nullptr).empty());
}

TEST(ReportParserTest, NumbersDoNotNameAProblem) {
  const std::string text = Recorded("asan_use_after_free.txt");
  const std::string again = absl::StrReplaceAll(text, {{"==15992==", "==7=="},
                                                       {"0x502000000010", "0x60"},
                                                       {"demo.cc:12:53", "demo.cc:99:1"},
                                                       {"0x55ce4e16", "0x1"}});
  ASSERT_NE(text, again);
  EXPECT_EQ(ParseSanitizerReport(text, nullptr).frames,
            ParseSanitizerReport(again, nullptr).frames);
}

TEST(ReportParserTest, CrashIsNamedByItsBacktrace) {
  EXPECT_THAT(ParseCrashStack(Recorded("crash_backtrace.txt"), nullptr),
              ElementsAre("rt::{anonymous}::Crash", "stressd::host::CanaryCrash::Run"));
}

TEST(ReportParserTest, HangIsNamedByWhereItsThreadsAre) {
  EXPECT_THAT(ParseAllStacks(Recorded("eu_stack_hang.txt"), nullptr),
              ElementsAre("__futex_abstimed_wait_common", "rt::WaitForEver"));
}

TEST(ReportParserTest, UnknownFramesAreSymbolized) {
  const ParsedReport report = ParseSanitizerReport(
      "==1==ERROR: AddressSanitizer: SEGV on unknown address 0x0 (pc 0x1)\n"
      "    #0 0x556b  (/opt/host+0x14d21d)\n",
      [](std::vector<StackFrame>& frames) {
        frames[0].function = "rt::Named()";
        frames[0].file = "/b/runtime/n.cc";
      });
  EXPECT_EQ(report.kind, "SEGV");
  EXPECT_THAT(report.frames, ElementsAre("rt::Named runtime/n.cc"));
}

TEST(ReportParserTest, TextWithoutAReportHasNoTool) {
  for (const char* text : {"", "hello\n#0 0x1 in f\n", "ERROR: disk full"}) {
    EXPECT_EQ(ParseSanitizerReport(text, nullptr).tool, "") << text;
  }
  EXPECT_THAT(ParseCrashStack("nothing here", nullptr), IsEmpty());
  EXPECT_THAT(ParseAllStacks("", nullptr), IsEmpty());
}

TEST(ReportParserTest, TornReportStillHasAKind) {
  const std::string text = Recorded("tsan_race.txt");
  for (size_t length = 0; length < text.size(); length += 97) {
    const ParsedReport report = ParseSanitizerReport(text.substr(0, length), nullptr);
    if (length > 100) EXPECT_EQ(report.kind, "data race") << length;
  }
}

}  // namespace
}  // namespace stressd::findings
