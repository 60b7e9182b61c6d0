-- Holds the first number until the tables of users and pools arrive.
SELECT 1;
