//! Secure Remote Password (SRP-6a) in the dialect of user pools: the server proves nothing, the client proves its password
//! without sending it.
//!
//! The group is the 3072-bit one of RFC 3526, exponentiation is constant time, and every number enters a hash in the form of
//! Java's `BigInteger.toByteArray`: no leading zeros, but one zero byte where the top bit is set. A sign-in costs the server
//! about 2.7 ms of computing in all: call it where blocking is allowed. Refuses a public value of the client that is zero
//! modulo N, which would let anybody in. <https://www.rfc-editor.org/rfc/rfc5054>
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-authentication-flow-methods.html>

#[cfg(test)]
mod tests;
mod timestamp;

use aws_lc_rs::{
    digest::{self, SHA256},
    hmac::{self, HMAC_SHA256},
};
use crypto_bigint::{NonZero, U256, U3072, U6144, Uint, const_monty_params, modular::ConstMontyForm};

use super::seal::{Purpose, Sealer};
use crate::kit::secret::Secret;

pub use self::timestamp::{TIMESTAMP_WINDOW, check_timestamp};

mod group {
    use super::{U3072, const_monty_params};

    const_monty_params!(
        Group15,
        U3072,
        "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437\
         4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05\
         98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
         E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33\
         A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864\
         D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
        "The 3072-bit MODP group of RFC 3526, section 5."
    );
}

/// A number modulo N.
type Element = ConstMontyForm<group::Group15, { U3072::LIMBS }>;

const GENERATOR: Element = Element::new(&U3072::from_u64(2));
/// k = H(pad(N) || pad(g)).
const MULTIPLIER: Element =
    Element::new(&U256::from_be_hex("538282c4354742d7cbbde2359fcf67f9f5b3a6b08791e5011b43b8a5b66d9ee6").resize());
/// Twice the digits of N: room for any client that forgot to reduce, and a bound on the work.
const MAX_HEX_DIGITS: usize = 2 * 768;

/// Why a proof cannot be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SrpError {
    #[error("the public value is not a hexadecimal number of at most 1536 digits")]
    NotHex,
    #[error("the public value is zero modulo N")]
    Zero,
    /// u = 0. Both sides must stop; it happens with a chance of 2^-256.
    #[error("the scrambling value is zero")]
    Scrambler,
    #[error("the verifier is not a number modulo N")]
    Verifier,
    #[error("the timestamp is not a time of the form `Tue Jan 6 07:08:09 UTC 2026`")]
    Timestamp,
    #[error("the timestamp is too far from the server's time")]
    Stale,
}

/// What is stored in place of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    pub salt: [u8; 16],
    /// v = g^x, big-endian, 384 bytes. Who knows it can guess passwords against it and pose as the server: seal it at rest.
    pub v: Vec<u8>,
}

impl Verifier {
    /// The salt as it is sent to clients.
    pub fn salt_hex(&self) -> String {
        hex::encode(self.salt)
    }
}

/// The verifier of a password. `pool_name` is the part of the pool's id after the underscore, `user_id` the stored username.
pub fn verifier(pool_name: &str, user_id: &str, password: &Secret, salt: [u8; 16]) -> Verifier {
    let x = private_value(pool_name, user_id, password, &salt);
    Verifier { salt, v: bytes(&GENERATOR.pow(&x)) }
}

/// Whether somebody else's verifier is one: a number modulo N and not zero, big-endian.
pub fn is_verifier(v: &[u8]) -> bool {
    element(v).is_ok()
}

/// The server's public value B = k·v + g^b, in hexadecimal. `b` is 256 random bits, new for each attempt and kept sealed until
/// the proof comes.
pub fn challenge(v: &[u8], b: &[u8; 32]) -> Result<String, SrpError> {
    Ok(hex::encode(minimal(&bytes(&public_value(element(v)?, &U256::from_be_slice(b))))))
}

/// The signature that a client with the right password sends for this attempt. `secret_block` is what the base64 text
/// decodes to. Compare with [`same`](super::same).
pub fn expected_proof(
    pool_name: &str,
    user_id: &str,
    v: &[u8],
    b: &[u8; 32],
    srp_a_hex: &str,
    secret_block: &[u8],
    timestamp: &str,
) -> Result<[u8; 32], SrpError> {
    let session_key = session_key(&parse_a(srp_a_hex)?, element(v)?, &U256::from_be_slice(b))?;
    Ok(hmac_of(&session_key, &[pool_name.as_bytes(), user_id.as_bytes(), secret_block, timestamp.as_bytes()]))
}

/// The client's public value A.
#[derive(Clone, Debug)]
pub struct ClientPublic {
    reduced: Element,
    /// As hashed: the number that was sent, not its remainder.
    padded: Vec<u8>,
}

/// Reads the client's public value. Call it when the attempt begins, so that a useless value is refused at once.
pub fn parse_a(text: &str) -> Result<ClientPublic, SrpError> {
    if text.is_empty() || text.len() > MAX_HEX_DIGITS {
        return Err(SrpError::NotHex);
    }
    let even = format!("{text:0>MAX_HEX_DIGITS$}");
    let number = hex::decode(even).map_err(|_| SrpError::NotHex)?;
    let wide = U6144::from_be_slice(&number);
    let modulus = NonZero::<U3072>::new(*Element::MODULUS.as_ref()).into_option().ok_or(SrpError::Zero)?;
    // The client's value is public: nothing is lost by a time that depends on it.
    let reduced = wide.rem_vartime(&modulus);
    if reduced == U3072::ZERO {
        return Err(SrpError::Zero);
    }
    Ok(ClientPublic { reduced: Element::new(&reduced), padded: pad(&number) })
}

/// The salt that is shown for a user who does not exist: always the same for the same name, different between servers.
pub fn fake_salt(sealer: &Sealer, pool_id: &str, username: &str) -> [u8; 16] {
    let mut salt = [0; 16];
    salt.copy_from_slice(&fake_bytes(sealer, pool_id, username, 0)[..16]);
    salt
}

/// Stands in for the verifier of a user who does not exist, so that the rest of the attempt costs and looks the same. Making
/// it takes no exponentiation, as reading a stored one takes none; nobody knows its password.
pub fn fake_verifier(sealer: &Sealer, pool_id: &str, username: &str) -> Verifier {
    let v: Vec<u8> = (1..=12).flat_map(|block| fake_bytes(sealer, pool_id, username, block)).collect();
    Verifier { salt: fake_salt(sealer, pool_id, username), v: bytes(&Element::new(&U3072::from_be_slice(&v))) }
}

fn fake_bytes(sealer: &Sealer, pool_id: &str, username: &str, block: u8) -> [u8; 32] {
    // A pool id holds no NUL, so that no two pairs make the same text.
    sealer.mac(Purpose::FakeUser, &[&[block], pool_id.as_bytes(), &[0], username.as_bytes()].concat())
}

/// x = H(pad(salt) || H(poolName || userId || ":" || password)).
fn private_value(pool_name: &str, user_id: &str, password: &Secret, salt: &[u8]) -> U256 {
    let identity = hash(&[pool_name.as_bytes(), user_id.as_bytes(), b":", password.expose().as_bytes()]);
    U256::from_be_slice(&hash(&[&pad(salt), &identity]))
}

/// B = k·v + g^b. The sum is zero with a chance of 2^-3072 only, because g^b is uniform.
fn public_value<const L: usize>(v: Element, b: &Uint<L>) -> Element {
    MULTIPLIER * v + GENERATOR.pow(b)
}

/// K of S = (A·v^u)^b.
fn session_key<const L: usize>(a: &ClientPublic, v: Element, b: &Uint<L>) -> Result<[u8; 16], SrpError> {
    let u = scrambler(&a.padded, &bytes(&public_value(v, b)))?;
    let shared = (a.reduced * v.pow(&u)).pow(b);
    Ok(derive(&u, &bytes(&shared)))
}

/// u = H(pad(A) || pad(B)).
fn scrambler(padded_a: &[u8], b: &[u8]) -> Result<U256, SrpError> {
    let u = U256::from_be_slice(&hash(&[padded_a, &pad(b)]));
    if u == U256::ZERO { Err(SrpError::Scrambler) } else { Ok(u) }
}

/// HKDF-SHA256 of pad(S) with the salt pad(u), cut to 16 bytes.
fn derive(u: &U256, shared: &[u8]) -> [u8; 16] {
    let extracted = hmac_of(&pad(u.to_be_bytes().as_ref()), &[&pad(shared)]);
    let expanded = hmac_of(&extracted, &[b"Caldera Derived Key", &[1]]);
    let mut key = [0; 16];
    key.copy_from_slice(&expanded[..16]);
    key
}

fn element(v: &[u8]) -> Result<Element, SrpError> {
    let v = minimal(v);
    let Some(zeros) = 384_usize.checked_sub(v.len()) else { return Err(SrpError::Verifier) };
    let mut number = vec![0; zeros];
    number.extend_from_slice(v);
    let number = U3072::from_be_slice(&number);
    if number == U3072::ZERO || number >= *Element::MODULUS.as_ref() {
        return Err(SrpError::Verifier);
    }
    Ok(Element::new(&number))
}

fn bytes(element: &Element) -> Vec<u8> {
    element.retrieve().to_be_bytes().as_ref().to_vec()
}

/// The bytes of a number without leading zeros; zero itself is one byte.
fn minimal(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros.min(number.len().saturating_sub(1))..]
}

/// The two's-complement form of a positive number: minimal, and with a zero byte before a set top bit.
fn pad(number: &[u8]) -> Vec<u8> {
    let number = minimal(number);
    let sign = number.first().is_none_or(|first| first & 0x80 != 0);
    [&[0][..usize::from(sign)], number].concat()
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    array(context.finish().as_ref())
}

fn hmac_of(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(HMAC_SHA256, key));
    parts.iter().for_each(|part| context.update(part));
    array(context.sign().as_ref())
}

fn array(output: &[u8]) -> [u8; 32] {
    let mut array = [0; 32];
    array.copy_from_slice(output);
    array
}
