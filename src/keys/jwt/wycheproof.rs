//! Our verification held against the vectors of Project Wycheproof: every signature and token that is invalid is refused, every
//! valid one of an algorithm that we accept verifies.

use serde::Deserialize;
use serde_json::Value;

use super::*;

#[derive(Deserialize)]
struct Group<T> {
    jwk: Value,
    tests: Vec<T>,
}

#[derive(Deserialize)]
struct SignatureCase {
    id: u32,
    comment: String,
    msg: String,
    sig: String,
    result: String,
}

#[derive(Deserialize)]
struct TokenCase {
    id: u32,
    comment: String,
    jws: String,
    result: String,
}

const SIGNATURES: &str = include_str!("../../../tests/data/wycheproof/rsa_signature_2048_sha256.json");
const TOKENS: &str = include_str!("../../../tests/data/wycheproof/json_web_signature.json");

#[test]
fn signatures_verify_exactly_when_they_should() {
    let groups: Vec<Group<SignatureCase>> = serde_json::from_str(SIGNATURES).unwrap();
    let mut seen = 0;
    for group in groups {
        let key = VerifyingKey::from_jwk(&group.jwk).unwrap();
        let key = key.serving(Algorithm::Rs256).unwrap();
        for case in group.tests {
            let (message, signature) = (hex::decode(&case.msg).unwrap(), hex::decode(&case.sig).unwrap());
            // "acceptable" is a legacy padding without NULL: nothing that we have to take.
            let expected = case.result == "valid";
            assert_eq!(key.verify_sig(&message, &signature).is_ok(), expected, "{}: {}", case.id, case.comment);
            seen += 1;
        }
    }
    assert_eq!(seen, 259);
}

#[test]
fn tokens_verify_exactly_when_they_should() {
    let groups: Vec<Group<TokenCase>> = serde_json::from_str(TOKENS).unwrap();
    let (mut refused, mut verified) = (0, 0);
    for group in groups {
        let key = VerifyingKey::from_jwk(&group.jwk).ok();
        for case in group.tests {
            let name = format!("{}: {}", case.id, case.comment);
            let is_taken =
                Token::parse(&case.jws).is_ok_and(|token| key.as_ref().is_some_and(|key| key.verify(&token).is_ok()));
            let is_ours = group.jwk["alg"].as_str().is_some_and(|alg| Algorithm::named(alg).is_some());
            if case.result != "valid" || !is_ours {
                assert!(!is_taken, "{name}");
                refused += 1;
                continue;
            }
            // Most of these sign a message that is no object of claims, so only the signature is looked at.
            let (signed, signature) = case.jws.rsplit_once('.').unwrap();
            let algorithm = Algorithm::named(group.jwk["alg"].as_str().unwrap()).unwrap();
            let key = key.as_ref().unwrap().serving(algorithm).unwrap();
            assert!(key.verify_sig(signed.as_bytes(), &decode(signature).unwrap()).is_ok(), "{name}");
            verified += 1;
        }
    }
    assert_eq!((refused, verified), (385, 16));
}
