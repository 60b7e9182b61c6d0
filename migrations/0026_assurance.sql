-- The methods of a sign-in, which its tokens may tell as acr and amr.
ALTER TABLE user_grant ADD COLUMN assurance TEXT;
