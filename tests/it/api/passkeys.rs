//! Passkeys of signed-in users: registering, listing, deleting. Signing in with them has a file of its own.

mod sign_in;

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use poolhouse::{
    config::Mode,
    domain::{Pool, pool::PoolSettings},
    flows::passkeys,
    keys::webauthn::RelyingParty,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    people::{PASSWORD, Site, Tokens, claims},
    town::{Town, towns, towns_with, with},
};
use crate::authenticator::Authenticator;

const NOT_ENABLED: &str = "WebAuthnNotEnabledException: Passkeys are not enabled for this user pool or app client.";
const NOT_FOUND: &str = "WebAuthnChallengeNotFoundException: The passkey challenge was not found or has expired.";
const NOT_SUPPORTED: &str = "WebAuthnCredentialNotSupportedException: The credential is not supported.";
const OTHER_ORIGIN: &str =
    "WebAuthnOriginNotAllowedException: The credential was made at an origin that is not allowed.";
const OTHER_PARTY: &str = "WebAuthnRelyingPartyMismatchException: The credential is for another relying party.";

/// Pools that allow passkeys, asked for with `configuration`.
async fn sites_with(configuration: Value) -> Vec<Site> {
    let mut sites = Vec::new();
    for town in towns().await {
        sites.push(site(town, &configuration).await);
    }
    sites
}

async fn sites() -> Vec<Site> {
    sites_with(json!({})).await
}

async fn site(town: Town, configuration: &Value) -> Site {
    let flows = json!(["ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]);
    let site = Site::at(town, json!({}), json!({"ExplicitAuthFlows": flows})).await;
    site.allow(&["PASSWORD", "WEB_AUTHN"]).await;
    site.configure(configuration.clone()).await;
    site.person("ann").await;
    site
}

impl Site {
    async fn allow(&self, factors: &[&str]) {
        let policies = json!({"SignInPolicy": {"AllowedFirstAuthFactors": factors}});
        self.call("UpdateUserPool", json!({"UserPoolId": self.pool, "Policies": policies})).await;
    }

    async fn configure(&self, configuration: Value) {
        let members = json!({"UserPoolId": self.pool, "WebAuthnConfiguration": configuration});
        assert_eq!(self.call("SetUserPoolMfaConfig", members).await["WebAuthnConfiguration"], configuration);
        let shown = self.call("GetUserPoolMfaConfig", json!({"UserPoolId": self.pool})).await;
        assert_eq!(shown["WebAuthnConfiguration"], configuration);
    }

    async fn options(&self, access: &str) -> Value {
        let output = self.call("StartWebAuthnRegistration", json!({"AccessToken": access})).await;
        output["CredentialCreationOptions"].clone()
    }

    async fn register(&self, access: &str, authenticator: &mut Authenticator) {
        let credential = authenticator.create(&self.options(access).await);
        assert_eq!(self.call("CompleteWebAuthnRegistration", completing(access, &credential)).await, json!({}));
    }

    async fn passkeys(&self, access: &str) -> Vec<Value> {
        let output = self.call("ListWebAuthnCredentials", json!({"AccessToken": access})).await;
        output["Credentials"].as_array().unwrap().clone()
    }
}

fn completing(access: &str, credential: &Value) -> Value {
    json!({"AccessToken": access, "Credential": credential})
}

#[tokio::test]
async fn options_are_the_services_with_the_sub_as_user_handle() {
    for site in sites().await {
        let tokens = site.tokens("ann").await;
        let mut options = site.options(&tokens.access).await;
        let challenge = options["challenge"].take();
        assert_eq!(challenge.as_str().unwrap().len(), 43, "{challenge}");
        let sub = claims(&tokens.id)["sub"].as_str().unwrap().to_owned();
        let handle = BASE64_URL_SAFE_NO_PAD.encode(sub);
        let usual = json!({
            "rp": {"id": "localhost", "name": "localhost"},
            "user": {"id": handle, "name": "ann", "displayName": "ann"},
            "challenge": null,
            "pubKeyCredParams": [{"type": "public-key", "alg": -7}, {"type": "public-key", "alg": -257}],
            "timeout": 60000,
            "excludeCredentials": [],
            "authenticatorSelection":
                {"requireResidentKey": true, "residentKey": "required", "userVerification": "preferred"},
        });
        assert_eq!(options, usual);

        site.configure(json!({"FactorConfiguration": "MULTI_FACTOR_WITH_USER_VERIFICATION"})).await;
        let multi = site.options(&tokens.access).await;
        assert_eq!(multi["authenticatorSelection"]["userVerification"], "required");

        site.configure(json!({"RelyingPartyId": "example.com", "UserVerification": "required"})).await;
        let mut authenticator = Authenticator::new();
        authenticator.origin = "https://login.example.com";
        site.register(&tokens.access, &mut authenticator).await;
        let options = site.options(&tokens.access).await;
        assert_eq!(options["rp"], json!({"id": "example.com", "name": "example.com"}));
        assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
        assert_eq!(options["excludeCredentials"], json!([{"type": "public-key", "id": authenticator.id()}]));
        assert_ne!(options["challenge"], challenge);
    }
}

#[tokio::test]
async fn a_passkey_is_registered_listed_and_deleted() {
    for site in sites().await {
        let access = site.tokens("ann").await.access;
        for mut authenticator in [Authenticator::new(), Authenticator::rsa()] {
            site.register(&access, &mut authenticator).await;
            let listed = json!([{
                "CredentialId": authenticator.id(), "FriendlyCredentialName": "Device passkey",
                "RelyingPartyId": "localhost", "AuthenticatorAttachment": "platform",
                "AuthenticatorTransports": ["hybrid", "internal"], "CreatedAt": 1_800_000_000.0,
            }]);
            assert_eq!(json!(site.passkeys(&access).await), listed);
            let named = json!({"AccessToken": access, "CredentialId": authenticator.id()});
            assert_eq!(site.call("DeleteWebAuthnCredential", named.clone()).await, json!({}));
            assert_eq!(site.passkeys(&access).await, Vec::<Value>::new());
            assert_eq!(
                site.refused("DeleteWebAuthnCredential", named).await,
                "ResourceNotFoundException: The passkey does not exist."
            );
        }
    }
}

#[tokio::test]
async fn the_list_comes_in_pages_in_the_order_of_registration() {
    for site in sites().await {
        let access = site.tokens("ann").await.access;
        let mut made = Vec::new();
        for _ in 0..5 {
            let mut authenticator = Authenticator::new();
            site.register(&access, &mut authenticator).await;
            made.push(authenticator.id());
            // Two of the five are of one moment, and must not be torn apart.
            if made.len() != 2 {
                site.advance(1);
            }
        }
        let (mut seen, mut call) = (Vec::new(), json!({"AccessToken": access, "MaxResults": 2}));
        for length in [2, 2, 1] {
            let page = site.call("ListWebAuthnCredentials", call.clone()).await;
            let ids = page["Credentials"].as_array().unwrap().iter().map(|passkey| passkey["CredentialId"].clone());
            let before = seen.len();
            seen.extend(ids.map(|id| id.as_str().unwrap().to_owned()));
            assert_eq!(seen.len() - before, length);
            call["NextToken"] = page["NextToken"].clone();
        }
        assert_eq!(call["NextToken"], Value::Null);
        made[1..3].sort_unstable();
        assert_eq!(seen, made);
        assert_eq!(site.passkeys(&access).await.len(), 5);

        let all = json!({"AccessToken": access, "MaxResults": 0});
        assert_eq!(site.call("ListWebAuthnCredentials", all).await["Credentials"].as_array().unwrap().len(), 5);
        site.person("bob").await;
        let page = site.call("ListWebAuthnCredentials", json!({"AccessToken": access, "MaxResults": 1})).await;
        let stolen = json!({"AccessToken": site.tokens("bob").await.access, "NextToken": page["NextToken"]});
        assert_eq!(
            site.refused("ListWebAuthnCredentials", stolen).await,
            "InvalidParameterException: Invalid pagination token"
        );
    }
}

#[tokio::test]
async fn passkeys_must_be_a_first_factor_of_the_pool_and_the_client_must_let_users_choose() {
    for site in sites().await {
        let access = site.tokens("ann").await.access;
        let credential = Authenticator::new().create(&site.options(&access).await);
        let calls = [
            ("StartWebAuthnRegistration", json!({"AccessToken": access})),
            ("CompleteWebAuthnRegistration", completing(&access, &credential)),
        ];
        site.allow(&["PASSWORD"]).await;
        for (operation, call) in &calls {
            assert_eq!(site.refused(operation, call.clone()).await, NOT_ENABLED, "{operation}");
        }
        site.allow(&["PASSWORD", "WEB_AUTHN"]).await;
        let plain = site.another_client(json!({})).await;
        let other = Tokens::of(&site.call("InitiateAuth", site.password_at(&plain, "ann", PASSWORD)).await).access;
        for (operation, call) in &calls {
            let call = with(call, json!({"AccessToken": other}));
            assert_eq!(site.refused(operation, call).await, NOT_ENABLED, "{operation}");
        }
        // What was registered before can still be seen and removed.
        assert_eq!(site.passkeys(&other).await, Vec::<Value>::new());
    }
}

#[tokio::test]
async fn the_relying_party_is_the_pools_else_in_development_this_server() {
    let cases = [
        (Mode::Development, "http://localhost:9229", Some("localhost")),
        (Mode::Development, "https://id.example.com/auth", Some("id.example.com")),
        (Mode::Development, "http://127.0.0.1:9229", None),
        (Mode::Production, "https://id.example.com", None),
    ];
    for (mode, url, default) in cases {
        for town in towns_with(|parts| (parts.setup.mode, parts.setup.public_url) = (mode, url.into())).await {
            let mut pool = Pool {
                id: "us-east-1_Example01".into(),
                name: "example".into(),
                strict_oidc: false,
                settings: PoolSettings::default(),
                created_at: town.app.clock.now(),
                modified_at: town.app.clock.now(),
            };
            let found = passkeys::find_relying_party(&town.cx(), &pool).await.unwrap();
            assert_eq!(found.as_ref().map(RelyingParty::id), default, "{mode:?} {url}");
            pool.settings.kept.insert("WebAuthnConfiguration".into(), json!({"RelyingPartyId": "example.org"}));
            let found = passkeys::find_relying_party(&town.cx(), &pool).await.unwrap();
            assert_eq!(found.as_ref().map(RelyingParty::id), Some("example.org"));
        }
    }
    for town in towns_with(|parts| parts.setup.public_url = "http://127.0.0.1:9229".into()).await {
        let site = site(town, &json!({})).await;
        let call = json!({"AccessToken": site.tokens("ann").await.access});
        assert_eq!(
            site.refused("StartWebAuthnRegistration", call).await,
            "WebAuthnConfigurationMissingException: The user pool has no relying party configured."
        );
    }
}

#[tokio::test]
async fn a_pool_with_a_domain_makes_passkeys_for_it() {
    for site in sites().await {
        let access = site.tokens("ann").await.access;
        let domain = |name: &str| json!({"UserPoolId": site.pool, "Domain": name});
        site.call("CreateUserPoolDomain", domain("auth-example")).await;
        let options = site.options(&access).await;
        assert_eq!(options["rp"]["id"], "auth-example.auth.localhost");
        let mut authenticator = Authenticator::with(|it| it.origin = "http://auth-example.auth.localhost:9229");
        site.register(&access, &mut authenticator).await;

        let certificate = "arn:aws:acm:us-east-1:123456789012:certificate/0a7cf5a4-9d0f-4b5c-8c4e-0d3f0e9d1c2b";
        let custom = json!({"CustomDomainConfig": {"CertificateArn": certificate}});
        site.call("CreateUserPoolDomain", with(&domain("login.example.com"), custom)).await;
        assert_eq!(site.options(&access).await["rp"]["id"], "login.example.com");
        site.configure(json!({"RelyingPartyId": "example.com"})).await;
        assert_eq!(site.options(&access).await["rp"]["id"], "example.com");
    }
}

#[tokio::test]
async fn an_answer_needs_a_registration_that_this_user_began_with_this_client() {
    for site in sites().await {
        site.person("bob").await;
        let ann = site.tokens("ann").await.access;
        let mut authenticator = Authenticator::new();
        let options = site.options(&ann).await;
        let credential = authenticator.create(&options);
        let bob = site.tokens("bob").await.access;
        let refused = |access: String, credential: Value| {
            let call = completing(&access, &credential);
            let site = &site;
            async move { site.refused("CompleteWebAuthnRegistration", call).await }
        };
        assert_eq!(refused(bob.clone(), credential.clone()).await, NOT_FOUND);
        site.options(&bob).await;
        assert_eq!(refused(bob.clone(), credential.clone()).await, NOT_FOUND);

        let flows = json!({"ExplicitAuthFlows": ["ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH"]});
        let other = site.another_client(flows).await;
        let elsewhere = Tokens::of(&site.call("InitiateAuth", site.password_at(&other, "ann", PASSWORD)).await).access;
        assert_eq!(
            refused(elsewhere, credential.clone()).await,
            "WebAuthnClientMismatchException: The access token is of another app client than the challenge."
        );

        // A newer registration takes the place of the older one.
        let newer = authenticator.create(&site.options(&ann).await);
        assert_eq!(refused(ann.clone(), credential).await, NOT_FOUND);
        site.advance(300);
        assert_eq!(refused(ann.clone(), newer).await, NOT_FOUND);

        let last = authenticator.create(&site.options(&ann).await);
        site.advance(299);
        site.call("CompleteWebAuthnRegistration", completing(&ann, &last)).await;
        assert_eq!(refused(ann.clone(), last).await, NOT_FOUND, "a registration is used up");
    }
}

#[tokio::test]
async fn a_credential_for_another_place_is_refused() {
    let fresh = |origin| Authenticator::with(|it| it.origin = origin);
    for site in sites().await {
        let access = site.tokens("ann").await.access;
        let check = async |mut authenticator: Authenticator, expected: Option<&str>| {
            let call = completing(&access, &authenticator.create(&site.options(&access).await));
            match expected {
                Some(refusal) => {
                    let message = site.refused("CompleteWebAuthnRegistration", call).await;
                    assert_eq!(message, refusal, "{}", authenticator.origin);
                }
                None => assert_eq!(site.call("CompleteWebAuthnRegistration", call).await, json!({})),
            }
        };
        for here in ["http://localhost", "http://localhost:9229", "https://localhost:8443", "http://app.localhost:3000"]
        {
            check(fresh(here), None).await;
        }
        for there in
            ["https://example.com", "http://evillocalhost:3000", "http://localhost.evil.example", "ftp://localhost"]
        {
            check(fresh(there), Some(OTHER_ORIGIN)).await;
        }
        check(Authenticator::with(|it| it.framed = true), Some(OTHER_ORIGIN)).await;
        check(Authenticator::with(|it| it.relying_party = Some("example.com")), Some(OTHER_PARTY)).await;

        site.configure(json!({"RelyingPartyId": "example.com"})).await;
        for here in ["https://example.com", "https://a.b.example.com"] {
            check(fresh(here), None).await;
        }
        for there in ["http://example.com", "https://badexample.com", "https://example.com.evil.example", "https://com"]
        {
            check(fresh(there), Some(OTHER_ORIGIN)).await;
        }
        // The pool's relying party changes while an authenticator thinks.
        let mut slow = fresh("https://example.com");
        let credential = slow.create(&site.options(&access).await);
        site.configure(json!({"RelyingPartyId": "example.org"})).await;
        let refused = site.refused("CompleteWebAuthnRegistration", completing(&access, &credential)).await;
        assert_eq!(refused, OTHER_ORIGIN);
        slow.origin = "https://example.org";
        slow.relying_party = Some("example.com");
        let credential = slow.create(&site.options(&access).await);
        let refused = site.refused("CompleteWebAuthnRegistration", completing(&access, &credential)).await;
        assert_eq!(refused, OTHER_PARTY);
    }
}

#[tokio::test]
async fn a_credential_of_the_wrong_kind_is_refused() {
    for site in sites_with(json!({"UserVerification": "required"})).await {
        let access = site.tokens("ann").await.access;
        let check = async |credential: Value, refusal: &str| {
            let call = completing(&access, &credential);
            assert_eq!(site.refused("CompleteWebAuthnRegistration", call).await, refusal);
        };
        let mut careless = Authenticator::with(|it| it.recognises = false);
        check(careless.create(&site.options(&access).await), NOT_SUPPORTED).await;

        let honest = Authenticator::new().create(&site.options(&access).await);
        let mut unknown = honest.clone();
        unknown["type"] = json!("password");
        check(unknown, NOT_SUPPORTED).await;
        let malformed = "InvalidParameterException: Invalid credential.";
        for (part, value) in
            [("attestationObject", json!("AAAA")), ("clientDataJSON", json!("e30")), ("clientDataJSON", json!(7))]
        {
            let mut broken = honest.clone();
            broken["response"][part] = value;
            check(broken, malformed).await;
        }
        for nothing in [json!({}), json!("text"), json!([1])] {
            check(nothing, malformed).await;
        }
        // None of this has used the registration up.
        site.call("CompleteWebAuthnRegistration", completing(&access, &honest)).await;
    }
}

#[tokio::test]
async fn a_credential_belongs_to_one_user_of_a_pool() {
    for site in sites().await {
        site.person("bob").await;
        let (ann, bob) = (site.tokens("ann").await.access, site.tokens("bob").await.access);
        let mut authenticator = Authenticator::new();
        site.register(&ann, &mut authenticator).await;
        for access in [&ann, &bob] {
            let again = authenticator.create(&site.options(access).await);
            assert_eq!(
                site.refused("CompleteWebAuthnRegistration", completing(access, &again)).await,
                "InvalidParameterException: The passkey is registered already."
            );
        }
        let foreign = json!({"AccessToken": bob, "CredentialId": authenticator.id()});
        assert_eq!(
            site.refused("DeleteWebAuthnCredential", foreign).await,
            "ResourceNotFoundException: The passkey does not exist."
        );
        assert_eq!((site.passkeys(&ann).await.len(), site.passkeys(&bob).await.len()), (1, 0));
        // It goes with its user, and is free again.
        site.call("DeleteUser", json!({"AccessToken": ann})).await;
        site.register(&bob, &mut authenticator).await;
    }
}

#[tokio::test]
async fn a_user_has_at_most_twenty_passkeys() {
    for site in sites().await {
        let access = site.tokens("ann").await.access;
        for _ in 0..19 {
            site.register(&access, &mut Authenticator::new()).await;
        }
        let spare = Authenticator::new().create(&site.options(&access).await);
        site.register(&access, &mut Authenticator::new()).await;
        let full = "LimitExceededException: A user can have at most 20 passkeys.";
        assert_eq!(site.refused("StartWebAuthnRegistration", json!({"AccessToken": access})).await, full);
        assert_eq!(site.refused("CompleteWebAuthnRegistration", completing(&access, &spare)).await, NOT_FOUND);
        assert_eq!(site.passkeys(&access).await.len(), 20);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_answers_at_once_one_registers() {
    for site in sites().await {
        let access = site.tokens("ann").await.access;
        let credential = Authenticator::new().create(&site.options(&access).await);
        let site = Arc::new(site);
        let mut calls = JoinSet::new();
        for _ in 0..8 {
            let (site, call) = (Arc::clone(&site), completing(&access, &credential));
            calls.spawn(async move { site.send("CompleteWebAuthnRegistration", &call).await.0 });
        }
        let answers = calls.join_all().await;
        assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
        assert_eq!(site.passkeys(&access).await.len(), 1);
    }
}
