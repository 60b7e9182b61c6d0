//! Signing in by choice: passwords, codes in their place, and straight from a sign-up.

use poolhouse::domain::mfa::Factor;
use serde_json::{Value, json};

use super::{
    mfa::{PHONE, guarded},
    people::{INVALID_SESSION, NO_USER, PASSWORD, Site, Tokens, WRONG, sites_with},
    srp::{NOW, Prover, proof},
    town::with,
};

const WRONG_CODE: &str = "CodeMismatchException: Invalid code or auth state for the user.";

fn policy() -> Value {
    json!({"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP", "SMS_OTP"]}})
}

/// Sites where codes take the place of passwords, with a client that hides who exists or does not.
async fn choosing(existence: &str) -> Vec<Site> {
    let client = json!({"ExplicitAuthFlows": ["ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
                        "PreventUserExistenceErrors": existence});
    sites_with(json!({"Policies": policy(), "AutoVerifiedAttributes": ["email"]}), client).await
}

impl Site {
    fn user_auth(&self, name: &str, parameters: Value) -> Value {
        json!({"AuthFlow": "USER_AUTH", "ClientId": self.client,
               "AuthParameters": with(&json!({"USERNAME": name}), parameters)})
    }

    /// Messages of one moment have no order, so this is a moment of its own.
    async fn choose(&self, name: &str, parameters: Value) -> Value {
        self.advance(1);
        self.call("InitiateAuth", self.user_auth(name, parameters)).await
    }
}

#[tokio::test]
async fn without_a_preference_the_choices_are_listed() {
    for site in choosing("LEGACY").await {
        site.person("ann").await;
        let asked = site.choose("ann", json!({})).await;
        assert_eq!(asked["ChallengeName"], "SELECT_CHALLENGE");
        assert_eq!(asked["AvailableChallenges"], json!(["PASSWORD_SRP", "PASSWORD", "EMAIL_OTP"]));
        assert_eq!(asked["ChallengeParameters"], json!({"USERNAME": "ann"}));
        // What the user does not have, or the pool does not allow, is answered with the choices too.
        for preferred in ["SMS_OTP", "WEB_AUTHN"] {
            let asked = site.choose("ann", json!({"PREFERRED_CHALLENGE": preferred})).await;
            assert_eq!(asked["ChallengeName"], "SELECT_CHALLENGE", "{preferred}");
        }
        let refused = site.answer_refused(&asked, "ann", json!({"ANSWER": "SMS_OTP"})).await;
        assert_eq!(refused, "InvalidParameterException: SMS_OTP is not among the available challenges.");
        assert_eq!(
            site.answer_refused(&asked, "ann", json!({})).await,
            "InvalidParameterException: Missing required parameter ANSWER"
        );

        let with_password = json!({"ANSWER": "PASSWORD", "PASSWORD": PASSWORD});
        assert!(!Tokens::of(&site.answer(&asked, "ann", with_password).await).access.is_empty());
    }
}

#[tokio::test]
async fn a_password_comes_with_the_first_call_or_when_it_is_asked_for() {
    for site in choosing("LEGACY").await {
        site.person("ann").await;
        let bundled = json!({"PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": PASSWORD});
        assert!(site.choose("ann", bundled.clone()).await["AuthenticationResult"].is_object());
        let wrong = with(&bundled, json!({"PASSWORD": "Wrong-1234"}));
        assert_eq!(site.refused("InitiateAuth", site.user_auth("ann", wrong)).await, WRONG);

        let asked = site.choose("ann", json!({"PREFERRED_CHALLENGE": "PASSWORD"})).await;
        assert_eq!(asked["ChallengeName"], "PASSWORD");
        assert_eq!(site.answer_refused(&asked, "ann", json!({"PASSWORD": "Wrong-1234"})).await, WRONG);
        let done = site.answer(&asked, "ann", json!({"PASSWORD": PASSWORD})).await;
        assert!(done["AuthenticationResult"].is_object());
    }
}

#[tokio::test]
async fn secure_remote_password_is_a_choice_too_and_keeps_its_session() {
    for site in choosing("LEGACY").await {
        site.person("ann").await;
        let srp_a = Prover::new().public();
        let asked = site.choose("ann", json!({"PREFERRED_CHALLENGE": "PASSWORD_SRP"})).await;
        assert_eq!(asked["ChallengeName"], "PASSWORD_SRP");
        let asked = site.answer(&asked, "ann", json!({"SRP_A": srp_a})).await;
        assert_eq!(asked["ChallengeName"], "PASSWORD_VERIFIER");
        let claim = proof(&site, PASSWORD, &asked["ChallengeParameters"], NOW);
        let mut lost = site.reply(&asked, "ann", claim.clone());
        lost.as_object_mut().unwrap().remove("Session");
        assert_eq!(site.refused("RespondToAuthChallenge", lost).await, INVALID_SESSION);
        assert!(site.answer(&asked, "ann", claim).await["AuthenticationResult"].is_object());

        let asked = site.choose("ann", json!({"PREFERRED_CHALLENGE": "PASSWORD_SRP", "SRP_A": srp_a})).await;
        assert_eq!(asked["ChallengeName"], "PASSWORD_VERIFIER");
        let claim = proof(&site, PASSWORD, &asked["ChallengeParameters"], NOW);
        assert!(site.answer(&asked, "ann", claim).await["AuthenticationResult"].is_object());
    }
}

#[tokio::test]
async fn a_code_takes_the_place_of_a_password() {
    for site in choosing("LEGACY").await {
        site.person("ann").await;
        site.give_phone("ann").await;
        let ways = [
            ("EMAIL_OTP", "EMAIL_OTP_CODE", "ann@example.com", "a***@e***"),
            ("SMS_OTP", "SMS_OTP_CODE", PHONE, "+*******0123"),
        ];
        for (challenge, key, address, shown) in ways {
            let asked = site.choose("ann", json!({"PREFERRED_CHALLENGE": challenge})).await;
            assert_eq!(
                (&asked["ChallengeName"], &asked["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"]),
                (&json!(challenge), &json!(shown))
            );
            assert_eq!(asked["AvailableChallenges"], json!(["PASSWORD_SRP", "PASSWORD", "EMAIL_OTP", "SMS_OTP"]));
            let code = site.code(address).await;
            assert_eq!(code.len(), 8);
            let first = if code.starts_with('0') { '1' } else { '0' };
            let wrong = format!("{first}{}", &code[1..]);
            assert_eq!(site.answer_refused(&asked, "ann", json!({key: wrong})).await, WRONG_CODE);
            assert!(site.answer(&asked, "ann", json!({key: code})).await["AuthenticationResult"].is_object());
        }
        // The code is for the address that it went to.
        let asked = site.choose("ann", json!({"PREFERRED_CHALLENGE": "EMAIL_OTP"})).await;
        let code = site.code("ann@example.com").await;
        let other = json!({"UserAttributes": [{"Name": "email", "Value": "new@example.com"}]});
        site.call("AdminUpdateUserAttributes", with(&site.named("ann"), other)).await;
        assert_eq!(site.answer_refused(&asked, "ann", json!({"EMAIL_OTP_CODE": code})).await, WRONG_CODE);
    }
}

#[tokio::test]
async fn an_address_that_nobody_has_proven_and_a_temporary_password_bring_no_codes() {
    for site in choosing("LEGACY").await {
        site.newcomer("new", PASSWORD).await;
        let asked = site.choose("new", json!({"PREFERRED_CHALLENGE": "EMAIL_OTP"})).await;
        assert_eq!(asked["AvailableChallenges"], json!(["PASSWORD_SRP", "PASSWORD"]));
        site.person("ann").await;
        let unproven = json!({"UserAttributes": [{"Name": "email_verified", "Value": "false"}]});
        site.call("AdminUpdateUserAttributes", with(&site.named("ann"), unproven)).await;
        let asked = site.choose("ann", json!({})).await;
        assert_eq!(asked["AvailableChallenges"], json!(["PASSWORD_SRP", "PASSWORD"]));
    }
}

#[tokio::test]
async fn a_code_is_no_way_around_a_second_factor() {
    for site in guarded("OPTIONAL", &[Factor::Totp]).await {
        let pool = json!({"UserPoolId": site.pool, "MfaConfiguration": "OPTIONAL", "Policies": policy()});
        site.call("UpdateUserPool", pool).await;
        site.person("ann").await;
        let choices = |asked: Value| asked["AvailableChallenges"].clone();
        assert_eq!(choices(site.choose("ann", json!({})).await), json!(["PASSWORD_SRP", "PASSWORD", "EMAIL_OTP"]));
        site.app_of(&site.tokens("ann").await.access).await;
        site.prefer("ann", json!({"SoftwareTokenMfaSettings": {"Enabled": true}})).await;
        assert_eq!(choices(site.choose("ann", json!({})).await), json!(["PASSWORD_SRP", "PASSWORD"]));
        let bundled = json!({"PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": PASSWORD});
        assert_eq!(site.choose("ann", bundled).await["ChallengeName"], "SOFTWARE_TOKEN_MFA");

        site.call("SetUserPoolMfaConfig", json!({"UserPoolId": site.pool, "MfaConfiguration": "ON"})).await;
        site.person("bob").await;
        assert_eq!(choices(site.choose("bob", json!({})).await), json!(["PASSWORD_SRP", "PASSWORD"]));
    }
}

#[tokio::test]
async fn nobody_is_treated_as_somebody_where_the_client_hides_who_exists() {
    for site in choosing("ENABLED").await {
        let by_mail = json!({"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}});
        site.call("UpdateUserPool", json!({"UserPoolId": site.pool, "Policies": by_mail})).await;
        site.person("ann").await;
        let shape = |asked: &Value| {
            let parameters = asked["ChallengeParameters"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
            (asked["ChallengeName"].clone(), asked["AvailableChallenges"].clone(), parameters)
        };
        for parameters in
            [json!({}), json!({"PREFERRED_CHALLENGE": "EMAIL_OTP"}), json!({"PREFERRED_CHALLENGE": "PASSWORD"})]
        {
            let ann = site.choose("ann", parameters.clone()).await;
            let nobody = site.choose("nobody", parameters).await;
            assert_eq!(shape(&ann), shape(&nobody));
        }
        let asked = site.choose("nobody", json!({"PREFERRED_CHALLENGE": "EMAIL_OTP"})).await;
        let again = site.choose("nobody", json!({"PREFERRED_CHALLENGE": "EMAIL_OTP"})).await;
        let shown = |asked: &Value| asked["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"].clone();
        assert_eq!(shown(&asked), shown(&again));
        assert_eq!(site.answer_refused(&asked, "nobody", json!({"EMAIL_OTP_CODE": "12345678"})).await, WRONG_CODE);
        let asked = site.choose("nobody", json!({"PREFERRED_CHALLENGE": "PASSWORD"})).await;
        assert_eq!(site.answer_refused(&asked, "nobody", json!({"PASSWORD": PASSWORD})).await, WRONG);
    }
    for site in choosing("LEGACY").await {
        assert_eq!(site.refused("InitiateAuth", site.user_auth("nobody", json!({}))).await, NO_USER);
    }
}

#[tokio::test]
async fn whoever_confirms_a_sign_up_is_signed_in_without_a_password() {
    for site in choosing("ENABLED").await {
        let mut sign_up = site.sign_up("ann");
        sign_up.as_object_mut().unwrap().remove("Password");
        let made = site.call("SignUp", sign_up).await;
        let confirm = with(
            &site.by_client("ann"),
            json!({"ConfirmationCode": site.code("ann@example.com").await, "Session": made["Session"]}),
        );
        let bogus = with(&confirm, json!({"Session": "x".repeat(40)}));
        assert_eq!(site.refused("ConfirmSignUp", bogus).await, INVALID_SESSION);
        let confirmed = site.call("ConfirmSignUp", confirm).await;
        let call = with(&site.user_auth("ann", json!({})), json!({"Session": confirmed["Session"]}));
        let early = with(&call, json!({"Session": made["Session"]}));
        assert!(site.refused("InitiateAuth", early).await.starts_with("NotAuthorizedException: Invalid session"));
        let other = with(&call, json!({"AuthParameters": {"USERNAME": "bob"}}));
        assert_eq!(site.refused("InitiateAuth", other).await, INVALID_SESSION);
        assert!(!Tokens::of(&site.call("InitiateAuth", call.clone()).await).access.is_empty());
        assert!(site.refused("InitiateAuth", call).await.ends_with("session can only be used once."));

        // From now on a code is the way in.
        let asked = site.choose("ann", json!({"PREFERRED_CHALLENGE": "EMAIL_OTP"})).await;
        assert_eq!(
            (&asked["ChallengeName"], &asked["AvailableChallenges"]),
            (&json!("EMAIL_OTP"), &json!(["EMAIL_OTP"]))
        );
        let code = site.code("ann@example.com").await;
        assert!(site.answer(&asked, "ann", json!({"EMAIL_OTP_CODE": code})).await["AuthenticationResult"].is_object());
    }
}

#[tokio::test]
async fn a_confirmation_without_a_session_signs_nobody_in() {
    for site in choosing("ENABLED").await {
        site.stranger("ann").await;
        let confirm = with(&site.by_client("ann"), json!({"ConfirmationCode": site.code("ann@example.com").await}));
        assert_eq!(site.call("ConfirmSignUp", confirm).await, json!({}));
    }
    for site in sites_with(json!({}), json!({})).await {
        let made = site.call("SignUp", site.sign_up("ann")).await;
        assert!(made.get("Session").is_none(), "this client does not sign in by choice");
    }
}

#[tokio::test]
async fn an_administrator_makes_users_who_need_no_password() {
    for site in choosing("LEGACY").await {
        let email = json!({"UserAttributes": [{"Name": "email", "Value": "ann@example.com"}]});
        site.call("AdminCreateUser", with(&site.named("ann"), email)).await;
        assert_eq!(site.status("ann").await, "CONFIRMED");
        let factors = site.call("AdminGetUserAuthFactors", site.named("ann")).await;
        assert_eq!(factors["ConfiguredUserAuthFactors"], json!(["EMAIL_OTP"]));
        let asked = site.choose("ann", json!({"PREFERRED_CHALLENGE": "EMAIL_OTP"})).await;
        let code = site.code("ann@example.com").await;
        assert!(site.answer(&asked, "ann", json!({"EMAIL_OTP_CODE": code})).await["AuthenticationResult"].is_object());
    }
}

#[tokio::test]
async fn whoever_has_no_password_signs_in_by_any_address_of_theirs() {
    for site in choosing("ENABLED").await {
        // An account of one's own, with both addresses.
        let addresses =
            json!([{"Name": "email", "Value": "ann@example.com"}, {"Name": "phone_number", "Value": PHONE}]);
        let mut sign_up = with(&site.sign_up("ann"), json!({ "UserAttributes": addresses }));
        sign_up.as_object_mut().unwrap().remove("Password");
        site.call("SignUp", sign_up.clone()).await;
        let unconfirmed = site.refused("InitiateAuth", site.user_auth("ann", json!({}))).await;
        assert_eq!(unconfirmed, "UserNotConfirmedException: User is not confirmed.");
        let code = json!({"ConfirmationCode": site.code("ann@example.com").await});
        site.call("ConfirmSignUp", with(&site.by_client("ann"), code)).await;
        // An administrator's user who has a telephone only.
        let phone =
            json!({"UserAttributes": [{"Name": "phone_number", "Value": "+15555550124"}], "MessageAction": "SUPPRESS"});
        site.call("AdminCreateUser", with(&site.named("bob"), phone)).await;
        assert_eq!(site.status("bob").await, "CONFIRMED");
        for (name, factor, address) in
            [("ann", "EMAIL_OTP", "ann@example.com"), ("ann", "SMS_OTP", PHONE), ("bob", "SMS_OTP", "+15555550124")]
        {
            let asked = site.choose(name, json!({"PREFERRED_CHALLENGE": factor})).await;
            assert_eq!(asked["ChallengeName"], factor, "{name}");
            let code = site.code(address).await;
            let done = site.answer(&asked, name, json!({ format!("{factor}_CODE"): code })).await;
            assert!(!Tokens::of(&done).access.is_empty(), "{name} {factor}");
        }
        // No password is theirs, not even an empty one.
        for parameters in [
            json!({"PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": PASSWORD}),
            json!({"PREFERRED_CHALLENGE": "PASSWORD"}),
        ] {
            assert_eq!(site.choose("bob", parameters).await["ChallengeName"], "SELECT_CHALLENGE");
        }
        assert_eq!(site.choose("bob", json!({})).await["AvailableChallenges"], json!(["SMS_OTP"]));
        // Without an address that a code could go to an account needs a password.
        sign_up["Username"] = json!("eve");
        sign_up.as_object_mut().unwrap().remove("UserAttributes");
        let refusal = site.refused("SignUp", sign_up).await;
        assert!(refusal.starts_with("InvalidP"), "{refusal}");
        site.call("AdminCreateUser", with(&site.named("eve"), json!({"MessageAction": "SUPPRESS"}))).await;
        assert_eq!(site.status("eve").await, "FORCE_CHANGE_PASSWORD");
    }
}

/// A code alone lets nobody in there, so nobody is left without a password either.
#[tokio::test]
async fn a_pool_that_asks_everybody_for_two_factors_makes_passwords() {
    for site in guarded("ON", &[Factor::Totp]).await {
        let pool = json!({"UserPoolId": site.pool, "MfaConfiguration": "ON", "Policies": policy(),
                          "AutoVerifiedAttributes": ["email"]});
        site.call("UpdateUserPool", pool).await;
        let email = json!({"UserAttributes": [{"Name": "email", "Value": "ann@example.com"}]});
        site.call("AdminCreateUser", with(&site.named("ann"), email)).await;
        assert_eq!(site.status("ann").await, "FORCE_CHANGE_PASSWORD");
        let mut sign_up = site.sign_up("bob");
        sign_up.as_object_mut().unwrap().remove("Password");
        let refusal = site.refused("SignUp", sign_up).await;
        assert!(refusal.starts_with("InvalidP"), "{refusal}");
    }
}
