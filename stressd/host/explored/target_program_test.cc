#include "stressd/host/explored/target_program.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace stressd::host {
namespace {

TEST(TargetProgramTest, AListingIsTakenApart) {
  const std::vector<KernelDescription> kernels =
      ParseKernelList("attach-poll        a reader attaches\n\nnothing\n  indented line\nlast one");
  ASSERT_EQ(kernels.size(), 2u);
  EXPECT_EQ(kernels[0].name, "attach-poll");
  EXPECT_EQ(kernels[0].summary, "a reader attaches");
  EXPECT_EQ(kernels[1].name, "last");
  EXPECT_EQ(kernels[1].summary, "one");
}

TEST(TargetProgramTest, WhatCannotBeRunOrSaysNothingIsNamed) {
  const absl::Status missing = ListKernels("/nowhere/target").status();
  EXPECT_TRUE(absl::IsUnavailable(missing)) << missing;
  EXPECT_TRUE(absl::StrContains(missing.message(), "/nowhere/target")) << missing;
  const absl::Status silent = ListKernels("/bin/true").status();
  EXPECT_TRUE(absl::StrContains(silent.message(), "does not list")) << silent;
  EXPECT_FALSE(ListKernels("/bin/false").ok());
}

TEST(TargetProgramTest, LiesBesideTheHost) {
  EXPECT_TRUE(absl::EndsWith(TargetProgram(), "/stress_explore_target")) << TargetProgram();
}

}  // namespace
}  // namespace stressd::host
