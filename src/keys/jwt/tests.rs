use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rsa::{
    Pkcs1v15Sign, RsaPrivateKey,
    pkcs8::DecodePrivateKey,
    sha2::{Digest, Sha256, Sha384, Sha512},
};
use serde_json::json;

use super::*;
use crate::keys::signing::SigningKey;

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn unsigned(header: &str, payload: &str) -> String {
    format!("{}.{}.{}", encode(header), encode(payload), encode([7; 256]))
}

/// A token with any header, signed by another implementation with our key.
fn signed_elsewhere(key: &SigningKey, alg: &str) -> String {
    let private = RsaPrivateKey::from_pkcs8_der(&key.to_pkcs8().unwrap()).unwrap();
    let header = json!({ "alg": alg, "kid": key.kid() }).to_string();
    let signed = format!("{}.{}", encode(header), encode(r#"{"sub":"a"}"#));
    let signature = match alg {
        "RS384" => private.sign(Pkcs1v15Sign::new::<Sha384>(), &Sha384::digest(&signed)),
        "RS512" => private.sign(Pkcs1v15Sign::new::<Sha512>(), &Sha512::digest(&signed)),
        _ => private.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(&signed)),
    };
    format!("{signed}.{}", encode(signature.unwrap()))
}

fn pair() -> (SigningKey, VerifyingKey) {
    let key = SigningKey::generate().unwrap();
    let verifying = VerifyingKey::from_public(&key.public()).unwrap();
    (key, verifying)
}

fn malformed(text: &str) -> bool {
    matches!(Token::parse(text), Err(JwtError::Malformed(_)))
}

const HEADER: &str = r#"{"kid":"k","alg":"RS256"}"#;

#[test]
fn our_own_token_parses_and_verifies() {
    let (key, verifying) = pair();
    let text = key.sign(&json!({ "sub": "a", "n": [1, { "x": null }], "f": 1.5, "b": true, "i": -3 })).unwrap();
    let token = Token::parse(&text).unwrap();
    assert_eq!((token.alg(), token.kid()), ("RS256", key.kid()));
    assert_eq!(token.claims()["sub"], "a");
    assert_eq!(token.claims()["n"], json!([1, { "x": null }]));
    assert_eq!((&token.claims()["f"], &token.claims()["i"]), (&json!(1.5), &json!(-3)));
    assert_eq!(verifying.verify(&token), Ok(()));
}

#[test]
fn three_algorithms_verify_unless_the_key_names_one() {
    let (key, pinned) = pair();
    let mut jwk = key.public().jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    let open = VerifyingKey::from_jwk(&jwk).unwrap();
    for alg in ["RS256", "RS384", "RS512"] {
        let text = signed_elsewhere(&key, alg);
        let token = Token::parse(&text).unwrap();
        assert_eq!(open.verify(&token), Ok(()), "{alg}");
        let expected = if alg == "RS256" { Ok(()) } else { Err(JwtError::Algorithm(alg.to_owned())) };
        assert_eq!(pinned.verify(&token), expected, "{alg}");
    }
    // The right signature under the name of another hash.
    let text = signed_elsewhere(&key, "RS256").replacen(
        &encode(json!({ "alg": "RS256", "kid": key.kid() }).to_string()),
        &encode(json!({ "alg": "RS512", "kid": key.kid() }).to_string()),
        1,
    );
    assert_eq!(open.verify(&Token::parse(&text).unwrap()), Err(JwtError::Signature));
}

#[test]
fn other_algorithms_are_refused_before_any_key_is_asked() {
    let (key, _) = pair();
    let mut jwk = key.public().jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    let open = VerifyingKey::from_jwk(&jwk).unwrap();
    for alg in [
        "none", "None", "nOnE", "NONE", "", "HS256", "HS384", "HS512", "PS256", "PS384", "PS512", "ES256", "EdDSA",
        "rs256", "RS256 ", "RS1", "dir",
    ] {
        let text = signed_elsewhere(&key, alg);
        let token = Token::parse(&text).unwrap();
        assert!(matches!(token.algorithm(), Err(JwtError::Algorithm(_))), "{alg}");
        assert!(matches!(open.verify(&token), Err(JwtError::Algorithm(_))), "{alg}");
        // Without a signature, as unsigned tokens come.
        let bare = format!("{}.", text.rsplit_once('.').unwrap().0);
        assert!(matches!(open.verify(&Token::parse(&bare).unwrap()), Err(JwtError::Algorithm(_))), "{alg}");
    }
}

#[test]
fn a_symmetric_signature_made_with_the_public_key_is_refused() {
    let (key, verifying) = pair();
    let public = key.public();
    for secret in [public.n.clone(), public.jwk().to_string(), public.kid.clone()] {
        for alg in ["HS256", "RS256"] {
            let signed = format!("{}.{}", encode(json!({ "alg": alg, "kid": key.kid() }).to_string()), encode("{}"));
            let mac = aws_lc_rs::hmac::sign(
                &aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes()),
                signed.as_bytes(),
            );
            let text = format!("{signed}.{}", encode(mac));
            assert!(verifying.verify(&Token::parse(&text).unwrap()).is_err());
        }
    }
}

#[test]
fn the_name_of_an_algorithm_cannot_break_out_of_a_header_field() {
    let text = unsigned(r#"{"kid":"k","alg":"x\"\r\nSet-Cookie: a=b; ü"}"#, "{}");
    let error = Token::parse(&text).unwrap().algorithm().unwrap_err();
    assert_eq!(error.to_string(), "signing method xSet-Cookieab is invalid");
}

#[test]
fn a_header_needs_a_textual_alg_and_kid() {
    for header in [
        r#"{"alg":"RS256"}"#,
        r#"{"kid":"k"}"#,
        r#"{"kid":1,"alg":"RS256"}"#,
        r#"{"kid":["k"],"alg":"RS256"}"#,
        r#"{"kid":null,"alg":"RS256"}"#,
        r#"{"kid":"k","alg":256}"#,
        r#"{"kid":"k","alg":["RS256"]}"#,
        r#"{"kid":"k","alg":null}"#,
        r#"{"kid":"k","ALG":"RS256"}"#,
    ] {
        assert!(malformed(&unsigned(header, "{}")), "{header}");
    }
    let with_kid = |kid: &str| unsigned(&json!({ "kid": kid, "alg": "RS256" }).to_string(), "{}");
    assert!(malformed(&with_kid(&"k".repeat(MAX_KID_BYTES + 1))));
    assert!(Token::parse(&with_kid(&"k".repeat(MAX_KID_BYTES))).is_ok());
}

#[test]
fn a_strange_kid_is_only_an_unknown_one() {
    let (key, verifying) = pair();
    for kid in ["", "../../dev/null", "' OR 1=1", "\0", &format!("{} ", key.kid()), &key.kid().to_lowercase()] {
        let text = unsigned(&json!({ "kid": kid, "alg": "RS256" }).to_string(), "{}");
        let token = Token::parse(&text).unwrap();
        assert_eq!(token.kid(), kid);
        assert_eq!(verifying.verify(&token), Err(JwtError::UnknownKid));
    }
}

#[test]
fn extensions_that_change_the_meaning_are_refused() {
    for member in [r#""crit":[]"#, r#""crit":["exp"]"#, r#""b64":false"#, r#""b64":true"#, r#""zip":"DEF""#] {
        assert!(malformed(&unsigned(&format!(r#"{{"kid":"k","alg":"RS256",{member}}}"#), "{}")), "{member}");
    }
}

#[test]
fn keys_inside_the_token_are_not_looked_at() {
    let (key, verifying) = pair();
    let (attacker, attackers) = pair();
    let private = RsaPrivateKey::from_pkcs8_der(&attacker.to_pkcs8().unwrap()).unwrap();
    let header = json!({
        "kid": key.kid(), "alg": "RS256", "jwk": attacker.public().jwk(), "jku": "http://127.0.0.1:1/jwks", "x5u": "http://127.0.0.1:1/", "x5c": ["MII="]
    });
    let signed = format!("{}.{}", encode(header.to_string()), encode("{}"));
    let signature = private.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(&signed)).unwrap();
    let text = format!("{signed}.{}", encode(signature));
    let token = Token::parse(&text).unwrap();
    assert_eq!(verifying.verify(&token), Err(JwtError::Signature));
    assert_eq!(attackers.verify(&token), Err(JwtError::UnknownKid));
}

#[test]
fn a_token_has_exactly_three_segments() {
    let (h, p, s) = (encode(HEADER), encode("{}"), encode([1; 256]));
    for text in [
        String::new(),
        h.clone(),
        format!("{h}.{p}"),
        format!("{h}.{p}.{s}.{s}"),
        format!("{h}.{p}.{s}."),
        format!(".{h}.{p}.{s}"),
        format!("{h}.{p}.{s}.{s}.{s}"),
        ".".repeat(MAX_TOKEN_BYTES),
        json!({ "protected": h, "payload": p, "signature": s }).to_string(),
    ] {
        assert_eq!(Token::parse(&text).unwrap_err(), JwtError::Segments, "{text}");
    }
    for text in ["..".to_owned(), format!(".{p}.{s}"), format!("{h}..{s}")] {
        assert!(malformed(&text), "{text}");
    }
}

#[test]
fn a_huge_token_is_refused_unread() {
    let start = std::time::Instant::now();
    let (dots, long) = (".".repeat(100_000), "a".repeat(1_000_000));
    assert!(malformed(&dots) && malformed(&long) && malformed(&format!("{long}.{long}.{long}")));
    assert!(malformed(&unsigned(HEADER, &json!({ "x": "a".repeat(MAX_TOKEN_BYTES) }).to_string())));
    assert!(start.elapsed() < std::time::Duration::from_millis(50), "{:?}", start.elapsed());
}

#[test]
fn members_that_occur_twice_are_refused_at_any_depth() {
    for payload in [
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":2,"a":3}"#,
        r#"{"sub":"a","\u0073ub":"b"}"#,
        r#"{"x":{"a":1,"a":2}}"#,
        r#"{"x":[{"a":1,"a":2}]}"#,
        r#"{"":1,"":2}"#,
    ] {
        assert!(malformed(&unsigned(HEADER, payload)), "{payload}");
    }
    for header in [r#"{"kid":"k","alg":"RS256","alg":"none"}"#, r#"{"kid":"k","alg":"RS256","\u0061lg":"none"}"#] {
        assert!(malformed(&unsigned(header, "{}")), "{header}");
    }
    assert!(Token::parse(&unsigned(HEADER, r#"{"a":{"a":1},"b":{"a":1},"A":2}"#)).is_ok());
}

#[test]
fn both_parts_are_json_objects_and_nothing_else() {
    for text in [
        "",
        "null",
        "1",
        "\"a\"",
        "[]",
        "[{}]",
        "{",
        "{}}",
        "{} {}",
        "{}x",
        "{'a':1}",
        "{\"a\":1,}",
        "{a:1}",
        "\u{feff}{}",
        "{\"a\":1e400}",
        "{\"a\":NaN}",
        "{\"a\":01}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\n\"}",
    ] {
        assert!(malformed(&unsigned(HEADER, text)), "{text}");
        assert!(malformed(&unsigned(text, "{}")), "{text}");
    }
    let not_utf8 = format!("{}.{}.AA", encode(HEADER), encode(b"{\"a\":\"\xff\"}"));
    assert!(malformed(&not_utf8));
}

#[test]
fn deep_nesting_is_refused_without_harm() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let nested = |depth: usize| {
            let inner = if close == "}" { "1" } else { "" };
            format!(r#"{{"x":{}{inner}{}}}"#, open.repeat(depth), close.repeat(depth))
        };
        assert!(Token::parse(&unsigned(HEADER, &nested(100))).is_ok());
        assert!(malformed(&unsigned(HEADER, &nested(200))));
        assert!(malformed(&unsigned(&nested(1500), "{}")));
        // Even where no limit of length protects.
        assert!(json::object(nested(100_000).as_bytes()).is_none());
    }
}

#[test]
fn base64url_has_one_form_only() {
    let (key, verifying) = pair();
    let text = key.sign(&json!({ "sub": "ab" })).unwrap();
    assert_eq!(verifying.verify(&Token::parse(&text).unwrap()), Ok(()));
    let parts: Vec<&str> = text.split('.').collect();
    for at in 0..3 {
        for change in [
            |part: &str| format!("{part}="),
            |part: &str| format!("{part}=="),
            |part: &str| format!(" {part}"),
            |part: &str| format!("{part}\n"),
            |part: &str| format!("{}+", &part[..part.len() - 1]),
            |part: &str| format!("{}/", &part[..part.len() - 1]),
            |part: &str| format!("{}\n{}", &part[..4], &part[4..]),
            |part: &str| format!("{part}A"),
            |part: &str| format!("{}ä", &part[..part.len() - 2]),
        ] {
            let mut parts: Vec<String> = parts.iter().map(|&part| part.to_owned()).collect();
            parts[at] = change(&parts[at]);
            let changed = parts.join(".");
            // One more character can be a whole number of bytes; then what was signed has changed.
            let refused = Token::parse(&changed).map_or(true, |token| verifying.verify(&token).is_err());
            assert!(refused, "{changed}");
        }
    }
    // The last of 342 characters of a signature holds two bits and four that must be zero.
    let last = text.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let same_bits = alphabet.find(last).unwrap() / 16 * 16;
    for other in alphabet[same_bits + 1..same_bits + 16].chars() {
        assert!(malformed(&format!("{}{other}", &text[..text.len() - 1])));
    }
}

#[test]
fn no_other_signature_is_accepted() {
    let (key, verifying) = pair();
    let text = key.sign(&json!({ "sub": "a" })).unwrap();
    let (signed, signature) = text.rsplit_once('.').unwrap();
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    let other = key.sign(&json!({ "sub": "b" })).unwrap();
    let swapped = BASE64_URL_SAFE_NO_PAD.decode(other.rsplit_once('.').unwrap().1).unwrap();
    let der = [&[0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00][..]].concat();
    let one = [vec![0; 255], vec![1]].concat();
    let mut forged = vec![
        vec![],
        vec![0; 256],
        vec![0xff; 256],
        one,
        signature[..255].to_vec(),
        [&signature[..], &[0]].concat(),
        [&[0], &signature[..]].concat(),
        signature[1..].to_vec(),
        swapped,
        der,
        vec![0; 64],
    ];
    for at in 0..signature.len() {
        let mut flipped = signature.clone();
        flipped[at] ^= 1 << (at % 8);
        forged.push(flipped);
    }
    for signature in forged {
        let text = format!("{signed}.{}", encode(signature));
        assert_eq!(verifying.verify(&Token::parse(&text).unwrap()), Err(JwtError::Signature));
    }
}

#[test]
fn every_changed_character_breaks_a_token() {
    let (key, verifying) = pair();
    let text = key.sign(&json!({ "sub": "a", "cognito:groups": ["regular"] })).unwrap();
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(Token::parse(&changed).map_or(true, |token| verifying.verify(&token).is_err()), "{changed}");
    }
    for length in 0..text.len() {
        let cut = &text[..length];
        assert!(Token::parse(cut).map_or(true, |token| verifying.verify(&token).is_err()), "{cut}");
    }
}

#[test]
fn a_key_of_another_pool_does_not_verify() {
    let (key, _) = pair();
    let (_, others) = pair();
    let text = key.sign(&json!({})).unwrap();
    assert_eq!(others.verify(&Token::parse(&text).unwrap()), Err(JwtError::UnknownKid));
    // Also when its key set lies about the id.
    let mut jwk = SigningKey::generate().unwrap().public().jwk();
    jwk["kid"] = json!(key.kid());
    let lying = VerifyingKey::from_jwk(&jwk).unwrap();
    assert_eq!(lying.verify(&Token::parse(&text).unwrap()), Err(JwtError::Signature));
}

#[test]
fn only_rsa_signature_keys_of_a_sound_size_are_taken() {
    let good = SigningKey::generate().unwrap().public().jwk();
    let with = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        VerifyingKey::from_jwk(&jwk)
    };
    let number = |bytes: &[u8]| json!(encode(bytes));
    let n = BASE64_URL_SAFE_NO_PAD.decode(good["n"].as_str().unwrap()).unwrap();
    let even = [&n[..255], &[n[255] & 0xfe]].concat();
    for (name, value) in [
        ("kty", json!("EC")),
        ("kty", json!("oct")),
        ("kty", json!(null)),
        ("use", json!("enc")),
        ("use", json!(1)),
        ("key_ops", json!(["encrypt"])),
        ("key_ops", json!("verify")),
        ("alg", json!("PS256")),
        ("alg", json!("RSA-OAEP")),
        ("alg", json!("HS256")),
        ("alg", json!("none")),
        ("alg", json!(["RS256"])),
        ("kid", json!(1)),
        ("kid", json!("k".repeat(1025))),
        ("n", json!(1)),
        ("n", json!("")),
        ("n", json!("!")),
        ("n", number(&n[..255])),
        ("n", number(&[&[0x7f], &n[1..]].concat())),
        ("n", number(&[0x81; 1025])),
        ("n", number(&even)),
        ("e", number(&[])),
        ("e", number(&[0])),
        ("e", number(&[1])),
        ("e", number(&[1, 0, 0])),
        ("e", number(&[1, 0, 0, 0, 1])),
        ("e", json!("AQAB=")),
    ] {
        assert!(with(name, value.clone()).is_err(), "{name} {value}");
    }
    for missing in ["kty", "n", "e"] {
        let mut jwk = good.clone();
        jwk.as_object_mut().unwrap().remove(missing);
        assert!(VerifyingKey::from_jwk(&jwk).is_err(), "{missing}");
    }
    assert!(VerifyingKey::from_jwk(&json!("jwk")).is_err());
    // Harmless: what a verifier may leave out, and a sign byte.
    assert!(with("key_ops", json!(["verify"])).is_ok());
    assert!(with("n", number(&[&[0], &n[..]].concat())).is_ok());
    assert!(with("x5t", json!("anything")).is_ok());
    let bare = VerifyingKey::from_jwk(&json!({ "kty": "RSA", "n": good["n"], "e": good["e"] })).unwrap();
    assert_eq!(bare.kid(), None);
}
