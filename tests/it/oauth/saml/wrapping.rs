//! Signatures that are genuine, and documents in which they say something else: the eight attacks of "On Breaking SAML: Be
//! Whoever You Want to Be" (USENIX Security 2012), and what has been found since.

use poolhouse::keys::saml::Fault;

use super::{answer, read};
use crate::saml_provider::{Answer, ENTITY, RSA_SHA256, SHA1, SamlProvider, Signing};

const EVIL: &str = "admin@example.com";

/// The element that starts with `<name ` or `<name>` first, whole.
fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let from = xml.find(&format!("<{name}")).unwrap();
    let end = format!("</{name}>");
    let until = xml.rfind(&end).unwrap() + end.len();
    &xml[from..until]
}

/// What an attacker would like to be told: the same, unsigned, about somebody else.
fn evil(answer: &Answer, id: &str) -> Answer {
    Answer {
        name: EVIL.to_owned(),
        assertion_id: id.to_owned(),
        response_id: format!("{id}-response"),
        signs_assertion: None,
        signs_response: None,
        ..answer.clone()
    }
}

fn wrapped() -> Vec<(&'static str, String, SamlProvider)> {
    let mut all = Vec::new();
    for attack in ["xsw1", "xsw2"] {
        let provider = SamlProvider::new();
        let genuine = Answer { signs_response: Some(Signing::default()), signs_assertion: None, ..answer() };
        let signed = provider.response(&genuine);
        let signature = element(&signed, "ds:Signature").to_owned();
        let original = signed.replace(&signature, "");
        let forged = provider.response(&evil(&genuine, "_evil"));
        let at = forged.find("</saml:Issuer>").unwrap() + "</saml:Issuer>".len();
        let wrapper = if attack == "xsw1" {
            signature.replace("</ds:Signature>", &format!("<ds:Object>{original}</ds:Object></ds:Signature>"))
        } else {
            format!("{original}{signature}")
        };
        all.push((attack, format!("{}{wrapper}{}", &forged[..at], &forged[at..]), provider));
    }
    for attack in ["xsw3", "xsw4", "xsw5", "xsw6", "xsw7", "xsw8", "same id", "id of another namespace", "confirmation"]
    {
        let provider = SamlProvider::new();
        let genuine = answer();
        let signed = provider.assertion(&genuine);
        let signature = element(&signed, "ds:Signature").to_owned();
        let original = signed.replace(&signature, "");
        let forged = provider.assertion(&evil(&genuine, "_evil"));
        let into = |place: &str, what: &str| forged.replacen(place, &format!("{what}{place}"), 1);
        let behind = |what: &str| forged.replacen("</saml:Issuer>", &format!("</saml:Issuer>{what}"), 1);
        let object =
            |what: &str| signature.replace("</ds:Signature>", &format!("<ds:Object>{what}</ds:Object></ds:Signature>"));
        let inside = match attack {
            "xsw3" => format!("{forged}{signed}"),
            "xsw4" => into("</saml:Assertion>", &signed),
            "xsw5" => format!("{}{original}", behind(&signature)),
            "xsw6" => behind(&object(&original)),
            "xsw7" => format!("<samlp:Extensions>{forged}</samlp:Extensions>{signed}"),
            "xsw8" => behind(&object(&original)).replace("_evil", "_evil2"),
            "same id" => format!("{}{signed}", forged.replace("_evil", "_assertion")),
            "id of another namespace" => {
                let forged =
                    behind(&signature).replace(r#"ID="_evil""#, r#"ID="_evil" x:ID="_assertion" xmlns:x="urn:x""#);
                forged.replacen(
                    "</saml:Assertion>",
                    &format!("<saml:Advice>{original}</saml:Advice></saml:Assertion>"),
                    1,
                )
            }
            _ => into("</saml:SubjectConfirmationData>", &signed),
        };
        all.push((attack, provider.response_with(&genuine, &inside), provider));
    }
    all
}

#[test]
fn a_signature_vouches_for_nothing_but_the_element_that_holds_it() {
    for (attack, xml, provider) in wrapped() {
        let outcome = read(&xml, &provider.partner(), None);
        assert!(outcome.is_err(), "{attack}: {outcome:?}");
        let named = roxmltree::Document::parse(&xml).unwrap();
        assert!(named.descendants().any(|node| node.text() == Some(EVIL)), "{attack} tells no lie");
    }
}

#[test]
fn what_is_signed_is_accepted_wherever_the_signature_stands() {
    let provider = SamlProvider::new();
    let signing = Some(Signing::default());
    for (signs_response, signs_assertion) in
        [(None, signing.clone()), (signing.clone(), None), (signing.clone(), signing)]
    {
        let genuine = Answer { signs_response, signs_assertion, ..answer() };
        let accepted = read(&provider.response(&genuine), &provider.partner(), None).unwrap();
        assert_eq!((accepted.name_id.as_str(), accepted.assertion_id.as_str()), ("jane@example.com", "_assertion"));
        assert_eq!(accepted.attributes, [("mail".to_owned(), vec!["jane@example.com".to_owned()])]);
        assert_eq!(accepted.session_index.as_deref(), Some("_session"));
    }
    // Written otherwise, but the same once it is canonical.
    let xml = provider.response(&answer());
    let xml = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{xml}\n");
    let xml = xml.replace("></saml:SubjectConfirmationData>", "  />").replace("\"_assertion\"", "'_assertion'");
    assert!(read(&xml, &provider.partner(), None).is_ok());
}

#[test]
fn nothing_unsigned_is_accepted() {
    let provider = SamlProvider::new();
    let unsigned = Answer { signs_assertion: None, ..answer() };
    assert_eq!(read(&provider.response(&unsigned), &provider.partner(), None), Err(Fault::Unsigned));
    // An empty shell of a signature, at both places.
    let shell = r#"</saml:Issuer><ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"></ds:Signature>"#;
    let xml = provider.response(&unsigned);
    let (first, last) = (xml.replacen("</saml:Issuer>", shell, 1), xml.find("<saml:Assertion").unwrap());
    assert_eq!(read(&first, &provider.partner(), None), Err(Fault::Missing("SignedInfo")));
    let second = format!("{}{}", &xml[..last], xml[last..].replacen("</saml:Issuer>", shell, 1));
    assert_eq!(read(&second, &provider.partner(), None), Err(Fault::Missing("SignedInfo")));
}

#[test]
fn a_signature_of_another_key_is_refused_with_and_without_that_key() {
    let (provider, stranger) = (SamlProvider::new(), SamlProvider::new());
    for key_info in [String::new(), stranger.key_info(), provider.key_info()] {
        let forged = Answer { signs_assertion: Some(Signing { key_info, ..Signing::default() }), ..answer() };
        assert_eq!(read(&stranger.response(&forged), &provider.partner(), None), Err(Fault::Signature));
    }
    // The key that signs is one of several; what is said about it in the message is not looked at.
    let mut partner = stranger.partner();
    partner.certificates.push(provider.certificate.clone());
    let honest =
        Answer { signs_assertion: Some(Signing { key_info: stranger.key_info(), ..Signing::default() }), ..answer() };
    assert!(read(&provider.response(&honest), &partner, None).is_ok());
}

#[test]
fn one_good_signature_does_not_excuse_a_bad_one() {
    let (provider, stranger) = (SamlProvider::new(), SamlProvider::new());
    let genuine = answer();
    let outer = Answer { signs_response: Some(Signing::default()), ..genuine.clone() };
    let xml = stranger.response_with(&outer, &provider.assertion(&genuine));
    assert_eq!(read(&xml, &provider.partner(), None), Err(Fault::Signature));
}

#[test]
fn every_changed_character_of_what_is_signed_breaks_it() {
    let provider = SamlProvider::new();
    let xml = provider.response(&answer());
    let from = xml.find("<saml:Assertion").unwrap();
    let partner = provider.partner();
    for (at, letter) in xml.char_indices().filter(|(at, _)| *at > from).step_by(7) {
        let other = if letter == 'a' { "b" } else { "a" };
        let changed = format!("{}{other}{}", &xml[..at], &xml[at + letter.len_utf8()..]);
        let outcome = read(&changed, &partner, None);
        // Names that a signature leaves open, like the prefix of what it stands in, change nothing that is read.
        if let Ok(accepted) = outcome {
            assert_eq!(accepted.name_id, "jane@example.com", "{changed}");
            panic!("a change was not noticed at {at}: {}", &changed[at.saturating_sub(20)..at + 20]);
        }
    }
}

#[test]
fn weak_and_foreign_algorithms_are_refused_before_a_key_is_asked() {
    let provider = SamlProvider::new();
    let good = Signing::default();
    let cases = [
        ("its algorithm", Signing { algorithm: "http://www.w3.org/2000/09/xmldsig#rsa-sha1", ..good.clone() }),
        ("its algorithm", Signing { algorithm: "http://www.w3.org/2000/09/xmldsig#hmac-sha1", ..good.clone() }),
        ("its algorithm", Signing { algorithm: "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", ..good.clone() }),
        ("its algorithm", Signing { algorithm: "", ..good.clone() }),
        ("its digest", Signing { digest: SHA1, ..good.clone() }),
        (
            "its canonicalisation",
            Signing { canonicalisation: "http://www.w3.org/TR/2001/REC-xml-c14n-20010315", ..good.clone() },
        ),
    ];
    for (what, signing) in cases {
        let weak = Answer { signs_assertion: Some(signing), ..answer() };
        assert_eq!(read(&provider.response(&weak), &provider.partner(), None), Err(Fault::SignatureForm(what)));
    }
    assert_eq!(good.algorithm, RSA_SHA256);
}

#[test]
fn a_signature_over_a_part_or_over_something_else_is_refused() {
    let provider = SamlProvider::new();
    let good = Signing::default();
    let xpath = "http://www.w3.org/TR/1999/REC-xpath-19991116";
    let (enveloped, exclusive) = (good.transforms[0], good.transforms[1]);
    let cases = [
        (
            Fault::SignatureForm("its transforms"),
            Signing { transforms: vec![enveloped, xpath, exclusive], ..good.clone() },
        ),
        (Fault::SignatureForm("its transforms"), Signing { transforms: vec![xpath, exclusive], ..good.clone() }),
        (Fault::SignatureForm("its transforms"), Signing { transforms: vec![enveloped], ..good.clone() }),
        (Fault::SignatureForm("its transforms"), Signing { transforms: vec![exclusive], ..good.clone() }),
        (Fault::SignatureForm("its transforms"), Signing { transforms: vec![], ..good.clone() }),
        (Fault::SignatureForm("it signs another element"), Signing { uri: Some(String::new()), ..good.clone() }),
        (Fault::SignatureForm("it signs another element"), Signing { uri: Some("#_response".into()), ..good.clone() }),
        (
            Fault::SignatureForm("it signs another element"),
            Signing { uri: Some("#xpointer(id('_assertion'))".into()), ..good.clone() },
        ),
        (
            Fault::SignatureForm("it signs another element"),
            Signing { uri: Some("https://evil.example/assertion.xml".into()), ..good.clone() },
        ),
        (
            Fault::SignatureForm("it signs another element"),
            Signing { uri: Some("file:///etc/passwd".into()), ..good.clone() },
        ),
        (Fault::Repeated("Reference"), Signing { second_reference: true, ..good.clone() }),
    ];
    for (fault, signing) in cases {
        let partial = Answer { signs_assertion: Some(signing), ..answer() };
        assert_eq!(read(&provider.response(&partial), &provider.partner(), None), Err(fault));
    }
}

#[test]
fn a_comment_in_a_name_does_not_shorten_it() {
    let provider = SamlProvider::new();
    let whole = Answer { name: "admin@example.com.evil.example".into(), ..answer() };
    // The provider signs the whole name; the comment comes afterwards and changes no signature.
    for whole in [whole.clone(), Answer { signs_response: Some(Signing::default()), signs_assertion: None, ..whole }] {
        let xml = provider.response(&whole);
        let commented = xml.replace("admin@example.com.evil", "admin@example.com<!-- -->.evil");
        assert_ne!(xml, commented);
        let accepted = read(&commented, &provider.partner(), None).unwrap();
        assert_eq!(accepted.name_id, "admin@example.com.evil.example");
    }
    // Nor does one in the values that say what was signed.
    let xml = provider.response(&answer());
    for name in ["ds:DigestValue", "ds:SignatureValue"] {
        let commented = xml.replacen(&format!("<{name}>"), &format!("<{name}><!--AAAA-->"), 1);
        assert!(read(&commented, &provider.partner(), None).is_ok());
    }
    let emphasis = Answer { name: "admin@example.com<saml:b>.evil</saml:b>".into(), ..answer() };
    assert_eq!(read(&provider.response(&emphasis), &provider.partner(), None), Err(Fault::Unreadable("NameID")));
}

#[test]
fn documents_with_a_type_entities_or_instructions_are_refused_unread() {
    let provider = SamlProvider::new();
    let xml = provider.response(&answer());
    let bomb = r#"<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>"#;
    let external = r#"<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>"#;
    let remote = r#"<!DOCTYPE r SYSTEM "http://127.0.0.1:1/evil.dtd">"#;
    for prefix in [bomb, external, remote, "<!DOCTYPE r>", r#"<!DOCTYPE r [<!ATTLIST Response ID ID #IMPLIED>]>"#] {
        let outcome = read(&format!("{prefix}{xml}"), &provider.partner(), None);
        assert_eq!(outcome, Err(Fault::Unreadable("it is no plain XML document")), "{prefix}");
    }
    let named = Answer { name: "jane&x;".into(), ..answer() };
    assert!(matches!(read(&provider.response(&named), &provider.partner(), None), Err(Fault::Unreadable(_))));
    let instructed = format!("<?xml-stylesheet href=\"http://127.0.0.1:1/\"?>{xml}");
    let outcome = read(&instructed, &provider.partner(), None);
    assert_eq!(outcome, Err(Fault::Unreadable("it has processing instructions")));
}

#[test]
fn documents_that_are_deep_wide_or_long_are_refused_without_harm() {
    let provider = SamlProvider::new();
    let shell = |inside: String| {
        format!(r#"<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">{inside}</samlp:Response>"#)
    };
    let deep = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
    let many = "<a/>".repeat(18_000);
    let wide = format!("<a {}/>", (0..1_000).map(|n| format!("a{n}='' ")).collect::<String>());
    let spaces = format!("<a {}/>", (0..1_000).map(|n| format!("xmlns:a{n}='urn:{n}' ")).collect::<String>());
    for inside in [deep, many, wide, spaces] {
        assert!(matches!(read(&shell(inside), &provider.partner(), None), Err(Fault::Unreadable(_))));
    }
    let outcome = read(&shell("a".repeat(80_000)), &provider.partner(), None);
    assert_eq!(outcome, Err(Fault::Unreadable("it is too long")));
    for nonsense in ["", "<", "<a>", "nothing", "<a/><b/>", "\u{0}"] {
        assert!(read(nonsense, &provider.partner(), None).is_err(), "{nonsense}");
    }
}

#[test]
fn a_second_assertion_is_one_too_many() {
    let provider = SamlProvider::new();
    let first = answer();
    let second = Answer { assertion_id: "_second".into(), name: EVIL.into(), ..answer() };
    let both = format!("{}{}", provider.assertion(&first), provider.assertion(&second));
    let xml = provider.response_with(&first, &both);
    assert_eq!(read(&xml, &provider.partner(), None), Err(Fault::Repeated("Assertion")));
    // Also where the provider has signed the whole.
    let whole = Answer { signs_response: Some(Signing::default()), ..first };
    let xml = provider.response_with(&whole, &both);
    assert_eq!(read(&xml, &provider.partner(), None), Err(Fault::Repeated("Assertion")));
    assert!(xml.contains(ENTITY));
}

#[test]
fn an_element_of_another_namespace_is_another_element() {
    let provider = SamlProvider::new();
    let foreign = Answer { signs_assertion: None, ..answer() };
    let xml = provider.response(&foreign).replace("urn:oasis:names:tc:SAML:2.0:assertion", "urn:evil");
    assert!(read(&xml, &provider.partner(), None).is_err());
    let signed = provider.response(&answer());
    for (from, to) in
        [("http://www.w3.org/2000/09/xmldsig#\"", "urn:evil\""), ("SAML:2.0:protocol", "SAML:1.1:protocol")]
    {
        assert!(read(&signed.replacen(from, to, 1), &provider.partner(), None).is_err(), "{to}");
    }
}
