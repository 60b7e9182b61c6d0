-- Browsers that are on their way through an identity provider, by the SHA-256 of the state that comes back with them. detail and
-- parcel are sealed; parcel is what a provider has posted, until the browser comes for it with its cookie.
CREATE TABLE federation_trip (
    hash       BYTEA  NOT NULL PRIMARY KEY,
    detail     BYTEA  NOT NULL,
    parcel     BYTEA,
    expires_at BIGINT NOT NULL
);

CREATE INDEX federation_trip_end ON federation_trip (expires_at);
