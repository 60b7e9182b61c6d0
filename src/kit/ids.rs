//! Identifiers in the forms that clients of the service expect.

use super::random::Random;

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

/// The region of a pool id, that is what stands before the underscore.
pub fn region_of(pool_id: &str) -> &str {
    pool_id.split_once('_').map_or(pool_id, |(region, _)| region)
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
