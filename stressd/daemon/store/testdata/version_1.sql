-- What a store of version 1 held.
CREATE TABLE last_id (
  kind TEXT PRIMARY KEY,
  id INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
  id INTEGER PRIMARY KEY,
  request_id TEXT UNIQUE,
  scenario TEXT NOT NULL,
  flavor TEXT NOT NULL,
  state INTEGER NOT NULL,
  verdict INTEGER NOT NULL,
  soak_id INTEGER NOT NULL,
  repetition_id INTEGER NOT NULL,
  finding_id INTEGER NOT NULL,
  create_time INTEGER NOT NULL,
  start_time INTEGER NOT NULL,
  end_time INTEGER NOT NULL,
  spec TEXT NOT NULL,
  outcome TEXT NOT NULL
) STRICT;
CREATE INDEX run_by_scenario ON run (scenario, id);
CREATE INDEX run_by_verdict ON run (verdict, id);
CREATE INDEX run_by_soak ON run (soak_id, id) WHERE soak_id != 0;
CREATE INDEX run_by_repetition ON run (repetition_id, id)
  WHERE repetition_id != 0;
CREATE INDEX run_unfinished ON run (id) WHERE state != 3;

CREATE TABLE run_text (
  run_id INTEGER PRIMARY KEY REFERENCES run (id) ON DELETE CASCADE,
  report TEXT NOT NULL,
  stacks TEXT NOT NULL,
  events TEXT NOT NULL
) STRICT;

CREATE TABLE run_counter (
  run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (run_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_reference (
  run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  type TEXT NOT NULL,
  before INTEGER NOT NULL,
  after INTEGER NOT NULL,
  PRIMARY KEY (run_id, type)
) STRICT, WITHOUT ROWID;

CREATE TABLE soak (
  id INTEGER PRIMARY KEY,
  state INTEGER NOT NULL,
  end_time INTEGER NOT NULL,
  record TEXT NOT NULL
) STRICT;

CREATE TABLE finding (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  fingerprint TEXT NOT NULL UNIQUE,
  verdict INTEGER NOT NULL,
  run_count INTEGER NOT NULL,
  first_seen_time INTEGER NOT NULL,
  last_seen_time INTEGER NOT NULL,
  first_run_id INTEGER NOT NULL,
  last_run_id INTEGER NOT NULL,
  summary TEXT NOT NULL,
  detail TEXT NOT NULL,
  report TEXT NOT NULL
) STRICT;
CREATE INDEX finding_by_last_seen ON finding (last_seen_time, id);

CREATE TABLE finding_seen (
  finding_id INTEGER NOT NULL REFERENCES finding (id) ON DELETE CASCADE,
  scenario TEXT NOT NULL,
  flavor TEXT NOT NULL,
  run_count INTEGER NOT NULL,
  PRIMARY KEY (finding_id, scenario, flavor)
) STRICT, WITHOUT ROWID;

CREATE TABLE host_sample (
  sample_time INTEGER NOT NULL,
  process TEXT NOT NULL,
  pid INTEGER NOT NULL,
  run_id INTEGER NOT NULL,
  finished_run_count INTEGER NOT NULL,
  rss_bytes INTEGER NOT NULL,
  reference_total INTEGER NOT NULL,
  counters TEXT NOT NULL
) STRICT;
CREATE INDEX host_sample_by_time ON host_sample (sample_time);

INSERT INTO last_id VALUES ('run', 12), ('soak', 3);
INSERT INTO run VALUES (12, 'request', 'thread-churn', 'tsan', 3, 2, 3, 0, 1,
  1800000000000000, 1800000001000000, 1800000002000000,
  '{"duration_ns":0,"host_kind":2,"parameters":{"threads":"8"},"seed":7,"time_limit_ns":300000000000}',
  '{"sequence":5,"summary":"1 violation","violations":[{"location":"","message":"expected 0, found 3","rule":"reference-balance"}],"exit_code":0,"pid":77}');
INSERT INTO run_text VALUES (12, 'report', '', '[]');
INSERT INTO run_counter VALUES (12, 'attach', 8);
INSERT INTO run_reference VALUES (12, 'total', 0, 3);
INSERT INTO soak VALUES (3, 1, 0,
  '{"id":3,"name":"nightly","state":1,"seed":1,"entries":[{"scenario":"thread-churn","flavors":["tsan"],"weight":1}]}');
INSERT INTO finding VALUES (1, '0123456789abcdef', 2, 1, 1800000002000000,
  1800000002000000, 12, 12,
  '{"tool":"oracle","kind":"reference-balance","title":"t","frames":["scenario:thread-churn"]}',
  '{"counters":[["attach",8]],"events":[]}', 'report');
INSERT INTO finding_seen VALUES (1, 'thread-churn', 'tsan', 1);
PRAGMA user_version = 1;
