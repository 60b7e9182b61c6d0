-- Devices that users have confirmed, and what the lists of devices and sessions tell of a sign-in.
-- A key that was given out and never confirmed has no row: the grant alone knows it.
CREATE TABLE device (
    pool_id          TEXT    NOT NULL,
    device_key       TEXT    NOT NULL,
    sub              TEXT    NOT NULL,
    name             TEXT,
    remembered       BOOLEAN NOT NULL,
    salt             BYTEA   NOT NULL,
    -- Sealed.
    verifier         BYTEA   NOT NULL,
    last_ip          TEXT,
    created_at       BIGINT  NOT NULL,
    modified_at      BIGINT  NOT NULL,
    authenticated_at BIGINT  NOT NULL,
    PRIMARY KEY (pool_id, device_key),
    FOREIGN KEY (pool_id, sub) REFERENCES pool_user (pool_id, sub) ON DELETE CASCADE
);

CREATE INDEX device_of_user ON device (pool_id, sub, device_key);

-- The device of the sign-in, the browser session that it came through, and where it was used last.
ALTER TABLE user_grant ADD COLUMN device_key TEXT;
ALTER TABLE user_grant ADD COLUMN sso_id TEXT;
ALTER TABLE user_grant ADD COLUMN created_at BIGINT;
ALTER TABLE user_grant ADD COLUMN active_at BIGINT;
ALTER TABLE user_grant ADD COLUMN last_ip TEXT;
ALTER TABLE user_grant ADD COLUMN device_type TEXT;

CREATE INDEX user_grant_of_sso ON user_grant (sso_id);

-- Sign-ins on the hosted pages, in pools that track sessions. A browser whose row is gone has to sign in again.
CREATE TABLE sso_session (
    id          TEXT   NOT NULL PRIMARY KEY,
    pool_id     TEXT   NOT NULL,
    sub         TEXT   NOT NULL,
    client_id   TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    active_at   BIGINT NOT NULL,
    expires_at  BIGINT NOT NULL,
    last_ip     TEXT,
    device_type TEXT,
    FOREIGN KEY (pool_id, sub) REFERENCES pool_user (pool_id, sub) ON DELETE CASCADE
);

CREATE INDEX sso_session_of_user ON sso_session (pool_id, sub, id);
CREATE INDEX sso_session_end ON sso_session (expires_at);
