//! Answers that must not tell who exists leave no sooner than a time in which either is done. What is measured here is that they
//! wait at all; whether it is enough, `benches/existence.rs` says.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    people::{PASSWORD, Site, sites_with},
    srp::Prover,
};

const LEAST: Duration = Duration::from_millis(50);

async fn time(site: &Site, operation: &str, input: Value) -> Duration {
    let began = Instant::now();
    let (status, output) = site.send(operation, &input).await;
    assert!(status < 500, "{output}");
    began.elapsed()
}

#[tokio::test]
async fn somebody_and_nobody_are_answered_after_the_same_time() {
    let members = json!({"PreventUserExistenceErrors": "ENABLED",
                         "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_USER_AUTH"]});
    for site in sites_with(json!({"AutoVerifiedAttributes": ["email"]}), members).await {
        site.person("ann").await;
        for name in ["ann", "nobody"] {
            let begin = |flow: &str, parameters: Value| {
                let mut parameters = parameters;
                parameters["USERNAME"] = name.into();
                json!({"AuthFlow": flow, "ClientId": site.client, "AuthParameters": parameters})
            };
            let guess = json!({"ClientId": site.client, "Username": name, "ConfirmationCode": "000000"});
            let mut password = guess.clone();
            password["Password"] = "Other-1234".into();
            for (operation, input) in [
                ("InitiateAuth", site.password(name, "Wrong-1234")),
                ("InitiateAuth", begin("USER_AUTH", json!({}))),
                ("ForgotPassword", site.by_client(name)),
                ("ConfirmForgotPassword", password),
                ("ResendConfirmationCode", site.by_client(name)),
                ("ConfirmSignUp", guess),
            ] {
                assert!(time(&site, operation, input).await >= LEAST, "{operation} of {name}");
            }
            let srp = begin("USER_SRP_AUTH", json!({"SRP_A": Prover::new().public()}));
            assert!(time(&site, "InitiateAuth", srp).await >= Duration::from_millis(10), "SRP of {name}");
        }
    }
}

#[tokio::test]
async fn whoever_has_proven_who_they_are_does_not_wait() {
    for site in sites_with(json!({}), json!({"PreventUserExistenceErrors": "ENABLED"})).await {
        site.person("ann").await;
        let mut fastest = Duration::MAX;
        for _ in 0..20 {
            fastest = fastest.min(time(&site, "InitiateAuth", site.password("ann", PASSWORD)).await);
        }
        assert!(fastest < LEAST, "{fastest:?}");
    }
}
