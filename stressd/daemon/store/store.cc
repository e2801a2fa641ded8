#include "stressd/daemon/store/store.h"

#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "stressd/daemon/store/finding_rows.h"
#include "stressd/daemon/store/migrations.h"
#include "stressd/daemon/store/record_json.h"
#include "stressd/daemon/store/run_rows.h"
#include "stressd/daemon/store/sqlite_status.h"

namespace stressd::store {
namespace {

constexpr absl::Duration kRetentionInterval = absl::Minutes(5);
constexpr int kBusyTimeoutMs = 5000;

absl::Status NoSuch(const char* what, int64_t id) {
  return absl::NotFoundError(absl::StrCat("name: \"", what, "s/", id,
                                          "\" is not known; allowed: a ", what,
                                          " that exists and retention has not deleted"));
}

// Opens the file for writing and makes sure that it is whole.
absl::StatusOr<std::unique_ptr<SQLite::Database>> OpenWriter(const std::string& path) {
  return Guarded("store", [&]() -> absl::StatusOr<std::unique_ptr<SQLite::Database>> {
    auto database = std::make_unique<SQLite::Database>(
        path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyTimeoutMs);
    // Before the first table, or it has no effect.
    database->exec("PRAGMA auto_vacuum = INCREMENTAL");
    database->exec("PRAGMA journal_mode = WAL");
    database->exec("PRAGMA synchronous = NORMAL");
    database->exec("PRAGMA foreign_keys = ON");
    const std::string check = database->execAndGet("PRAGMA quick_check(1)").getString();
    if (check != "ok") return absl::DataLossError(check);
    return database;
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::string& path,
                                                   const RetentionPolicy& policy) {
  absl::StatusOr<std::unique_ptr<SQLite::Database>> writer = OpenWriter(path);
  if (!writer.ok()) {
    const char* advice = writer.status().code() == absl::StatusCode::kDataLoss
                             ? "; move it away, the daemon then starts with an empty store"
                             : "";
    return absl::Status(writer.status().code(), absl::StrCat("store: cannot use ", path, ": ",
                                                             writer.status().message(), advice));
  }
  if (absl::Status migrated = Migrate(**writer); !migrated.ok()) {
    return migrated;
  }
  std::unique_ptr<Store> store(new Store(path, *std::move(writer), policy));
  if (absl::Status kept = store->ApplyRetentionAt(absl::Now()); !kept.ok()) {
    return kept;
  }
  return store;
}

Store::Store(std::string path, std::unique_ptr<SQLite::Database> writer,
             const RetentionPolicy& policy)
    : path_(std::move(path)),
      policy_(policy),
      readers_(path_),
      writer_(
          std::move(writer),
          [policy](SQLite::Database& database) {
            return ApplyRetention(database, policy, absl::Now());
          },
          kRetentionInterval) {}

Store::~Store() { Close(); }

void Store::Close() { writer_.Stop(); }

template <typename Query>
auto Store::Read(const char* what, Query query) {
  return Guarded(what, [&] {
    ReaderPool::Lease lease = readers_.Acquire();
    return query(*lease);
  });
}

absl::Status Store::PutRun(const runs::RunRecord& run) {
  return writer_.Write([&run](SQLite::Database& database) {
    PutRunRow(database, run);
    return absl::OkStatus();
  });
}

absl::StatusOr<runs::RunRecord> Store::GetRun(int64_t id) {
  return Read("store: run", [id](SQLite::Database& database) -> absl::StatusOr<runs::RunRecord> {
    // One state of the base for all its tables.
    SQLite::Transaction transaction(database);
    std::optional<runs::RunRecord> run = GetRunRow(database, id);
    if (!run.has_value()) return NoSuch("run", id);
    return *std::move(run);
  });
}

absl::StatusOr<runs::RunRecord> Store::FindRunByRequestId(const std::string& request_id) {
  const absl::StatusOr<int64_t> id =
      Read("store: request id", [&](SQLite::Database& database) -> absl::StatusOr<int64_t> {
        const std::optional<int64_t> found = FindRunIdByRequestId(database, request_id);
        if (!found.has_value()) {
          return absl::NotFoundError("no run has that request id");
        }
        return *found;
      });
  if (!id.ok()) return id.status();
  return GetRun(*id);
}

absl::StatusOr<std::vector<runs::RunRecord>> Store::ListRuns(const runs::RunQuery& query) {
  return Read("store: runs",
              [&](SQLite::Database& database) -> absl::StatusOr<std::vector<runs::RunRecord>> {
                SQLite::Transaction transaction(database);
                return ListRunRows(database, query);
              });
}

absl::StatusOr<std::vector<runs::RunRecord>> Store::LoadUnfinishedRuns() {
  return Read("store: unfinished runs",
              [](SQLite::Database& database) -> absl::StatusOr<std::vector<runs::RunRecord>> {
                std::vector<runs::RunRecord> runs;
                for (const int64_t id : UnfinishedRunIds(database)) {
                  std::optional<runs::RunRecord> run = GetRunRow(database, id);
                  if (run.has_value()) runs.push_back(*std::move(run));
                }
                return runs;
              });
}

absl::StatusOr<int64_t> Store::LastRunId() {
  return Read("store: last id", [](SQLite::Database& database) -> absl::StatusOr<int64_t> {
    return GetLastId(database, "run");
  });
}

absl::StatusOr<int64_t> Store::LastSoakId() {
  return Read("store: last id", [](SQLite::Database& database) -> absl::StatusOr<int64_t> {
    return GetLastId(database, "soak");
  });
}

absl::Status Store::PutSoak(const runs::SoakRecord& soak) {
  return writer_.Write([&soak](SQLite::Database& database) {
    SQLite::Statement row(database, "INSERT OR REPLACE INTO soak VALUES (?, ?, ?, ?)");
    row.bind(1, soak.id);
    row.bind(2, static_cast<int>(soak.state));
    row.bind(3, absl::ToUnixMicros(soak.end_time));
    row.bind(4, SoakJson(soak));
    row.exec();
    PutLastId(database, "soak", soak.id);
    return absl::OkStatus();
  });
}

absl::StatusOr<runs::SoakRecord> Store::GetSoak(int64_t id) {
  return Read("store: soak", [id](SQLite::Database& database) -> absl::StatusOr<runs::SoakRecord> {
    SQLite::Statement row(database, "SELECT record FROM soak WHERE id = ?");
    row.bind(1, id);
    if (!row.executeStep()) return NoSuch("soak", id);
    return ReadSoakJson(row.getColumn(0).getString());
  });
}

absl::StatusOr<std::vector<runs::SoakRecord>> Store::ListSoaks() {
  return Read("store: soaks",
              [](SQLite::Database& database) -> absl::StatusOr<std::vector<runs::SoakRecord>> {
                std::vector<runs::SoakRecord> soaks;
                SQLite::Statement rows(database, "SELECT record FROM soak ORDER BY id DESC");
                while (rows.executeStep()) {
                  soaks.push_back(ReadSoakJson(rows.getColumn(0).getString()));
                }
                return soaks;
              });
}

absl::StatusOr<int64_t> Store::MergeFinding(const findings::Finding& seen) {
  int64_t id = 0;
  const absl::Status written = writer_.Write([&seen, &id](SQLite::Database& database) {
    id = MergeFindingRow(database, seen);
    return absl::OkStatus();
  });
  if (!written.ok()) return written;
  return id;
}

absl::StatusOr<findings::Finding> Store::GetFinding(int64_t id) {
  return Read("store: finding",
              [id](SQLite::Database& database) -> absl::StatusOr<findings::Finding> {
                SQLite::Transaction transaction(database);
                std::optional<findings::Finding> finding = GetFindingRow(database, id);
                if (!finding.has_value()) return NoSuch("finding", id);
                return *std::move(finding);
              });
}

absl::StatusOr<std::vector<findings::Finding>> Store::ListFindings(
    const findings::FindingQuery& query) {
  return Read("store: findings",
              [&](SQLite::Database& database) -> absl::StatusOr<std::vector<findings::Finding>> {
                SQLite::Transaction transaction(database);
                return ListFindingRows(database, query);
              });
}

absl::Status Store::PutHostSamples(const std::vector<HostSampleRow>& samples) {
  return writer_.Write([&samples](SQLite::Database& database) {
    SQLite::Statement row(database, "INSERT INTO host_sample VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    for (const HostSampleRow& sample : samples) {
      row.reset();
      row.bind(1, absl::ToUnixMicros(sample.sample_time));
      row.bind(2, sample.process);
      row.bind(3, sample.pid);
      row.bind(4, sample.run_id);
      row.bind(5, sample.finished_run_count);
      row.bind(6, sample.rss_bytes);
      row.bind(7, sample.reference_total);
      row.bind(8, CountersJson(sample.counters));
      row.exec();
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<HostSampleRow>> Store::ListHostSamples(const std::string& process,
                                                                  int32_t limit) {
  return Read("store: host samples",
              [&](SQLite::Database& database) -> absl::StatusOr<std::vector<HostSampleRow>> {
                SQLite::Statement rows(
                    database,
                    "SELECT sample_time, pid, run_id, finished_run_count, rss_bytes, "
                    "reference_total, counters FROM host_sample WHERE process = ? "
                    "ORDER BY sample_time DESC LIMIT ?");
                rows.bind(1, process);
                rows.bind(2, limit);
                std::vector<HostSampleRow> samples;
                while (rows.executeStep()) {
                  HostSampleRow sample;
                  sample.sample_time = absl::FromUnixMicros(rows.getColumn(0).getInt64());
                  sample.process = process;
                  sample.pid = rows.getColumn(1).getInt64();
                  sample.run_id = rows.getColumn(2).getInt64();
                  sample.finished_run_count = rows.getColumn(3).getInt64();
                  sample.rss_bytes = rows.getColumn(4).getInt64();
                  sample.reference_total = rows.getColumn(5).getInt64();
                  sample.counters = ReadCountersJson(rows.getColumn(6).getString());
                  samples.push_back(std::move(sample));
                }
                std::reverse(samples.begin(), samples.end());
                return samples;
              });
}

absl::StatusOr<StoreUsage> Store::Usage() {
  return Read("store: usage", [this](SQLite::Database& database) -> absl::StatusOr<StoreUsage> {
    StoreUsage usage;
    for (const char* suffix : {"", "-wal"}) {
      struct stat info = {};
      if (stat((path_ + suffix).c_str(), &info) == 0) {
        usage.file_bytes += info.st_size;
      }
    }
    usage.run_count = database.execAndGet("SELECT count(*) FROM run").getInt64();
    return usage;
  });
}

absl::Status Store::ApplyRetentionAt(absl::Time now) {
  return writer_.RunAlone(
      [this, now](SQLite::Database& database) { return ApplyRetention(database, policy_, now); });
}

}  // namespace stressd::store
