#include "stressd/daemon/findings/symbolizer.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace stressd::findings {

// Named by the symbolizer in the tests below.
__attribute__((noinline)) int FunctionToBeNamed(int value) { return value + 1; }

namespace {

StackFrame FrameOfThisProgram() {
  Dl_info info = {};
  void* const function = reinterpret_cast<void*>(&FunctionToBeNamed);
  StackFrame frame;
  if (dladdr(function, &info) != 0) {
    frame.module = "/proc/self/exe";
    char path[4096];
    const ssize_t size = readlink("/proc/self/exe", path, sizeof(path));
    if (size > 0) frame.module.assign(path, static_cast<size_t>(size));
    frame.module_offset =
        reinterpret_cast<uintptr_t>(function) - reinterpret_cast<uintptr_t>(info.dli_fbase);
  }
  return frame;
}

// Files are known only to a program that was not stripped, as this one may be.
TEST(SymbolizerTest, NamesAFunctionOfThisProgram) {
  std::vector<StackFrame> frames = {FrameOfThisProgram()};
  Symbolizer().Symbolize(frames);
  EXPECT_EQ(NormalizeFunction(frames[0].function), "stressd::findings::FunctionToBeNamed");
  EXPECT_EQ(FunctionToBeNamed(1), 2);
}

TEST(SymbolizerTest, UnknownModuleAndMissingToolLeaveTheFrame) {
  std::vector<StackFrame> frames(2);
  frames[0].module = "/nowhere/host";
  frames[1].module = "/two\nlines";
  Symbolizer().Symbolize(frames);
  EXPECT_EQ(frames[0].function, "");
  EXPECT_EQ(frames[1].function, "");
  frames = {FrameOfThisProgram()};
  Symbolizer("/nowhere/symbolizer").Symbolize(frames);
  EXPECT_EQ(frames[0].function, "");
}

// A tool that never ends must not hold up a verdict.
TEST(SymbolizerTest, StuckToolIsKilledAtTheDeadline) {
  std::vector<StackFrame> frames = {FrameOfThisProgram()};
  Symbolizer("/usr/bin/yes", absl::Milliseconds(50)).Symbolize(frames);
  EXPECT_NE(NormalizeFunction(frames[0].function), "stressd::findings::FunctionToBeNamed");
}

}  // namespace
}  // namespace stressd::findings
