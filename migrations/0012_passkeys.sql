-- Passkeys, and the registrations of them that were begun.
CREATE TABLE passkey (
    pool_id       TEXT   NOT NULL,
    -- The credential id, base64url: one authenticator's key belongs to one user of a pool.
    id            TEXT   NOT NULL,
    sub           TEXT   NOT NULL,
    relying_party TEXT   NOT NULL,
    name          TEXT   NOT NULL,
    attachment    TEXT,
    transports    TEXT   NOT NULL,
    -- A public key. Nothing here is secret.
    key           TEXT   NOT NULL,
    counter       BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (pool_id, id),
    FOREIGN KEY (pool_id, sub) REFERENCES pool_user (pool_id, sub) ON DELETE CASCADE
);

CREATE INDEX passkey_of_user ON passkey (pool_id, sub, created_at, id);

CREATE TABLE passkey_registration (
    pool_id    TEXT   NOT NULL,
    sub        TEXT   NOT NULL,
    id         TEXT   NOT NULL,
    client_id  TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (pool_id, sub),
    FOREIGN KEY (pool_id, sub) REFERENCES pool_user (pool_id, sub) ON DELETE CASCADE
);

CREATE INDEX passkey_registration_end ON passkey_registration (expires_at);
