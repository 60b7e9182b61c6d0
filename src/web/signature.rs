//! Administrators sign their calls with Signature Version 4: reading the `Authorization` header and verifying what it signs.
//!
//! Only the header form. Refused besides a wrong signature: query-string signatures, `UNSIGNED-PAYLOAD`, session tokens (configured
//! keys have none), a request whose `Host`, `X-Amz-Target` or date is not signed, and a clock more than fifteen minutes off.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
    hmac,
};
use http::{Uri, header, request::Parts};
use time::{
    OffsetDateTime, PrimitiveDateTime,
    format_description::{BorrowedFormatItem, well_known::Rfc2822},
    macros::format_description,
};

use crate::{
    config::{Mode, admin::AccessKey},
    kit::{clock::Time, host::is_this_machine},
};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
const MOST_SKEW_MINUTES: u64 = 15;
const LONGEST_REGION: usize = 32;
const STAMP: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");

const TARGET: &str = "x-amz-target";
const DATE: &str = "x-amz-date";
const CONTENT_SHA256: &str = "x-amz-content-sha256";
const SECURITY_TOKEN: &str = "x-amz-security-token";
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                        Access Key and signing method. Consult the service documentation for details.";

/// Why nobody is believed to be an administrator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    #[error("no signature")]
    Missing,
    /// It cannot be read; the text says why.
    #[error("incomplete signature: {0}")]
    Incomplete(String),
    #[error("unknown access key")]
    UnknownKey,
    /// It can be read and does not hold; the text says why.
    #[error("invalid signature: {0}")]
    Invalid(String),
}

/// What it takes to be an administrator of one service.
///
/// In production the signature must be by a configured access key. In development any access key is believed and nothing is
/// computed; a *missing* signature is refused there as well, because the service refuses it and a test must not pass by accident.
pub struct Gate<'a> {
    pub mode: Mode,
    pub keys: &'a [AccessKey],
    pub now: Time,
    /// As credentials are scoped: `cognito-idp`, `apigateway`.
    pub service: &'a str,
}

impl Gate<'_> {
    /// `body` is the whole body, as it was signed.
    pub fn administrator(&self, head: &Parts, body: &[u8]) -> Result<Authorization, SignatureFault> {
        let authorization = Authorization::of(head)?;
        // A signature that nobody checks is no proof: any web page could send one through the browser of whoever visits it.
        if self.mode == Mode::Development && comes_from_abroad(head) {
            return Err(SignatureFault::UnknownKey);
        }
        if self.mode == Mode::Production {
            let key = self.keys.iter().find(|key| key.id == authorization.access_key_id);
            verify(self, &authorization, key.ok_or(SignatureFault::UnknownKey)?, head, body)?;
        }
        Ok(authorization)
    }
}

/// Whether a browser says that the call was made by a page of another machine.
fn comes_from_abroad(head: &Parts) -> bool {
    let Some(origin) = head.headers.get(header::ORIGIN) else { return false };
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    !origin.as_ref().and_then(Uri::host).is_some_and(is_this_machine)
}

/// A well-formed `Authorization` header. Nothing in it is proven.
#[derive(Debug, PartialEq, Eq)]
pub struct Authorization {
    pub access_key_id: String,
    pub region: String,
    /// `YYYYMMDD`
    date: String,
    service: String,
    terminator: String,
    /// Lower case, in the order in which they were signed.
    signed_headers: Vec<String>,
    signature: String,
}

impl Authorization {
    pub fn of(head: &Parts) -> Result<Self, SignatureFault> {
        let is_presigned = |query: &str| query.split('&').any(|pair| pair.starts_with("X-Amz-"));
        if head.uri.query().is_some_and(is_presigned) {
            return Err(incomplete("A signature belongs in the Authorization header, not in the query string."));
        }
        let mut given = head.headers.get_all(header::AUTHORIZATION).iter();
        let Some(first) = given.next() else { return Err(SignatureFault::Missing) };
        match (given.next(), first.to_str()) {
            (None, Ok(text)) => Self::parse(text),
            _ => Err(incomplete("Authorization header is repeated or is not ASCII.")),
        }
    }

    fn parse(text: &str) -> Result<Self, SignatureFault> {
        let (algorithm, parameters) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if algorithm != ALGORITHM {
            return Err(incomplete(format!("Unsupported AWS 'algorithm': '{}'.", shortened(algorithm))));
        }
        let parameter = |name: &str| {
            let mut pairs = parameters.split(',').filter_map(|pair| pair.trim().split_once('='));
            pairs.find(|(found, _)| *found == name).map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
        };
        let (Some(credential), Some(signed_headers), Some(signature)) =
            (parameter("Credential"), parameter("SignedHeaders"), parameter("Signature"))
        else {
            let missing =
                ["Credential", "Signature", "SignedHeaders"].into_iter().filter(|name| parameter(name).is_none());
            let missing: Vec<_> =
                missing.map(|name| format!("Authorization header requires '{name}' parameter.")).collect();
            return Err(incomplete(missing.join(" ")));
        };
        // Whatever stands before the last four slashes is the key's id.
        let mut scope = credential.rsplitn(5, '/');
        let (Some(terminator), Some(service), Some(region), Some(date), Some(access_key_id)) =
            (scope.next(), scope.next(), scope.next(), scope.next(), scope.next())
        else {
            return Err(incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{}'",
                shortened(credential)
            )));
        };
        if access_key_id.is_empty() || !is_region(region) {
            return Err(incomplete("Credential should be scoped to a valid region."));
        }
        Ok(Self {
            access_key_id: access_key_id.to_owned(),
            region: region.to_owned(),
            date: date.to_owned(),
            service: service.to_owned(),
            terminator: terminator.to_owned(),
            signed_headers: signed_headers.split(';').map(str::to_ascii_lowercase).collect(),
            signature: signature.to_owned(),
        })
    }

    fn signs(&self, header: &str) -> bool {
        self.signed_headers.iter().any(|signed| signed == header)
    }

    fn scope(&self) -> String {
        format!("{}/{}/{}/{}", self.date, self.region, self.service, self.terminator)
    }
}

/// Proves that whoever holds `key` signed exactly this request, now.
fn verify(
    gate: &Gate<'_>,
    authorization: &Authorization,
    key: &AccessKey,
    head: &Parts,
    body: &[u8],
) -> Result<(), SignatureFault> {
    let Gate { now, service, .. } = *gate;
    if head.headers.contains_key(SECURITY_TOKEN) {
        return Err(SignatureFault::UnknownKey);
    }
    if authorization.service != service {
        return Err(invalid(format!("Credential should be scoped to correct service: '{service}'.")));
    }
    if authorization.terminator != TERMINATOR {
        return Err(invalid(format!("Credential should be scoped with a valid terminator: '{TERMINATOR}'.")));
    }
    // Without the target, a signature for one operation would serve for every other. Services that are called by path have none.
    for (header, name, must) in
        [("host", "Host' or ':authority", true), (TARGET, "X-Amz-Target", head.headers.contains_key(TARGET))]
    {
        if must && !authorization.signs(header) {
            return Err(invalid(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")));
        }
    }
    let signed_at = signed_date(authorization, head)?;
    check_clock(authorization, signed_at, now)?;
    let payload = hex::encode(digest(&SHA256, body));
    if let Some(claimed) = head.headers.get(CONTENT_SHA256)
        && claimed.as_bytes() != payload.as_bytes()
    {
        return Err(invalid(MISMATCH));
    }
    let text = text_to_sign(authorization, &stamp(signed_at), &canonical_request(authorization, head, &payload));
    let wanted = hex::encode(hmac::sign(&signing_key(authorization, key), text.as_bytes()));
    verify_slices_are_equal(wanted.as_bytes(), authorization.signature.as_bytes()).map_err(|_| invalid(MISMATCH))
}

/// When the request was signed, by a header that the signature covers.
fn signed_date(authorization: &Authorization, head: &Parts) -> Result<OffsetDateTime, SignatureFault> {
    const MISSING: &str = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
    let name = if head.headers.contains_key(DATE) { DATE } else { "date" };
    let text = head.headers.get(name).and_then(|value| value.to_str().ok()).ok_or_else(|| incomplete(MISSING))?;
    if !authorization.signs(name) {
        return Err(invalid(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")));
    }
    let basic = PrimitiveDateTime::parse(text, STAMP).map(PrimitiveDateTime::assume_utc);
    basic
        .or_else(|_| OffsetDateTime::parse(text, &Rfc2822))
        .map_err(|_| incomplete("Date must be in ISO-8601 'basic format'. See http://en.wikipedia.org/wiki/ISO_8601"))
}

fn check_clock(authorization: &Authorization, signed_at: OffsetDateTime, now: Time) -> Result<(), SignatureFault> {
    let signed = stamp(signed_at);
    if authorization.date != signed[..8] {
        return Err(invalid(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != '{}', from '{signed}'.",
            shortened(&authorization.date),
            &signed[..8]
        )));
    }
    let skew = std::time::Duration::from_secs(MOST_SKEW_MINUTES * 60);
    let shown = |time: Time| OffsetDateTime::from_unix_timestamp(time.seconds()).map_or_else(|_| String::new(), stamp);
    let (earliest, latest) = (now.minus(skew), now.plus(skew));
    if signed_at.unix_timestamp() < earliest.seconds() {
        return Err(invalid(format!(
            "Signature expired: {signed} is now earlier than {} ({} - {MOST_SKEW_MINUTES} min.)",
            shown(earliest),
            shown(now)
        )));
    }
    if signed_at.unix_timestamp() > latest.seconds() {
        return Err(invalid(format!(
            "Signature not yet current: {signed} is still later than {} ({} + {MOST_SKEW_MINUTES} min.)",
            shown(latest),
            shown(now)
        )));
    }
    Ok(())
}

fn canonical_request(authorization: &Authorization, head: &Parts, payload: &str) -> String {
    let headers: String =
        authorization.signed_headers.iter().map(|name| format!("{name}:{}\n", header_value(head, name))).collect();
    [
        head.method.as_str(),
        &head.uri.path().split('/').map(encoded).collect::<Vec<_>>().join("/"),
        &canonical_query(head.uri.query().unwrap_or_default()),
        &headers,
        &authorization.signed_headers.join(";"),
        payload,
    ]
    .join("\n")
}

/// Every value of a header, trimmed, runs of spaces as one, joined by commas.
fn header_value(head: &Parts, name: &str) -> String {
    let mut values: Vec<String> = head
        .headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    // HTTP/2 carries the host as `:authority`.
    if values.is_empty() && name == "host" {
        values.extend(head.uri.authority().map(ToString::to_string));
    }
    values.join(",")
}

/// Parameters percent-encoded anew and sorted.
fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<_> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (recoded(name), recoded(value)))
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Decodes what is percent-encoded and encodes everything but the unreserved characters.
fn recoded(text: &str) -> String {
    encode(percent_encoding::percent_decode_str(text))
}

/// Encodes what a path has encoded once more, as every service but one wants it.
fn encoded(segment: &str) -> String {
    encode(segment.bytes())
}

fn encode(bytes: impl Iterator<Item = u8>) -> String {
    let mut out = String::new();
    for byte in bytes {
        match byte {
            plain @ (b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~') => {
                out.push(char::from(plain));
            }
            other => out += &format!("%{other:02X}"),
        }
    }
    out
}

fn text_to_sign(authorization: &Authorization, stamp: &str, canonical_request: &str) -> String {
    let hash = hex::encode(digest(&SHA256, canonical_request.as_bytes()));
    [ALGORITHM, stamp, &authorization.scope(), &hash].join("\n")
}

fn signing_key(authorization: &Authorization, key: &AccessKey) -> hmac::Key {
    let secret = zeroize::Zeroizing::new(format!("AWS4{}", key.secret.expose()));
    let parts = [&authorization.date, &authorization.region, &authorization.service, &authorization.terminator];
    parts.iter().fold(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), |key, part| {
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref())
    })
}

fn stamp(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC).format(STAMP).unwrap_or_default()
}

fn is_region(text: &str) -> bool {
    (1..=LONGEST_REGION).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// What a client sent, short enough for a message.
fn shortened(text: &str) -> String {
    text.chars().take(128).collect()
}

fn incomplete(text: impl Into<String>) -> SignatureFault {
    SignatureFault::Incomplete(text.into())
}

fn invalid(text: impl Into<String>) -> SignatureFault {
    SignatureFault::Invalid(text.into())
}

#[cfg(test)]
mod tests;
