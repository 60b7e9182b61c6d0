//! A SAML provider in the test's own process: it signs what a test tells it to, right or wrong.
//!
//! It writes its documents in canonical form from the start, so that it signs them without canonicalising: a mistake in the
//! canonicalisation of the server cannot cancel itself out here.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey},
    digest,
    iv::FixedLength,
    rand::SystemRandom,
    rsa::{OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey},
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use poolhouse::{
    keys::{
        certificate::{CertificateUse, self_signed},
        saml::Partner,
        signing::SigningKey,
    },
    kit::clock::Time,
};

pub const ENTITY: &str = "https://idp.example/saml";
pub const SIGN_ON: &str = "https://idp.example/in";
pub const SIGN_OUT: &str = "https://idp.example/out?tenant=1";
/// The moment of tests.
pub const NOW: Time = Time::from_seconds(1_800_000_000);

const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
pub const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
pub const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
pub const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";

pub struct SamlProvider {
    pair: RsaKeyPair,
    pub certificate: Vec<u8>,
    pub entity_id: String,
}

/// How something is signed.
#[derive(Clone)]
pub struct Signing {
    pub digest: &'static str,
    pub algorithm: &'static str,
    pub transforms: Vec<&'static str>,
    pub canonicalisation: &'static str,
    /// What `URI` says; otherwise the ID of what is signed.
    pub uri: Option<String>,
    /// What stands in `KeyInfo`.
    pub key_info: String,
    /// A second reference behind the first.
    pub second_reference: bool,
}

impl Default for Signing {
    fn default() -> Self {
        Self {
            digest: SHA256,
            algorithm: RSA_SHA256,
            transforms: vec![ENVELOPED, EXCLUSIVE],
            canonicalisation: EXCLUSIVE,
            uri: None,
            key_info: String::new(),
            second_reference: false,
        }
    }
}

/// A response as a test wants it. Everything is in order until the test changes it.
#[derive(Clone)]
pub struct Answer {
    pub destination: Option<String>,
    pub in_response_to: Option<String>,
    pub confirmed_in_response_to: Option<String>,
    pub recipient: String,
    /// None for no restriction at all.
    pub audience: Option<String>,
    pub not_before: Time,
    pub not_on_or_after: Time,
    pub session_not_on_or_after: Option<Time>,
    pub issuer: String,
    /// XML inside `NameID`.
    pub name: String,
    pub status: String,
    pub response_id: String,
    pub assertion_id: String,
    pub session_index: String,
    /// Names with their values.
    pub attributes: Vec<(String, Vec<String>)>,
    /// XML among the conditions.
    pub more_conditions: String,
    pub method: String,
    pub statement: bool,
    pub signs_response: Option<Signing>,
    pub signs_assertion: Option<Signing>,
}

impl Answer {
    /// The answer to a request of the service provider `audience`, posted to `consumer`.
    pub fn to(request_id: Option<&str>, consumer: &str, audience: &str) -> Self {
        Self {
            destination: Some(consumer.to_owned()),
            in_response_to: request_id.map(str::to_owned),
            confirmed_in_response_to: request_id.map(str::to_owned),
            recipient: consumer.to_owned(),
            audience: Some(audience.to_owned()),
            not_before: Time::from_seconds(NOW.seconds() - 30),
            not_on_or_after: Time::from_seconds(NOW.seconds() + 300),
            session_not_on_or_after: None,
            issuer: ENTITY.to_owned(),
            name: "jane@example.com".to_owned(),
            status: r#"<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"></samlp:StatusCode>"#
                .into(),
            response_id: "_response".to_owned(),
            assertion_id: "_assertion".to_owned(),
            session_index: "_session".to_owned(),
            attributes: vec![("mail".to_owned(), vec!["jane@example.com".to_owned()])],
            more_conditions: String::new(),
            method: "urn:oasis:names:tc:SAML:2.0:cm:bearer".to_owned(),
            statement: true,
            signs_response: None,
            signs_assertion: Some(Signing::default()),
        }
    }
}

/// The form field of a document.
pub fn field(xml: &str) -> String {
    BASE64_STANDARD.encode(xml)
}

fn moment(at: Time) -> String {
    time::OffsetDateTime::from_unix_timestamp(at.seconds())
        .unwrap()
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap()
}

impl SamlProvider {
    pub fn new() -> Self {
        let pkcs8 = SigningKey::generate().unwrap().to_pkcs8().unwrap();
        Self {
            certificate: self_signed(&pkcs8, "idp", Time::from_seconds(1_790_000_000), CertificateUse::Signing)
                .unwrap(),
            pair: RsaKeyPair::from_pkcs8(&pkcs8).unwrap(),
            entity_id: ENTITY.to_owned(),
        }
    }

    pub fn partner(&self) -> Partner {
        Partner { entity_id: self.entity_id.clone(), certificates: vec![self.certificate.clone()] }
    }

    /// Its metadata, with the certificates of others beside its own.
    pub fn metadata(&self, others: &[&SamlProvider]) -> String {
        let keys: String = others.iter().copied().chain([self]).map(|one| {
            let certificate = BASE64_STANDARD.encode(&one.certificate);
            format!(r#"<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="{DSIG}"><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"#)
        }).collect();
        let redirect = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
        format!(
            r#"<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{}"><md:IDPSSODescriptor protocolSupportEnumeration="{PROTOCOL}">{keys}<md:SingleLogoutService Binding="{redirect}" Location="{SIGN_OUT}"/><md:SingleSignOnService Binding="{redirect}" Location="{SIGN_ON}"/></md:IDPSSODescriptor></md:EntityDescriptor>"#,
            self.entity_id
        )
    }

    /// The assertion, signed if the answer says so.
    pub fn assertion(&self, answer: &Answer) -> String {
        let confirmed = answer.confirmed_in_response_to.as_ref();
        let confirmed = confirmed.map(|id| format!(r#" InResponseTo="{id}""#)).unwrap_or_default();
        let audience = answer.audience.as_ref().map(|audience| {
            format!("<saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction>")
        });
        let (from, until) = (moment(answer.not_before), moment(answer.not_on_or_after));
        let session = answer.session_not_on_or_after;
        let session = session.map(|at| format!(r#" SessionNotOnOrAfter="{}""#, moment(at))).unwrap_or_default();
        let statement = if answer.statement {
            format!(
                r#"<saml:AuthnStatement AuthnInstant="{from}" SessionIndex="{}"{session}><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"#,
                answer.session_index
            )
        } else {
            String::new()
        };
        let attributes: String = answer
            .attributes
            .iter()
            .map(|(name, values)| {
                let values: String =
                    values.iter().map(|value| format!("<saml:AttributeValue>{value}</saml:AttributeValue>")).collect();
                format!(r#"<saml:Attribute Name="{name}">{values}</saml:Attribute>"#)
            })
            .collect();
        let element = format!(
            r#"<saml:Assertion xmlns:saml="{ASSERTION}" ID="{}" IssueInstant="{from}" Version="2.0"><saml:Issuer>{}</saml:Issuer><saml:Subject><saml:NameID>{}</saml:NameID><saml:SubjectConfirmation Method="{}"><saml:SubjectConfirmationData{confirmed} NotOnOrAfter="{until}" Recipient="{}"></saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="{from}" NotOnOrAfter="{until}">{}{}</saml:Conditions>{statement}<saml:AttributeStatement>{attributes}</saml:AttributeStatement></saml:Assertion>"#,
            answer.assertion_id,
            answer.issuer,
            answer.name,
            answer.method,
            answer.recipient,
            audience.unwrap_or_default(),
            answer.more_conditions,
        );
        match &answer.signs_assertion {
            Some(signing) => self.sign(&element, &answer.assertion_id, signing),
            None => element,
        }
    }

    pub fn response(&self, answer: &Answer) -> String {
        self.response_with(answer, &self.assertion(answer))
    }

    /// A response around whatever stands in for its assertion.
    pub fn response_with(&self, answer: &Answer, inside: &str) -> String {
        let destination = answer.destination.as_ref().map(|to| format!(r#" Destination="{to}""#)).unwrap_or_default();
        let answered = answer.in_response_to.as_ref().map(|id| format!(r#" InResponseTo="{id}""#)).unwrap_or_default();
        let element = format!(
            r#"<samlp:Response xmlns:samlp="{PROTOCOL}"{destination} ID="{}"{answered} IssueInstant="{}" Version="2.0"><saml:Issuer xmlns:saml="{ASSERTION}">{}</saml:Issuer><samlp:Status>{}</samlp:Status>{inside}</samlp:Response>"#,
            answer.response_id,
            moment(answer.not_before),
            answer.issuer,
            answer.status,
        );
        match &answer.signs_response {
            Some(signing) => self.sign(&element, &answer.response_id, signing),
            None => element,
        }
    }

    /// Puts an enveloped signature behind the issuer. Comments are not signed; nothing else here differs from canonical form.
    pub fn sign(&self, element: &str, id: &str, signing: &Signing) -> String {
        let covered = without_comments(element);
        let digest = BASE64_STANDARD.encode(digest_of(signing.digest, covered.as_bytes()));
        let uri = signing.uri.clone().unwrap_or_else(|| format!("#{id}"));
        let transforms: String = signing
            .transforms
            .iter()
            .map(|name| format!(r#"<ds:Transform Algorithm="{name}"></ds:Transform>"#))
            .collect();
        let reference = format!(
            r#"<ds:Reference URI="{uri}"><ds:Transforms>{transforms}</ds:Transforms><ds:DigestMethod Algorithm="{}"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"#,
            signing.digest
        );
        let second = if signing.second_reference { reference.as_str() } else { "" };
        let inner = format!(
            r#"<ds:CanonicalizationMethod Algorithm="{}"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="{}"></ds:SignatureMethod>{reference}{second}</ds:SignedInfo>"#,
            signing.canonicalisation, signing.algorithm
        );
        let value = self.sign_bytes(format!(r#"<ds:SignedInfo xmlns:ds="{DSIG}">{inner}"#).as_bytes());
        let signature = format!(
            r#"<ds:Signature xmlns:ds="{DSIG}"><ds:SignedInfo>{inner}<ds:SignatureValue>{}</ds:SignatureValue>{}</ds:Signature>"#,
            BASE64_STANDARD.encode(value),
            signing.key_info
        );
        let at = element.find("</saml:Issuer>").unwrap() + "</saml:Issuer>".len();
        format!("{}{signature}{}", &element[..at], &element[at..])
    }

    pub fn sign_bytes(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    }

    /// What an attacker with a key of their own would put into `KeyInfo`.
    pub fn key_info(&self) -> String {
        let certificate = BASE64_STANDARD.encode(&self.certificate);
        format!(
            "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        )
    }
}

fn digest_of(name: &str, bytes: &[u8]) -> Vec<u8> {
    let algorithm = if name == SHA1 { &digest::SHA1_FOR_LEGACY_USE_ONLY } else { &digest::SHA256 };
    digest::digest(algorithm, bytes).as_ref().to_vec()
}

fn without_comments(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::new();
    while let Some((before, behind)) = rest.split_once("<!--") {
        kept.push_str(before);
        rest = behind.split_once("-->").unwrap().1;
    }
    kept + rest
}

/// The ciphers of encrypted assertions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cipher {
    Gcm,
    Cbc,
}

/// An assertion encrypted for a certificate.
pub fn encrypted(assertion: &str, certificate: &[u8], cipher: Cipher) -> String {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).unwrap();
    let public = PublicEncryptingKey::from_der(parsed.tbs_certificate.subject_pki.raw).unwrap();
    let public = OaepPublicEncryptingKey::new(public).unwrap();
    let key = [7_u8; 32];
    let (oaep, method) = match cipher {
        Cipher::Gcm => (
            &OAEP_SHA256_MGF1SHA256,
            r#"<xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#rsa-oaep"><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod><xenc11:MGF xmlns:xenc11="http://www.w3.org/2009/xmlenc11#" Algorithm="http://www.w3.org/2009/xmlenc11#mgf1sha256"></xenc11:MGF></xenc:EncryptionMethod>"#,
        ),
        Cipher::Cbc => (
            &OAEP_SHA1_MGF1SHA1,
            r#"<xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"><ds:DigestMethod Algorithm="http://www.w3.org/2000/09/xmldsig#sha1"></ds:DigestMethod></xenc:EncryptionMethod>"#,
        ),
    };
    let mut wrapped = vec![0; public.ciphertext_size()];
    let wrapped = public.encrypt(oaep, &key, &mut wrapped, None).unwrap();
    let wrapped = BASE64_STANDARD.encode(wrapped);
    let (algorithm, sealed) = match cipher {
        Cipher::Gcm => {
            let mut sealed = assertion.as_bytes().to_vec();
            let nonce = [9_u8; 12];
            LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap())
                .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
                .unwrap();
            ("http://www.w3.org/2009/xmlenc11#aes256-gcm", [nonce.to_vec(), sealed].concat())
        }
        Cipher::Cbc => {
            let mut padded = assertion.as_bytes().to_vec();
            let padding = 16 - padded.len() % 16;
            padded.resize(padded.len() + padding, u8::try_from(padding).unwrap());
            let iv = [5_u8; 16];
            EncryptingKey::cbc(UnboundCipherKey::new(&AES_256, &key).unwrap())
                .unwrap()
                .less_safe_encrypt(&mut padded, EncryptionContext::Iv128(FixedLength::from(iv)))
                .unwrap();
            ("http://www.w3.org/2001/04/xmlenc#aes256-cbc", [iv.to_vec(), padded].concat())
        }
    };
    let sealed = BASE64_STANDARD.encode(sealed);
    format!(
        r#"<saml:EncryptedAssertion xmlns:saml="{ASSERTION}"><xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#" Type="http://www.w3.org/2001/04/xmlenc#Element"><xenc:EncryptionMethod Algorithm="{algorithm}"></xenc:EncryptionMethod><ds:KeyInfo xmlns:ds="{DSIG}"><xenc:EncryptedKey>{method}<xenc:CipherData><xenc:CipherValue>{wrapped}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>{sealed}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData></saml:EncryptedAssertion>"#
    )
}
