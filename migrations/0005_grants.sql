-- One row per sign-in. Refresh, revocation and global sign-out meet here.
CREATE TABLE user_grant (
    id         TEXT   NOT NULL PRIMARY KEY,
    pool_id    TEXT   NOT NULL,
    client_id  TEXT   NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    sub        TEXT   NOT NULL,
    scopes     TEXT   NOT NULL,
    auth_time  BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    rotated_at BIGINT,
    revoked_at BIGINT,
    source     TEXT   NOT NULL,
    event_id   TEXT   NOT NULL,
    FOREIGN KEY (pool_id, sub) REFERENCES pool_user (pool_id, sub) ON DELETE CASCADE
);

CREATE INDEX user_grant_of_user ON user_grant (pool_id, sub);
CREATE INDEX user_grant_of_client ON user_grant (client_id);
CREATE INDEX user_grant_end ON user_grant (expires_at);

-- Codes of the authorization code grant, by hash. Redeeming deletes.
CREATE TABLE authorization_code (
    hash       BYTEA  NOT NULL PRIMARY KEY,
    client_id  TEXT   NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    detail     TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX authorization_code_end ON authorization_code (expires_at);

-- What must happen once: sessions and SRP attempts that were answered.
CREATE TABLE spent (
    id         TEXT   NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

CREATE INDEX spent_end ON spent (expires_at);

-- Browser sessions of the hosted pages, by hash of the cookie's value.
CREATE TABLE browser_session (
    hash       BYTEA  NOT NULL PRIMARY KEY,
    data       TEXT   NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX browser_session_end ON browser_session (expires_at);
