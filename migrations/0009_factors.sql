-- Second factors: what users have told us about them, and their authenticator apps.
CREATE TABLE user_factors (
    pool_id      TEXT   NOT NULL,
    sub          TEXT   NOT NULL,
    preference   TEXT   NOT NULL,
    -- Sealed, and verified with a code.
    totp_secret  BYTEA,
    totp_name    TEXT,
    -- The step of the last code that was taken: none of this step or an earlier one is taken again.
    totp_step    BIGINT NOT NULL,
    -- Sealed; shown to its user, and not verified yet.
    totp_pending BYTEA,
    PRIMARY KEY (pool_id, sub),
    FOREIGN KEY (pool_id, sub) REFERENCES pool_user (pool_id, sub) ON DELETE CASCADE
);
