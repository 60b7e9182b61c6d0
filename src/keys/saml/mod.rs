//! SAML 2.0 as a service provider speaks it: requests that are made and signed, responses that are verified and read.
//!
//! What a signature covers is canonicalised, compared with its digest, and **these canonical bytes are parsed again and are the
//! only thing that is read**. So there is no second place in a document where something else could stand: whatever an attacker
//! moves, copies or wraps, the reader sees what the provider has signed, or nothing. Everything that the narrow profile of SAML
//! does not need is refused before a key is used: document types, processing instructions, transforms but the two of SAML, more
//! than one reference, SHA-1, keys from the message.
//! <https://docs.oasis-open.org/security/saml/v2.0/saml-core-2.0-os.pdf> (section 5.4)
//! <https://docs.oasis-open.org/security/saml/v2.0/saml-profiles-2.0-os.pdf> (section 4.1)

mod decrypt;
mod document;
mod metadata;
mod request;
mod response;
mod signature;
mod slo;

use crate::kit::clock::Time;

pub use decrypt::DecryptionKey;
pub use metadata::ServiceProvider;
pub use request::{AuthnRequest, RequestSigner, redirect};
pub use response::{Accepted, Expected, read_response};
pub use slo::{LogoutMessage, LogoutRequest, Redirected, claimed_issuer, logout_response, read_logout};

pub(crate) const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
pub(crate) const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";
const ENCRYPTION: &str = "http://www.w3.org/2001/04/xmlenc#";
const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
/// `SAMLResponse` as it is posted: characters of base64.
pub const LONGEST_RESPONSE: usize = 100_000;

/// A provider as its metadata describe it: whose word is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partner {
    pub entity_id: String,
    /// The certificates it signs with, each DER. Only their keys count; no certificate of a message is ever used.
    pub certificates: Vec<Vec<u8>>,
}

/// Why a message is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("it is not readable: {0}")]
    Unreadable(&'static str),
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is there more than once")]
    Repeated(&'static str),
    #[error("it is not signed")]
    Unsigned,
    #[error("the signature is of a form that is not accepted: {0}")]
    SignatureForm(&'static str),
    #[error("the signature is not of the provider")]
    Signature,
    #[error("the signed content was changed")]
    Digest,
    #[error("{0} is not for this service provider")]
    Foreign(&'static str),
    #[error("the issuer is another one")]
    Issuer,
    #[error("it answers no request of this sign-in")]
    Unrequested,
    #[error("it is not valid yet")]
    TooEarly,
    #[error("it has expired")]
    Expired,
    #[error("it holds a condition that is not understood")]
    Condition,
    #[error("the provider answered {0}")]
    Status(String),
    #[error("the assertion is not encrypted")]
    NotEncrypted,
    #[error("the assertion is encrypted, which the provider is not configured for")]
    Encrypted,
    #[error("the assertion cannot be decrypted")]
    Decryption,
    #[error("it cannot be signed")]
    Sign,
}

/// `xs:dateTime` in UTC, as SAML writes it.
fn written(at: Time) -> String {
    use time::{OffsetDateTime, format_description::well_known::Rfc3339};
    let moment = OffsetDateTime::from_unix_timestamp(at.seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(&Rfc3339).unwrap_or_default()
}

fn instant(text: &str) -> Result<Time, Fault> {
    use time::{OffsetDateTime, format_description::well_known::Rfc3339};
    let moment = OffsetDateTime::parse(text.trim(), &Rfc3339).map_err(|_| Fault::Unreadable("a moment"))?;
    let millis = moment.unix_timestamp_nanos() / 1_000_000;
    Ok(Time::from_millis(i64::try_from(millis).map_err(|_| Fault::Unreadable("a moment"))?))
}
