//! Responses of providers: who signed in there, after everything that speaks against it has been asked.
//! <https://docs.oasis-open.org/security/saml/v2.0/saml-profiles-2.0-os.pdf> (sections 4.1.4.2 and 4.1.4.3)

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use roxmltree::Node;

use super::{
    ASSERTION, DecryptionKey, Fault, LONGEST_RESPONSE, PROTOCOL, Partner, SUCCESS,
    document::{at_most_one, attribute, check_places, children, one, plain, strict, word},
    instant,
    signature::{is_signed, tree, tree_children, verified},
};
use crate::kit::clock::Time;

/// How far the clocks of the provider and ours may differ.
const SKEW: Duration = Duration::from_secs(60);
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
/// A name that is longer cannot become a user's.
const LONGEST_NAME: usize = 1_024;

/// What a response is held against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    pub partner: &'a Partner,
    /// What we are called: the audience.
    pub entity_id: &'a str,
    /// Where the response was posted to.
    pub consumer: &'a str,
    /// The request that it answers; none for a response that nobody has asked for.
    pub request_id: Option<&'a str>,
    /// Given where the provider is configured to encrypt; then nothing else will do.
    pub decryption: Option<&'a DecryptionKey>,
    pub now: Time,
}

/// A response that counts, once: its caller remembers `assertion_id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub assertion_id: String,
    /// From then on the assertion would be refused for its age.
    pub remember_until: Time,
    pub name_id: String,
    pub name_id_format: Option<String>,
    pub session_index: Option<String>,
    /// In their order, each with its values.
    pub attributes: Vec<(String, Vec<String>)>,
}

/// Reads the form field `SAMLResponse`.
pub fn read_response(field: &str, expected: Expected<'_>) -> Result<Accepted, Fault> {
    if field.len() > LONGEST_RESPONSE {
        return Err(Fault::Unreadable("it is too long"));
    }
    let compact: String = field.split_whitespace().collect();
    let bytes = BASE64_STANDARD.decode(compact).map_err(|_| Fault::Unreadable("it is not base64"))?;
    let text = String::from_utf8(bytes).map_err(|_| Fault::Unreadable("it is not UTF-8"))?;
    let text = text.trim_start_matches('\u{feff}');

    let document = strict(text)?;
    check_places(&document)?;
    let tree = tree(text)?;
    let root = tree.document_element().ok_or(Fault::Unreadable("it is empty"))?;
    if !tree.element(root).is_some_and(|root| root.matches_name_ns(PROTOCOL, "Response")) {
        return Err(Fault::Unreadable("it is no Response"));
    }
    if is_signed(&tree, root) {
        let covered = verified(&tree, root, expected.partner)?;
        let covered = plain(&covered)?;
        let response = covered.root_element();
        check_envelope(response, expected, true)?;
        return match held(response)? {
            // Its own signature, where it has one as well, lies within what the provider vouched for.
            Held::Plain(assertion) if expected.decryption.is_none() => accept(assertion, expected),
            Held::Plain(_) => Err(Fault::NotEncrypted),
            Held::Encrypted(encrypted) => {
                let text = expected.decryption.ok_or(Fault::Encrypted)?.assertion(encrypted)?;
                accept(strict_assertion(&text)?.root_element(), expected)
            }
        };
    }

    // Only the assertion is signed. What the response itself says can make things worse for whoever changes it, never better.
    let response = document.root_element();
    check_envelope(response, expected, false)?;
    match held(response)? {
        Held::Plain(_) if expected.decryption.is_some() => Err(Fault::NotEncrypted),
        Held::Plain(_) => {
            let [assertion] = tree_children(&tree, root, ASSERTION, "Assertion")[..] else {
                return Err(Fault::Repeated("Assertion"));
            };
            if !is_signed(&tree, assertion) {
                return Err(Fault::Unsigned);
            }
            let covered = verified(&tree, assertion, expected.partner)?;
            accept(plain(&covered)?.root_element(), expected)
        }
        Held::Encrypted(encrypted) => {
            let key = expected.decryption.ok_or(Fault::Encrypted)?;
            // One answer for all that can be wrong with bytes that nobody has vouched for yet: no questions are answered about
            // what altered ciphertext becomes.
            let covered = signed_inside(key, encrypted, expected.partner).map_err(|_| Fault::Decryption)?;
            accept(plain(&covered)?.root_element(), expected)
        }
    }
}

fn signed_inside(key: &DecryptionKey, encrypted: Node<'_, '_>, partner: &Partner) -> Result<String, Fault> {
    let text = key.assertion(encrypted)?;
    strict_assertion(&text)?;
    let tree = tree(&text)?;
    let root = tree.document_element().ok_or(Fault::Missing("Assertion"))?;
    verified(&tree, root, partner)
}

fn strict_assertion(text: &str) -> Result<roxmltree::Document<'_>, Fault> {
    let document = strict(text)?;
    check_places(&document)?;
    if document.root_element().has_tag_name((ASSERTION, "Assertion")) {
        Ok(document)
    } else {
        Err(Fault::Missing("Assertion"))
    }
}

enum Held<'a, 'input> {
    Plain(Node<'a, 'input>),
    Encrypted(Node<'a, 'input>),
}

/// The one assertion of a response. The standard allows several; nobody sends them, and two are one too many to be sure.
fn held<'a, 'input>(response: Node<'a, 'input>) -> Result<Held<'a, 'input>, Fault> {
    let plain = at_most_one(response, ASSERTION, "Assertion")?;
    let encrypted = at_most_one(response, ASSERTION, "EncryptedAssertion")?;
    match (plain, encrypted) {
        (Some(plain), None) => Ok(Held::Plain(plain)),
        (None, Some(encrypted)) => Ok(Held::Encrypted(encrypted)),
        (None, None) => Err(Fault::Missing("Assertion")),
        (Some(_), Some(_)) => Err(Fault::Repeated("Assertion")),
    }
}

fn check_envelope(response: Node<'_, '_>, expected: Expected<'_>, is_signed: bool) -> Result<(), Fault> {
    if response.attribute("Version") != Some("2.0") {
        return Err(Fault::Unreadable("it is not of version 2.0"));
    }
    match response.attribute("Destination") {
        Some(destination) if destination == expected.consumer => {}
        // A signed message must say where it was sent (saml-bindings, section 3.5.5.2).
        None if is_signed => return Err(Fault::Missing("Destination")),
        None => {}
        Some(_) => return Err(Fault::Foreign("Destination")),
    }
    if let Some(issuer) = at_most_one(response, ASSERTION, "Issuer")? {
        check_issuer(issuer, expected)?;
    }
    check_answers(response.attribute("InResponseTo"), expected)?;
    check_status(response)
}

/// Anything but success is told with the innermost code, which says the most.
fn check_status(response: Node<'_, '_>) -> Result<(), Fault> {
    let outer = one(one(response, PROTOCOL, "Status")?, PROTOCOL, "StatusCode")?;
    let code = attribute(outer, "Value")?;
    if code == SUCCESS {
        return Ok(());
    }
    let inner = at_most_one(outer, PROTOCOL, "StatusCode")?.and_then(|inner| inner.attribute("Value"));
    let told = inner.unwrap_or(code).rsplit(':').next().unwrap_or_default();
    Err(Fault::Status(told.chars().filter(char::is_ascii_alphanumeric).take(64).collect()))
}

fn check_issuer(issuer: Node<'_, '_>, expected: Expected<'_>) -> Result<(), Fault> {
    if word(issuer, "Issuer")? == expected.partner.entity_id { Ok(()) } else { Err(Fault::Issuer) }
}

/// An answer names its request; what nobody asked for must not claim to be one.
fn check_answers(in_response_to: Option<&str>, expected: Expected<'_>) -> Result<(), Fault> {
    if in_response_to == expected.request_id { Ok(()) } else { Err(Fault::Unrequested) }
}

fn accept(assertion: Node<'_, '_>, expected: Expected<'_>) -> Result<Accepted, Fault> {
    if assertion.attribute("Version") != Some("2.0") {
        return Err(Fault::Unreadable("the assertion is not of version 2.0"));
    }
    let assertion_id = attribute(assertion, "ID")?;
    check_issuer(one(assertion, ASSERTION, "Issuer")?, expected)?;
    let subject = one(assertion, ASSERTION, "Subject")?;
    let name = one(subject, ASSERTION, "NameID")?;
    let name_id = word(name, "NameID")?;
    if name_id.len() > LONGEST_NAME || name_id.chars().any(char::is_control) {
        return Err(Fault::Unreadable("NameID"));
    }
    let confirmed_until = confirmed(subject, expected)?;
    let conditions_until = check_conditions(one(assertion, ASSERTION, "Conditions")?, expected)?;
    let session_index = check_statements(assertion, expected)?;
    // Both must hold for the assertion to count again.
    let until = conditions_until.map_or(confirmed_until, |until| until.min(confirmed_until));
    Ok(Accepted {
        assertion_id: assertion_id.to_owned(),
        remember_until: until.plus(SKEW),
        name_id,
        name_id_format: name.attribute("Format").map(str::to_owned),
        session_index,
        attributes: attributes(assertion)?,
    })
}

/// Until when one of the subject's confirmations holds: by bearer, for us, in answer to the request.
fn confirmed(subject: Node<'_, '_>, expected: Expected<'_>) -> Result<Time, Fault> {
    let mut refused = Fault::Missing("SubjectConfirmation");
    for confirmation in children(subject, ASSERTION, "SubjectConfirmation") {
        if confirmation.attribute("Method") != Some(BEARER) {
            continue;
        }
        match check_bearer(one(confirmation, ASSERTION, "SubjectConfirmationData")?, expected) {
            Ok(until) => return Ok(until),
            Err(fault) => refused = fault,
        }
    }
    Err(refused)
}

fn check_bearer(data: Node<'_, '_>, expected: Expected<'_>) -> Result<Time, Fault> {
    if attribute(data, "Recipient")? != expected.consumer {
        return Err(Fault::Foreign("Recipient"));
    }
    check_answers(data.attribute("InResponseTo"), expected)?;
    check_begun(data, expected)?;
    check_until(data, expected)?.ok_or(Fault::Missing("NotOnOrAfter"))
}

fn check_begun(node: Node<'_, '_>, expected: Expected<'_>) -> Result<(), Fault> {
    match node.attribute("NotBefore").map(instant).transpose()? {
        Some(begin) if expected.now.plus(SKEW) < begin => Err(Fault::TooEarly),
        _ => Ok(()),
    }
}

fn check_until(node: Node<'_, '_>, expected: Expected<'_>) -> Result<Option<Time>, Fault> {
    let end = node.attribute("NotOnOrAfter").map(instant).transpose()?;
    if end.is_some_and(|end| expected.now >= end.plus(SKEW)) { Err(Fault::Expired) } else { Ok(end) }
}

/// Conditions: each must be understood, and every audience restriction must name us.
fn check_conditions(conditions: Node<'_, '_>, expected: Expected<'_>) -> Result<Option<Time>, Fault> {
    check_begun(conditions, expected)?;
    let until = check_until(conditions, expected)?;
    let mut is_restricted = false;
    for condition in conditions.children().filter(Node::is_element) {
        if condition.has_tag_name((ASSERTION, "AudienceRestriction")) {
            let mut audiences = children(condition, ASSERTION, "Audience");
            if !audiences.any(|audience| word(audience, "Audience").is_ok_and(|name| name == expected.entity_id)) {
                return Err(Fault::Foreign("Audience"));
            }
            is_restricted = true;
        } else if !condition.has_tag_name((ASSERTION, "OneTimeUse"))
            && !condition.has_tag_name((ASSERTION, "ProxyRestriction"))
        {
            // A condition that is not understood is not fulfilled (saml-core, section 2.5.1).
            return Err(Fault::Condition);
        }
    }
    if is_restricted { Ok(until) } else { Err(Fault::Missing("AudienceRestriction")) }
}

/// The session at the provider, of an assertion that says that somebody has signed in there.
fn check_statements(assertion: Node<'_, '_>, expected: Expected<'_>) -> Result<Option<String>, Fault> {
    let mut session_index = None;
    let mut has_one = false;
    for statement in children(assertion, ASSERTION, "AuthnStatement") {
        has_one = true;
        let end = statement.attribute("SessionNotOnOrAfter").map(instant).transpose()?;
        if end.is_some_and(|end| expected.now >= end.plus(SKEW)) {
            return Err(Fault::Expired);
        }
        session_index = session_index.or_else(|| statement.attribute("SessionIndex").map(str::to_owned));
    }
    if has_one { Ok(session_index) } else { Err(Fault::Missing("AuthnStatement")) }
}

fn attributes(assertion: Node<'_, '_>) -> Result<Vec<(String, Vec<String>)>, Fault> {
    let mut attributes: Vec<(String, Vec<String>)> = Vec::new();
    for statement in children(assertion, ASSERTION, "AttributeStatement") {
        for one in children(statement, ASSERTION, "Attribute") {
            let name = attribute(one, "Name")?;
            let values = children(one, ASSERTION, "AttributeValue").map(value).collect::<Result<Vec<_>, _>>()?;
            match attributes.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => known.extend(values),
                None => attributes.push((name.to_owned(), values)),
            }
        }
    }
    Ok(attributes)
}

/// The text of a value. Some are elements, like a NameID: then it is the text of the only one.
fn value(node: Node<'_, '_>) -> Result<String, Fault> {
    let mut elements = node.children().filter(Node::is_element);
    match (elements.next(), elements.next()) {
        (Some(only), None) => super::document::text(only, "AttributeValue"),
        _ => super::document::text(node, "AttributeValue"),
    }
}
