//! What `keys::webauthn` makes of the answers of authenticators. It needs neither server nor database.

use poolhouse::{
    domain::passkey::{Passkey, UserVerification},
    keys::webauthn::{Assertion, Offer, Person, Presented, Rejection, RelyingParty},
    kit::clock::Time,
};
use serde_json::{Value, json};

use crate::authenticator::Authenticator;

const SUB: &str = "0a7cf5a4-9d0f-4b5c-8c4e-0d3f0e9d1c2b";

fn relying_party() -> RelyingParty {
    RelyingParty::new("localhost", UserVerification::Preferred).unwrap()
}

fn registered(relying_party: &RelyingParty, authenticator: &mut Authenticator) -> Passkey {
    let asked = relying_party.ask_registration(&Person { sub: SUB, username: "ann" }, &[]).unwrap();
    let made = relying_party.register(&authenticator.create(&asked.options), &asked.state).unwrap();
    assert_eq!(made.id, authenticator.id());
    Passkey {
        pool_id: "us-east-1_Example01".into(),
        sub: SUB.into(),
        id: made.id,
        relying_party: "localhost".into(),
        name: "Passkey".into(),
        attachment: made.attachment,
        transports: made.transports,
        key: made.key,
        counter: made.counter,
        created_at: Time::from_seconds(0),
    }
}

/// A sign-in with `passkey`, at which the authenticator's answer goes through `change`.
fn assertion(
    relying_party: &RelyingParty,
    authenticator: &mut Authenticator,
    passkey: &Passkey,
    change: impl FnOnce(&mut Value),
) -> Result<Assertion, Rejection> {
    let asked = relying_party.ask_assertion(&[Offer::from(passkey)]).unwrap();
    let mut answer = authenticator.get(&asked.options);
    change(&mut answer);
    relying_party.verify(&Presented::parse(&answer.to_string())?, &asked.state, passkey)
}

#[test]
fn the_options_of_a_sign_in_offer_the_passkeys() {
    let relying_party = relying_party();
    let mut authenticator = Authenticator::new();
    let passkey = registered(&relying_party, &mut authenticator);
    let mut options = relying_party.ask_assertion(&[Offer::from(&passkey)]).unwrap().options;
    assert_eq!(options["challenge"].take().as_str().unwrap().len(), 43);
    let offered = json!([{"type": "public-key", "id": authenticator.id(), "transports": ["hybrid", "internal"]}]);
    let usual = json!({
        "challenge": null, "timeout": 60000, "rpId": "localhost", "allowCredentials": offered,
        "userVerification": "preferred",
    });
    assert_eq!(options, usual);
}

#[test]
fn a_key_of_either_algorithm_signs_in_and_its_counter_is_told() {
    let relying_party = relying_party();
    for mut authenticator in [Authenticator::new(), Authenticator::rsa()] {
        let passkey = registered(&relying_party, &mut authenticator);
        authenticator.counter = 41;
        let assertion = assertion(&relying_party, &mut authenticator, &passkey, |_| {}).unwrap();
        assert_eq!((assertion.counter, assertion.user_verified), (41, true));
    }
}

#[test]
fn an_answer_that_is_wrong_in_one_thing_is_refused_for_it() {
    type Lie = fn(&mut Authenticator);
    let cases: [(Lie, Rejection); 6] = [
        (|it| it.origin = "https://example.com", Rejection::Origin),
        (|it| it.framed = true, Rejection::Origin),
        (|it| it.relying_party = Some("example.com"), Rejection::RelyingParty),
        (|it| it.recognises = false, Rejection::UserNotVerified),
        (|it| it.handle = Some("AAAA".into()), Rejection::Stranger),
        (|it| it.counter = 1, Rejection::Counter),
    ];
    let relying_party = relying_party();
    for (lie, rejection) in cases {
        let mut authenticator = Authenticator::new();
        let passkey = registered(&relying_party, &mut authenticator);
        authenticator.counter = 2;
        lie(&mut authenticator);
        let refused = assertion(&relying_party, &mut authenticator, &passkey, |_| {}).unwrap_err();
        assert_eq!(refused, rejection);
    }
}

#[test]
fn an_answer_that_was_changed_is_refused() {
    let relying_party = relying_party();
    let mut authenticator = Authenticator::new();
    let passkey = registered(&relying_party, &mut authenticator);
    let cases = [
        ("signature", "MEUCIQDx", Rejection::Signature),
        ("signature", "", Rejection::Signature),
        ("authenticatorData", "AAAA", Rejection::Malformed),
        ("clientDataJSON", "e30", Rejection::Malformed),
        ("clientDataJSON", "not base64", Rejection::Malformed),
    ];
    for (part, value, rejection) in cases {
        authenticator.counter += 1;
        let change = |answer: &mut Value| answer["response"][part] = json!(value);
        assert_eq!(assertion(&relying_party, &mut authenticator, &passkey, change).unwrap_err(), rejection, "{part}");
    }
    assert!(Presented::parse("{}").is_err());
}

#[test]
fn an_answer_to_another_question_or_with_another_key_is_refused() {
    let relying_party = relying_party();
    let (mut mine, mut other) = (Authenticator::new(), Authenticator::new());
    let (passkey, others) = (registered(&relying_party, &mut mine), registered(&relying_party, &mut other));
    let asked = relying_party.ask_assertion(&[]).unwrap();
    let verify = |answer: Value, state: &str, passkey: &Passkey| {
        relying_party.verify(&Presented::parse(&answer.to_string()).unwrap(), state, passkey).unwrap_err()
    };
    mine.counter = 2;
    let earlier = mine.get(&relying_party.ask_assertion(&[]).unwrap().options);
    assert_eq!(verify(earlier, &asked.state, &passkey), Rejection::Challenge);
    let foreign = other.get(&asked.options);
    assert_eq!(verify(foreign.clone(), &asked.state, &passkey), Rejection::Stranger);
    let mut renamed = foreign;
    (renamed["id"], renamed["rawId"]) = (json!(mine.id()), json!(mine.id()));
    assert_eq!(verify(renamed, &asked.state, &passkey), Rejection::Signature);
    // What is made for a new passkey does not serve as a sign-in.
    let registration = relying_party.ask_registration(&Person { sub: SUB, username: "ann" }, &[others]).unwrap();
    assert_eq!(verify(mine.get(&asked.options), &registration.state, &passkey), Rejection::Malformed);
}

#[test]
fn verification_is_demanded_where_the_pool_requires_it() {
    let strict = RelyingParty::new("localhost", UserVerification::Required).unwrap();
    let mut authenticator = Authenticator::with(|it| it.recognises = false);
    let passkey = registered(&relying_party(), &mut authenticator);
    authenticator.counter = 2;
    let careless = assertion(&relying_party(), &mut authenticator, &passkey, |_| {}).unwrap();
    assert!(!careless.user_verified);
    let refused = assertion(&strict, &mut authenticator, &passkey, |_| {}).unwrap_err();
    assert_eq!(refused, Rejection::UserNotVerified);
}

#[test]
fn an_authenticator_that_does_not_count_stays_at_zero() {
    let relying_party = relying_party();
    let mut authenticator = Authenticator::with(|it| it.counter = 0);
    let passkey = registered(&relying_party, &mut authenticator);
    for _ in 0..2 {
        assert_eq!(assertion(&relying_party, &mut authenticator, &passkey, |_| {}).unwrap().counter, 0);
    }
}

#[test]
fn only_a_domain_is_a_relying_party() {
    for id in ["", "127.0.0.1", "[::1]", "exa mple.com", "example.com/path", "example.com:443", "user@example.com"] {
        assert!(RelyingParty::new(id, UserVerification::Preferred).is_none(), "{id}");
    }
    for id in ["localhost", "example.com", "auth.example.co.uk"] {
        assert!(RelyingParty::new(id, UserVerification::Preferred).is_some(), "{id}");
    }
}
