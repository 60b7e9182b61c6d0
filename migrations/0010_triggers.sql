-- Custom challenges that were asked and not answered yet. What they remember has no upper size, unlike the session that is its key.
CREATE TABLE custom_challenge (
    id         TEXT   PRIMARY KEY,
    -- Sealed: it holds what the answer is judged by.
    state      BYTEA  NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX custom_challenge_end ON custom_challenge (expires_at);
