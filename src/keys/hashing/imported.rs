//! Hashes of passwords that other systems made: checked when they are imported, and verified until their password is given.
//!
//! Who imports chooses what they cost, and everybody who guesses makes the server pay it, so there are bounds: about a second of
//! one core, and memory that several at once do not exhaust.
//! <https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md>
//! <https://www.rfc-editor.org/rfc/rfc7914> <https://www.rfc-editor.org/rfc/rfc8018>
//! <https://docs.djangoproject.com/en/stable/topics/auth/passwords/>

use std::{num::NonZeroU32, ops::RangeInclusive};

use argon2::{Params, Version, password_hash::phc::PasswordHash};
use aws_lc_rs::pbkdf2;
use base64::{Engine, prelude::BASE64_STANDARD};
use bcrypt::HashParts;

use super::{MAX_ITERATIONS, MAX_PARALLELISM};
use crate::{
    domain::import::HashAlgorithm,
    keys::{KeyError, same},
    kit::secret::Secret,
};

const BCRYPT_COSTS: RangeInclusive<u32> = 4..=14;
/// Of Argon2id and of scrypt.
const MOST_MEMORY_KIB: u64 = 128 * 1024;
/// What Argon2id goes through: its memory times its iterations.
const MOST_ARGON2_KIB: u64 = 512 * 1024;
/// What scrypt goes through: its memory times its parallelism, because one lane follows the other here.
const MOST_SCRYPT_KIB: u64 = 256 * 1024;
const MOST_PBKDF2_ITERATIONS: u32 = 2_000_000;
/// Of Django's salts, which are text; those in PHC form have a limit of their own.
const LONGEST_SALT: usize = 128;
const SHA256_LENGTH: usize = 32;
const DJANGO: &str = "pbkdf2_sha256$";

/// Why a hash is not taken. Says nothing of the hash itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashFault {
    #[error("is no hash of {}", .0.name())]
    Form(HashAlgorithm),
    #[error("is a hash of {} and not of {}", found.name(), wanted.name())]
    Algorithm { wanted: HashAlgorithm, found: HashAlgorithm },
    #[error("costs too much to verify: {0}")]
    Cost(&'static str),
}

/// How the text of a hash begins that this algorithm made. Not `$2x$`, the mark of hashes that a faulty bcrypt made.
fn marks(algorithm: HashAlgorithm) -> &'static [&'static str] {
    match algorithm {
        HashAlgorithm::Bcrypt => &["$2a$", "$2b$", "$2y$"],
        HashAlgorithm::Scrypt => &["$scrypt$"],
        HashAlgorithm::Argon2id => &["$argon2id$"],
        HashAlgorithm::Pbkdf2Sha256 => &["$pbkdf2-sha256$", DJANGO],
    }
}

/// Which algorithm a hash says that it is of.
pub fn algorithm_of(text: &str) -> Option<HashAlgorithm> {
    let says = |algorithm: &HashAlgorithm| marks(*algorithm).iter().any(|mark| text.starts_with(mark));
    HashAlgorithm::ALL.into_iter().find(says)
}

/// Whether a hash is one of `wanted` that can be verified, at a cost within the bounds.
pub fn check(wanted: HashAlgorithm, text: &str) -> Result<(), HashFault> {
    match algorithm_of(text) {
        Some(found) if found != wanted => return Err(HashFault::Algorithm { wanted, found }),
        Some(_) => {}
        None => return Err(HashFault::Form(wanted)),
    }
    match wanted {
        HashAlgorithm::Bcrypt => check_bcrypt(text),
        HashAlgorithm::Scrypt => Scrypt::read(text).map(drop),
        HashAlgorithm::Argon2id => check_argon2id(text),
        HashAlgorithm::Pbkdf2Sha256 => Pbkdf2::read(text).map(drop),
    }
}

/// Whether the password is the one of the hash. None for what is verified as our own hashes are: in the memory of a thread.
pub(super) fn verify(password: &Secret, text: &str) -> Option<Result<bool, KeyError>> {
    let password = password.expose().as_bytes();
    match algorithm_of(text)? {
        HashAlgorithm::Bcrypt => Some(verify_bcrypt(password, text)),
        HashAlgorithm::Scrypt => Some(Scrypt::read(text).map_err(unreadable).and_then(|hash| hash.verify(password))),
        HashAlgorithm::Pbkdf2Sha256 => Some(Pbkdf2::read(text).map_err(unreadable).map(|hash| hash.verify(password))),
        HashAlgorithm::Argon2id => None,
    }
}

fn unreadable(fault: HashFault) -> KeyError {
    KeyError::PasswordHash(fault.to_string())
}

fn check_bcrypt(text: &str) -> Result<(), HashFault> {
    let malformed = HashFault::Form(HashAlgorithm::Bcrypt);
    let parts: HashParts = text.parse().map_err(|_| malformed)?;
    let is_number = text.as_bytes()[4..6].iter().all(u8::is_ascii_digit);
    match parts.get_cost() {
        cost if cost > *BCRYPT_COSTS.end() => Err(HashFault::Cost("more than 2^14 rounds")),
        cost if is_number && BCRYPT_COSTS.contains(&cost) => Ok(()),
        _ => Err(malformed),
    }
}

/// Like every bcrypt it looks at the first 72 bytes of the password.
fn verify_bcrypt(password: &[u8], text: &str) -> Result<bool, KeyError> {
    check_bcrypt(text).map_err(unreadable)?;
    bcrypt::verify(password, text).map_err(|error| KeyError::Hash(error.to_string()))
}

fn check_argon2id(text: &str) -> Result<(), HashFault> {
    let malformed = HashFault::Form(HashAlgorithm::Argon2id);
    let hash = PasswordHash::new(text).map_err(|_| malformed)?;
    let is_whole = hash.salt.is_some() && hash.hash.is_some();
    let is_newest = hash.version == Some(Version::V0x13.into());
    // `keyid` would speak of a secret key, which is not here.
    let [Some(memory), Some(iterations), Some(parallelism)] = numbers(&hash, ["m", "t", "p"]).ok_or(malformed)? else {
        return Err(malformed);
    };
    let passed = u64::from(memory).saturating_mul(iterations.into());
    match () {
        () if u64::from(memory) > MOST_MEMORY_KIB => Err(HashFault::Cost("more than 128 MiB of memory")),
        () if iterations > MAX_ITERATIONS => Err(HashFault::Cost("more than 64 iterations")),
        () if parallelism > MAX_PARALLELISM => Err(HashFault::Cost("a parallelism above 64")),
        () if passed > MOST_ARGON2_KIB => Err(HashFault::Cost("memory times iterations above 512 MiB")),
        () if !is_whole || !is_newest => Err(malformed),
        () => Params::new(memory, iterations, parallelism, None).map(drop).map_err(|_| malformed),
    }
}

struct Scrypt {
    params: scrypt::Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Scrypt {
    fn read(text: &str) -> Result<Self, HashFault> {
        let malformed = HashFault::Form(HashAlgorithm::Scrypt);
        let hash = PasswordHash::new(text).map_err(|_| malformed)?;
        let ([Some(log_n), Some(r), Some(p)], Some(salt), Some(output), None) =
            (numbers(&hash, ["ln", "r", "p"]).ok_or(malformed)?, &hash.salt, &hash.hash, &hash.version)
        else {
            return Err(malformed);
        };
        // 128 bytes, N times r of them.
        let memory = 1_u64.checked_shl(log_n).unwrap_or(u64::MAX).saturating_mul(r.into()).div_ceil(8);
        if memory > MOST_MEMORY_KIB {
            return Err(HashFault::Cost("more than 128 MiB of memory"));
        }
        if memory.saturating_mul(p.into()) > MOST_SCRYPT_KIB {
            return Err(HashFault::Cost("memory times parallelism above 256 MiB"));
        }
        let log_n = u8::try_from(log_n).ok().filter(|log_n| *log_n > 0).ok_or(malformed)?;
        let params = scrypt::Params::new(log_n, r, p).map_err(|_| malformed)?;
        Ok(Self { params, salt: salt.to_vec(), output: output.as_bytes().to_vec() })
    }

    fn verify(&self, password: &[u8]) -> Result<bool, KeyError> {
        let mut output = vec![0; self.output.len()];
        let done = scrypt::scrypt(password, &self.salt, &self.params, &mut output);
        done.map_err(|error| KeyError::Hash(error.to_string()))?;
        Ok(same(&output, &self.output))
    }
}

struct Pbkdf2 {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Pbkdf2 {
    fn read(text: &str) -> Result<Self, HashFault> {
        let read = if text.starts_with(DJANGO) { Self::of_django(text) } else { Self::of_phc(text) };
        let read = read.ok_or(HashFault::Form(HashAlgorithm::Pbkdf2Sha256))?;
        if read.iterations.get() > MOST_PBKDF2_ITERATIONS {
            return Err(HashFault::Cost("more than 2000000 iterations"));
        }
        Ok(read)
    }

    fn of_phc(text: &str) -> Option<Self> {
        let hash = PasswordHash::new(text).ok()?;
        let (salt, output) = (hash.salt.as_ref()?.to_vec(), hash.hash.as_ref()?.as_bytes().to_vec());
        let [iterations, length] = numbers(&hash, ["i", "l"])?;
        let is_as_long = length.is_none_or(|length| usize::try_from(length).is_ok_and(|length| length == output.len()));
        (hash.version.is_none() && is_as_long).then_some(())?;
        Some(Self { iterations: NonZeroU32::new(iterations?)?, salt, output })
    }

    /// Iterations, the salt as text, the output in base64.
    fn of_django(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix(DJANGO)?.split('$');
        let (iterations, salt, output, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
            return None;
        };
        let is_number = !iterations.is_empty() && iterations.bytes().all(|byte| byte.is_ascii_digit());
        let output = BASE64_STANDARD.decode(output).ok().filter(|output| output.len() == SHA256_LENGTH)?;
        (is_number && !salt.is_empty() && salt.len() <= LONGEST_SALT).then_some(())?;
        // A number that is too large for 32 bits is above the bound in any case.
        let iterations = NonZeroU32::new(iterations.parse().unwrap_or(u32::MAX))?;
        Some(Self { iterations, salt: salt.as_bytes().to_vec(), output })
    }

    fn verify(&self, password: &[u8]) -> bool {
        pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, self.iterations, &self.salt, password, &self.output).is_ok()
    }
}

/// The parameters of these names. None when there is another one, or one that is no number.
fn numbers<const N: usize>(hash: &PasswordHash, names: [&str; N]) -> Option<[Option<u32>; N]> {
    let mut found = [None; N];
    for (name, value) in hash.params.iter() {
        let place = names.iter().position(|wanted| *wanted == name.as_str())?;
        found[place] = Some(value.decimal().ok()?);
    }
    Some(found)
}

#[cfg(test)]
mod tests;
