//! Signing out at a provider and here at once: requests and answers, ours and theirs. All of them are signed.
//! <https://docs.oasis-open.org/security/saml/v2.0/saml-profiles-2.0-os.pdf> (section 4.4)

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::percent_decode_str;
use roxmltree::Node;

use super::{
    ASSERTION, Fault, PROTOCOL, Partner, SUCCESS,
    document::{at_most_one, attribute, check_places, children, one, plain, strict, word},
    instant,
    request::{escaped, inflated},
    signature::{check, tree, verified},
    written,
};
use crate::kit::clock::Time;

const SKEW: Duration = Duration::from_secs(60);
/// How long a request of ours may be on its way.
const LIFETIME: Duration = Duration::from_secs(300);

/// Asks a provider to end a session.
#[derive(Clone, Debug)]
pub struct LogoutRequest<'a> {
    pub id: &'a str,
    pub issued_at: Time,
    pub destination: &'a str,
    pub entity_id: &'a str,
    pub name_id: &'a str,
    pub name_id_format: Option<&'a str>,
    pub session_index: Option<&'a str>,
}

impl LogoutRequest<'_> {
    pub fn xml(&self) -> String {
        let format = self.name_id_format.map(|format| format!(r#" Format="{}""#, escaped(format))).unwrap_or_default();
        let index =
            self.session_index.map(|index| format!("<samlp:SessionIndex>{}</samlp:SessionIndex>", escaped(index)));
        format!(
            r#"<samlp:LogoutRequest xmlns:samlp="{PROTOCOL}" xmlns:saml="{ASSERTION}" Destination="{destination}" ID="{id}" IssueInstant="{at}" NotOnOrAfter="{until}" Version="2.0"><saml:Issuer>{issuer}</saml:Issuer><saml:NameID{format}>{name}</saml:NameID>{index}</samlp:LogoutRequest>"#,
            destination = escaped(self.destination),
            id = escaped(self.id),
            at = written(self.issued_at),
            until = written(self.issued_at.plus(LIFETIME)),
            issuer = escaped(self.entity_id),
            name = escaped(self.name_id),
            index = index.unwrap_or_default(),
        )
    }
}

/// Our answer to a request of a provider: it is done.
pub fn logout_response(id: &str, in_response_to: &str, destination: &str, entity_id: &str, at: Time) -> String {
    format!(
        r#"<samlp:LogoutResponse xmlns:samlp="{PROTOCOL}" Destination="{destination}" ID="{id}" InResponseTo="{answered}" IssueInstant="{at}" Version="2.0"><saml:Issuer xmlns:saml="{ASSERTION}">{issuer}</saml:Issuer><samlp:Status><samlp:StatusCode Value="{SUCCESS}"/></samlp:Status></samlp:LogoutResponse>"#,
        destination = escaped(destination),
        id = escaped(id),
        answered = escaped(in_response_to),
        at = written(at),
        issuer = escaped(entity_id),
    )
}

/// A message about the end of a session, as it came.
#[derive(Clone, Copy, Debug)]
pub enum Redirected<'a> {
    /// The query as it stands in the address, for it is the encoded form that is signed.
    Query(&'a str),
    /// The form field `SAMLRequest` or `SAMLResponse`.
    Posted(&'a str),
}

/// What a provider says of a session's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogoutMessage {
    /// It has ended there, and should here.
    Request { id: String, name_id: String, session_indexes: Vec<String> },
    /// The answer to ours.
    Response { in_response_to: String, is_done: bool },
}

/// Who a message says that it is from. Nothing has been verified: it tells whose keys to try.
pub fn claimed_issuer(message: Redirected<'_>) -> Result<String, Fault> {
    let text = match message {
        Redirected::Query(query) => message_of(query)?.2,
        Redirected::Posted(field) => unpacked(field)?,
    };
    let document = strict(&text)?;
    word(one(document.root_element(), ASSERTION, "Issuer")?, "Issuer")
}

/// Reads a message that must be signed by `partner` and meant for `endpoint`.
pub fn read_logout(
    message: Redirected<'_>,
    partner: &Partner,
    endpoint: &str,
    now: Time,
) -> Result<LogoutMessage, Fault> {
    let text = match message {
        Redirected::Query(query) => signed_query(query, partner)?,
        Redirected::Posted(field) => posted(field, partner)?,
    };
    let document = strict(&text)?;
    let root = document.root_element();
    if root.attribute("Version") != Some("2.0") {
        return Err(Fault::Unreadable("it is not of version 2.0"));
    }
    // Signed messages say where they were sent.
    if attribute(root, "Destination")? != endpoint {
        return Err(Fault::Foreign("Destination"));
    }
    if word(one(root, ASSERTION, "Issuer")?, "Issuer")? != partner.entity_id {
        return Err(Fault::Issuer);
    }
    if root.has_tag_name((PROTOCOL, "LogoutResponse")) {
        return response(root);
    }
    if !root.has_tag_name((PROTOCOL, "LogoutRequest")) {
        return Err(Fault::Unreadable("it is no message about a session's end"));
    }
    request(root, now)
}

fn response(root: Node<'_, '_>) -> Result<LogoutMessage, Fault> {
    let code = attribute(one(one(root, PROTOCOL, "Status")?, PROTOCOL, "StatusCode")?, "Value")?;
    Ok(LogoutMessage::Response {
        in_response_to: attribute(root, "InResponseTo")?.to_owned(),
        is_done: code == SUCCESS,
    })
}

fn request(root: Node<'_, '_>, now: Time) -> Result<LogoutMessage, Fault> {
    let issued_at = instant(attribute(root, "IssueInstant")?)?;
    let until = root.attribute("NotOnOrAfter").map(instant).transpose()?;
    if now >= until.unwrap_or_else(|| issued_at.plus(LIFETIME)).plus(SKEW) {
        return Err(Fault::Expired);
    }
    if now.plus(SKEW) < issued_at {
        return Err(Fault::TooEarly);
    }
    let name = at_most_one(root, ASSERTION, "NameID")?.ok_or(Fault::Missing("NameID"))?;
    let session_indexes =
        children(root, PROTOCOL, "SessionIndex").map(|index| word(index, "SessionIndex")).collect::<Result<_, _>>()?;
    Ok(LogoutMessage::Request {
        id: attribute(root, "ID")?.to_owned(),
        name_id: word(name, "NameID")?,
        session_indexes,
    })
}

fn unpacked(field: &str) -> Result<String, Fault> {
    let compact: String = field.split_whitespace().collect();
    let bytes = BASE64_STANDARD.decode(compact).map_err(|_| Fault::Unreadable("it is not base64"))?;
    String::from_utf8(bytes).map_err(|_| Fault::Unreadable("it is not UTF-8"))
}

fn posted(field: &str, partner: &Partner) -> Result<String, Fault> {
    let text = unpacked(field)?;
    check_places(&strict(&text)?)?;
    let tree = tree(&text)?;
    let root = tree.document_element().ok_or(Fault::Unreadable("it is empty"))?;
    let covered = verified(&tree, root, partner).map_err(|fault| match fault {
        Fault::Missing("Signature") => Fault::Unsigned,
        other => other,
    })?;
    // Parsed once for the proof that it can be; the caller reads it again.
    plain(&covered)?;
    Ok(covered)
}

/// The message of a query whose signature counts: over the message, the state and the algorithm, in this order and as they were
/// encoded (saml-bindings, section 3.4.4.1).
fn signed_query(query: &str, partner: &Partner) -> Result<String, Fault> {
    let (field, encoded, message) = message_of(query)?;
    let (Some(algorithm), Some(signature)) = (raw(query, "SigAlg")?, raw(query, "Signature")?) else {
        return Err(Fault::Unsigned);
    };
    let state = raw(query, "RelayState")?.map(|state| format!("&RelayState={state}")).unwrap_or_default();
    let signed = format!("{field}={encoded}{state}&SigAlg={algorithm}");
    let signature: String = decoded(signature)?.split_whitespace().collect();
    let signature = BASE64_STANDARD.decode(signature).map_err(|_| Fault::Unreadable("a value is not base64"))?;
    check(&decoded(algorithm)?, signed.as_bytes(), &signature, partner)?;
    Ok(message)
}

/// The one message of a query: its field, as it was encoded, and as it is.
fn message_of(query: &str) -> Result<(&'static str, &str, String), Fault> {
    let (field, encoded) = match (raw(query, "SAMLRequest")?, raw(query, "SAMLResponse")?) {
        (Some(request), None) => ("SAMLRequest", request),
        (None, Some(response)) => ("SAMLResponse", response),
        (None, None) => return Err(Fault::Missing("SAMLRequest")),
        (Some(_), Some(_)) => return Err(Fault::Repeated("SAMLRequest")),
    };
    Ok((field, encoded, inflated(&decoded(encoded)?)?))
}

/// A parameter as it stands in the query.
fn raw<'a>(query: &'a str, name: &'static str) -> Result<Option<&'a str>, Fault> {
    let mut found = query.split('&').filter_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let first = found.next();
    if found.next().is_some() { Err(Fault::Repeated(name)) } else { Ok(first) }
}

fn decoded(raw: &str) -> Result<String, Fault> {
    let text = percent_decode_str(raw).decode_utf8().map_err(|_| Fault::Unreadable("it is not UTF-8"))?;
    Ok(text.into_owned())
}
