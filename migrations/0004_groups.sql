-- Groups and who is in them.
CREATE TABLE pool_group (
    pool_id     TEXT   NOT NULL REFERENCES pool (id) ON DELETE CASCADE,
    name        TEXT   NOT NULL,
    description TEXT,
    role_arn    TEXT,
    precedence  BIGINT,
    created_at  BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    PRIMARY KEY (pool_id, name)
);

CREATE TABLE membership (
    pool_id    TEXT NOT NULL,
    group_name TEXT NOT NULL,
    sub        TEXT NOT NULL,
    PRIMARY KEY (pool_id, group_name, sub),
    FOREIGN KEY (pool_id, group_name) REFERENCES pool_group (pool_id, name) ON DELETE CASCADE,
    FOREIGN KEY (pool_id, sub) REFERENCES pool_user (pool_id, sub) ON DELETE CASCADE
);

CREATE INDEX membership_of_user ON membership (pool_id, sub);
