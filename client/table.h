// Tables for people: aligned columns without borders, colors on a terminal.
//
// Model.  Rows of cells; the width of a column is that of its widest cell. A
// cell may carry a tone, which colors it where colors are on.
// Thread safety.  Not thread safe.
#ifndef CLIENT_TABLE_H_
#define CLIENT_TABLE_H_

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace stressd::client {

enum class Tone { kPlain, kGood, kBad, kWarning, kDim, kBold };

struct Cell {
  Cell(std::string text, Tone tone = Tone::kPlain)  // NOLINT(google-explicit-constructor)
      : text(std::move(text)), tone(tone) {}
  Cell(const char* text) : text(text) {}  // NOLINT(google-explicit-constructor)

  std::string text;
  Tone tone = Tone::kPlain;
};

// Whether `fd` (1 or 2) gets colors: CLICOLOR_FORCE, NO_COLOR, TERM and whether
// it is a terminal, in this order.
bool UseColor(int fd);

// Returns `text` in the escape sequences of `tone` if `color` is true.
std::string Toned(absl::string_view text, Tone tone, bool color);

class Table {
 public:
  // Names the columns. A name that ends in '>' aligns its column to the right.
  explicit Table(std::vector<std::string> columns);

  // Adds a row; missing cells are empty, further ones must not be given.
  void AddRow(std::vector<Cell> row);

  bool empty() const { return rows_.empty(); }

  void Print(std::ostream& out, bool color) const;

 private:
  std::vector<std::string> columns_;
  std::vector<bool> right_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace stressd::client

#endif  // CLIENT_TABLE_H_
