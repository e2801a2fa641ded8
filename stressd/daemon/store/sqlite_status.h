// The border between SQLiteCpp, which throws, and the daemon, which does not.
#ifndef STRESSD_DAEMON_STORE_SQLITE_STATUS_H_
#define STRESSD_DAEMON_STORE_SQLITE_STATUS_H_

#include <exception>
#include <type_traits>

#include "SQLiteCpp/SQLiteCpp.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace stressd::store {

// The status for what SQLite threw: DataLoss for a damaged file,
// ResourceExhausted for a full disk, Unavailable for a lock that was not
// obtained in time, PermissionDenied for a file that cannot be written,
// else Internal.
absl::Status StatusOf(const SQLite::Exception& error, absl::string_view what);

// Calls `work`, whose result is absl::Status or absl::StatusOr, and turns
// exceptions into statuses. Every use of SQLiteCpp stands inside one of these.
template <typename Work>
std::invoke_result_t<Work> Guarded(absl::string_view what, Work&& work) {
  try {
    return work();
  } catch (const SQLite::Exception& error) {
    return StatusOf(error, what);
  } catch (const std::exception& error) {  // JSON, memory.
    return absl::InternalError(absl::StrCat(what, ": ", error.what()));
  }
}

}  // namespace stressd::store

#endif  // STRESSD_DAEMON_STORE_SQLITE_STATUS_H_
