//! The providers of which there is one in the world, played here: their addresses are details like the others.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use http::StatusCode;
use poolhouse::domain::provider::Kind;
use serde_json::{Value, json};

use super::{
    furnish,
    idp::{self, Idp},
    query, tokens, value,
};
use crate::app::{Browser, House, Reply, encode, houses};

/// A trip through `name`, whose answer comes with the query or as a form.
async fn trip(house: &House, idp: &Idp, name: &str, as_form: Option<&str>) -> (Vec<(String, String)>, Reply) {
    let mut browser = Browser::new(house);
    let reply = browser.get(&format!("/oauth2/authorize?{}", query(&[("identity_provider", name)]))).await;
    assert_eq!(reply.status, StatusCode::FOUND, "{}", reply.text);
    let url = url::Url::parse(reply.location()).unwrap_or_else(|_| panic!("{}", reply.location()));
    let asked: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    idp.asked(&asked);
    let answer = [("code", idp::CODE), ("state", value(&asked, "state"))];
    let reply = match as_form {
        None => browser.get(&format!("/oauth2/idpresponse?{}", encode(&answer))).await,
        Some(user) => {
            let form = [&answer[..], &[("user", user)][..]].concat();
            // The form comes from another site, and so without the cookie.
            let reply = house.post("/oauth2/idpresponse", &form, &[]).await;
            assert_eq!(reply.status, StatusCode::SEE_OTHER, "{}", reply.location());
            assert_eq!(house.post("/oauth2/idpresponse", &form, &[]).await.status, StatusCode::FOUND, "once");
            browser.get(reply.location()).await
        }
    };
    (asked, reply)
}

#[tokio::test]
async fn google_is_openid_connect_with_an_issuer_of_its_own() {
    for house in houses().await {
        let idp = Idp::start().await;
        let details = json!({"client_id": idp::CLIENT, "client_secret": idp::SECRET, "authorize_scopes": "openid email",
        "oidc_issuer": idp.url, "authorize_url": format!("{}/authorize", idp.url),
        "token_url": format!("{}/token", idp.url), "token_request_method": "POST",
        "attributes_url": format!("{}/userinfo?personFields=", idp.url), "attributes_url_add_attributes": "true"});
        furnish(&house, "Google", Kind::Google, details).await;
        let (asked, reply) = trip(&house, &idp, "Google", None).await;
        assert_eq!(value(&asked, "code_challenge_method"), "S256");
        let told = tokens(&house, &reply).await;
        assert_eq!(told["cognito:username"], "google_00u1");
        assert_eq!(told["identities"][0]["providerType"], "Google");
    }
}

#[tokio::test]
async fn facebook_and_amazon_tell_who_somebody_is_at_their_attributes() {
    for (kind, name, method, info) in [
        (Kind::Facebook, "Facebook", "GET", json!({"id": "77", "email": "fay@idp.example"})),
        (Kind::LoginWithAmazon, "LoginWithAmazon", "POST", json!({"user_id": "77", "email": "fay@idp.example"})),
    ] {
        for house in houses().await {
            let idp = Idp::start().await;
            let adds = (kind == Kind::Facebook).to_string();
            let tail = if kind == Kind::Facebook { "?fields=" } else { "" };
            let details = json!({"client_id": idp::CLIENT, "client_secret": idp::SECRET, "authorize_scopes": "email",
            "authorize_url": format!("{}/authorize", idp.url), "token_url": format!("{}/token", idp.url),
            "token_request_method": method, "attributes_url": format!("{}/userinfo{tail}", idp.url),
            "attributes_url_add_attributes": adds});
            furnish(&house, name, kind, details).await;
            idp.set(|script| script.user_info = info.clone());
            let (asked, reply) = trip(&house, &idp, name, None).await;
            assert_eq!(value(&asked, "nonce"), "");
            let told = tokens(&house, &reply).await;
            assert_eq!(told["cognito:username"], format!("{}_77", name.to_lowercase()));
            assert_eq!(told["email"], "fay@idp.example");
            idp.set(|script| script.user_info = json!({"email": "fay@idp.example"}));
            let (_, reply) = trip(&house, &idp, name, None).await;
            assert_eq!(reply.told("error").as_deref(), Some("invalid_request"));
        }
    }
}

#[tokio::test]
async fn apple_posts_its_answer_and_wants_a_secret_that_is_signed() {
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
    };
    for house in houses().await {
        let idp = Idp::start().await;
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let der = key.to_pkcs8v1().unwrap();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            BASE64_STANDARD.encode(der.as_ref())
        );
        let details = json!({"client_id": idp::CLIENT, "team_id": "TEAM", "key_id": "KEY", "private_key": pem,
        "authorize_scopes": "email name", "oidc_issuer": idp.url, "authorize_url": format!("{}/authorize", idp.url),
        "token_url": format!("{}/token", idp.url), "token_request_method": "POST",
        "attributes_url_add_attributes": "false"});
        furnish(&house, "SignInWithApple", Kind::SignInWithApple, details).await;
        let user = r#"{"name":{"firstName":"Fay","lastName":"Doe"},"email":"forged@evil.example","sub":"forged"}"#;
        idp.claim("name", json!(null));
        let (asked, reply) = trip(&house, &idp, "SignInWithApple", Some(user)).await;
        assert_eq!(value(&asked, "response_mode"), "form_post");
        let told = tokens(&house, &reply).await;
        assert_eq!(told["cognito:username"], "signinwithapple_00u1");
        assert_eq!(told["email"], "fay@idp.example", "nobody vouches for what the browser brings");
        assert_eq!(house.find("signinwithapple_00u1").await.attribute("name"), Some("Fay Doe"));

        let secret = idp.script.lock().unwrap().redeemed[0]["client_secret"].clone();
        let (signed, signature) = secret.rsplit_once('.').unwrap();
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key().as_ref());
        public.verify(signed.as_bytes(), &signature).unwrap();
        let part = |n| -> Value {
            serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(signed.split('.').nth(n).unwrap()).unwrap()).unwrap()
        };
        assert_eq!(part(0), json!({"alg": "ES256", "kid": "KEY"}));
        assert_eq!(part(1)["iss"], "TEAM");
        assert_eq!((&part(1)["sub"], &part(1)["aud"]), (&json!(idp::CLIENT), &json!(idp.url)));
    }
}
