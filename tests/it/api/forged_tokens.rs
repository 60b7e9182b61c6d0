//! Access tokens that nobody gave out, at every operation that takes one.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use poolhouse::{api::operations::OPERATIONS, keys::signing::SigningKey, model::MODEL};
use serde_json::{Value, json};

use super::{
    people::{INVALID_TOKEN, Site, sites},
    town::with,
};
use crate::samples::{Size, sample};

const FORGED: &str = "NotAuthorizedException: Could not verify signature for Access Token";
const UNSCOPED: &str = "NotAuthorizedException: Access Token does not have required scopes";

/// Every built operation that takes an access token, with a legal call of it.
fn operations() -> Vec<(&'static str, Value)> {
    let built = OPERATIONS.iter().filter(|operation| operation.is_built()).map(|operation| operation.name);
    let takes_token = |name: &&str| {
        let input = MODEL.shape(MODEL.operation(name).unwrap().input).unwrap();
        // A token exchange is about other tokens, and a sign-in may bring one along.
        input.members.iter().any(|(member, _)| *member == "AccessToken")
    };
    built.filter(takes_token).map(|name| (name, sample(MODEL.operation(name).unwrap().input, Size::Smallest))).collect()
}

async fn assert_refused(site: &Site, token: &str, refusal: &str) {
    for (operation, input) in operations() {
        let call = with(&input, json!({"AccessToken": token}));
        assert_eq!(site.refused(operation, call).await, refusal, "{operation} {token}");
    }
}

fn encoded(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

fn header_of(token: &str) -> Value {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

fn claims_of(token: &str) -> Value {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// `claims` under a header of the forger's, signed with a key of theirs.
fn signed_by(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let own = key.sign(claims).unwrap();
    if header.is_null() {
        return own;
    }
    // The signature covers the header, so a foreign one makes it wrong as well as foreign.
    let signature = own.rsplit_once('.').unwrap().1;
    format!("{}.{}.{signature}", encoded(header), encoded(claims))
}

#[tokio::test]
async fn no_operation_takes_a_token_that_was_not_signed_here() {
    assert!(operations().len() >= 8);
    let (foreign, elsewhere) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
    for site in sites().await {
        site.person("ann").await;
        let genuine = site.tokens("ann").await.access;
        let (claims, kid) = (claims_of(&genuine), header_of(&genuine)["kid"].clone());
        let payload = genuine.split('.').nth(1).unwrap();

        for alg in ["none", "None", "nOnE", ""] {
            let header = encoded(&json!({"alg": alg, "kid": kid}));
            assert_refused(&site, &format!("{header}.{payload}."), FORGED).await;
        }
        // A key that some other program publishes under this name, with the private half, is as foreign as any.
        assert_refused(
            &site,
            &signed_by(&foreign, &json!({"alg": "RS256", "kid": "CognitoLocal"}), &claims),
            INVALID_TOKEN,
        )
        .await;
        assert_refused(&site, &signed_by(&elsewhere, &Value::Null, &claims), INVALID_TOKEN).await;
        assert_refused(&site, &signed_by(&foreign, &json!({"alg": "RS256", "kid": kid}), &claims), FORGED).await;
        let with_key = json!({"alg": "RS256", "kid": kid, "jwk": foreign.public().jwk()});
        assert_refused(&site, &signed_by(&foreign, &with_key, &claims), FORGED).await;
    }
}

#[tokio::test]
async fn no_operation_takes_a_genuine_token_of_another_kind_place_or_time() {
    for site in sites().await {
        site.person("ann").await;
        let tokens = site.tokens("ann").await;
        assert_refused(&site, &tokens.id, INVALID_TOKEN).await;
        assert_refused(&site, &tokens.refresh, INVALID_TOKEN).await;
        // Shorter by a byte, by some, and by the whole signature.
        for cut in [2, 42, 342] {
            assert_refused(&site, &tokens.access[..tokens.access.len() - cut], FORGED).await;
        }

        // Claims of this pool under the signature of another one's key.
        let other = site.call("CreateUserPool", json!({"PoolName": "other"})).await;
        let other = other["UserPool"]["Id"].as_str().unwrap().to_owned();
        let cx = site.cx();
        let keys = poolhouse::flows::key_ring::keys_of(&cx, &other).await.unwrap();
        let smuggled = keys.access.sign(&claims_of(&tokens.access)).unwrap();
        assert_refused(&site, &smuggled, INVALID_TOKEN).await;

        // Signed by the right key, but without the scope of these operations.
        let keys = poolhouse::flows::key_ring::keys_of(&cx, &site.pool).await.unwrap();
        let narrow = with(&claims_of(&tokens.access), json!({"scope": "openid email"}));
        assert_refused(&site, &keys.access.sign(&narrow).unwrap(), UNSCOPED).await;
        let identity = with(&claims_of(&tokens.access), json!({"token_use": "id"}));
        assert_refused(&site, &keys.access.sign(&identity).unwrap(), INVALID_TOKEN).await;

        site.app.clock.advance(Duration::from_secs(3_600));
        assert_refused(&site, &tokens.access, "NotAuthorizedException: Access Token has expired").await;
    }
}
