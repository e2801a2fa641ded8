#include "client/table.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace stressd::client {
namespace {

absl::string_view Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? absl::string_view() : absl::string_view(value);
}

const char* Sequence(Tone tone) {
  switch (tone) {
    case Tone::kGood:
      return "\033[32m";
    case Tone::kBad:
      return "\033[31m";
    case Tone::kWarning:
      return "\033[33m";
    case Tone::kDim:
      return "\033[2m";
    case Tone::kBold:
      return "\033[1m";
    case Tone::kPlain:
      break;
  }
  return "";
}

// Columns of a UTF-8 text: continuation bytes take none.
size_t Width(absl::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

bool UseColor(int fd) {
  const absl::string_view force = Environment("CLICOLOR_FORCE");
  if (!force.empty() && force != "0") return true;
  if (!Environment("NO_COLOR").empty() || Environment("TERM") == "dumb") return false;
  return isatty(fd) == 1;
}

std::string Toned(absl::string_view text, Tone tone, bool color) {
  if (!color || tone == Tone::kPlain) return std::string(text);
  return absl::StrCat(Sequence(tone), text, "\033[0m");
}

Table::Table(std::vector<std::string> columns) : columns_(std::move(columns)) {
  for (std::string& column : columns_) {
    right_.push_back(absl::EndsWith(column, ">"));
    if (right_.back()) column.pop_back();
  }
}

void Table::AddRow(std::vector<Cell> row) {
  row.resize(columns_.size(), Cell(""));
  rows_.push_back(std::move(row));
}

void Table::Print(std::ostream& out, bool color) const {
  std::vector<size_t> widths;
  for (size_t column = 0; column < columns_.size(); ++column) {
    size_t width = Width(columns_[column]);
    for (const std::vector<Cell>& row : rows_) width = std::max(width, Width(row[column].text));
    widths.push_back(width);
  }
  auto print_row = [&](const std::vector<Cell>& row) {
    std::string line;
    for (size_t column = 0; column < row.size(); ++column) {
      const std::string padding(widths[column] - Width(row[column].text), ' ');
      const std::string text = Toned(row[column].text, row[column].tone, color);
      if (column > 0) line += "  ";
      line += right_[column] ? padding + text : text;
      if (!right_[column] && column + 1 < row.size()) line += padding;
    }
    out << line << "\n";
  };
  std::vector<Cell> header;
  for (const std::string& column : columns_) header.emplace_back(column, Tone::kBold);
  print_row(header);
  for (const std::vector<Cell>& row : rows_) print_row(row);
}

}  // namespace stressd::client
