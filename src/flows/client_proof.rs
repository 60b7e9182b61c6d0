//! How an app client proves that it is itself: `SECRET_HASH` in the API, its secret at the token endpoint and at revocation.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/signing-up-users-in-your-app.html#cognito-user-pools-computing-secret-hash>

use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_STANDARD};

use crate::{
    domain::{Client, Error, Result},
    keys::same,
};

/// Checks Base64(HMAC-SHA256(secret, username + client id)). `username` is exactly the one that came in the same request.
/// Any of the client's secrets will do.
pub fn check_secret_hash(client: &Client, username: &str, hash: Option<&str>) -> Result<()> {
    match (client.is_public(), hash) {
        (true, None) => Ok(()),
        (true, Some(_)) => Err(Error::SecretHashUnexpected(client.id.clone())),
        (false, None) => Err(Error::SecretHashMissing(client.id.clone())),
        (false, Some(hash)) if matches_hash(client, username, hash) => Ok(()),
        (false, Some(_)) => Err(Error::SecretHashWrong(client.id.clone())),
    }
}

/// The same where a refresh token names the user, with the words of that flow.
pub fn check_secret_hash_at_refresh(client: &Client, username: &str, hash: Option<&str>) -> Result<()> {
    check_secret_hash(client, username, hash).map_err(|error| match error {
        Error::SecretHashWrong(client) => Error::SecretHashWrongAtRefresh(client),
        other => other,
    })
}

/// Whether `secret` is one of the client's. Public clients have none, so nothing is.
pub fn has_secret(client: &Client, secret: &str) -> bool {
    // Every secret is compared, so that the time does not tell which one was close.
    client.secrets.iter().fold(false, |found, own| same(own.value.expose().as_bytes(), secret.as_bytes()) | found)
}

/// For operations that take the plain secret: a public client must send none.
pub fn check_secret(client: &Client, secret: Option<&str>) -> Result<()> {
    let proven = match secret {
        None => client.is_public(),
        Some(secret) => has_secret(client, secret),
    };
    if proven { Ok(()) } else { Err(Error::ClientSecretWrong(client.id.clone())) }
}

fn matches_hash(client: &Client, username: &str, hash: &str) -> bool {
    let Ok(given) = BASE64_STANDARD.decode(hash) else { return false };
    client.secrets.iter().fold(false, |found, secret| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.value.expose().as_bytes());
        let expected = hmac::sign(&key, [username, &client.id].concat().as_bytes());
        same(expected.as_ref(), &given) | found
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::client::{ClientSecret, ClientSettings},
        kit::clock::Time,
    };

    fn client(secrets: &[&str]) -> Client {
        let secret =
            |value: &&str| ClientSecret { id: String::new(), value: (*value).into(), created_at: Time::default() };
        Client {
            id: "1example23456789".into(),
            pool_id: "r_p".into(),
            name: "web".into(),
            secrets: secrets.iter().map(secret).collect(),
            settings: ClientSettings::default(),
            created_at: Time::default(),
            modified_at: Time::default(),
        }
    }

    const HASH: &str = "mqW7eJBo9bs5FgykTghenpI48rMx2C5mPtXOG/8avIw=";

    #[test]
    fn either_of_two_secrets_proves_the_client() {
        for secrets in [&["9example87654321"][..], &["other", "9example87654321"], &["9example87654321", "other"]] {
            assert!(check_secret_hash(&client(secrets), "mary", Some(HASH)).is_ok());
        }
    }

    #[test]
    fn a_hash_for_somebody_else_is_wrong_and_none_is_missing() {
        let client = client(&["9example87654321"]);
        assert!(matches!(check_secret_hash(&client, "Mary", Some(HASH)), Err(Error::SecretHashWrong(_))));
        assert!(matches!(check_secret_hash(&client, "mary", Some("!")), Err(Error::SecretHashWrong(_))));
        assert!(matches!(check_secret_hash(&client, "mary", None), Err(Error::SecretHashMissing(_))));
    }

    #[test]
    fn a_public_client_proves_nothing_and_must_not_try() {
        assert!(check_secret_hash(&client(&[]), "mary", None).is_ok());
        assert!(matches!(check_secret_hash(&client(&[]), "mary", Some(HASH)), Err(Error::SecretHashUnexpected(_))));
        assert!(check_secret(&client(&[]), Some("")).is_err());
    }
}
