-- A known text under the master key: a start with another key is refused before anything is sealed with it.
CREATE TABLE master_key (
    id    BIGINT NOT NULL PRIMARY KEY,
    proof BYTEA  NOT NULL
);
