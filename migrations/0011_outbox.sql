-- Messages on their way. A row is written with the change that it tells about, and kept for a while once it is done.
CREATE TABLE outbox (
    id         TEXT   NOT NULL PRIMARY KEY,
    pool_id    TEXT   NOT NULL REFERENCES pool (id) ON DELETE CASCADE,
    -- To whom and what. Sealed; gone once it is done.
    parcel     BYTEA,
    tries      BIGINT NOT NULL,
    -- When it is tried next. While somebody carries it, when their claim ends.
    due_at     BIGINT NOT NULL,
    claim      TEXT,
    -- From then on the code in it is worth nothing.
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    done_at    BIGINT,
    -- Why it was not delivered at the last try, or never.
    failure    TEXT
);

CREATE INDEX outbox_due ON outbox (due_at) WHERE done_at IS NULL;
CREATE INDEX outbox_done ON outbox (done_at) WHERE done_at IS NOT NULL;
CREATE INDEX outbox_of_pool ON outbox (pool_id);

-- For removing what is old from the inbox.
CREATE INDEX message_age ON message (created_at);
CREATE INDEX message_of_pool ON message (pool_id);
