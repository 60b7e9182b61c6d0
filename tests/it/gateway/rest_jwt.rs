//! `JWT` authorizers of REST APIs.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{
    foreign::{elsewhere, publishing},
    *,
};

const UNAUTHORIZED: &str = r#"{"message":"Unauthorized"}"#;

async fn resting(settings: &str, scopes: &str) -> Town {
    let text = format!(
        "[[api]]\nname = 'x'\nid = 'abcdefghij'\nprotocol_type = 'REST'\n[api.stage.prod]\n[api.authorizer.A]\ntype = 'JWT'\n\
         identity_source = 'method.request.header.Authorization'\n{settings}\n\
         [[api.route]]\nkey = 'GET /'\nauthorizer = 'A'\nscopes = [{scopes}]\nintegration = {{ respond = {{ body = 'in' }} }}\n"
    );
    written(&text, Functions::default()).await
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A token by a curve's key, said to be of `alg`.
fn by_curve(key: &EcdsaKeyPair, alg: &str, claims: &Value) -> String {
    let header = json!({"alg": alg, "kid": "curve"}).to_string();
    let signed = format!("{}.{}", encode(header), encode(claims.to_string()));
    let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", encode(signature))
}

#[tokio::test]
async fn each_issuer_has_audiences_and_claims_of_its_own() {
    let key = SigningKey::generate().unwrap();
    let other = elsewhere(&key, None).await;
    let settings = format!(
        "[[api.authorizer.A.issuers]]\nissuer = 'pool:{POOL}'\naudiences = ['{CLIENT}']\n\
         [[api.authorizer.A.issuers]]\nissuer = '{}'\naudiences = ['theirs']\n\
         additional_claims = [{{ claim_name = 'tenant', required = true, expected_values = ['blue'] }}, {{ claim_name = 'team' }}]",
        other.issuer
    );
    let town = resting(&settings, "").await;
    let theirs = |changes: Value| {
        let mut all = json!({"iss": other.issuer, "aud": "theirs", "tenant": "blue"});
        all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        key.sign(&claims(all)).unwrap()
    };
    for (token, status) in [
        (town.token(json!({})), 200),
        (town.token(json!({"aud": ["x", CLIENT]})), 200),
        (town.token(json!({"aud": "theirs"})), 401),
        // No client stands for an audience.
        (town.token(json!({"aud": null, "client_id": CLIENT})), 401),
        (town.token(json!({"iss": "https://nobody.example"})), 401),
        (theirs(json!({})), 200),
        (theirs(json!({"team": "a"})), 200),
        (theirs(json!({"team": ["a"]})), 401),
        (theirs(json!({"aud": CLIENT})), 401),
        (theirs(json!({"tenant": "red"})), 401),
        (theirs(json!({"tenant": null})), 401),
        (theirs(json!({"nbf": NOW + 1})), 401),
        (town.token(json!({"iss": other.issuer, "aud": "theirs", "tenant": "blue"})), 401),
        (String::new(), 401),
    ] {
        let answer = town.get("/prod/", &token).await;
        assert_eq!(answer.status, status, "{token}");
        assert!(status == 200 || answer.body == UNAUTHORIZED, "{}", answer.body);
    }
    let expired = town.get("/prod/", &town.token(json!({"exp": NOW}))).await;
    assert_eq!((expired.status, expired.body.as_str()), (401, r#"{"message":"The incoming token has expired"}"#));
}

#[tokio::test]
async fn curves_sign_where_they_are_wanted() {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = key.public_key().as_ref();
    let jwk =
        json!({"kty": "EC", "crv": "P-256", "kid": "curve", "x": encode(&point[1..33]), "y": encode(&point[33..])});
    let other = publishing(json!({"keys": [jwk]}), None).await;
    let issuer = format!("[[api.authorizer.A.issuers]]\nissuer = '{}'\naudiences = ['{CLIENT}']", other.issuer);
    let told = claims(json!({"iss": other.issuer}));
    let (any, rsa) =
        (resting(&issuer, "").await, resting(&format!("default_algorithms = ['RS256']\n{issuer}"), "").await);
    let stranger = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    for (town, token, status) in [
        (&any, by_curve(&key, "ES256", &told), 200),
        (&any, by_curve(&key, "ES384", &told), 401),
        (&any, by_curve(&key, "RS256", &told), 401),
        (&any, by_curve(&key, "none", &told), 401),
        (&any, by_curve(&stranger, "ES256", &told), 401),
        (&rsa, by_curve(&key, "ES256", &told), 401),
    ] {
        assert_eq!(town.get("/prod/", &token).await.status, status, "{token}");
    }
}

#[tokio::test]
async fn a_method_with_scopes_asks_for_one_of_them() {
    let issuer = format!("[[api.authorizer.A.issuers]]\nissuer = 'pool:{POOL}'\naudiences = ['{CLIENT}']");
    let town = resting(&issuer, "'read', 'all'").await;
    for (changes, status) in
        [(json!({"scope": "x read"}), 200), (json!({"scp": ["all"]}), 200), (json!({"scope": "x"}), 403)]
    {
        assert_eq!(town.get("/prod/", &town.token(changes.clone())).await.status, status, "{changes}");
    }
}

#[test]
fn mistakes_in_the_issuers_are_named() {
    let text = "[[api]]\nname = 'x'\nprotocol_type = 'REST'\n[api.authorizer.A]\ntype = 'JWT'\n\
                identity_source = 'method.request.header.A'\ndefault_algorithms = ['PS256']\n\
                [[api.authorizer.A.issuers]]\nissuer = 'https://a.example'\naudiences = []\n\
                additional_claims = [{ claim_name = 'iss' }, { claim_name = 'a', format = 'LIST' }]\n";
    let mistakes = read(text, &Functions::default()).unwrap_err().join("\n");
    for expected in [
        "7: `api.authorizer.A.default_algorithms` must be of RS256",
        "8: `api.authorizer.A.issuers.audiences` must hold audiences",
        "11: `api.authorizer.A.issuers.additional_claims.claim_name` cannot be iss",
        "11: `api.authorizer.A.issuers.additional_claims.format` must be \"SINGLE_STRING\"",
    ] {
        assert!(mistakes.contains(expected), "{expected}\n{mistakes}");
    }
}
