-- What of the configuration file was applied already, where the database cannot tell: a keyed digest of a user's password.
CREATE TABLE applied (
    subject TEXT  NOT NULL PRIMARY KEY,
    digest  BYTEA NOT NULL
);
