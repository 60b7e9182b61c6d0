-- HTTP APIs and custom domains that were made at the control plane. An API is read and judged as a whole, so it is one document.
-- Every change raises the number, and waits for the one before: nothing is lost, and instances see that there is something new.
CREATE TABLE http_api_revision (
    id     BIGINT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
);

INSERT INTO http_api_revision (id, number) VALUES (1, 0);

CREATE TABLE http_api (
    id         TEXT   NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL,
    api        TEXT   NOT NULL
);

-- What was frozen. Only the description changes.
CREATE TABLE http_api_deployment (
    api_id     TEXT   NOT NULL REFERENCES http_api (id) ON DELETE CASCADE,
    id         TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    deployment TEXT   NOT NULL,
    PRIMARY KEY (api_id, id)
);

CREATE TABLE gateway_domain (
    name       TEXT   NOT NULL PRIMARY KEY,
    created_at BIGINT NOT NULL,
    domain     TEXT   NOT NULL
);
