#include "stressd/daemon/store/reader_pool.h"

namespace stressd::store {
namespace {

// A reader waits for nobody in WAL but for a recovery after a crash.
constexpr int kBusyTimeoutMs = 5000;

}  // namespace

ReaderPool::Lease::~Lease() {
  const std::lock_guard lock(pool_->mutex_);
  pool_->idle_.push_back(std::move(database_));
}

ReaderPool::ReaderPool(std::string path) : path_(std::move(path)) {}

ReaderPool::Lease ReaderPool::Acquire() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<SQLite::Database> database = std::move(idle_.back());
      idle_.pop_back();
      return Lease(this, std::move(database));
    }
  }
  // Not OPEN_READONLY: such a connection cannot recover a WAL.
  auto database = std::make_unique<SQLite::Database>(path_, SQLite::OPEN_READWRITE, kBusyTimeoutMs);
  database->exec("PRAGMA query_only = ON");
  return Lease(this, std::move(database));
}

}  // namespace stressd::store
