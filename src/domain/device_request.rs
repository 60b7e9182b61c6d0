//! The code that somebody types from one screen into another (RFC 8628, section 6.1).

use crate::kit::random::Random;

/// Consonants only, so that no word comes of it, and none that looks like a digit.
const LETTERS: &[u8] = b"BCDFGHJKLMNPQRSTVWXZ";
const LENGTH: usize = 8;

/// Eight letters: 34 bits, few enough to type and too many to guess while one lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCode(String);

impl UserCode {
    pub fn new(random: &Random) -> Self {
        Self(random.pick(LETTERS, LENGTH))
    }

    /// What somebody has typed: case and whatever stands between the letters do not matter.
    pub fn read(typed: &str) -> Option<Self> {
        if typed.len() > 64 {
            return None;
        }
        let letters: String = typed.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_uppercase).collect();
        (letters.len() == LENGTH && letters.bytes().all(|b| LETTERS.contains(&b))).then_some(Self(letters))
    }

    pub fn letters(&self) -> &str {
        &self.0
    }
}

/// As a device shows it.
impl std::fmt::Display for UserCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (one, other) = self.0.split_at(LENGTH / 2);
        write!(f, "{one}-{other}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = UserCode::new(&Random::seeded(1));
        let shown = code.to_string();
        assert_eq!(shown.len(), 9);
        for typed in [shown.clone(), shown.to_lowercase(), shown.replace('-', " "), format!(" {} ", code.letters())] {
            assert_eq!(UserCode::read(&typed).as_ref(), Some(&code), "{typed}");
        }
        for typed in ["", "BCDF-GHJ", "BCDF-GHJKL", "ABCD-EFGH", "BCDF-GHJ1", "ＢCDF-GHJK"] {
            assert_eq!(UserCode::read(typed), None, "{typed}");
        }
        assert_eq!(UserCode::read(&format!("{}{}", "-".repeat(100), code.letters())), None);
    }
}
