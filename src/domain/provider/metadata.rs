//! The metadata of a SAML provider: who it is, where it is, and with what it signs.
//!
//! The document comes from outside. It is read without a document type, so that it can neither name entities nor fetch
//! anything, and into a tree that knows namespaces.
//! <https://docs.oasis-open.org/security/saml/v2.0/saml-metadata-2.0-os.pdf>

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use roxmltree::{Document, Node};
use x509_parser::{parse_x509_certificate, time::ASN1Time};

use super::{
    details::{LOG_OUT, Rules, SIGN_ON, check_address},
    invalid, validity,
};
use crate::{domain::error::Result, kit::clock::Time};

const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";
const REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
/// In the service's words.
const NO_SIGN_ON: &str = "No SingleSignOn Http redirect binding location found in metadata.";
/// Characters of base64; the service takes no longer certificates.
const LONGEST_CERTIFICATE: usize = 4_096;

/// A SAML provider as its metadata describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SamlPlace {
    pub entity_id: String,
    /// Where a sign-in begins by redirect.
    pub sign_on: Option<String>,
    /// Where a session ends by redirect.
    pub log_out: Option<String>,
    /// What it signs with, each DER.
    pub certificates: Vec<Vec<u8>>,
    /// When all of this ends, where the document says so.
    pub valid_until: Option<Time>,
    /// How long it may be kept without being looked at again, where the document says so.
    pub kept_for: Option<Duration>,
}

impl SamlPlace {
    /// Reads metadata that were checked when the provider was made. A certificate that has run out since does not matter: its key
    /// is what was entrusted.
    pub fn read(text: &str) -> Result<Self> {
        let document = parse(text)?;
        let (entity_id, role) = entity(&document)?;
        let mut certificates = Vec::new();
        for certificate in signing_certificates(role) {
            certificates.push(der(certificate)?);
        }
        Ok(Self {
            entity_id: entity_id.to_owned(),
            sign_on: location(role, "SingleSignOnService", REDIRECT),
            log_out: location(role, "SingleLogoutService", REDIRECT),
            certificates,
            valid_until: earliest(role, "validUntil", validity::moment)?,
            kept_for: earliest(role, "cacheDuration", validity::duration)?,
        })
    }

    /// Reads metadata that must be usable now: of an identity provider, with an address to sign in at and a certificate that has
    /// not run out. Requests go by redirect, as the service sends them, so a provider that takes them by form only is refused.
    pub fn checked(text: &str, rules: Rules) -> Result<Self> {
        let place = Self::read(text)?;
        if place.has_ended(rules.now) {
            return refuse("it has expired");
        }
        let Some(sign_on) = &place.sign_on else { return invalid(NO_SIGN_ON) };
        check_address(SIGN_ON, sign_on, rules)?;
        if let Some(log_out) = &place.log_out {
            check_address(LOG_OUT, log_out, rules)?;
        }
        check_certificates(&place.certificates, rules.now)?;
        Ok(place)
    }

    pub fn has_ended(&self, now: Time) -> bool {
        self.valid_until.is_some_and(|until| until <= now)
    }

    /// What follows from the metadata in the details of a provider.
    pub fn details(&self) -> impl Iterator<Item = (String, String)> {
        let places = [(SIGN_ON, &self.sign_on), (LOG_OUT, &self.log_out)];
        places.into_iter().filter_map(|(key, address)| Some((key.to_owned(), address.clone()?)))
    }
}

/// The smallest value of an attribute that both the entity and its role may have.
fn earliest<T: Ord + Copy>(role: Node<'_, '_>, name: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
    let mut least = None;
    for text in [Some(role), role.parent()].into_iter().flatten().filter_map(|node| node.attribute(name)) {
        let Some(value) = read(text.trim()) else { return refuse(&format!("its {name} cannot be read")) };
        least = Some(least.map_or(value, |other: T| other.min(value)));
    }
    Ok(least)
}

fn parse(text: &str) -> Result<Document<'_>> {
    match Document::parse(text.trim_start_matches('\u{feff}').trim_start()) {
        Ok(document) => Ok(document),
        Err(error) => refuse(&format!("it is no plain XML document: {error}")),
    }
}

/// What the entity is called, and its side that signs people in.
fn entity<'a, 'input>(document: &'a Document<'input>) -> Result<(&'a str, Node<'a, 'input>)> {
    let root = document.root_element();
    let entity_id = root.attribute("entityID").filter(|id| is(root, "EntityDescriptor") && !id.trim().is_empty());
    let Some(entity_id) = entity_id else { return refuse("its root is no EntityDescriptor with an entityID") };
    match root.children().find(|node| is(*node, "IDPSSODescriptor")) {
        Some(role) => Ok((entity_id, role)),
        None => refuse("it has no IDPSSODescriptor"),
    }
}

fn refuse<T>(why: &str) -> Result<T> {
    invalid(format!("Invalid SAML metadata: {why}."))
}

fn is(node: Node<'_, '_>, name: &str) -> bool {
    node.has_tag_name((METADATA, name))
}

fn location(role: Node<'_, '_>, service: &str, binding: &str) -> Option<String> {
    let bound = |node: &Node<'_, '_>| is(*node, service) && node.attribute("Binding") == Some(binding);
    role.children().find(bound)?.attribute("Location").map(str::to_owned)
}

/// A provider that changes its key publishes the old certificate beside the new one.
fn signing_certificates<'a, 'input>(role: Node<'a, 'input>) -> impl Iterator<Item = Node<'a, 'input>> {
    let signs = |node: &Node<'_, '_>| {
        is(*node, "KeyDescriptor") && node.attribute("use").is_none_or(|purpose| purpose == "signing")
    };
    let keys = role.children().filter(signs);
    keys.flat_map(|key| key.descendants()).filter(|node| node.has_tag_name((SIGNATURE, "X509Certificate")))
}

fn der(certificate: Node<'_, '_>) -> Result<Vec<u8>> {
    let text: String = certificate.text().unwrap_or_default().split_whitespace().collect();
    if text.len() > LONGEST_CERTIFICATE {
        return refuse(&format!("a certificate is longer than {LONGEST_CERTIFICATE} characters"));
    }
    let Ok(der) = BASE64_STANDARD.decode(text) else { return refuse("a certificate is not base64") };
    if parse_x509_certificate(&der).is_err() {
        return refuse("a certificate is no X.509");
    }
    Ok(der)
}

/// One that is good will do.
fn check_certificates(certificates: &[Vec<u8>], now: Time) -> Result<()> {
    let moment = ASN1Time::from_timestamp(now.seconds()).ok();
    let is_good = |der: &Vec<u8>| {
        let Ok((_, parsed)) = parse_x509_certificate(der) else { return false };
        moment.is_some_and(|moment| moment <= parsed.validity().not_after)
    };
    if certificates.iter().any(is_good) { Ok(()) } else { refuse("it has no signing certificate that has not expired") }
}
