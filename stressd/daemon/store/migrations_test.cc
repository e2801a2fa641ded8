// testdata/version_1.sql is what a store of version 1 held, as sqlite3 dumps it.
#include "stressd/daemon/store/migrations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "SQLiteCpp/SQLiteCpp.h"
#include "stressd/daemon/store/store.h"

namespace stressd::store {
namespace {

std::string FreshFile() {
  std::string path = testing::TempDir() + "/migrations_XXXXXX";
  EXPECT_NE(mkdtemp(path.data()), nullptr);
  return path + "/stressd.db";
}

std::string Recorded(const std::string& name) {
  std::ifstream file(std::string(std::getenv("TEST_SRCDIR")) + "/" + std::getenv("TEST_WORKSPACE") +
                     "/stressd/daemon/store/testdata/" + name);
  EXPECT_TRUE(file.good());
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(MigrationsTest, EmptyFileGetsTheCurrentVersion) {
  SQLite::Database database(FreshFile(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  ASSERT_TRUE(Migrate(database).ok());
  EXPECT_EQ(database.execAndGet("PRAGMA user_version").getInt(), CurrentSchemaVersion());
  EXPECT_TRUE(Migrate(database).ok());
}

TEST(MigrationsTest, NewerFileIsRefused) {
  const std::string path = FreshFile();
  SQLite::Database database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  database.exec("PRAGMA user_version = 1000");
  const absl::Status status = Migrate(database);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("1000"));
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr(path));
}

TEST(MigrationsTest, MigrationThatFailsLeavesTheFileAsItWas) {
  SQLite::Database database(FreshFile(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  database.exec("CREATE TABLE run_text (x TEXT) STRICT");  // In the way.
  EXPECT_FALSE(Migrate(database).ok());
  EXPECT_EQ(database.execAndGet("PRAGMA user_version").getInt(), 0);
  EXPECT_FALSE(database.tableExists("run"));
}

TEST(MigrationsTest, StoreOfVersion1IsStillRead) {
  const std::string path = FreshFile();
  {
    SQLite::Database database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    database.exec(Recorded("version_1.sql"));
  }
  const auto store = Store::Open(path, {.age_max = absl::InfiniteDuration()});
  ASSERT_TRUE(store.ok()) << store.status();
  const auto run = (*store)->GetRun(12);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->spec.scenario, "thread-churn");
  EXPECT_EQ(run->spec.seed, 7u);
  EXPECT_EQ(run->spec.plan, "none");
  EXPECT_EQ(run->outcome.summary, "1 violation");
  EXPECT_EQ(run->outcome.counters.size(), 1u);
  EXPECT_EQ((*store)->GetSoak(3)->plan.name, "nightly");
  EXPECT_EQ((*store)->GetSoak(3)->plan.run_plan, "none");
  EXPECT_EQ((*store)->GetFinding(1)->kind, "reference-balance");
  EXPECT_EQ(*(*store)->LastRunId(), 12);
}

}  // namespace
}  // namespace stressd::store
