-- Jobs that import users from a CSV file, and the file itself until its job has ended.
CREATE TABLE import_job (
    pool_id      TEXT   NOT NULL REFERENCES pool (id) ON DELETE CASCADE,
    id           TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    role_arn     TEXT   NOT NULL,
    status       TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    started_at   BIGINT,
    completed_at BIGINT,
    -- The newest upload; an older one that is still coming in is cut off.
    upload       TEXT,
    parts        BIGINT NOT NULL,
    -- Of the file; none as long as it is not there as a whole.
    lines        BIGINT,
    -- Who works on it, and until when nobody else may.
    worker       TEXT,
    leased_until BIGINT NOT NULL,
    -- The last line whose outcome is counted below.
    lines_done   BIGINT NOT NULL,
    imported     BIGINT NOT NULL,
    skipped      BIGINT NOT NULL,
    failed       BIGINT NOT NULL,
    message      TEXT,
    PRIMARY KEY (pool_id, id)
);

CREATE INDEX import_job_newest ON import_job (pool_id, created_at, id);
CREATE INDEX import_job_status ON import_job (status, created_at);
-- One job at a time works on a pool.
CREATE UNIQUE INDEX import_job_running ON import_job (pool_id) WHERE status IN ('Pending', 'InProgress', 'Stopping');

CREATE TABLE import_part (
    pool_id TEXT   NOT NULL,
    job_id  TEXT   NOT NULL,
    upload  TEXT   NOT NULL,
    number  BIGINT NOT NULL,
    content BYTEA  NOT NULL,
    PRIMARY KEY (pool_id, job_id, upload, number),
    FOREIGN KEY (pool_id, job_id) REFERENCES import_job (pool_id, id) ON DELETE CASCADE
);

-- An address that a user has asked for and not proven, in pools that keep the old one until then.
CREATE TABLE pending_attribute (
    pool_id TEXT NOT NULL,
    sub     TEXT NOT NULL,
    name    TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (pool_id, sub, name),
    FOREIGN KEY (pool_id, sub) REFERENCES pool_user (pool_id, sub) ON DELETE CASCADE
);
