#include "stressd/daemon/service/page.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "stressd/daemon/service/status_conversion.h"

namespace stressd::service {
namespace {

constexpr int32_t kPageSizeDefault = 50;

}  // namespace

absl::StatusOr<int32_t> ResolvePageSize(int32_t page_size, int32_t page_size_max) {
  if (page_size < 0 || page_size > page_size_max) {
    return FieldError("page_size", absl::StrCat(page_size), "is out of range",
                      absl::StrCat("0 to ", page_size_max));
  }
  return page_size == 0 ? std::min(kPageSizeDefault, page_size_max) : page_size;
}

std::string EncodePageToken(absl::string_view list, const std::vector<int64_t>& key) {
  return absl::WebSafeBase64Escape(absl::StrCat(list, ":", absl::StrJoin(key, ":")));
}

absl::StatusOr<std::vector<int64_t>> DecodePageToken(absl::string_view list, size_t key_count,
                                                     absl::string_view token) {
  std::vector<int64_t> key;
  if (token.empty()) return key;
  std::string text;
  bool valid = absl::WebSafeBase64Unescape(token, &text);
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  valid = valid && parts.size() == key_count + 1 && parts[0] == list;
  for (size_t i = 1; valid && i < parts.size(); ++i) {
    int64_t number = 0;
    valid = absl::SimpleAtoi(parts[i], &number);
    key.push_back(number);
  }
  if (!valid) {
    return FieldError("page_token", token, "is not a token of this list",
                      "next_page_token of the page before, or nothing");
  }
  return key;
}

}  // namespace stressd::service
