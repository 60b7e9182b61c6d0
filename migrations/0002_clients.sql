-- App clients, and the resource servers whose scopes they may ask for. secrets is a sealed document.
CREATE TABLE client (
    id          TEXT   NOT NULL PRIMARY KEY,
    pool_id     TEXT   NOT NULL REFERENCES pool (id) ON DELETE CASCADE,
    name        TEXT   NOT NULL,
    secrets     BYTEA  NOT NULL,
    settings    TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);

CREATE INDEX client_of_pool ON client (pool_id, id);

CREATE TABLE resource_server (
    pool_id    TEXT NOT NULL REFERENCES pool (id) ON DELETE CASCADE,
    identifier TEXT NOT NULL,
    name       TEXT NOT NULL,
    scopes     TEXT NOT NULL,
    PRIMARY KEY (pool_id, identifier)
);
