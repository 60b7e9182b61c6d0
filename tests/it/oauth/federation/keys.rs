//! The keys of a provider, and what it signs with them: ID tokens and, if it likes, what it tells at userInfo.

use poolhouse::keys::signing::SigningKey;
use serde_json::{Value, json};

use super::{
    assert_page, assert_told,
    failures::{assert_left, detail, flooding},
    idp::{self, Sign},
    trip, with_idp,
};
use crate::app::houses;

#[tokio::test]
async fn an_id_token_is_signed_with_an_algorithm_that_its_key_serves() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        for sign in [Sign::Salted, Sign::Ecdsa] {
            idp.set(|script| script.sign = sign);
            assert!(trip(&house, &idp).await.told("code").is_some(), "{sign:?}");
        }
        for sign in [
            Sign::SaltedByAnotherName,
            Sign::SaltedWithPinnedKey,
            Sign::PlainByTheSaltedName,
            Sign::WrongCurve,
            Sign::CurveByTheNameOfRsa,
            Sign::KeyForEncryption,
            Sign::KeyWithoutVerification,
            Sign::WeakKey,
            Sign::PublishedSecret,
            Sign::None,
        ] {
            idp.set(|script| script.sign = sign);
            let reply = trip(&house, &idp).await;
            assert_eq!(reply.told("code"), None, "{sign:?}");
            assert_page(&reply);
        }
    }
}

#[tokio::test]
async fn keys_that_are_too_many_too_large_or_weak_are_not_used() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        let own = idp::public_key();
        let named = |kid: &str| {
            let mut key = idp::public_key();
            key["kid"] = json!(kid);
            key
        };
        // A modulus of 512 bits, and a symmetric key under the name of the good one.
        let mut weak = idp::weak_key();
        weak["kid"] = own["kid"].clone();
        let oct = json!({"kty": "oct", "kid": own["kid"], "k": "c2VjcmV0"});
        let many = (0..10_000).map(|n| named(&n.to_string()));
        let small = (0..10_000).map(|_| json!({"kty": "oct"}));
        for (keys, answer) in [
            (vec![weak.clone()], None),
            (vec![oct.clone()], None),
            // As many in a document that is too long, and in one that is not: nobody looks that far.
            (many.chain([own.clone()]).collect(), Some("Invalid response from IdP JWKS endpoint")),
            (small.chain([own.clone()]).collect(), None),
            ((0..150).map(|n| named(&n.to_string())).chain([own.clone()]).collect(), None),
        ] {
            idp.set(|script| script.keys = Some(json!({"keys": keys})));
            house.app.clock.advance(std::time::Duration::from_secs(3_600));
            idp.claim("iat", json!(house.app.clock.now().seconds()));
            idp.claim("exp", json!(house.app.clock.now().seconds() + 600));
            let reply = trip(&house, &idp).await;
            match answer {
                Some(text) => assert_told(&reply, text),
                None => assert_page(&reply),
            }
        }
        // One id on two keys: the one that has signed counts, in whichever order.
        let mut stranger = SigningKey::generate().unwrap().public().jwk();
        stranger["kid"] = own["kid"].clone();
        for keys in [vec![stranger.clone(), own.clone()], vec![own.clone(), stranger.clone(), weak, oct]] {
            idp.set(|script| script.keys = Some(json!({"keys": keys})));
            house.app.clock.advance(std::time::Duration::from_secs(3_600));
            idp.claim("iat", json!(house.app.clock.now().seconds()));
            idp.claim("exp", json!(house.app.clock.now().seconds() + 600));
            assert!(trip(&house, &idp).await.told("code").is_some());
        }
    }
}

#[tokio::test]
async fn keys_without_end_are_read_up_to_the_limit() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        let (address, sent) = flooding().await;
        detail(&house, "jwks_uri", address).await;
        assert_told(&trip(&house, &idp).await, "Invalid response from IdP JWKS endpoint");
        assert_left(&sent);
    }
}

#[tokio::test]
async fn user_info_may_be_signed_and_is_for_us_then() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        let told = json!({"iss": idp.url, "aud": idp::CLIENT, "sub": "00u1", "name": "Fay, signed"});
        for sign in [Sign::Rsa, Sign::Salted, Sign::Ecdsa, Sign::Hmac] {
            idp.set(|script| script.signed_user_info = Some((told.clone(), sign)));
            assert!(trip(&house, &idp).await.told("code").is_some(), "{sign:?}");
        }
        assert_eq!(house.find("okta_00u1").await.attribute("name"), Some("Fay, signed"));
        for sign in [
            Sign::None,
            Sign::Stranger,
            Sign::Impostor,
            Sign::HmacByPublicKey,
            Sign::WrongCurve,
            Sign::SaltedWithPinnedKey,
            Sign::KeyForEncryption,
        ] {
            idp.set(|script| script.signed_user_info = Some((told.clone(), sign)));
            assert_page(&trip(&house, &idp).await);
        }
        let with = |name: &str, value: Value| {
            let mut told = told.clone();
            told[name] = value;
            told
        };
        for lie in [
            with("iss", json!("https://evil.example")),
            with("iss", Value::Null),
            with("aud", json!("another")),
            with("aud", Value::Null),
            with("sub", json!("00u2")),
            with("exp", json!(1_700_000_000)),
            with("nbf", json!(1_900_000_000)),
        ] {
            idp.set(|script| script.signed_user_info = Some((lie.clone(), Sign::Rsa)));
            let reply = trip(&house, &idp).await;
            assert_eq!(reply.told("code"), None, "{lie}");
            assert_page(&reply);
        }
    }
}
