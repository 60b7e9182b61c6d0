//! What a password must look like, and what a generated one looks like.

use serde::{Deserialize, Serialize};

use super::error::{Asker, Error, PasswordRule, Result};
use crate::kit::random::Random;

/// The characters that count as symbols; a space inside a password counts too.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/managing-users-passwords.html>
const SYMBOLS: &str = "^$*.[]{}()?-\"!@#%&/\\,><':;|_~`+=";
const GENERATED_LENGTH: usize = 16;

/// A pool's rules. As a partial table, omitted switches are off; a pool without one has them all on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PasswordPolicy {
    #[serde(default = "eight")]
    pub minimum_length: usize,
    #[serde(default)]
    pub require_uppercase: bool,
    #[serde(default)]
    pub require_lowercase: bool,
    #[serde(default)]
    pub require_numbers: bool,
    #[serde(default)]
    pub require_symbols: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_history_size: Option<u32>,
    #[serde(default = "seven")]
    pub temporary_password_validity_days: u32,
}

fn eight() -> usize {
    8
}

fn seven() -> u32 {
    7
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            minimum_length: eight(),
            require_uppercase: true,
            require_lowercase: true,
            require_numbers: true,
            require_symbols: true,
            password_history_size: None,
            temporary_password_validity_days: seven(),
        }
    }
}

impl PasswordPolicy {
    /// The first rule that `password` breaks, in the service's order.
    pub fn check(&self, password: &str, asker: Asker) -> Result<()> {
        let has = |kind: fn(char) -> bool| password.chars().any(kind);
        let broken = if password.chars().count() < self.minimum_length {
            PasswordRule::Length
        } else if password.trim() != password {
            PasswordRule::Edges
        } else if self.require_uppercase && !has(|c| c.is_ascii_uppercase()) {
            PasswordRule::Uppercase
        } else if self.require_lowercase && !has(|c| c.is_ascii_lowercase()) {
            PasswordRule::Lowercase
        } else if self.require_numbers && !has(|c| c.is_ascii_digit()) {
            PasswordRule::Numbers
        } else if self.require_symbols && !has(|c| c == ' ' || SYMBOLS.contains(c)) {
            PasswordRule::Symbols
        } else {
            return Ok(());
        };
        Err(Error::PasswordPolicy { rule: broken, asker })
    }

    /// A temporary password that keeps every rule, whatever the policy asks for.
    pub fn generate(&self, random: &Random) -> String {
        const KINDS: [&[u8]; 4] =
            [b"ABCDEFGHJKLMNPQRSTUVWXYZ", b"abcdefghijkmnopqrstuvwxyz", b"23456789", b"!@#$%*-_+="];
        let length = GENERATED_LENGTH.max(self.minimum_length);
        let mut characters: Vec<char> = (0..length)
            .flat_map(|position| random.pick(KINDS[position % KINDS.len()], 1).chars().collect::<Vec<_>>())
            .collect();
        // Fisher–Yates: which kind stands where is random too.
        for last in (1..characters.len()).rev() {
            let other = random.below(u32::try_from(last + 1).unwrap_or(u32::MAX)) as usize;
            characters.swap(last, other);
        }
        characters.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(password: &str) -> Option<PasswordRule> {
        match PasswordPolicy::default().check(password, Asker::User) {
            Err(Error::PasswordPolicy { rule, .. }) => Some(rule),
            _ => None,
        }
    }

    #[test]
    fn the_first_broken_rule_is_named() {
        assert_eq!(broken("Ab1!"), Some(PasswordRule::Length));
        assert_eq!(broken("abcdefg1!"), Some(PasswordRule::Uppercase));
        assert_eq!(broken("ABCDEFG1!"), Some(PasswordRule::Lowercase));
        assert_eq!(broken("Abcdefgh!"), Some(PasswordRule::Numbers));
        assert_eq!(broken("Abcdefgh1"), Some(PasswordRule::Symbols));
        assert_eq!(broken("Abcdefgh1 "), Some(PasswordRule::Edges));
        assert_eq!(broken("Abcdef gh1"), None);
    }

    #[test]
    fn a_generated_password_keeps_the_policy() {
        let strict = PasswordPolicy { minimum_length: 40, ..PasswordPolicy::default() };
        for seed in 0..50 {
            assert!(strict.check(&strict.generate(&Random::seeded(seed)), Asker::User).is_ok());
        }
    }

    #[test]
    fn a_partial_policy_turns_the_other_switches_off() {
        let policy: PasswordPolicy = serde_json::from_str(r#"{"MinimumLength":6}"#).unwrap();
        assert!(policy.check("aaaaaa", Asker::User).is_ok());
        assert_eq!(policy.temporary_password_validity_days, 7);
    }
}
