// Pages of lists: sizes and opaque tokens.
//
// Model.  A token is the list's name and the last key of the page before, so a
// page begins where the last one ended, whatever was added meanwhile.
// Thread safety.  Pure functions.
#ifndef STRESSD_DAEMON_SERVICE_PAGE_H_
#define STRESSD_DAEMON_SERVICE_PAGE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace stressd::service {

// 0 means 50. InvalidArgumentError outside [0, page_size_max].
absl::StatusOr<int32_t> ResolvePageSize(int32_t page_size, int32_t page_size_max);

std::string EncodePageToken(absl::string_view list, const std::vector<int64_t>& key);

// The key, of `key_count` numbers; empty for an empty token.
// InvalidArgumentError for a token that this list did not give.
absl::StatusOr<std::vector<int64_t>> DecodePageToken(absl::string_view list, size_t key_count,
                                                     absl::string_view token);

}  // namespace stressd::service

#endif  // STRESSD_DAEMON_SERVICE_PAGE_H_
