//! The metadata of a SAML provider: who it is, where it is, and with what it signs.
//!
//! The document comes from outside. It is read without a document type, so that it can neither name entities nor fetch
//! anything, and into a tree that knows namespaces.
//! <https://docs.oasis-open.org/security/saml/v2.0/saml-metadata-2.0-os.pdf>

use base64::{Engine, prelude::BASE64_STANDARD};
use roxmltree::{Document, Node};
use x509_parser::{parse_x509_certificate, time::ASN1Time};

use super::invalid;
use crate::{domain::error::Result, kit::clock::Time};

const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";
const REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
const POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
/// Characters of base64; the service takes no longer certificates.
const LONGEST_CERTIFICATE: usize = 4_096;

#[derive(Debug)]
pub(super) struct Metadata {
    /// Where a sign-in begins by redirect.
    pub(super) sign_on: Option<String>,
    pub(super) log_out: Option<String>,
}

/// Reads metadata that must be usable at `now`: of an identity provider, with an address to sign in at and a certificate that
/// has not run out.
pub(super) fn read(text: &str, now: Time) -> Result<Metadata> {
    let document = match Document::parse(text.trim_start_matches('\u{feff}').trim_start()) {
        Ok(document) => document,
        Err(error) => return refuse(&format!("it is no plain XML document: {error}")),
    };
    let root = document.root_element();
    if !is(root, "EntityDescriptor") || root.attribute("entityID").is_none_or(|id| id.trim().is_empty()) {
        return refuse("its root is no EntityDescriptor with an entityID");
    }
    let Some(role) = root.children().find(|node| is(*node, "IDPSSODescriptor")) else {
        return refuse("it has no IDPSSODescriptor");
    };
    let sign_on = location(role, "SingleSignOnService", REDIRECT);
    if sign_on.is_none() && location(role, "SingleSignOnService", POST).is_none() {
        return refuse("it has no SingleSignOnService by HTTP-Redirect or HTTP-POST");
    }
    check_certificates(role, now)?;
    Ok(Metadata { sign_on, log_out: location(role, "SingleLogoutService", REDIRECT) })
}

/// The entity's name, of metadata that have been read before.
pub(super) fn entity_id(text: &str) -> Option<String> {
    let document = Document::parse(text.trim_start_matches('\u{feff}').trim_start()).ok()?;
    document.root_element().attribute("entityID").map(str::to_owned)
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

/// A provider that changes its key publishes the old certificate beside the new one: one that is good will do.
fn check_certificates(role: Node<'_, '_>, now: Time) -> Result<()> {
    let signs = |node: &Node<'_, '_>| {
        is(*node, "KeyDescriptor") && node.attribute("use").is_none_or(|purpose| purpose == "signing")
    };
    let keys = role.children().filter(signs);
    let certificates =
        keys.flat_map(|key| key.descendants()).filter(|node| node.has_tag_name((SIGNATURE, "X509Certificate")));
    let mut has_one = false;
    for certificate in certificates {
        let text: String = certificate.text().unwrap_or_default().split_whitespace().collect();
        if text.len() > LONGEST_CERTIFICATE {
            return refuse(&format!("a certificate is longer than {LONGEST_CERTIFICATE} characters"));
        }
        let Ok(der) = BASE64_STANDARD.decode(text) else { return refuse("a certificate is not base64") };
        let Ok((_, parsed)) = parse_x509_certificate(&der) else { return refuse("a certificate is no X.509") };
        let moment = ASN1Time::from_timestamp(now.seconds());
        has_one |= moment.is_ok_and(|moment| moment <= parsed.validity().not_after);
    }
    if has_one { Ok(()) } else { refuse("it has no signing certificate that has not expired") }
}
