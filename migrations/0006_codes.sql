-- Codes that prove an address, how often they were guessed at, and the messages that carry them.
CREATE TABLE code (
    pool_id    TEXT   NOT NULL,
    sub        TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    hash       BYTEA  NOT NULL,
    attribute  TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (pool_id, sub, kind),
    FOREIGN KEY (pool_id, sub) REFERENCES pool_user (pool_id, sub) ON DELETE CASCADE
);

CREATE INDEX code_end ON code (expires_at);

-- Fixed windows: how often something was tried until ends_at.
CREATE TABLE attempt (
    subject TEXT   NOT NULL PRIMARY KEY,
    count   BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);

CREATE INDEX attempt_end ON attempt (ends_at);

CREATE TABLE message (
    id         TEXT   NOT NULL PRIMARY KEY,
    pool_id    TEXT   NOT NULL REFERENCES pool (id) ON DELETE CASCADE,
    medium     TEXT   NOT NULL,
    recipient  TEXT   NOT NULL,
    subject    TEXT,
    body       TEXT   NOT NULL,
    code       TEXT,
    created_at BIGINT NOT NULL
);

CREATE INDEX message_to ON message (recipient, created_at);
