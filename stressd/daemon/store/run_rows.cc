#include "stressd/daemon/store/run_rows.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "stressd/daemon/store/record_json.h"

namespace stressd::store {
namespace {

using runs::RunRecord;

constexpr char kColumns[] =
    "SELECT id, request_id, scenario, flavor, state, verdict, soak_id, "
    "repetition_id, finding_id, create_time, start_time, end_time, spec, "
    "outcome, plan FROM run ";

// Reads the row that `statement`, made with kColumns, stands on.
RunRecord ReadRow(SQLite::Statement& statement) {
  RunRecord run;
  run.id = statement.getColumn(0).getInt64();
  if (!statement.isColumnNull(1)) {
    run.spec.request_id = statement.getColumn(1).getString();
  }
  run.spec.scenario = statement.getColumn(2).getString();
  run.spec.flavor = statement.getColumn(3).getString();
  run.state = static_cast<runs::RunState>(statement.getColumn(4).getInt());
  run.outcome.verdict = static_cast<runs::Verdict>(statement.getColumn(5).getInt());
  run.spec.soak_id = statement.getColumn(6).getInt64();
  run.spec.repetition_id = statement.getColumn(7).getInt64();
  run.finding_id = statement.getColumn(8).getInt64();
  run.create_time = absl::FromUnixMicros(statement.getColumn(9).getInt64());
  run.start_time = absl::FromUnixMicros(statement.getColumn(10).getInt64());
  run.end_time = absl::FromUnixMicros(statement.getColumn(11).getInt64());
  ReadSpecJson(statement.getColumn(12).getString(), run);
  ReadOutcomeJson(statement.getColumn(13).getString(), run);
  run.spec.plan = statement.getColumn(14).getString();
  return run;
}

void ReadCounters(SQLite::Database& database, RunRecord& run) {
  SQLite::Statement counters(database, "SELECT name, value FROM run_counter WHERE run_id = ?");
  counters.bind(1, run.id);
  while (counters.executeStep()) {
    run.outcome.counters.push_back(
        {counters.getColumn(0).getString(), counters.getColumn(1).getInt64()});
  }
  SQLite::Statement references(database,
                               "SELECT type, before, after FROM run_reference WHERE run_id = ?");
  references.bind(1, run.id);
  while (references.executeStep()) {
    run.outcome.references.push_back({references.getColumn(0).getString(),
                                      references.getColumn(1).getInt64(),
                                      references.getColumn(2).getInt64()});
  }
}

void PutCounters(SQLite::Database& database, const RunRecord& run) {
  SQLite::Statement counter(database, "INSERT OR REPLACE INTO run_counter VALUES (?, ?, ?)");
  for (const runs::CounterValue& value : run.outcome.counters) {
    counter.reset();
    counter.bind(1, run.id);
    counter.bind(2, value.name);
    counter.bind(3, value.value);
    counter.exec();
  }
  SQLite::Statement reference(database, "INSERT OR REPLACE INTO run_reference VALUES (?, ?, ?, ?)");
  for (const runs::ReferenceTotal& value : run.outcome.references) {
    reference.reset();
    reference.bind(1, run.id);
    reference.bind(2, value.type);
    reference.bind(3, value.before);
    reference.bind(4, value.after);
    reference.exec();
  }
}

void PutTexts(SQLite::Database& database, const RunRecord& run) {
  const runs::RunOutcome& outcome = run.outcome;
  if (outcome.report.empty() && outcome.stacks.empty() && outcome.events.empty()) {
    return;
  }
  SQLite::Statement text(database, "INSERT OR REPLACE INTO run_text VALUES (?, ?, ?, ?)");
  text.bind(1, run.id);
  text.bind(2, runs::BoundedText(outcome.report, runs::kReportBytesMax));
  text.bind(3, runs::BoundedText(outcome.stacks, runs::kReportBytesMax));
  text.bind(4, EventsJson(outcome.events));
  text.exec();
}

}  // namespace

void PutRunRow(SQLite::Database& database, const RunRecord& run) {
  // Not INSERT OR REPLACE: that would delete the row and what hangs on it.
  SQLite::Statement row(database,
                        "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                        "ON CONFLICT (id) DO UPDATE SET state = excluded.state, "
                        "verdict = excluded.verdict, repetition_id = excluded.repetition_id, "
                        "finding_id = excluded.finding_id, start_time = excluded.start_time, "
                        "end_time = excluded.end_time, spec = excluded.spec, "
                        "outcome = excluded.outcome");
  row.bind(1, run.id);
  if (!run.spec.request_id.empty()) row.bind(2, run.spec.request_id);
  row.bind(3, run.spec.scenario);
  row.bind(4, run.spec.flavor);
  row.bind(5, static_cast<int>(run.state));
  row.bind(6, static_cast<int>(run.verdict()));
  row.bind(7, run.spec.soak_id);
  row.bind(8, run.spec.repetition_id);
  row.bind(9, run.finding_id);
  row.bind(10, absl::ToUnixMicros(run.create_time));
  row.bind(11, absl::ToUnixMicros(run.start_time));
  row.bind(12, absl::ToUnixMicros(run.end_time));
  row.bind(13, SpecJson(run));
  row.bind(14, OutcomeJson(run));
  row.bind(15, run.spec.plan.empty() ? "none" : run.spec.plan);
  row.exec();
  PutCounters(database, run);
  PutTexts(database, run);
  PutLastId(database, "run", run.id);
}

std::optional<RunRecord> GetRunRow(SQLite::Database& database, int64_t id) {
  SQLite::Statement row(database, absl::StrCat(kColumns, "WHERE id = ?"));
  row.bind(1, id);
  if (!row.executeStep()) return std::nullopt;
  RunRecord run = ReadRow(row);
  ReadCounters(database, run);
  SQLite::Statement text(database, "SELECT report, stacks, events FROM run_text WHERE run_id = ?");
  text.bind(1, id);
  if (text.executeStep()) {
    run.outcome.report = text.getColumn(0).getString();
    run.outcome.stacks = text.getColumn(1).getString();
    run.outcome.events = ReadEventsJson(text.getColumn(2).getString());
  }
  return run;
}

std::optional<int64_t> FindRunIdByRequestId(SQLite::Database& database,
                                            const std::string& request_id) {
  SQLite::Statement row(database, "SELECT id FROM run WHERE request_id = ?");
  row.bind(1, request_id);
  if (!row.executeStep()) return std::nullopt;
  return row.getColumn(0).getInt64();
}

std::vector<RunRecord> ListRunRows(SQLite::Database& database, const runs::RunQuery& query) {
  std::string text = absl::StrCat(kColumns, "WHERE 1");
  if (!query.scenario.empty()) text += " AND scenario = :scenario";
  if (!query.flavor.empty()) text += " AND flavor = :flavor";
  if (query.state != runs::RunState::kUnspecified) text += " AND state = :state";
  if (query.verdict != runs::Verdict::kUnspecified) {
    text += " AND verdict = :verdict";
  }
  if (query.soak_id != 0) text += " AND soak_id = :soak_id";
  if (query.repetition_id != 0) {
    text += " AND (repetition_id = :repetition_id OR id = :repetition_id)";
  }
  if (query.before_id != 0) text += " AND id < :before_id";
  text += " ORDER BY id DESC LIMIT :limit";
  SQLite::Statement rows(database, text);
  if (!query.scenario.empty()) rows.bind(":scenario", query.scenario);
  if (!query.flavor.empty()) rows.bind(":flavor", query.flavor);
  if (query.state != runs::RunState::kUnspecified) {
    rows.bind(":state", static_cast<int>(query.state));
  }
  if (query.verdict != runs::Verdict::kUnspecified) {
    rows.bind(":verdict", static_cast<int>(query.verdict));
  }
  if (query.soak_id != 0) rows.bind(":soak_id", query.soak_id);
  if (query.repetition_id != 0) {
    rows.bind(":repetition_id", query.repetition_id);
  }
  if (query.before_id != 0) rows.bind(":before_id", query.before_id);
  rows.bind(":limit", query.limit);
  std::vector<RunRecord> runs;
  while (rows.executeStep()) runs.push_back(ReadRow(rows));
  for (RunRecord& run : runs) ReadCounters(database, run);
  return runs;
}

std::vector<int64_t> UnfinishedRunIds(SQLite::Database& database) {
  std::vector<int64_t> ids;
  SQLite::Statement rows(database, "SELECT id FROM run WHERE state != 3 ORDER BY id");
  while (rows.executeStep()) ids.push_back(rows.getColumn(0).getInt64());
  return ids;
}

void PutLastId(SQLite::Database& database, const char* kind, int64_t id) {
  SQLite::Statement row(database,
                        "INSERT INTO last_id VALUES (?, ?) ON CONFLICT (kind) "
                        "DO UPDATE SET id = max(id, excluded.id)");
  row.bind(1, kind);
  row.bind(2, id);
  row.exec();
}

int64_t GetLastId(SQLite::Database& database, const char* kind) {
  SQLite::Statement row(database, "SELECT id FROM last_id WHERE kind = ?");
  row.bind(1, kind);
  return row.executeStep() ? row.getColumn(0).getInt64() : 0;
}

}  // namespace stressd::store
