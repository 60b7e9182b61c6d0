-- Users. What is looked up has a column or a row of its own; the other attributes are one document.
CREATE TABLE pool_user (
    pool_id          TEXT    NOT NULL REFERENCES pool (id) ON DELETE CASCADE,
    sub              TEXT    NOT NULL,
    username         TEXT    NOT NULL,
    -- Folded where the pool does not tell cases apart.
    username_key     TEXT    NOT NULL,
    status           TEXT    NOT NULL,
    enabled          BOOLEAN NOT NULL,
    attributes       TEXT    NOT NULL,
    password_hash    TEXT,
    srp_salt         BYTEA,
    -- Sealed.
    srp_verifier     BYTEA,
    password_history TEXT    NOT NULL,
    temporary_since  BIGINT,
    failures         BIGINT  NOT NULL,
    last_failure_at  BIGINT  NOT NULL,
    -- Tokens that carry no grant id and are older than this are void.
    signed_out_at    BIGINT,
    created_at       BIGINT  NOT NULL,
    modified_at      BIGINT  NOT NULL,
    PRIMARY KEY (pool_id, sub)
);

CREATE UNIQUE INDEX pool_user_username ON pool_user (pool_id, username_key);
CREATE INDEX pool_user_status ON pool_user (pool_id, status, sub);
CREATE INDEX pool_user_enabled ON pool_user (pool_id, enabled, sub);

-- The attributes that ListUsers can search by.
CREATE TABLE user_lookup (
    pool_id TEXT NOT NULL,
    name    TEXT NOT NULL,
    value   TEXT NOT NULL,
    sub     TEXT NOT NULL,
    PRIMARY KEY (pool_id, name, value, sub),
    FOREIGN KEY (pool_id, sub) REFERENCES pool_user (pool_id, sub) ON DELETE CASCADE
);

CREATE INDEX user_lookup_of_user ON user_lookup (pool_id, sub);

-- What else a user can sign in with. One owner each.
CREATE TABLE user_alias (
    pool_id TEXT NOT NULL,
    name    TEXT NOT NULL,
    value   TEXT NOT NULL,
    sub     TEXT NOT NULL,
    PRIMARY KEY (pool_id, name, value),
    FOREIGN KEY (pool_id, sub) REFERENCES pool_user (pool_id, sub) ON DELETE CASCADE
);

CREATE INDEX user_alias_of_user ON user_alias (pool_id, sub);
