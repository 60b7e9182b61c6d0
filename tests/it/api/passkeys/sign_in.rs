//! Signing in with a passkey.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{sites, sites_with};
use crate::{
    api::{
        people::{DISABLED, PASSWORD, Site, Tokens, WRONG, claims},
        town::with,
    },
    authenticator::Authenticator,
};

const USED: &str = "NotAuthorizedException: Invalid session for the user, session can only be used once.";
const EXPIRED: &str = "NotAuthorizedException: Invalid session for the user, session is expired.";
const INVALID: &str = "NotAuthorizedException: Invalid session for the user.";

impl Site {
    fn choice(&self, name: &str, preferred: Option<&str>) -> Value {
        let mut parameters = json!({"USERNAME": name});
        if let Some(preferred) = preferred {
            parameters["PREFERRED_CHALLENGE"] = json!(preferred);
        }
        json!({"AuthFlow": "USER_AUTH", "ClientId": self.client, "AuthParameters": parameters})
    }

    /// The challenge of a passkey, which must follow.
    async fn asked(&self, name: &str) -> Asked {
        let output = self.call("InitiateAuth", self.choice(name, Some("WEB_AUTHN"))).await;
        assert_eq!(output["ChallengeName"], "WEB_AUTHN", "{output}");
        Asked::of(name, &output)
    }

    fn answering(&self, asked: &Asked, credential: &Value) -> Value {
        json!({
            "ClientId": self.client, "ChallengeName": "WEB_AUTHN", "Session": asked.session,
            "ChallengeResponses": {"USERNAME": asked.name, "CREDENTIAL": credential.to_string()},
        })
    }

    async fn signed_in(&self, asked: &Asked, authenticator: &mut Authenticator) -> Tokens {
        let call = self.answering(asked, &authenticator.get(&asked.options));
        Tokens::of(&self.call("RespondToAuthChallenge", call).await)
    }

    async fn not_signed_in(&self, asked: &Asked, authenticator: &mut Authenticator) -> String {
        let call = self.answering(asked, &authenticator.get(&asked.options));
        self.refused("RespondToAuthChallenge", call).await
    }

    /// A new passkey of a user who is there.
    async fn passkey_of(&self, name: &str) -> Authenticator {
        let access = self.tokens(name).await.access;
        let mut authenticator = Authenticator::new();
        self.register(&access, &mut authenticator).await;
        authenticator.counter = 2;
        authenticator
    }

    async fn available(&self, name: &str) -> Value {
        let output = self.call("InitiateAuth", self.choice(name, None)).await;
        assert_eq!(output["ChallengeName"], "SELECT_CHALLENGE", "{output}");
        output["AvailableChallenges"].clone()
    }
}

struct Asked {
    name: String,
    session: Value,
    options: Value,
}

impl Asked {
    fn of(name: &str, output: &Value) -> Self {
        let options = output["ChallengeParameters"]["CREDENTIAL_REQUEST_OPTIONS"].as_str().unwrap();
        Self { name: name.into(), session: output["Session"].clone(), options: serde_json::from_str(options).unwrap() }
    }
}

#[tokio::test]
async fn a_passkey_signs_in_again_and_again() {
    for site in sites().await {
        let mut authenticator = site.passkey_of("ann").await;
        for _ in 0..3 {
            let asked = site.asked("ann").await;
            assert_eq!(asked.options["rpId"], "localhost");
            assert_eq!(asked.options["userVerification"], "preferred");
            let allowed = json!([
                {"type": "public-key", "id": authenticator.id(), "transports": ["hybrid", "internal"]},
            ]);
            assert_eq!(asked.options["allowCredentials"], allowed);
            let tokens = site.signed_in(&asked, &mut authenticator).await;
            assert_eq!(claims(&tokens.id)["cognito:username"], "ann");
            site.call("GetUser", json!({"AccessToken": tokens.access})).await;
        }
    }
}

#[tokio::test]
async fn a_passkey_is_a_choice_of_whoever_has_one_that_fits() {
    let without = json!(["PASSWORD_SRP", "PASSWORD"]);
    let with_passkey = json!(["PASSWORD_SRP", "PASSWORD", "WEB_AUTHN"]);
    for site in sites().await {
        assert_eq!(site.available("ann").await, without);
        let preferred = site.call("InitiateAuth", site.choice("ann", Some("WEB_AUTHN"))).await;
        assert_eq!(preferred["ChallengeName"], "SELECT_CHALLENGE");

        let mut authenticator = site.passkey_of("ann").await;
        assert_eq!(site.available("ann").await, with_passkey);
        let access = site.tokens("ann").await.access;
        let factors = site.call("GetUserAuthFactors", json!({"AccessToken": access})).await;
        assert_eq!(factors["ConfiguredUserAuthFactors"], json!(["PASSWORD", "WEB_AUTHN"]));

        let output = site.call("InitiateAuth", site.choice("ann", None)).await;
        let chosen = json!({
            "ClientId": site.client, "ChallengeName": "SELECT_CHALLENGE", "Session": output["Session"],
            "ChallengeResponses": {"USERNAME": "ann", "ANSWER": "WEB_AUTHN"},
        });
        let output = site.call("RespondToAuthChallenge", chosen).await;
        assert_eq!((&output["ChallengeName"], &output["AvailableChallenges"]), (&json!("WEB_AUTHN"), &with_passkey));
        site.signed_in(&Asked::of("ann", &output), &mut authenticator).await;

        // One that was made for another relying party is of no use here, and comes back with it.
        let asked = site.asked("ann").await;
        site.configure(json!({"RelyingPartyId": "example.com"})).await;
        assert_eq!(site.available("ann").await, without);
        assert_eq!(site.not_signed_in(&asked, &mut authenticator).await, WRONG);
        site.configure(json!({"RelyingPartyId": "localhost"})).await;
        assert_eq!(site.available("ann").await, with_passkey);
        site.allow(&["PASSWORD"]).await;
        assert_eq!(site.available("ann").await, without);
        assert_eq!(site.not_signed_in(&asked, &mut authenticator).await, WRONG);
    }
}

/// The choice and its proof in one call: the choices come with what there is to sign.
#[tokio::test]
async fn a_passkey_may_sign_along_with_its_choice() {
    for site in sites().await {
        let plain = site.call("InitiateAuth", site.choice("ann", None)).await;
        assert_eq!(plain["ChallengeParameters"], json!({"USERNAME": "ann"}), "there is no passkey yet");
        let mut authenticator = site.passkey_of("ann").await;
        let ask = async || Asked::of("ann", &site.call("InitiateAuth", site.choice("ann", None)).await);
        let choosing = |asked: &Asked, credential: &Value| {
            let answers = json!({"USERNAME": "ann", "ANSWER": "WEB_AUTHN", "CREDENTIAL": credential.to_string()});
            with(
                &site.answering(asked, credential),
                json!({"ChallengeName": "SELECT_CHALLENGE", "ChallengeResponses": answers}),
            )
        };
        let asked = ask().await;
        let credential = authenticator.get(&asked.options);
        let mut forged = credential.clone();
        forged["response"]["signature"] = json!("MEUCIQDx");
        assert_eq!(site.refused("RespondToAuthChallenge", choosing(&asked, &forged)).await, WRONG);
        let none = site.refused("RespondToAuthChallenge", choosing(&asked, &json!({}))).await;
        assert_eq!(none, "InvalidParameterException: Invalid credential.");
        let right = choosing(&asked, &credential);
        assert!(!Tokens::of(&site.call("RespondToAuthChallenge", right.clone()).await).access.is_empty());
        assert_eq!(site.refused("RespondToAuthChallenge", right).await, USED);
        let other = ask().await;
        assert_eq!(
            site.refused("RespondToAuthChallenge", choosing(&other, &credential)).await,
            WRONG,
            "of another question"
        );
        // Another choice uses the session up, with it the question.
        let signed = choosing(&other, &authenticator.get(&other.options));
        let password = json!({"USERNAME": "ann", "ANSWER": "PASSWORD", "PASSWORD": PASSWORD});
        site.call("RespondToAuthChallenge", with(&signed, json!({ "ChallengeResponses": password }))).await;
        assert_eq!(site.refused("RespondToAuthChallenge", signed).await, USED);
        // Whoever was asked for the passkey alone may answer in this form too.
        let asked = site.asked("ann").await;
        let again = choosing(&asked, &authenticator.get(&asked.options));
        assert!(!Tokens::of(&site.call("RespondToAuthChallenge", again).await).access.is_empty());
        // A passkey that came to be a choice after the question has signed nothing of it.
        let early = Asked { session: plain["Session"].clone(), ..ask().await };
        assert_eq!(
            site.refused("RespondToAuthChallenge", choosing(&early, &authenticator.get(&early.options))).await,
            WRONG
        );

        let flows = json!(["ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH"]);
        let hiding = json!({"PreventUserExistenceErrors": "ENABLED", "ExplicitAuthFlows": flows});
        let site = Site { client: site.another_client(hiding).await, ..site };
        let mut seen = Vec::new();
        for name in (0..12).map(|number| format!("nobody{number}")) {
            let output = site.call("InitiateAuth", site.choice(&name, None)).await;
            let has_passkey = output["AvailableChallenges"].as_array().unwrap().contains(&json!("WEB_AUTHN"));
            let is_asked = output["ChallengeParameters"].get("CREDENTIAL_REQUEST_OPTIONS").is_some();
            assert_eq!(has_passkey, is_asked, "{name}");
            if is_asked {
                let asked = Asked::of(&name, &output);
                let credential = authenticator.get(&asked.options);
                let answers = json!({"USERNAME": name, "ANSWER": "WEB_AUTHN", "CREDENTIAL": credential.to_string()});
                let call = with(
                    &site.answering(&asked, &credential),
                    json!({"ChallengeName": "SELECT_CHALLENGE", "ChallengeResponses": answers}),
                );
                assert_eq!(site.refused("RespondToAuthChallenge", call).await, WRONG);
                seen.push(name);
            }
        }
        assert!(!seen.is_empty());
    }
}

#[tokio::test]
async fn an_answer_that_lies_is_refused_and_the_honest_one_still_taken() {
    type Lie = fn(&mut Authenticator);
    let lies: [(Lie, Lie); 5] = [
        (|it| it.origin = "https://example.com", |it| it.origin = "http://localhost:3000"),
        (|it| it.framed = true, |it| it.framed = false),
        (|it| it.relying_party = Some("example.com"), |it| it.relying_party = None),
        (|it| it.handle = Some("AAAA".into()), |it| it.handle = None),
        (|it| it.recognises = false, |it| it.recognises = true),
    ];
    for site in sites_with(json!({"UserVerification": "required"})).await {
        let mut authenticator = site.passkey_of("ann").await;
        let asked = site.asked("ann").await;
        assert_eq!(asked.options["userVerification"], "required");
        for (lie, repent) in lies {
            lie(&mut authenticator);
            assert_eq!(site.not_signed_in(&asked, &mut authenticator).await, WRONG);
            repent(&mut authenticator);
        }
        let mut forged = authenticator.get(&asked.options);
        forged["response"]["signature"] = json!("MEUCIQDx");
        assert_eq!(site.refused("RespondToAuthChallenge", site.answering(&asked, &forged)).await, WRONG);
        let malformed = "InvalidParameterException: Invalid credential.";
        for nothing in [json!({}), json!("text")] {
            assert_eq!(site.refused("RespondToAuthChallenge", site.answering(&asked, &nothing)).await, malformed);
        }
        let mut silent = site.answering(&asked, &json!({}));
        silent["ChallengeResponses"].as_object_mut().unwrap().remove("CREDENTIAL");
        assert_eq!(
            site.refused("RespondToAuthChallenge", silent).await,
            "InvalidParameterException: Missing required parameter CREDENTIAL"
        );
        site.signed_in(&asked, &mut authenticator).await;
    }
}

#[tokio::test]
async fn an_answer_counts_once_and_for_its_own_question() {
    for site in sites().await {
        let mut authenticator = site.passkey_of("ann").await;
        let asked = site.asked("ann").await;
        let credential = authenticator.get(&asked.options);
        site.call("RespondToAuthChallenge", site.answering(&asked, &credential)).await;
        assert_eq!(site.refused("RespondToAuthChallenge", site.answering(&asked, &credential)).await, USED);
        let other = site.asked("ann").await;
        assert_eq!(site.refused("RespondToAuthChallenge", site.answering(&other, &credential)).await, WRONG);
        site.signed_in(&other, &mut authenticator).await;

        let late = site.asked("ann").await;
        site.advance(180);
        assert_eq!(site.not_signed_in(&late, &mut authenticator).await, EXPIRED);
    }
}

#[tokio::test]
async fn a_counter_that_does_not_advance_shows_a_copy() {
    for site in sites().await {
        let mut authenticator = site.passkey_of("ann").await;
        authenticator.counter = 10;
        site.signed_in(&site.asked("ann").await, &mut authenticator).await;
        for behind in [10, 9, 1, 0] {
            authenticator.counter = behind;
            assert_eq!(site.not_signed_in(&site.asked("ann").await, &mut authenticator).await, WRONG, "{behind}");
        }
        authenticator.counter = 11;
        site.signed_in(&site.asked("ann").await, &mut authenticator).await;

        // Authenticators that do not count sign zero for ever.
        site.person("bob").await;
        let mut still = Authenticator::with(|it| it.counter = 0);
        site.register(&site.tokens("bob").await.access, &mut still).await;
        for _ in 0..2 {
            site.signed_in(&site.asked("bob").await, &mut still).await;
        }
        still.counter = 5;
        site.signed_in(&site.asked("bob").await, &mut still).await;
        still.counter = 0;
        assert_eq!(site.not_signed_in(&site.asked("bob").await, &mut still).await, WRONG);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_signatures_with_one_counter_one_signs_in() {
    for site in sites().await {
        let mut authenticator = site.passkey_of("ann").await;
        let mut answers = Vec::new();
        for _ in 0..8 {
            let asked = site.asked("ann").await;
            authenticator.counter = 2;
            answers.push(site.answering(&asked, &authenticator.get(&asked.options)));
        }
        let site = Arc::new(site);
        let mut calls = JoinSet::new();
        for call in answers {
            let site = Arc::clone(&site);
            calls.spawn(async move { site.send("RespondToAuthChallenge", &call).await.0 });
        }
        let statuses = calls.join_all().await;
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    }
}

#[tokio::test]
async fn only_the_users_own_passkey_signs_in() {
    for site in sites().await {
        site.person("bob").await;
        let (mut anns, mut bobs) = (site.passkey_of("ann").await, site.passkey_of("bob").await);
        let asked = site.asked("ann").await;
        assert_eq!(site.not_signed_in(&asked, &mut bobs).await, WRONG);
        // Nor under ann's name for the key, nor with the session of another name.
        let mut renamed = bobs.get(&asked.options);
        (renamed["id"], renamed["rawId"]) = (json!(anns.id()), json!(anns.id()));
        renamed["response"]["userHandle"] = anns.get(&asked.options)["response"]["userHandle"].clone();
        assert_eq!(site.refused("RespondToAuthChallenge", site.answering(&asked, &renamed)).await, WRONG);
        let as_bob = Asked { name: "bob".into(), ..site.asked("ann").await };
        assert_eq!(site.not_signed_in(&as_bob, &mut bobs).await, INVALID);
        // A passkey that was deleted meanwhile is nobody's.
        let access = site.tokens("ann").await.access;
        site.call("DeleteWebAuthnCredential", json!({"AccessToken": access, "CredentialId": anns.id()})).await;
        assert_eq!(site.not_signed_in(&asked, &mut anns).await, WRONG);
    }
}

#[tokio::test]
async fn whoever_may_not_come_in_has_no_use_of_a_passkey() {
    for site in sites().await {
        let mut authenticator = site.passkey_of("ann").await;
        let asked = site.asked("ann").await;
        site.call("AdminDisableUser", site.named("ann")).await;
        assert_eq!(site.refused("InitiateAuth", site.choice("ann", Some("WEB_AUTHN"))).await, DISABLED);
        assert_eq!(site.not_signed_in(&asked, &mut authenticator).await, DISABLED);
        site.call("AdminEnableUser", site.named("ann")).await;
        site.signed_in(&asked, &mut authenticator).await;

        let asked = site.asked("ann").await;
        site.set_password("ann", "Other-1234").await;
        assert_eq!(site.not_signed_in(&asked, &mut authenticator).await, INVALID);
        let temporary = json!({"Password": PASSWORD, "Permanent": false});
        site.call("AdminSetUserPassword", with(&site.named("ann"), temporary)).await;
        assert_eq!(site.available("ann").await, json!(["PASSWORD_SRP", "PASSWORD"]));
    }
}

#[tokio::test]
async fn somebody_who_does_not_exist_is_asked_for_a_passkey_too() {
    for site in sites().await {
        assert_eq!(
            site.refused("InitiateAuth", site.choice("nobody", Some("WEB_AUTHN"))).await,
            "UserNotFoundException: User does not exist."
        );
        let flows = json!(["ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]);
        let hiding = json!({"PreventUserExistenceErrors": "ENABLED", "ExplicitAuthFlows": flows});
        let site = Site { client: site.another_client(hiding).await, ..site };
        let mut authenticator = site.passkey_of("ann").await;
        // Some have a passkey and some have none, always the same ones.
        let (mut with_passkey, mut without) = (Vec::new(), Vec::new());
        for name in (0..12).map(|number| format!("nobody{number}")) {
            let available = site.available(&name).await;
            assert_eq!(available, site.available(&name).await, "{name}");
            let has_passkey = available == site.available("ann").await;
            if has_passkey { with_passkey.push(name) } else { without.push(name) }
        }
        let [one, another, ..] = &with_passkey[..] else { panic!("{without:?}") };
        assert_eq!(site.available(&without[0]).await, json!(["PASSWORD_SRP", "PASSWORD"]));
        let (first, second) = (site.asked(one).await, site.asked(one).await);
        let (other, real) = (site.asked(another).await, site.asked("ann").await);
        assert_eq!(first.options["allowCredentials"], second.options["allowCredentials"]);
        assert_ne!(first.options["challenge"], second.options["challenge"]);
        assert_ne!(first.options["allowCredentials"], other.options["allowCredentials"]);
        let shape = |asked: &Asked| {
            let mut options = asked.options.clone();
            let id = options["allowCredentials"][0]["id"].take().as_str().unwrap().len();
            (options["challenge"].take().as_str().unwrap().len(), id, options)
        };
        assert_eq!(shape(&first), shape(&real));
        assert_eq!(site.not_signed_in(&first, &mut authenticator).await, WRONG);
    }
}

/// Sites where second factors are `mode`, and a passkey that recognises its user is two.
async fn sites_with_second_factors(mode: &str) -> Vec<Site> {
    let sites = sites().await;
    for site in &sites {
        let multi =
            json!({"RelyingPartyId": "localhost", "FactorConfiguration": "MULTI_FACTOR_WITH_USER_VERIFICATION"});
        let members = json!({
            "UserPoolId": site.pool, "MfaConfiguration": mode, "WebAuthnConfiguration": multi,
            "SmsMfaConfiguration": {"SmsConfiguration": {"SnsCallerArn": "arn:aws:iam::123456789012:role/sns"}},
        });
        site.call("SetUserPoolMfaConfig", members).await;
        let phone = json!([{"Name": "phone_number", "Value": "+15555550100"}]);
        site.call("AdminUpdateUserAttributes", with(&site.named("ann"), json!({"UserAttributes": phone}))).await;
    }
    sites
}

#[tokio::test]
async fn a_passkey_that_recognises_its_user_is_the_second_factor_too_where_the_user_wants_it() {
    let password_only = json!(["PASSWORD_SRP", "PASSWORD"]);
    for site in sites_with_second_factors("OPTIONAL").await {
        let access = site.tokens("ann").await.access;
        let prefer = |members: Value| with(&json!({"AccessToken": access}), members);
        let passkey = json!({"WebAuthnMfaSettings": {"Enabled": true}});
        assert_eq!(
            site.refused("SetUserMFAPreference", prefer(passkey.clone())).await,
            "InvalidParameterException: Another MFA method must be enabled beside passkeys."
        );
        let mut authenticator = site.passkey_of("ann").await;
        let asked = site.asked("ann").await;
        assert_eq!(asked.options["userVerification"], "required");
        site.signed_in(&asked, &mut authenticator).await;

        // With a second factor of hers the passkey alone will not do any more.
        let sms = json!({"SMSMfaSettings": {"Enabled": true}});
        site.call("SetUserMFAPreference", prefer(sms)).await;
        assert_eq!(site.available("ann").await, password_only);
        let output = site.call("InitiateAuth", site.password("ann", PASSWORD)).await;
        assert_eq!(output["ChallengeName"], "SMS_MFA");

        site.call("SetUserMFAPreference", prefer(passkey)).await;
        site.call("SetUserPoolMfaConfig", json!({"UserPoolId": site.pool, "MfaConfiguration": "ON"})).await;
        let asked = site.asked("ann").await;
        authenticator.recognises = false;
        assert_eq!(site.not_signed_in(&asked, &mut authenticator).await, WRONG);
        authenticator.recognises = true;
        let tokens = site.signed_in(&asked, &mut authenticator).await;
        site.call("GetUser", json!({"AccessToken": tokens.access})).await;

        // Switched off, it is asked for no more, and an answer on the way needs the second factor.
        let asked = site.asked("ann").await;
        site.call("SetUserMFAPreference", prefer(json!({"WebAuthnMfaSettings": {"Enabled": false}}))).await;
        let call = site.answering(&asked, &authenticator.get(&asked.options));
        assert_eq!(site.call("RespondToAuthChallenge", call).await["ChallengeName"], "SMS_MFA");
        assert_eq!(site.available("ann").await, password_only);
    }
}

#[tokio::test]
async fn passkeys_beside_a_required_second_factor_must_be_two() {
    let needs = "InvalidParameterException: WEB_AUTHN in AllowedFirstAuthFactors requires the FactorConfiguration \
                 MULTI_FACTOR_WITH_USER_VERIFICATION when MFA is required.";
    for site in sites().await {
        let required = json!({
            "UserPoolId": site.pool, "MfaConfiguration": "ON", "SoftwareTokenMfaConfiguration": {"Enabled": true},
        });
        assert_eq!(site.refused("SetUserPoolMfaConfig", required.clone()).await, needs);
        site.allow(&["PASSWORD"]).await;
        site.call("SetUserPoolMfaConfig", required.clone()).await;
        let policies = json!({"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}});
        let update = json!({"UserPoolId": site.pool, "MfaConfiguration": "ON", "Policies": policies});
        assert_eq!(site.refused("UpdateUserPool", update.clone()).await, needs);
        let multi = json!({"WebAuthnConfiguration": {"FactorConfiguration": "MULTI_FACTOR_WITH_USER_VERIFICATION"}});
        site.call("SetUserPoolMfaConfig", with(&required, multi)).await;
        site.call("UpdateUserPool", update).await;
        let single = json!({"WebAuthnConfiguration": {"FactorConfiguration": "SINGLE_FACTOR"}});
        assert_eq!(site.refused("SetUserPoolMfaConfig", with(&required, single)).await, needs);

        for id in ["com", "https://example.com", "127.0.0.1"] {
            let members = json!({"UserPoolId": site.pool, "WebAuthnConfiguration": {"RelyingPartyId": id}});
            assert_eq!(
                site.refused("SetUserPoolMfaConfig", members).await,
                format!("InvalidParameterException: {id} is not a domain that passkeys can be made for.")
            );
        }
    }
}

#[tokio::test]
async fn a_passkey_that_recognises_its_user_is_the_highest_level() {
    for site in sites().await {
        let mut authenticator = site.passkey_of("ann").await;
        let mut wish = site.choice("ann", Some("PASSWORD"));
        wish["AuthParameters"]["PASSWORD"] = json!(PASSWORD);
        wish["AuthParameters"]["TARGET_ACR_VALUES"] = json!("urn:cognito:loa:4");
        let output = site.call("InitiateAuth", wish).await;
        assert_eq!(output["ChallengeName"], "WEB_AUTHN", "{output}");
        let tokens = site.signed_in(&Asked::of("ann", &output), &mut authenticator).await;
        for token in [&tokens.id, &tokens.access] {
            let told = claims(token);
            assert_eq!(told["acr"], "urn:cognito:loa:4");
            assert_eq!(told["amr"], json!(["pwd", "hwk", "mfa"]));
        }
        // One that does not is asked once, and is told for what it is.
        site.person("bob").await;
        let mut authenticator = Authenticator::with(|one| one.recognises = false);
        site.register(&site.tokens("bob").await.access, &mut authenticator).await;
        authenticator.counter = 2;
        let mut wish = site.choice("bob", Some("WEB_AUTHN"));
        wish["AuthParameters"]["TARGET_ACR_VALUES"] = json!("urn:cognito:loa:4");
        let output = site.call("InitiateAuth", wish).await;
        let told = claims(&site.signed_in(&Asked::of("bob", &output), &mut authenticator).await.id);
        assert_eq!((&told["acr"], &told["amr"]), (&json!("urn:cognito:loa:1"), &json!(["hwk"])));
    }
}
