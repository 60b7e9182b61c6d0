-- The thumbprint of the key that a public client's refresh tokens are bound to (RFC 9449).
ALTER TABLE user_grant ADD COLUMN jkt TEXT;
