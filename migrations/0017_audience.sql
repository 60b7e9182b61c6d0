-- The API outside that a sign-in's access tokens are bound to (RFC 8707).
ALTER TABLE user_grant ADD COLUMN audience TEXT;
