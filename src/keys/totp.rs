//! Time-based one-time passwords, as authenticator apps make them: SHA-1, six digits, a step of thirty seconds.
//!
//! That a code is taken only once is the store's business: it keeps the step of the last one.
//! <https://www.rfc-editor.org/rfc/rfc6238> <https://www.rfc-editor.org/rfc/rfc4226#section-5.3>

use aws_lc_rs::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY};
use data_encoding::BASE32_NOPAD;

use super::same;
use crate::kit::{clock::Time, random::Random};

const STEP_SECONDS: i64 = 30;
const DIGITS: usize = 6;
/// How many steps a clock may be off, either way.
const SKEW: i64 = 1;

/// A new secret of 32 bytes; 52 characters in base32.
pub fn secret(random: &Random) -> [u8; 32] {
    random.bytes()
}

/// As it is typed into an app.
pub fn text(secret: &[u8]) -> String {
    BASE32_NOPAD.encode(secret)
}

/// Which step `code` is of, if it is the code of this moment or of one beside it.
pub fn step_of(secret: &[u8], code: &str, now: Time) -> Option<i64> {
    let current = now.seconds().div_euclid(STEP_SECONDS);
    // All are computed whatever matches: how long it takes tells nothing.
    let mut found = None;
    for step in current - SKEW..=current + SKEW {
        if same(at(secret, step).as_bytes(), code.as_bytes()) {
            found = Some(step);
        }
    }
    found
}

/// What an app shows at this moment.
pub fn code_at(secret: &[u8], now: Time) -> String {
    at(secret, now.seconds().div_euclid(STEP_SECONDS))
}

fn at(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let offset = usize::from(bytes[bytes.len() - 1] & 0xf);
    let chosen = [bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3]];
    let number = (u32::from_be_bytes(chosen) & 0x7fff_ffff) % 10_u32.pow(6);
    format!("{number:0DIGITS$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, by its last six digits.
    #[test]
    fn the_codes_are_those_of_the_specification() {
        let secret = b"12345678901234567890";
        let codes = [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ];
        for (seconds, code) in codes {
            assert_eq!(at(secret, seconds / 30), code, "{seconds}");
            assert_eq!(step_of(secret, code, Time::from_seconds(seconds)), Some(seconds / 30));
        }
    }

    #[test]
    fn a_clock_may_be_one_step_off_and_no_more() {
        let secret = [7; 32];
        let code = at(&secret, 1_000);
        for (step, expected) in
            [(998, None), (999, Some(1_000)), (1_000, Some(1_000)), (1_001, Some(1_000)), (1_002, None)]
        {
            assert_eq!(step_of(&secret, &code, Time::from_seconds(step * 30)), expected, "{step}");
        }
    }

    #[test]
    fn what_is_no_code_is_wrong() {
        let secret = [7; 32];
        for code in ["", "12345", "1234567", "abcdef", "１２３４５６"] {
            assert_eq!(step_of(&secret, code, Time::from_seconds(30_000)), None, "{code}");
        }
    }

    #[test]
    fn a_secret_is_52_characters_of_base32() {
        let text = text(&secret(&Random::seeded(1)));
        assert_eq!(text.len(), 52);
        assert!(text.bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b)));
    }
}
