-- Cases, idempotency keys, callbacks, stamps and the secret of the case ids.
--
-- Ids and keys collate "C": they are compared as bytes, whatever the database's language is.
-- No index holds updated_at: most changes of a case then stay on its page (heap-only tuples).
-- data is gateway.cases.wire_form; to read it: convert_from(data, 'UTF8')::json.
-- Retention finds its cases by accepted_at, which never changes and is never after updated_at.

CREATE TABLE cases (
    id          text COLLATE "C" PRIMARY KEY,
    service     text COLLATE "C" NOT NULL,
    state       text COLLATE "C" NOT NULL,
    accepted_at timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    expires_at  timestamptz,
    data        bytea NOT NULL,
    answer      bytea
) WITH (fillfactor = 70);

CREATE INDEX cases_accepted_at ON cases (accepted_at);
CREATE INDEX cases_expires_at ON cases (expires_at) WHERE expires_at IS NOT NULL;

-- How many cases there are, kept by the statements that change them: every statement adds its
-- differences, the reader sums them up and now and then puts them together. A row for each service
-- and state would be locked by every gateway until its transaction ends.

CREATE TABLE case_counts (
    service text COLLATE "C" NOT NULL,
    state   text COLLATE "C" NOT NULL,
    n       bigint NOT NULL
);

CREATE FUNCTION count_cases() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO case_counts SELECT service, state, count(*) FROM after GROUP BY 1, 2;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO case_counts SELECT service, state, -count(*) FROM before GROUP BY 1, 2;
    ELSE
        INSERT INTO case_counts
        SELECT service, state, sum(n)
        FROM (SELECT service, state, 1 AS n FROM after
              UNION ALL SELECT service, state, -1 FROM before) AS difference
        GROUP BY 1, 2 HAVING sum(n) <> 0;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER cases_inserted AFTER INSERT ON cases REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION count_cases();
CREATE TRIGGER cases_updated AFTER UPDATE ON cases
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION count_cases();
CREATE TRIGGER cases_deleted AFTER DELETE ON cases REFERENCING OLD TABLE AS before
    FOR EACH STATEMENT EXECUTE FUNCTION count_cases();

-- Idempotency keys that stand for a case, and those that hold the answer of an HTTP department.

CREATE TABLE reservations (
    channel     text COLLATE "C" NOT NULL,
    service     text COLLATE "C" NOT NULL,
    value       text COLLATE "C" NOT NULL,
    fingerprint bytea NOT NULL,
    case_id     text COLLATE "C" NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (channel, service, value)
);
CREATE INDEX reservations_expires_at ON reservations (expires_at);

CREATE TABLE held_answers (
    channel     text COLLATE "C" NOT NULL,
    service     text COLLATE "C" NOT NULL,
    value       text COLLATE "C" NOT NULL,
    fingerprint bytea NOT NULL,
    expires_at  timestamptz NOT NULL,
    status      integer,
    fields      bytea,
    body        bytea,
    PRIMARY KEY (channel, service, value)
);
CREATE INDEX held_answers_expires_at ON held_answers (expires_at);

-- Callbacks: next_at NULL means given up.

CREATE TABLE callbacks (
    id         text COLLATE "C" PRIMARY KEY,
    case_id    text COLLATE "C" NOT NULL,
    channel    text COLLATE "C" NOT NULL,
    state      text COLLATE "C" NOT NULL,
    at         timestamptz NOT NULL,
    attempts   integer NOT NULL DEFAULT 0,
    next_at    timestamptz,
    last_error text
);
CREATE INDEX callbacks_next_at ON callbacks (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX callbacks_case_id ON callbacks (case_id);

CREATE TABLE marks (
    name text COLLATE "C" PRIMARY KEY,
    at   timestamptz NOT NULL
);

CREATE TABLE secret (
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    key     bytea NOT NULL
);
