-- How the hashes of passwords in a job's file were made; none where it has no such column.
ALTER TABLE import_job ADD COLUMN password_hashing TEXT;
