-- Assertions of SAML providers that have been used, by a SHA-256 over the pool, the provider's entity id and the assertion's own
-- id, for as long as they would be accepted again.
CREATE TABLE saml_assertion (
    hash       BYTEA  NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

CREATE INDEX saml_assertion_end ON saml_assertion (expires_at);
