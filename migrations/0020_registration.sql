-- Clients that have registered themselves are listed, and counted, apart from those that an administrator made.
ALTER TABLE client ADD COLUMN is_dcr BOOLEAN NOT NULL DEFAULT FALSE;
