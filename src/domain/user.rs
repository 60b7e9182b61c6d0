//! A user of a pool, and the states that an account goes through.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::pool::PoolId;
use crate::kit::clock::Time;

/// What identifies a user for ever: a UUID in lower case.
pub type Sub = String;

/// Attribute name → value. Values are text, whatever the schema calls their type.
pub type Attributes = BTreeMap<String, String>;

#[derive(Clone, Debug, PartialEq)]
pub struct User {
    pub pool_id: PoolId,
    pub sub: Sub,
    /// The stored name; equals `sub` in pools whose user names are e-mail addresses or telephone numbers.
    pub username: String,
    pub status: Status,
    pub enabled: bool,
    /// Without `sub`.
    pub attributes: Attributes,
    pub credential: Credential,
    pub attempts: Attempts,
    pub created_at: Time,
    pub modified_at: Time,
}

impl User {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// Whether `email` or `phone_number` has been proven to be the user's.
    pub fn has_verified(&self, attribute: &str) -> bool {
        self.attributes.contains_key(attribute)
            && self.attribute(&format!("{attribute}_verified")).is_some_and(|value| value == "true")
    }
}

/// The model's UserStatusType, less the values that the service no longer produces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Unconfirmed,
    Confirmed,
    ForceChangePassword,
    ResetRequired,
    ExternalProvider,
}

impl Status {
    pub const ALL: [Self; 5] =
        [Self::Unconfirmed, Self::Confirmed, Self::ForceChangePassword, Self::ResetRequired, Self::ExternalProvider];

    pub fn name(self) -> &'static str {
        match self {
            Self::Unconfirmed => "UNCONFIRMED",
            Self::Confirmed => "CONFIRMED",
            Self::ForceChangePassword => "FORCE_CHANGE_PASSWORD",
            Self::ResetRequired => "RESET_REQUIRED",
            Self::ExternalProvider => "EXTERNAL_PROVIDER",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// What a password is checked against.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Credential {
    /// An argon2id hash in PHC form, or one that an import brought and whose password nobody has given since; none for a user
    /// without a password.
    pub password_hash: Option<String>,
    /// The Secure Remote Password salt and verifier of the same password. The store seals the verifier.
    pub srp: Option<SrpVerifier>,
    /// The salt that the verifier of an imported password will have. There is none yet, because it is made from the password.
    pub imported_salt: Option<Vec<u8>>,
    /// When a temporary password was set. It expires by the pool's policy at the time of use.
    pub temporary_since: Option<Time>,
    /// Hashes of earlier passwords, newest first, as many as the policy remembers.
    pub history: Vec<String>,
}

impl Credential {
    /// A hash of another system's, until its password is given.
    pub fn imported(password_hash: String, salt: Vec<u8>) -> Self {
        Self { password_hash: Some(password_hash), imported_salt: Some(salt), ..Self::default() }
    }

    /// New with every password, and the same as long as the password is: whatever is kept of it.
    pub fn salt(&self) -> Option<&[u8]> {
        self.srp.as_ref().map(|srp| &*srp.salt).or(self.imported_salt.as_deref())
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct SrpVerifier {
    pub salt: Vec<u8>,
    pub verifier: Vec<u8>,
}

impl std::fmt::Debug for SrpVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SrpVerifier(…)")
    }
}

/// Wrong passwords in a row, and the lock that they bring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    pub failures: u32,
    pub last_failure_at: Time,
}

impl Attempts {
    /// Failures that bring no lock yet.
    const FREE: u32 = 5;
    const LONGEST_LOCK_SECONDS: u64 = 900;
    /// A quiet time of this length forgets them.
    pub const MEMORY: std::time::Duration = std::time::Duration::from_secs(Self::LONGEST_LOCK_SECONDS);

    /// A lock of one second after the fifth failure, doubling with each further one up to fifteen minutes.
    pub fn is_locked(&self, now: Time) -> bool {
        now < self.last_failure_at.plus(self.lock())
    }

    /// How many failures still count: a quiet quarter of an hour forgets them.
    pub fn counted(&self, now: Time) -> u32 {
        if now >= self.last_failure_at.plus(Self::MEMORY) { 0 } else { self.failures }
    }

    fn lock(&self) -> std::time::Duration {
        let Some(beyond) = self.failures.checked_sub(Self::FREE) else { return std::time::Duration::ZERO };
        let seconds = 1_u64.checked_shl(beyond).unwrap_or(u64::MAX).min(Self::LONGEST_LOCK_SECONDS);
        std::time::Duration::from_secs(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_starts_at_the_fifth_failure_and_doubles() {
        let at = |failures| Attempts { failures, last_failure_at: Time::from_seconds(1_000) };
        assert!(!at(4).is_locked(Time::from_seconds(1_000)));
        assert!(at(5).is_locked(Time::from_millis(1_000_999)));
        assert!(!at(5).is_locked(Time::from_seconds(1_001)));
        assert!(at(7).is_locked(Time::from_millis(1_003_999)));
        assert!(at(60).is_locked(Time::from_seconds(1_899)));
        assert!(!at(60).is_locked(Time::from_seconds(1_900)));
        assert_eq!(at(9).counted(Time::from_seconds(1_900)), 0);
        assert_eq!(at(9).counted(Time::from_seconds(1_899)), 9);
    }
}
