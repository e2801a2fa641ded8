// The tables of the store and how they came to be.
//
// Model.  `PRAGMA user_version` counts the migrations that were applied. Each is
// one transaction. A file of a newer version than ours is refused; before an
// older one is changed, a copy is kept beside it as `FILE.vN`.
// Invariants.  A migration, once released, is never changed; its stored file
// under testdata/ is opened by a test for ever.
#ifndef STRESSD_DAEMON_STORE_MIGRATIONS_H_
#define STRESSD_DAEMON_STORE_MIGRATIONS_H_

#include "SQLiteCpp/SQLiteCpp.h"
#include "absl/status/status.h"

namespace stressd::store {

// Version after all migrations.
int CurrentSchemaVersion();

// Brings the file of `database` to the current version. FailedPreconditionError
// if it is newer.
absl::Status Migrate(SQLite::Database& database);

}  // namespace stressd::store

#endif  // STRESSD_DAEMON_STORE_MIGRATIONS_H_
