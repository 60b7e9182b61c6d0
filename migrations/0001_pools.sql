-- User pools and the keys that sign their tokens. Settings are one document: calls replace them as a whole.
CREATE TABLE pool (
    id          TEXT    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL,
    strict_oidc BOOLEAN NOT NULL,
    settings    TEXT    NOT NULL,
    created_at  BIGINT  NOT NULL,
    modified_at BIGINT  NOT NULL
);

-- private_key is sealed PKCS#8. A retired key signs no more; its public half is still published.
CREATE TABLE signing_key (
    kid         TEXT   NOT NULL PRIMARY KEY,
    pool_id     TEXT   NOT NULL REFERENCES pool (id) ON DELETE CASCADE,
    token_use   TEXT   NOT NULL,
    private_key BYTEA  NOT NULL,
    created_at  BIGINT NOT NULL,
    retired_at  BIGINT
);

CREATE INDEX signing_key_of_pool ON signing_key (pool_id);
-- Two instances that make a new pool's keys at once: the second finds the first's.
CREATE UNIQUE INDEX signing_key_in_use ON signing_key (pool_id, token_use) WHERE retired_at IS NULL;
