//! What we send to a provider, and what it says about the end of sessions.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::{Engine, prelude::BASE64_STANDARD};
use miniz_oxide::{deflate::compress_to_vec, inflate::decompress_to_vec_with_limit};
use poolhouse::{
    domain::provider::{Kind, Rules, details},
    keys::{
        certificate::{CertificateUse, self_signed},
        saml::{
            AuthnRequest, Fault, LogoutMessage, LogoutRequest, Partner, Redirected, RequestSigner, logout_response,
            read_logout, redirect,
        },
        signing::SigningKey,
    },
    kit::clock::Time,
};
use url::Url;

use super::{AUDIENCE, CONSUMER};
use crate::saml_provider::{ENTITY, NOW, RSA_SHA256, SIGN_ON, SIGN_OUT, SamlProvider, Signing, field};

const ENDPOINT: &str = "http://localhost:9229/saml2/logout";

fn request<'a>(consumer: &'a str, force: bool) -> AuthnRequest<'a> {
    AuthnRequest { id: "_one", issued_at: NOW, destination: SIGN_ON, consumer, entity_id: AUDIENCE, force }
}

/// The message in an address, and what goes with it.
fn sent(address: &str, name: &str) -> (String, BTreeMap<String, String>) {
    let query: BTreeMap<_, _> = Url::parse(address).unwrap().query_pairs().into_owned().collect();
    let bytes = BASE64_STANDARD.decode(&query[name]).unwrap();
    (String::from_utf8(decompress_to_vec_with_limit(&bytes, 10_000).unwrap()).unwrap(), query)
}

#[test]
fn a_request_says_who_asks_and_where_the_answer_goes() {
    let state = "a state & more";
    let address = redirect(SIGN_ON, "SAMLRequest", &request(CONSUMER, false).xml(), Some(state), None).unwrap();
    assert!(address.starts_with("https://idp.example/in?SAMLRequest="));
    let (xml, query) = sent(&address, "SAMLRequest");
    assert_eq!((query["RelayState"].as_str(), query.len()), (state, 2));
    let document = roxmltree::Document::parse(&xml).unwrap();
    let root = document.root_element();
    assert!(root.has_tag_name(("urn:oasis:names:tc:SAML:2.0:protocol", "AuthnRequest")));
    for (name, value) in [
        ("ID", "_one"),
        ("Version", "2.0"),
        ("IssueInstant", "2027-01-15T08:00:00Z"),
        ("Destination", SIGN_ON),
        ("AssertionConsumerServiceURL", CONSUMER),
        ("ProtocolBinding", "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"),
    ] {
        assert_eq!(root.attribute(name), Some(value), "{name}");
    }
    assert_eq!(root.attribute("ForceAuthn"), None);
    assert_eq!(root.first_element_child().unwrap().text(), Some(AUDIENCE));
    assert!(request(CONSUMER, true).xml().contains(r#" ForceAuthn="true" "#));
}

#[test]
fn what_goes_into_a_request_cannot_break_out_of_it() {
    let hostile = "https://sp.example/a\"><saml:Issuer>&'<!--\n\u{1}";
    let xml = request(hostile, false).xml();
    let document = roxmltree::Document::parse(&xml).unwrap();
    let told = document.root_element().attribute("AssertionConsumerServiceURL").unwrap().to_owned();
    assert_eq!(told, hostile.replace('\u{1}', ""));
    assert_eq!(document.descendants().filter(|node| node.tag_name().name() == "Issuer").count(), 1);
}

#[test]
fn a_signed_request_verifies_with_the_pools_certificate() {
    let pkcs8 = SigningKey::generate().unwrap().to_pkcs8().unwrap();
    let certificate = self_signed(&pkcs8, "sp", NOW, CertificateUse::Signing).unwrap();
    let signer = RequestSigner::from_pkcs8(&pkcs8).unwrap();
    let address =
        redirect(SIGN_OUT, "SAMLRequest", &request(CONSUMER, false).xml(), Some("state"), Some(&signer)).unwrap();
    assert!(address.starts_with("https://idp.example/out?tenant=1&SAMLRequest="), "{address}");
    let (_, query) = sent(&address, "SAMLRequest");
    assert_eq!(query["SigAlg"], RSA_SHA256);
    let (covered, _) = address.split_once("&Signature=").unwrap();
    let covered = covered.strip_prefix("https://idp.example/out?tenant=1&").unwrap();
    let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).unwrap();
    let key = UnparsedPublicKey::new(
        &RSA_PKCS1_2048_8192_SHA256,
        &parsed.tbs_certificate.subject_pki.subject_public_key.data,
    );
    let signature = BASE64_STANDARD.decode(&query["Signature"]).unwrap();
    key.verify(covered.as_bytes(), &signature).unwrap();
    assert!(key.verify(covered.replace("state", "other").as_bytes(), &signature).is_err());
    // And read as the other side reads it.
    let partner = Partner { entity_id: AUDIENCE.to_owned(), certificates: vec![certificate] };
    let out = LogoutRequest {
        id: "_out",
        issued_at: NOW,
        destination: SIGN_OUT,
        entity_id: AUDIENCE,
        name_id: "jane <jane@example.com>",
        name_id_format: Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"),
        session_index: Some("_session"),
    };
    let address = redirect(SIGN_OUT, "SAMLRequest", &out.xml(), None, Some(&signer)).unwrap();
    let query = Url::parse(&address).unwrap().query().unwrap().to_owned();
    let message = read_logout(Redirected::Query(&query), &partner, SIGN_OUT, NOW).unwrap();
    let expected = LogoutMessage::Request {
        id: "_out".into(),
        name_id: "jane <jane@example.com>".into(),
        session_indexes: vec!["_session".into()],
    };
    assert_eq!(message, expected);
}

#[test]
fn metadata_tell_where_requests_go() {
    let provider = SamlProvider::new();
    let given = [("MetadataFile".to_owned(), provider.metadata(&[&SamlProvider::new()]))].into();
    let complete = details(Kind::Saml, given, Rules { now: NOW, allows_http: false }).unwrap();
    assert_eq!(complete["SSORedirectBindingURI"], SIGN_ON);
    assert_eq!(complete["SLORedirectBindingURI"], SIGN_OUT);
}

/// A request to end a session, as the provider writes it.
fn out(change: (&str, &str)) -> String {
    let xml = format!(
        r#"<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" Destination="{ENDPOINT}" ID="_out" IssueInstant="2027-01-15T08:00:00Z" NotOnOrAfter="2027-01-15T08:01:00Z" Version="2.0"><saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{ENTITY}</saml:Issuer><saml:NameID xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">jane</saml:NameID></samlp:LogoutRequest>"#
    );
    let changed = xml.replace(change.0, change.1);
    assert!(change.0.is_empty() || changed != xml);
    changed
}

/// The query of a message, signed.
fn query(provider: &SamlProvider, name: &str, xml: &str) -> String {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let message = encode(&BASE64_STANDARD.encode(compress_to_vec(xml.as_bytes(), 6)));
    let covered = format!("{name}={message}&RelayState=abc&SigAlg={}", encode(RSA_SHA256));
    let signature = encode(&BASE64_STANDARD.encode(provider.sign_bytes(covered.as_bytes())));
    format!("{covered}&Signature={signature}")
}

#[test]
fn the_end_of_a_session_is_believed_of_the_provider_only() {
    let (provider, stranger) = (SamlProvider::new(), SamlProvider::new());
    let partner = provider.partner();
    let read = |query: &str| read_logout(Redirected::Query(query), &partner, ENDPOINT, NOW);
    let good = query(&provider, "SAMLRequest", &out(("", "")));
    let request = LogoutMessage::Request { id: "_out".into(), name_id: "jane".into(), session_indexes: vec![] };
    assert_eq!(read(&good), Ok(request.clone()));
    // Another order of the pairs changes nothing that is signed.
    let turned: Vec<_> = good.rsplit('&').collect();
    assert_eq!(read(&turned.join("&")), Ok(request.clone()));

    let unsigned = good.split("&SigAlg").next().unwrap();
    let cases = [
        (Fault::Unsigned, unsigned.to_owned()),
        (Fault::Unsigned, good.split("&Signature").next().unwrap().to_owned()),
        (Fault::Signature, query(&stranger, "SAMLRequest", &out(("", "")))),
        (Fault::Signature, good.replace("RelayState=abc", "RelayState=abd")),
        (Fault::Signature, good.replace("&RelayState=abc", "")),
        (Fault::Signature, good.replace("SAMLRequest", "SAMLResponse")),
        (Fault::SignatureForm("its algorithm"), good.replace("rsa-sha256", "rsa-sha1")),
        (Fault::Repeated("RelayState"), format!("{good}&RelayState=abc")),
        (Fault::Repeated("SAMLRequest"), format!("{good}&SAMLResponse=a")),
        (Fault::Missing("SAMLRequest"), String::new()),
        (Fault::Foreign("Destination"), query(&provider, "SAMLRequest", &out((ENDPOINT, "https://other.example")))),
        (Fault::Issuer, query(&provider, "SAMLRequest", &out((ENTITY, "https://other.example")))),
        (Fault::Expired, query(&provider, "SAMLRequest", &out(("08:01:00Z", "07:58:00Z")))),
        (Fault::TooEarly, query(&provider, "SAMLRequest", &out(("IssueInstant=\"2027", "IssueInstant=\"2028")))),
        (
            Fault::Unreadable("it is no message about a session's end"),
            query(&provider, "SAMLRequest", &out(("LogoutRequest", "AuthnRequest"))),
        ),
    ];
    for (fault, query) in cases {
        assert_eq!(read(&query), Err(fault), "{query}");
    }
}

/// A thousand bytes and more can come out of each one that goes in: no more than 64 kB of it ever does.
#[test]
fn a_message_inflates_to_its_limit_and_no_further() {
    let provider = SamlProvider::new();
    let partner = provider.partner();
    let read = |query: &str| read_logout(Redirected::Query(query), &partner, ENDPOINT, NOW);
    let message = out(("", ""));
    let filled = |length: usize| format!("{message}{}", " ".repeat(length - message.len()));
    let request = LogoutMessage::Request { id: "_out".into(), name_id: "jane".into(), session_indexes: vec![] };
    assert_eq!(read(&query(&provider, "SAMLRequest", &filled(64 * 1024))), Ok(request));
    let too_long = Err(Fault::Unreadable("it is not deflated"));
    for length in [64 * 1024 + 1, 10_000_000] {
        let bomb = query(&provider, "SAMLRequest", &filled(length));
        assert_eq!(read(&bomb), too_long, "{length} bytes in {}", bomb.len());
    }
}

#[test]
fn a_posted_message_is_signed_inside() {
    let (provider, stranger) = (SamlProvider::new(), SamlProvider::new());
    let partner = provider.partner();
    let read = |xml: &str| read_logout(Redirected::Posted(&field(xml)), &partner, ENDPOINT, NOW);
    let plain = out(("", ""));
    assert_eq!(read(&plain), Err(Fault::Unsigned));
    assert_eq!(read(&stranger.sign(&plain, "_out", &Signing::default())), Err(Fault::Signature));
    let signed = provider.sign(&plain, "_out", &Signing::default());
    assert!(matches!(read(&signed), Ok(LogoutMessage::Request { name_id, .. }) if name_id == "jane"));
    assert_eq!(read(&signed.replace(">jane<", ">john<")), Err(Fault::Digest));
}

#[test]
fn the_answer_to_a_request_of_ours_says_whether_it_is_done() {
    let provider = SamlProvider::new();
    let partner = provider.partner();
    let read =
        |xml: &str| read_logout(Redirected::Query(&query(&provider, "SAMLResponse", xml)), &partner, ENDPOINT, NOW);
    let xml = logout_response("_answer", "_out", ENDPOINT, ENTITY, Time::from_seconds(NOW.seconds()));
    assert_eq!(read(&xml), Ok(LogoutMessage::Response { in_response_to: "_out".into(), is_done: true }));
    let failed = xml.replace("status:Success", "status:Responder");
    assert_eq!(read(&failed), Ok(LogoutMessage::Response { in_response_to: "_out".into(), is_done: false }));
    assert_eq!(read(&xml.replace(r#" InResponseTo="_out""#, "")), Err(Fault::Missing("InResponseTo")));
}
