#include "stressd/daemon/store/finding_rows.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "stressd/daemon/store/record_json.h"

namespace stressd::store {
namespace {

using findings::Finding;

constexpr char kColumns[] =
    "SELECT id, fingerprint, verdict, run_count, first_seen_time, "
    "last_seen_time, first_run_id, last_run_id, summary FROM finding ";

Finding ReadRow(SQLite::Statement& statement) {
  Finding finding;
  finding.id = statement.getColumn(0).getInt64();
  finding.fingerprint = statement.getColumn(1).getString();
  finding.verdict = static_cast<runs::Verdict>(statement.getColumn(2).getInt());
  finding.run_count = statement.getColumn(3).getInt64();
  finding.first_seen_time = absl::FromUnixMicros(statement.getColumn(4).getInt64());
  finding.last_seen_time = absl::FromUnixMicros(statement.getColumn(5).getInt64());
  finding.first_run_id = statement.getColumn(6).getInt64();
  finding.last_run_id = statement.getColumn(7).getInt64();
  ReadFindingSummaryJson(statement.getColumn(8).getString(), finding);
  return finding;
}

void ReadSeen(SQLite::Database& database, Finding& finding) {
  SQLite::Statement rows(database,
                         "SELECT scenario, flavor FROM finding_seen WHERE finding_id = ?");
  rows.bind(1, finding.id);
  while (rows.executeStep()) {
    finding.scenarios.insert(rows.getColumn(0).getString());
    finding.flavors.insert(rows.getColumn(1).getString());
  }
}

}  // namespace

int64_t MergeFindingRow(SQLite::Database& database, const Finding& seen) {
  SQLite::Statement row(database,
                        "INSERT INTO finding (fingerprint, verdict, run_count, first_seen_time, "
                        "last_seen_time, first_run_id, last_run_id, summary, detail, report) "
                        "VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?) "
                        "ON CONFLICT (fingerprint) DO UPDATE SET run_count = run_count + 1, "
                        "last_run_id = CASE WHEN excluded.last_seen_time >= last_seen_time "
                        "THEN excluded.last_run_id ELSE last_run_id END, "
                        "first_seen_time = min(first_seen_time, excluded.first_seen_time), "
                        "last_seen_time = max(last_seen_time, excluded.last_seen_time) "
                        "RETURNING id");
  row.bind(1, seen.fingerprint);
  row.bind(2, static_cast<int>(seen.verdict));
  row.bind(3, absl::ToUnixMicros(seen.first_seen_time));
  row.bind(4, absl::ToUnixMicros(seen.last_seen_time));
  row.bind(5, seen.first_run_id);
  row.bind(6, seen.last_run_id);
  row.bind(7, FindingSummaryJson(seen));
  row.bind(8, FindingDetailJson(seen));
  row.bind(9, runs::BoundedText(seen.report, findings::kFindingReportBytesMax));
  row.executeStep();
  const int64_t id = row.getColumn(0).getInt64();
  row.reset();
  SQLite::Statement place(database,
                          "INSERT INTO finding_seen VALUES (?, ?, ?, 1) "
                          "ON CONFLICT DO UPDATE SET run_count = run_count + 1");
  for (const std::string& scenario : seen.scenarios) {
    for (const std::string& flavor : seen.flavors) {
      place.reset();
      place.bind(1, id);
      place.bind(2, scenario);
      place.bind(3, flavor);
      place.exec();
    }
  }
  return id;
}

std::optional<Finding> GetFindingRow(SQLite::Database& database, int64_t id) {
  SQLite::Statement row(database, absl::StrCat(kColumns, "WHERE id = ?"));
  row.bind(1, id);
  if (!row.executeStep()) return std::nullopt;
  Finding finding = ReadRow(row);
  ReadSeen(database, finding);
  SQLite::Statement detail(database, "SELECT detail, report FROM finding WHERE id = ?");
  detail.bind(1, id);
  if (detail.executeStep()) {
    ReadFindingDetailJson(detail.getColumn(0).getString(), finding);
    finding.report = detail.getColumn(1).getString();
  }
  return finding;
}

std::vector<Finding> ListFindingRows(SQLite::Database& database,
                                     const findings::FindingQuery& query) {
  const bool by_place = !query.scenario.empty() || !query.flavor.empty();
  std::string text = absl::StrCat(kColumns, "WHERE 1");
  if (query.verdict != runs::Verdict::kUnspecified) {
    text += " AND verdict = :verdict";
  }
  if (query.before_last_seen_time.has_value()) {
    text += " AND (last_seen_time, id) < (:before_time, :before_id)";
  }
  if (by_place) {
    text +=
        " AND id IN (SELECT finding_id FROM finding_seen WHERE "
        "(:scenario = '' OR scenario = :scenario) AND "
        "(:flavor = '' OR flavor = :flavor))";
  }
  text += " ORDER BY last_seen_time DESC, id DESC LIMIT :limit";
  SQLite::Statement rows(database, text);
  if (query.verdict != runs::Verdict::kUnspecified) {
    rows.bind(":verdict", static_cast<int>(query.verdict));
  }
  if (query.before_last_seen_time.has_value()) {
    rows.bind(":before_time", absl::ToUnixMicros(*query.before_last_seen_time));
    rows.bind(":before_id", query.before_id);
  }
  if (by_place) {
    rows.bind(":scenario", query.scenario);
    rows.bind(":flavor", query.flavor);
  }
  rows.bind(":limit", query.limit);
  std::vector<Finding> found;
  while (rows.executeStep()) found.push_back(ReadRow(rows));
  for (Finding& finding : found) ReadSeen(database, finding);
  return found;
}

}  // namespace stressd::store
