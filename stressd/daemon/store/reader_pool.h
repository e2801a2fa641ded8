// Reading connections: as many as were ever needed at once, each used by one
// thread at a time.
//
// Model.  WAL lets readers see the last commit while the writer works. A lease
// takes an idle connection or opens one, and gives it back at its end.
// Thread safety.  Any thread.
#ifndef STRESSD_DAEMON_STORE_READER_POOL_H_
#define STRESSD_DAEMON_STORE_READER_POOL_H_

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "SQLiteCpp/SQLiteCpp.h"

namespace stressd::store {

class ReaderPool {
 public:
  class Lease {
   public:
    Lease(ReaderPool* pool, std::unique_ptr<SQLite::Database> database)
        : pool_(pool), database_(std::move(database)) {}
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    SQLite::Database& operator*() { return *database_; }

   private:
    ReaderPool* const pool_;
    std::unique_ptr<SQLite::Database> database_;
  };

  explicit ReaderPool(std::string path);

  // Throws SQLite::Exception: call inside Guarded().
  Lease Acquire();

 private:
  const std::string path_;
  std::mutex mutex_;  // Leaf. Guards idle_.
  std::vector<std::unique_ptr<SQLite::Database>> idle_;
};

}  // namespace stressd::store

#endif  // STRESSD_DAEMON_STORE_READER_POOL_H_
