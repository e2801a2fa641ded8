#include "stressd/daemon/store/write_queue.h"

#include <utility>

#include "absl/time/clock.h"
#include "stressd/daemon/store/sqlite_status.h"

namespace stressd::store {

WriteQueue::WriteQueue(std::unique_ptr<SQLite::Database> database, Work on_idle,
                       absl::Duration idle_interval)
    : database_(std::move(database)),
      on_idle_(std::move(on_idle)),
      idle_interval_(idle_interval),
      thread_([this] { Loop(); }) {}

WriteQueue::~WriteQueue() { Stop(); }

absl::Status WriteQueue::Write(Work work) { return Enqueue({.work = std::move(work)}); }

absl::Status WriteQueue::RunAlone(Work work) {
  return Enqueue({.work = std::move(work), .alone = true});
}

absl::Status WriteQueue::Enqueue(Item item) {
  std::unique_lock lock(mutex_);
  if (stopping_) return absl::UnavailableError("store: closed");
  queue_.push_back(&item);
  queued_.notify_one();
  done_.wait(lock, [&item] { return item.done; });
  return item.status;
}

void WriteQueue::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  queued_.notify_one();
  std::call_once(joined_, [this] { thread_.join(); });
}

void WriteQueue::Loop() {
  absl::Time next_idle = absl::Now() + idle_interval_;
  for (;;) {
    std::vector<Item*> batch;
    {
      std::unique_lock lock(mutex_);
      queued_.wait_until(lock, absl::ToChronoTime(next_idle),
                         [this] { return stopping_ || !queue_.empty(); });
      if (stopping_ && queue_.empty()) return;
      while (!queue_.empty()) {
        // Work that must be alone ends the batch before it, or is the batch.
        if (queue_.front()->alone && !batch.empty()) break;
        batch.push_back(queue_.front());
        queue_.pop_front();
        if (batch.back()->alone) break;
      }
    }
    if (!batch.empty()) {
      RunBatch(batch);
      const std::lock_guard lock(mutex_);
      for (Item* item : batch) item->done = true;
      done_.notify_all();
    }
    if (on_idle_ && absl::Now() >= next_idle) {
      // Housekeeping that fails is repeated at the next interval.
      Guarded("store: housekeeping", [this] { return on_idle_(*database_); }).IgnoreError();
    }
    if (absl::Now() >= next_idle) next_idle = absl::Now() + idle_interval_;
  }
}

void WriteQueue::RunBatch(const std::vector<Item*>& batch) {
  if (batch.front()->alone) {
    batch.front()->status = Guarded("store", [&] { return batch.front()->work(*database_); });
    return;
  }
  const absl::Status committed = Guarded("store", [&] {
    RunInTransaction(batch);
    return absl::OkStatus();
  });
  if (committed.ok()) return;
  for (Item* item : batch) {
    if (item->status.ok()) item->status = committed;
  }
}

void WriteQueue::RunInTransaction(const std::vector<Item*>& batch) {
  // Rolls back when it is left by an exception.
  SQLite::Transaction transaction(*database_, SQLite::TransactionBehavior::IMMEDIATE);
  for (Item* item : batch) {
    database_->exec("SAVEPOINT item");
    item->status = Guarded("store", [&] { return item->work(*database_); });
    if (!item->status.ok()) database_->exec("ROLLBACK TO item");
    database_->exec("RELEASE item");
  }
  transaction.commit();
}

}  // namespace stressd::store
