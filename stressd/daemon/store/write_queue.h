// The store's one writer: a thread that owns the writing connection.
//
// Model.  Write() hands a piece of work to the thread and waits. The thread
// takes all that has gathered into one transaction, each piece inside a
// savepoint of its own, so that one that fails takes nobody along. Many waiting
// writers thus share one commit. When idle it calls `on_idle` every so often.
// Invariants.  Q1: a Write() that returned OK is committed.  Q2: work runs in
// the order of arrival.
// Thread safety.  Any thread but the writer itself. mutex_ is a leaf and is not
// held while work runs.
#ifndef STRESSD_DAEMON_STORE_WRITE_QUEUE_H_
#define STRESSD_DAEMON_STORE_WRITE_QUEUE_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "SQLiteCpp/SQLiteCpp.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace stressd::store {

class WriteQueue {
 public:
  using Work = std::function<absl::Status(SQLite::Database&)>;

  // `on_idle` runs on the writer's thread outside of any transaction, first
  // after one `idle_interval`.
  WriteQueue(std::unique_ptr<SQLite::Database> database, Work on_idle,
             absl::Duration idle_interval);
  // Finishes what is queued.
  ~WriteQueue();

  WriteQueue(const WriteQueue&) = delete;
  WriteQueue& operator=(const WriteQueue&) = delete;

  // Runs `work` inside a transaction and waits for its commit. Work may throw
  // SQLite::Exception. UnavailableError after Stop().
  absl::Status Write(Work work);

  // Like Write(), but outside of any transaction.
  absl::Status RunAlone(Work work);

  // Finishes what is queued and ends the thread. Idempotent.
  void Stop();

 private:
  struct Item {
    Work work;
    bool alone = false;
    bool done = false;
    absl::Status status = absl::OkStatus();
  };

  absl::Status Enqueue(Item item);
  void Loop();
  void RunBatch(const std::vector<Item*>& batch);
  void RunInTransaction(const std::vector<Item*>& batch);

  const std::unique_ptr<SQLite::Database> database_;
  const Work on_idle_;
  const absl::Duration idle_interval_;
  std::mutex mutex_;  // Guards the rest but thread_.
  std::condition_variable queued_;
  std::condition_variable done_;
  std::deque<Item*> queue_;  // Items live on their writers' stacks.
  bool stopping_ = false;
  std::once_flag joined_;
  std::thread thread_;
};

}  // namespace stressd::store

#endif  // STRESSD_DAEMON_STORE_WRITE_QUEUE_H_
