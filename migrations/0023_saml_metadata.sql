-- What the MetadataURL of a SAML provider has answered with. Only documents that passed every check get here, so the newest one
-- serves on while the address does not answer.
CREATE TABLE saml_metadata (
    pool_id    TEXT   NOT NULL,
    provider   TEXT   NOT NULL,
    url        TEXT   NOT NULL,
    document   TEXT   NOT NULL,
    refresh_at BIGINT NOT NULL,
    PRIMARY KEY (pool_id, provider),
    FOREIGN KEY (pool_id, provider) REFERENCES identity_provider (pool_id, name) ON DELETE CASCADE
);

CREATE INDEX saml_metadata_refresh ON saml_metadata (refresh_at);
