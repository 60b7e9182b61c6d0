-- How a client's pages look. Styles are one per client; the bytes of their images are rows of their own, read one at a time.
CREATE TABLE branding (
    id            TEXT    NOT NULL PRIMARY KEY,
    pool_id       TEXT    NOT NULL REFERENCES pool (id) ON DELETE CASCADE,
    client_id     TEXT    NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    uses_provided BOOLEAN NOT NULL,
    settings      TEXT    NOT NULL,
    created_at    BIGINT  NOT NULL,
    modified_at   BIGINT  NOT NULL
);

CREATE UNIQUE INDEX branding_of_client ON branding (client_id);
CREATE INDEX branding_of_pool ON branding (pool_id);

CREATE TABLE branding_asset (
    branding_id TEXT   NOT NULL REFERENCES branding (id) ON DELETE CASCADE,
    category    TEXT   NOT NULL,
    color_mode  TEXT   NOT NULL,
    extension   TEXT   NOT NULL,
    resource_id TEXT   NOT NULL,
    digest      TEXT   NOT NULL,
    bytes       BYTEA  NOT NULL,
    PRIMARY KEY (branding_id, category, color_mode)
);

-- The classic pages. subject is a client, or ALL for those that have none of their own.
CREATE TABLE ui_customization (
    pool_id     TEXT   NOT NULL REFERENCES pool (id) ON DELETE CASCADE,
    subject     TEXT   NOT NULL,
    client_id   TEXT   REFERENCES client (id) ON DELETE CASCADE,
    css         TEXT,
    css_version TEXT   NOT NULL,
    image       BYTEA,
    digest      TEXT,
    created_at  BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (pool_id, subject)
);

CREATE INDEX ui_customization_of_client ON ui_customization (client_id);

CREATE TABLE terms (
    id          TEXT   NOT NULL PRIMARY KEY,
    pool_id     TEXT   NOT NULL REFERENCES pool (id) ON DELETE CASCADE,
    client_id   TEXT   NOT NULL REFERENCES client (id) ON DELETE CASCADE,
    name        TEXT   NOT NULL,
    links       TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);

CREATE UNIQUE INDEX terms_of_client ON terms (client_id, name);
CREATE INDEX terms_of_pool ON terms (pool_id, id);

-- Threat protection: what is done about risks, for a client or for ALL, and what happened to users.
CREATE TABLE risk_configuration (
    pool_id     TEXT   NOT NULL REFERENCES pool (id) ON DELETE CASCADE,
    subject     TEXT   NOT NULL,
    client_id   TEXT   REFERENCES client (id) ON DELETE CASCADE,
    settings    TEXT   NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (pool_id, subject)
);

CREATE INDEX risk_configuration_of_client ON risk_configuration (client_id);

CREATE TABLE auth_event (
    id          TEXT   NOT NULL PRIMARY KEY,
    pool_id     TEXT   NOT NULL,
    sub         TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    response    TEXT   NOT NULL,
    detail      TEXT   NOT NULL,
    feedback    TEXT,
    created_at  BIGINT NOT NULL,
    FOREIGN KEY (pool_id, sub) REFERENCES pool_user (pool_id, sub) ON DELETE CASCADE
);

CREATE INDEX auth_event_of_user ON auth_event (pool_id, sub, created_at, id);
CREATE INDEX auth_event_age ON auth_event (created_at);

-- Kept for whoever asks; nothing here acts on them.
CREATE TABLE log_delivery (
    pool_id        TEXT NOT NULL PRIMARY KEY REFERENCES pool (id) ON DELETE CASCADE,
    configurations TEXT NOT NULL
);

CREATE TABLE pool_replica (
    pool_id    TEXT   NOT NULL REFERENCES pool (id) ON DELETE CASCADE,
    region     TEXT   NOT NULL,
    status     TEXT   NOT NULL,
    tags       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (pool_id, region)
);

CREATE TABLE provisioned_limit (
    region   TEXT   NOT NULL,
    category TEXT   NOT NULL,
    value    BIGINT NOT NULL,
    PRIMARY KEY (region, category)
);
