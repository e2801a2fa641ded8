#include "stressd/daemon/service/resource_name.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "stressd/daemon/service/status_conversion.h"

namespace stressd::service {

std::string ResourceName(absl::string_view collection, int64_t id) {
  return id == 0 ? std::string() : absl::StrCat(collection, "/", id);
}

absl::StatusOr<int64_t> ParseResourceId(absl::string_view field, absl::string_view collection,
                                        absl::string_view name) {
  absl::string_view digits = name;
  int64_t id = 0;
  if (!absl::ConsumePrefix(&digits, absl::StrCat(collection, "/")) || digits.empty() ||
      !absl::ascii_isdigit(digits[0]) || !absl::SimpleAtoi(digits, &id) || id <= 0) {
    return FieldError(field, name, "is not a resource name",
                      absl::StrCat(collection, "/NUMBER with a number from 1"));
  }
  return id;
}

absl::StatusOr<int64_t> ParseOptionalResourceId(absl::string_view field,
                                                absl::string_view collection,
                                                absl::string_view name) {
  if (name.empty()) return 0;
  return ParseResourceId(field, collection, name);
}

}  // namespace stressd::service
