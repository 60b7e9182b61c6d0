//! Responses that are signed well and still do not count: for somebody else, at another time, in answer to nothing.

use poolhouse::{
    keys::{
        certificate::{CertificateUse, self_signed},
        saml::{DecryptionKey, Expected, Fault, read_response},
        signing::SigningKey,
    },
    kit::clock::Time,
};

use super::{AUDIENCE, CONSUMER, answer, read};
use crate::saml_provider::{Answer, Cipher, NOW, SamlProvider, Signing, encrypted, field};

fn ago(seconds: i64) -> Time {
    Time::from_seconds(NOW.seconds() - seconds)
}

/// What becomes of the answer, signed at the assertion and at the response.
fn refused(provider: &SamlProvider, changed: &Answer) -> [Fault; 2] {
    let outer = Answer { signs_response: Some(Signing::default()), signs_assertion: None, ..changed.clone() };
    [changed, &outer].map(|one| read(&provider.response(one), &provider.partner(), None).unwrap_err())
}

#[test]
fn a_response_for_somebody_else_is_refused() {
    let provider = SamlProvider::new();
    let other = "urn:amazon:cognito:sp:us-east-1_Other0001".to_owned();
    let cases = [
        (Fault::Foreign("Audience"), Answer { audience: Some(other), ..answer() }),
        (Fault::Foreign("Audience"), Answer { audience: Some(AUDIENCE.to_uppercase()), ..answer() }),
        (Fault::Missing("AudienceRestriction"), Answer { audience: None, ..answer() }),
        (Fault::Foreign("Destination"), Answer { destination: Some("https://evil.example/acs".into()), ..answer() }),
        (Fault::Foreign("Destination"), Answer { destination: Some(format!("{CONSUMER}/")), ..answer() }),
        (Fault::Foreign("Recipient"), Answer { recipient: "https://evil.example/acs".into(), ..answer() }),
        (Fault::Issuer, Answer { issuer: "https://other.example/saml".into(), ..answer() }),
        (
            Fault::Foreign("Audience"),
            Answer {
                more_conditions:
                    "<saml:AudienceRestriction><saml:Audience>urn:b</saml:Audience></saml:AudienceRestriction>".into(),
                ..answer()
            },
        ),
    ];
    for (fault, changed) in cases {
        assert_eq!(refused(&provider, &changed), [fault.clone(), fault]);
    }
    let nowhere = Answer { destination: None, ..answer() };
    assert!(read(&provider.response(&nowhere), &provider.partner(), None).is_ok(), "an unsigned response need not say");
    let nowhere = Answer { signs_response: Some(Signing::default()), ..nowhere };
    let outcome = read(&provider.response(&nowhere), &provider.partner(), None);
    assert_eq!(outcome, Err(Fault::Missing("Destination")));
}

#[test]
fn a_response_answers_the_request_of_this_sign_in_and_no_other() {
    let provider = SamlProvider::new();
    let other = || Some("_other".to_owned());
    for changed in [
        Answer { in_response_to: other(), ..answer() },
        Answer { in_response_to: None, ..answer() },
        Answer { confirmed_in_response_to: other(), ..answer() },
        Answer { confirmed_in_response_to: None, ..answer() },
    ] {
        assert_eq!(refused(&provider, &changed), [Fault::Unrequested, Fault::Unrequested]);
    }
    // Where nobody has asked, an answer to somebody's question is refused, and only then.
    let partner = provider.partner();
    let expected = Expected {
        partner: &partner,
        entity_id: AUDIENCE,
        consumer: CONSUMER,
        request_id: None,
        decryption: None,
        now: NOW,
    };
    assert_eq!(read_response(&field(&provider.response(&answer())), expected), Err(Fault::Unrequested));
    let unasked = Answer { in_response_to: None, confirmed_in_response_to: None, ..answer() };
    assert!(read_response(&field(&provider.response(&unasked)), expected).is_ok());
}

#[test]
fn a_response_counts_between_its_times_and_a_minute_around_them() {
    let provider = SamlProvider::new();
    for (seconds, counts) in [(59, true), (60, false), (3_600, false)] {
        let old = Answer { not_before: ago(7_200), not_on_or_after: ago(seconds), ..answer() };
        let young = Answer { not_before: ago(-seconds - 1), not_on_or_after: ago(-7_200), ..answer() };
        let over = Answer { session_not_on_or_after: Some(ago(seconds)), ..answer() };
        for (fault, changed) in [(Fault::Expired, old), (Fault::TooEarly, young), (Fault::Expired, over)] {
            let outcome = read(&provider.response(&changed), &provider.partner(), None);
            assert_eq!(outcome.is_ok(), counts, "{seconds}: {outcome:?}");
            if !counts {
                assert_eq!(refused(&provider, &changed), [fault.clone(), fault]);
            }
        }
    }
    let accepted = read(&provider.response(&answer()), &provider.partner(), None).unwrap();
    assert_eq!(accepted.remember_until, ago(-360), "as long as it would count again");
}

#[test]
fn a_response_without_what_it_needs_is_refused() {
    let provider = SamlProvider::new();
    let cases = [
        (Fault::Missing("AuthnStatement"), Answer { statement: false, ..answer() }),
        (
            Fault::Missing("SubjectConfirmation"),
            Answer { method: "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key".into(), ..answer() },
        ),
        (Fault::Condition, Answer { more_conditions: "<saml:Condition></saml:Condition>".into(), ..answer() }),
        (Fault::Missing("NameID"), Answer { name: "  ".into(), ..answer() }),
    ];
    for (fault, changed) in cases {
        assert_eq!(refused(&provider, &changed), [fault.clone(), fault]);
    }
    let once = Answer { more_conditions: "<saml:OneTimeUse></saml:OneTimeUse>".into(), ..answer() };
    assert!(read(&provider.response(&once), &provider.partner(), None).is_ok());
}

#[test]
fn a_provider_that_says_no_is_told_apart_from_one_that_is_wrong() {
    let provider = SamlProvider::new();
    let status = r#"<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Responder"><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"></samlp:StatusCode></samlp:StatusCode>"#;
    let changed = Answer { status: status.into(), ..answer() };
    let fault = Fault::Status("AuthnFailed".into());
    assert_eq!(refused(&provider, &changed), [fault.clone(), fault.clone()]);
    // As it comes in truth: no assertion, and nothing signed.
    let xml = provider.response_with(&changed, "");
    assert_eq!(read(&xml, &provider.partner(), None), Err(fault));
}

#[test]
fn several_values_and_names_keep_their_order() {
    let provider = SamlProvider::new();
    let values = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
    let attributes = vec![
        ("groups".to_owned(), values(&["b &amp; c", "a"])),
        ("empty".to_owned(), vec![]),
        ("groups".to_owned(), values(&["d"])),
        ("id".to_owned(), values(&["<saml:NameID>x</saml:NameID>"])),
    ];
    let accepted = read(&provider.response(&Answer { attributes, ..answer() }), &provider.partner(), None).unwrap();
    let expected = [
        ("groups".to_owned(), values(&["b & c", "a", "d"])),
        ("empty".to_owned(), vec![]),
        ("id".to_owned(), values(&["x"])),
    ];
    assert_eq!(accepted.attributes, expected);
}

#[test]
fn an_encrypted_assertion_is_taken_where_it_is_wanted_and_nothing_else_is() {
    let provider = SamlProvider::new();
    let pkcs8 = SigningKey::generate().unwrap().to_pkcs8().unwrap();
    let certificate = self_signed(&pkcs8, "sp", ago(0), CertificateUse::Encryption).unwrap();
    let key = DecryptionKey::from_pkcs8(&pkcs8).unwrap();
    let partner = provider.partner();
    for cipher in [Cipher::Gcm, Cipher::Cbc] {
        let inner = encrypted(&provider.assertion(&answer()), &certificate, cipher);
        let xml = provider.response_with(&answer(), &inner);
        assert_eq!(read(&xml, &partner, Some(&key)).unwrap().name_id, "jane@example.com", "{cipher:?}");
        assert_eq!(read(&xml, &partner, None), Err(Fault::Encrypted));

        // Anybody can encrypt for us: what is inside must be signed, unless what is outside is.
        let unsigned = Answer { signs_assertion: None, ..answer() };
        let inner = encrypted(&provider.assertion(&unsigned), &certificate, cipher);
        assert_eq!(read(&provider.response_with(&answer(), &inner), &partner, Some(&key)), Err(Fault::Decryption));
        let vouched = Answer { signs_response: Some(Signing::default()), ..unsigned.clone() };
        assert!(read(&provider.response_with(&vouched, &inner), &partner, Some(&key)).is_ok(), "{cipher:?}");
        let forged = Answer { name: "admin@example.com".into(), ..unsigned.clone() };
        let stranger = SamlProvider::new();
        let forged = Answer { signs_assertion: Some(Signing::default()), ..forged };
        let inner = encrypted(&stranger.assertion(&forged), &certificate, cipher);
        assert_eq!(read(&provider.response_with(&answer(), &inner), &partner, Some(&key)), Err(Fault::Decryption));
    }
    let plain = provider.response(&answer());
    assert_eq!(read(&plain, &partner, Some(&key)), Err(Fault::NotEncrypted));
    // For another key.
    let other = SigningKey::generate().unwrap().to_pkcs8().unwrap();
    let other = self_signed(&other, "sp", ago(0), CertificateUse::Encryption).unwrap();
    let inner = encrypted(&provider.assertion(&answer()), &other, Cipher::Gcm);
    assert_eq!(read(&provider.response_with(&answer(), &inner), &partner, Some(&key)), Err(Fault::Decryption));
}
