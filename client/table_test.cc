#include "client/table.h"

#include <cstdlib>
#include <sstream>
#include <string>

#include "gtest/gtest.h"

namespace stressd::client {
namespace {

std::string Printed(const Table& table, bool color) {
  std::ostringstream out;
  table.Print(out, color);
  return out.str();
}

TEST(TableTest, ColumnsAreAsWideAsTheirWidestCell) {
  Table table({"NAME", "VALUE>"});
  table.AddRow({"a", "1"});
  table.AddRow({"long name", "12,345"});
  EXPECT_EQ(Printed(table, false),
            "NAME        VALUE\n"
            "a               1\n"
            "long name  12,345\n");
}

TEST(TableTest, MultiByteCharactersTakeOneColumn) {
  Table table({"A", "B"});
  table.AddRow({"1 → 2", "x"});
  table.AddRow({"12345", "y"});
  EXPECT_EQ(Printed(table, false), "A      B\n1 → 2  x\n12345  y\n");
}

TEST(TableTest, TonesAppearOnlyInColor) {
  Table table({"A"});
  table.AddRow({Cell("bad", Tone::kBad)});
  EXPECT_EQ(Printed(table, false).find('\033'), std::string::npos);
  EXPECT_NE(Printed(table, true).find("\033[31mbad\033[0m"), std::string::npos);
}

TEST(TableTest, MissingCellsAreEmpty) {
  Table table({"A", "B"});
  table.AddRow({"x"});
  EXPECT_EQ(Printed(table, false), "A  B\nx  \n");
}

TEST(UseColorTest, ForceBeatsNoColorAndNoColorBeatsTheTerminal) {
  setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(UseColor(1));
  setenv("CLICOLOR_FORCE", "1", 1);
  EXPECT_TRUE(UseColor(1));
  unsetenv("CLICOLOR_FORCE");
  unsetenv("NO_COLOR");
}

}  // namespace
}  // namespace stressd::client
