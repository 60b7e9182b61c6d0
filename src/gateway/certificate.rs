//! A client's certificate in the words that events and logs have for it.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-mutual-tls.html>

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};
use x509_parser::{
    asn1_rs::Oid,
    certificate::X509Certificate,
    objects::{oid_registry, oid2abbrev},
    parse_x509_certificate,
    x509::X509Name,
};

use crate::kit::clock::Time;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClientCertificate {
    pem: String,
    subject: String,
    issuer: String,
    serial: String,
    not_before: String,
    not_after: String,
    /// The first second in which it counts, and the last.
    begins: i64,
    ends: i64,
}

impl ClientCertificate {
    /// `None` for what is no X.509 certificate.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = parse_x509_certificate(der).ok()?;
        let validity = certificate.validity();
        Some(Self {
            pem: pem(der),
            subject: name(certificate.subject()),
            issuer: name(certificate.issuer()),
            serial: serial(&certificate),
            not_before: moment(validity.not_before.timestamp()),
            not_after: moment(validity.not_after.timestamp()),
            begins: validity.not_before.timestamp(),
            ends: validity.not_after.timestamp(),
        })
    }

    pub(super) fn is_over(&self, now: Time) -> bool {
        now.seconds() > self.ends
    }

    /// Whether its own time has come and is not over.
    pub(super) fn holds(&self, now: Time) -> bool {
        now.seconds() >= self.begins && !self.is_over(now)
    }

    /// A member below `identity.clientCert` of `$context`.
    pub(super) fn member(&self, name: &str) -> Option<&str> {
        Some(match name {
            "clientCertPem" => &self.pem,
            "subjectDN" => &self.subject,
            "issuerDN" => &self.issuer,
            "serialNumber" => &self.serial,
            "validity.notBefore" => &self.not_before,
            "validity.notAfter" => &self.not_after,
            _ => return None,
        })
    }

    /// As events have it.
    pub(super) fn shown(&self) -> Value {
        json!({
            "clientCertPem": self.pem,
            "subjectDN": self.subject,
            "issuerDN": self.issuer,
            "serialNumber": self.serial,
            "validity": {"notBefore": self.not_before, "notAfter": self.not_after},
        })
    }
}

fn pem(der: &[u8]) -> String {
    let letters = BASE64_STANDARD.encode(der);
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let mut rest = letters.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text + "-----END CERTIFICATE-----\n"
}

/// `C=US,O=Example,CN=me`, in the certificate's order. What separates parts is escaped within them, so that a name cannot pretend
/// to have another part.
fn name(name: &X509Name<'_>) -> String {
    let part = |kind: &Oid<'_>, value: &str| {
        let kind = oid2abbrev(kind, oid_registry()).map_or_else(|_| kind.to_id_string(), str::to_owned);
        format!("{kind}={}", escaped(value))
    };
    let sets = name.iter_rdn().map(|set| {
        let parts = set.iter().map(|one| {
            let text = one.as_str().map_or_else(|_| format!("#{}", hex::encode(one.as_slice())), str::to_owned);
            part(one.attr_type(), &text)
        });
        parts.collect::<Vec<_>>().join("+")
    });
    sets.collect::<Vec<_>>().join(",")
}

/// <https://www.rfc-editor.org/rfc/rfc4514#section-2.4>
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for letter in value.chars() {
        if matches!(letter, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=') {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

/// A small number in digits, a large one in bytes: `7`, `a1:a1:a1:a1:a1:a1:a1:a1`.
fn serial(certificate: &X509Certificate<'_>) -> String {
    let bytes = certificate.raw_serial();
    let bytes = &bytes[bytes.iter().take_while(|byte| **byte == 0).count().min(bytes.len().saturating_sub(1))..];
    let small = bytes.iter().try_fold(0_i64, |number, byte| number.checked_mul(256)?.checked_add((*byte).into()));
    match small {
        Some(number) => number.to_string(),
        None => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"),
    }
}

const MOMENT: &[BorrowedFormatItem<'_>] =
    format_description!("[month repr:short] [day padding:space] [hour]:[minute]:[second] [year] GMT");

/// `May 28 12:30:02 2019 GMT`
fn moment(seconds: i64) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(MOMENT).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SerialNumber};

    use super::*;

    fn made(change: impl FnOnce(&mut CertificateParams)) -> ClientCertificate {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        change(&mut params);
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let read = ClientCertificate::read(made.der()).unwrap();
        assert!(read.pem.lines().all(|line| line.len() <= 64));
        assert_eq!(read.pem.replace(['\r', '\n'], ""), made.pem().replace(['\r', '\n'], ""));
        read
    }

    #[test]
    fn a_certificate_is_written_as_events_have_it() {
        let read = made(|params| {
            params.distinguished_name.push(DnType::CountryName, "US");
            params.distinguished_name.push(DnType::OrganizationName, "Example, Inc.");
            params.distinguished_name.push(DnType::CommonName, "me+O=Admins");
            params.serial_number = Some(SerialNumber::from(vec![0xa1; 8]));
            params.not_before = time::macros::datetime!(2019-05-28 12:30:02 UTC);
            params.not_after = time::macros::datetime!(2021-08-05 09:36:04 UTC);
        });
        let dn = r"C=US,O=Example\, Inc.,CN=me\+O\=Admins";
        assert_eq!(read.shown()["subjectDN"], dn);
        for (member, value) in [
            ("subjectDN", dn),
            ("issuerDN", dn),
            ("serialNumber", "a1:a1:a1:a1:a1:a1:a1:a1"),
            ("validity.notBefore", "May 28 12:30:02 2019 GMT"),
            ("validity.notAfter", "Aug  5 09:36:04 2021 GMT"),
        ] {
            assert_eq!(read.member(member), Some(value));
        }
        assert!(!read.is_over(Time::from_seconds(read.ends)) && read.is_over(Time::from_seconds(read.ends + 1)));
        assert_eq!(made(|params| params.serial_number = Some(SerialNumber::from(vec![7]))).serial, "7");
        assert_eq!(ClientCertificate::read(b"no certificate"), None);
    }
}
