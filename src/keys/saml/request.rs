//! Requests of ours and how they travel: by redirect, deflated, and signed over the query where the pool is told to.
//! <https://docs.oasis-open.org/security/saml/v2.0/saml-bindings-2.0-os.pdf> (section 3.4)

use std::fmt::Write;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use miniz_oxide::{deflate::compress_to_vec, inflate::decompress_to_vec_with_limit};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{ASSERTION, Fault, PROTOCOL, signature::RSA_SHA256, written};
use crate::{keys::KeyError, kit::clock::Time};

const POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
const COMPRESSION: u8 = 6;
/// What an inflated message may measure. Ours are below one kilobyte.
const LONGEST_MESSAGE: usize = 64 * 1024;
/// Everything but what RFC 3986 leaves alone.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Asks a provider to have somebody sign in.
#[derive(Clone, Debug)]
pub struct AuthnRequest<'a> {
    pub id: &'a str,
    pub issued_at: Time,
    pub destination: &'a str,
    /// Where the response is to be posted.
    pub consumer: &'a str,
    pub entity_id: &'a str,
    /// Whether a session that the provider has is not enough.
    pub force: bool,
}

impl AuthnRequest<'_> {
    pub fn xml(&self) -> String {
        let force = if self.force { r#" ForceAuthn="true""# } else { "" };
        format!(
            r#"<samlp:AuthnRequest xmlns:samlp="{PROTOCOL}" AssertionConsumerServiceURL="{consumer}" Destination="{destination}"{force} ID="{id}" IssueInstant="{at}" ProtocolBinding="{POST}" Version="2.0"><saml:Issuer xmlns:saml="{ASSERTION}">{issuer}</saml:Issuer></samlp:AuthnRequest>"#,
            consumer = escaped(self.consumer),
            destination = escaped(self.destination),
            id = escaped(self.id),
            at = written(self.issued_at),
            issuer = escaped(self.entity_id),
        )
    }
}

/// The key of the certificate that a pool shows to its providers.
pub struct RequestSigner(RsaKeyPair);

impl RequestSigner {
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        RsaKeyPair::from_pkcs8(der).map(Self).map_err(|_| KeyError::PrivateKey)
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).map_err(|_| Fault::Sign)?;
        Ok(signature)
    }
}

/// The address that carries a message by redirect. `field` is `SAMLRequest` or `SAMLResponse`.
pub fn redirect(
    destination: &str,
    field: &str,
    xml: &str,
    relay_state: Option<&str>,
    signer: Option<&RequestSigner>,
) -> Result<String, Fault> {
    let message = BASE64_STANDARD.encode(compress_to_vec(xml.as_bytes(), COMPRESSION));
    let mut query = format!("{field}={}", encoded(&message));
    if let Some(relay_state) = relay_state {
        let _ = write!(query, "&RelayState={}", encoded(relay_state));
    }
    if let Some(signer) = signer {
        let _ = write!(query, "&SigAlg={}", encoded(RSA_SHA256));
        let signature = BASE64_STANDARD.encode(signer.sign(query.as_bytes())?);
        let _ = write!(query, "&Signature={}", encoded(&signature));
    }
    let mark = if destination.contains('?') { '&' } else { '?' };
    Ok(format!("{destination}{mark}{query}"))
}

/// The message in a field that came by redirect.
pub(super) fn inflated(field: &str) -> Result<String, Fault> {
    let compact: String = field.split_whitespace().collect();
    let bytes = BASE64_STANDARD.decode(compact).map_err(|_| Fault::Unreadable("it is not base64"))?;
    let bytes =
        decompress_to_vec_with_limit(&bytes, LONGEST_MESSAGE).map_err(|_| Fault::Unreadable("it is not deflated"))?;
    String::from_utf8(bytes).map_err(|_| Fault::Unreadable("it is not UTF-8"))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, QUERY).to_string()
}

/// Text as it may stand in an element or between double quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\r' | '\t' => {
                let _ = write!(escaped, "&#x{:X};", u32::from(character));
            }
            // Not allowed in XML in any form.
            other if other.is_control() => {}
            other => escaped.push(other),
        }
    }
    escaped
}
