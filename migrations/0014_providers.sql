-- Identity providers of pools. details is a sealed document: it holds what the pool proves itself with at the provider.
CREATE TABLE identity_provider (
    pool_id     TEXT   NOT NULL REFERENCES pool (id) ON DELETE CASCADE,
    name        TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    details     BYTEA  NOT NULL,
    settings    TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (pool_id, name)
);

-- The other names of a provider. Each leads to one provider of its pool.
CREATE TABLE provider_identifier (
    pool_id    TEXT NOT NULL,
    identifier TEXT NOT NULL,
    provider   TEXT NOT NULL,
    PRIMARY KEY (pool_id, identifier),
    FOREIGN KEY (pool_id, provider) REFERENCES identity_provider (pool_id, name) ON DELETE CASCADE
);

CREATE INDEX provider_identifier_of_provider ON provider_identifier (pool_id, provider);

-- Somebody at a provider who signs in as a user of the pool. A provider that is deleted leaves its links behind.
CREATE TABLE user_link (
    pool_id    TEXT   NOT NULL,
    provider   TEXT   NOT NULL,
    attribute  TEXT   NOT NULL,
    value      TEXT   NOT NULL,
    sub        TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (pool_id, provider, attribute, value),
    FOREIGN KEY (pool_id, sub) REFERENCES pool_user (pool_id, sub) ON DELETE CASCADE
);

CREATE INDEX user_link_of_user ON user_link (pool_id, sub);

-- Where a pool's pages live. A pool has at most one prefix and one name of its owner's.
CREATE TABLE pool_domain (
    name        TEXT    NOT NULL PRIMARY KEY,
    pool_id     TEXT    NOT NULL REFERENCES pool (id) ON DELETE CASCADE,
    is_custom   BOOLEAN NOT NULL,
    settings    TEXT    NOT NULL,
    modified_at BIGINT  NOT NULL
);

CREATE UNIQUE INDEX pool_domain_of_pool ON pool_domain (pool_id, is_custom);

-- The certificates that a pool shows to SAML providers. private_key is sealed PKCS#8.
CREATE TABLE pool_certificate (
    pool_id     TEXT   NOT NULL REFERENCES pool (id) ON DELETE CASCADE,
    purpose     TEXT   NOT NULL,
    certificate BYTEA  NOT NULL,
    private_key BYTEA  NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (pool_id, purpose)
);
