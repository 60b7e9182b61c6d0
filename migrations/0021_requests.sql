-- Requests that wait for somebody: devices that a user has to let in (RFC 8628), and authorization requests that were pushed
-- (RFC 9126). Codes and addresses are kept as hashes.
CREATE TABLE device_request (
    device_hash BYTEA  NOT NULL PRIMARY KEY,
    user_hash   BYTEA  NOT NULL UNIQUE,
    pool_id     TEXT   NOT NULL REFERENCES pool (id) ON DELETE CASCADE,
    client_id   TEXT   NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    scopes      TEXT   NOT NULL,
    -- pending, approved or denied.
    status      TEXT   NOT NULL,
    -- The sign-in of whoever has approved it.
    sign_in     TEXT,
    -- Milliseconds between two polls; more after each that came too early.
    pause       BIGINT NOT NULL,
    polled_at   BIGINT,
    ends_at     BIGINT NOT NULL,
    -- For some time it is known what has ended.
    expires_at  BIGINT NOT NULL
);

CREATE INDEX device_request_end ON device_request (expires_at);

CREATE TABLE pushed_request (
    hash       BYTEA  NOT NULL PRIMARY KEY,
    client_id  TEXT   NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    query      TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX pushed_request_end ON pushed_request (expires_at);
