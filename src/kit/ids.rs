//! Identifiers in the forms that clients of the service expect.

use super::random::Random;

/// The UUID (version 8 of RFC 9562 in spirit, 4 in form) that sixteen bytes of a digest stand for.
pub fn uuid_from(bytes: &[u8; 16]) -> String {
    uuid::Builder::from_random_bytes(*bytes).into_uuid().to_string()
}

/// `<region>_` and nine alphanumerics. Clients split it at its only underscore.
pub fn pool_id(random: &Random, region: &str) -> String {
    format!("{region}_{}", random.alphanumeric(9))
}

/// Twenty-six digits of base 32.
pub fn client_id(random: &Random) -> String {
    random.base32hex(26)
}

/// Fifty-one digits of base 32: 255 bits.
pub fn client_secret(random: &Random) -> String {
    random.base32hex(51)
}

/// `<region>_` and a UUID.
pub fn device_key(random: &Random, region: &str) -> String {
    format!("{region}_{}", random.uuid())
}

const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// Enough digits of base 36 for 128 bits.
const BASE36_DIGITS: usize = 25;

/// A UUID in 25 digits of base 36. They sort as UUIDs do.
pub fn base36(uuid: &str) -> Option<String> {
    let mut rest = uuid::Uuid::parse_str(uuid).ok()?.as_u128();
    let mut digits = [b'0'; BASE36_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE36[(rest % 36) as usize];
        rest /= 36;
    }
    Some(digits.iter().copied().map(char::from).collect())
}

/// The UUID that [`base36`] wrote so.
pub fn from_base36(text: &str) -> Option<String> {
    if text.len() != BASE36_DIGITS {
        return None;
    }
    let number = text.bytes().try_fold(0_u128, |number, digit| {
        let value = BASE36.iter().position(|own| *own == digit)?;
        number.checked_mul(36)?.checked_add(value as u128)
    })?;
    Some(uuid::Uuid::from_u128(number).to_string())
}

/// The region of a pool id, that is what stands before the underscore.
pub fn region_of(pool_id: &str) -> &str {
    pool_id.split_once('_').map_or(pool_id, |(region, _)| region)
}

/// Whether a pool belongs to another region than `region`. Ids that name no region at all are at home everywhere.
pub fn is_abroad(pool_id: &str, region: &str) -> bool {
    let home = region_of(pool_id);
    is_region(home) && home != region
}

/// The form of a region's name: `us-east-1`, `us-gov-west-1`.
pub fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    match parts.split_last() {
        Some((number, words)) => {
            words.len() >= 2
                && words.iter().all(is_word)
                && !number.is_empty()
                && number.bytes().all(|b| b.is_ascii_digit())
        }
        None => false,
    }
}

/// What the Secure Remote Password arithmetic calls the pool: the part of its id after the underscore.
pub fn pool_name_of(pool_id: &str) -> &str {
    pool_id.split_once('_').map_or(pool_id, |(_, name)| name)
}

/// The name of a function: the last part of its ARN without a version, or the text itself when it is no ARN.
pub fn function_name(arn: &str) -> &str {
    if !arn.starts_with("arn:") {
        return arn;
    }
    arn.split(':').nth(6).unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_abroad_in_every_region_but_its_own() {
        assert!(is_abroad("us-east-1_Example01", "eu-west-1"));
        assert!(!is_abroad("us-east-1_Example01", "us-east-1"));
        assert!(!is_abroad("local_Example01", "eu-west-1"));
    }

    #[test]
    fn a_function_is_named_by_its_arn_or_by_itself() {
        assert_eq!(function_name("arn:aws:lambda:us-east-1:123456789012:function:pre-token:3"), "pre-token");
        assert_eq!(function_name("pre-token"), "pre-token");
    }
}
