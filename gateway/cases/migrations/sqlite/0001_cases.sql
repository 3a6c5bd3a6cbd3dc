-- Cases, idempotency keys, callbacks, stamps and the key of case ids.
-- Times are whole microseconds since 1970, UTC.

CREATE TABLE cases (
    id TEXT NOT NULL PRIMARY KEY,
    service TEXT NOT NULL,
    state TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at INTEGER,
    data BLOB NOT NULL,
    answer BLOB
) STRICT;
CREATE INDEX cases_by_update ON cases (updated_at);
CREATE INDEX cases_by_expiry ON cases (expires_at) WHERE expires_at IS NOT NULL;

-- Counting a million cases by reading them would hold up every writer for a second.
CREATE TABLE case_counts (
    service TEXT NOT NULL,
    state TEXT NOT NULL,
    cases INTEGER NOT NULL,
    PRIMARY KEY (service, state)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER case_inserted AFTER INSERT ON cases BEGIN
    INSERT INTO case_counts VALUES (new.service, new.state, 1)
        ON CONFLICT DO UPDATE SET cases = cases + 1;
END;
CREATE TRIGGER case_moved AFTER UPDATE OF state ON cases WHEN new.state <> old.state BEGIN
    UPDATE case_counts SET cases = cases - 1 WHERE service = old.service AND state = old.state;
    INSERT INTO case_counts VALUES (new.service, new.state, 1)
        ON CONFLICT DO UPDATE SET cases = cases + 1;
END;
CREATE TRIGGER case_deleted AFTER DELETE ON cases BEGIN
    UPDATE case_counts SET cases = cases - 1 WHERE service = old.service AND state = old.state;
END;

-- Idempotency keys of Kafka services: each stands for a case.
CREATE TABLE reservations (
    channel TEXT NOT NULL,
    service TEXT NOT NULL,
    value TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    case_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (channel, service, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX reservations_by_expiry ON reservations (expires_at);

-- Idempotency keys of HTTP services; without a status the first request is under way.
CREATE TABLE held_answers (
    channel TEXT NOT NULL,
    service TEXT NOT NULL,
    value TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    status INTEGER,
    fields BLOB,
    body BLOB,
    PRIMARY KEY (channel, service, value)
) STRICT;
CREATE INDEX held_answers_by_expiry ON held_answers (expires_at);

CREATE TABLE callbacks (
    id TEXT NOT NULL PRIMARY KEY,
    case_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER,  -- NULL: given up
    last_error TEXT
) STRICT;
CREATE INDEX callbacks_by_next ON callbacks (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX callbacks_by_case ON callbacks (case_id);

CREATE TABLE marks (name TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE secret (one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1), key BLOB NOT NULL) STRICT;
