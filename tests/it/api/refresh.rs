//! Refresh tokens: used, rotated, copied, revoked.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    people::{DISABLED, PASSWORD, REVOKED, Site, Tokens, claims, secret_hash, sites, sites_with},
    town::with,
};

const SECRET: &str = "9secret0secret0secret0secret0secret0secret0secret0s";
const INVALID: &str = "NotAuthorizedException: Invalid Refresh Token";
const GONE: &str = "NotAuthorizedException: Refresh Token has been revoked";
const REUSED: &str = "RefreshTokenReuseException: Refresh Token has been revoked";

fn renew(site: &Site, token: &str) -> Value {
    json!({"ClientId": site.client, "RefreshToken": token})
}

fn revoke(site: &Site, token: &str) -> Value {
    json!({"ClientId": site.client, "Token": token})
}

#[tokio::test]
async fn a_refresh_gives_new_tokens_of_the_same_sign_in() {
    for site in sites().await {
        site.person("ann").await;
        let tokens = site.tokens("ann").await;
        site.advance(100);
        let calls = [
            ("InitiateAuth", site.refresh(&tokens.refresh)),
            ("InitiateAuth", with(&site.refresh(&tokens.refresh), json!({"AuthFlow": "REFRESH_TOKEN"}))),
            ("AdminInitiateAuth", with(&site.refresh(&tokens.refresh), json!({"UserPoolId": site.pool}))),
            ("GetTokensFromRefreshToken", renew(&site, &tokens.refresh)),
        ];
        for (operation, call) in calls {
            let output = site.call(operation, call).await;
            assert!(output["AuthenticationResult"].get("RefreshToken").is_none(), "{operation}");
            let (old, new) = (claims(&tokens.access), claims(&Tokens::of(&output).access));
            assert_eq!((&old["origin_jti"], &old["auth_time"]), (&new["origin_jti"], &new["auth_time"]));
            assert_ne!(old["jti"], new["jti"]);
            assert_eq!(new["iat"].as_i64().unwrap(), old["iat"].as_i64().unwrap() + 100);
        }
    }
}

#[tokio::test]
async fn what_is_no_refresh_token_of_this_client_is_invalid() {
    for site in sites().await {
        site.person("ann").await;
        let tokens = site.tokens("ann").await;
        let mut flipped = tokens.refresh.clone().into_bytes();
        let last = flipped.len() - 3;
        flipped[last] = if flipped[last] == b'A' { b'B' } else { b'A' };
        let cut = &tokens.refresh[..tokens.refresh.len() - 1];
        let bogus = [
            String::from_utf8(flipped).unwrap(),
            cut.to_owned(),
            tokens.access.clone(),
            tokens.id.clone(),
            "a.b.c".into(),
        ];
        for token in &bogus {
            assert_eq!(site.refused("InitiateAuth", site.refresh(token)).await, INVALID);
            assert_eq!(site.refused("GetTokensFromRefreshToken", renew(&site, token)).await, format!("{INVALID}."));
        }
        let other = site.another_client(json!({})).await;
        let foreign = with(&site.refresh(&tokens.refresh), json!({"ClientId": other}));
        assert_eq!(site.refused("InitiateAuth", foreign).await, INVALID, "another client's");
        assert_eq!(
            site.refused("InitiateAuth", site.refresh("")).await,
            "InvalidParameterException: Missing required parameter REFRESH_TOKEN"
        );
        site.advance(30 * 86_400);
        assert_eq!(
            site.refused("InitiateAuth", site.refresh(&tokens.refresh)).await,
            "NotAuthorizedException: Refresh Token has expired"
        );
    }
}

#[tokio::test]
async fn a_client_with_a_secret_proves_itself_at_a_refresh() {
    for site in sites_with(json!({}), json!({"ClientSecret": SECRET})).await {
        site.person("ann").await;
        let hash = secret_hash(SECRET, "ann", &site.client);
        let mut call = site.password("ann", PASSWORD);
        call["AuthParameters"]["SECRET_HASH"] = json!(hash);
        let tokens = Tokens::of(&site.call("InitiateAuth", call).await);
        let with_hash = |hash: &str| {
            let mut call = site.refresh(&tokens.refresh);
            call["AuthParameters"]["SECRET_HASH"] = json!(hash);
            call
        };
        site.call("InitiateAuth", with_hash(&hash)).await;
        assert_eq!(
            site.refused("InitiateAuth", site.refresh(&tokens.refresh)).await,
            format!(
                "NotAuthorizedException: Client {} is configured with secret but SECRET_HASH was not received",
                site.client
            )
        );
        let wrong = secret_hash(SECRET, "ann@example.com", &site.client);
        assert_eq!(
            site.refused("InitiateAuth", with_hash(&wrong)).await,
            format!("NotAuthorizedException: SecretHash does not match for the client: {}", site.client)
        );

        for secret in [json!({}), json!({"ClientSecret": "9other0other0other0other0other"})] {
            let renewal =
                site.refused("GetTokensFromRefreshToken", with(&renew(&site, &tokens.refresh), secret.clone())).await;
            assert!(renewal.starts_with("NotAuthorizedException: "), "{renewal}");
            let revocation = site.refused("RevokeToken", with(&revoke(&site, &tokens.refresh), secret)).await;
            assert!(revocation.starts_with("UnauthorizedException: "), "{revocation}");
        }
        let secret = json!({"ClientSecret": SECRET});
        site.call("GetTokensFromRefreshToken", with(&renew(&site, &tokens.refresh), secret.clone())).await;
        assert_eq!(site.call("RevokeToken", with(&revoke(&site, &tokens.refresh), secret)).await, json!({}));
    }
}

#[tokio::test]
async fn a_user_who_may_not_come_in_may_not_refresh() {
    for site in sites().await {
        for name in ["ann", "bob", "eve"] {
            site.person(name).await;
        }
        let (ann, bob, eve) = (site.tokens("ann").await, site.tokens("bob").await, site.tokens("eve").await);
        site.call("AdminDisableUser", site.named("ann")).await;
        let disabled = site.refused("InitiateAuth", site.refresh(&ann.refresh)).await;
        assert!([DISABLED, GONE].contains(&disabled.as_str()), "{disabled}");
        site.call("AdminEnableUser", site.named("ann")).await;
        assert_eq!(
            site.refused("InitiateAuth", site.refresh(&ann.refresh)).await,
            GONE,
            "enabling brings nothing back"
        );
        site.call("AdminResetUserPassword", site.named("bob")).await;
        assert_eq!(
            site.refused("InitiateAuth", site.refresh(&bob.refresh)).await,
            "PasswordResetRequiredException: Password reset required for the user"
        );
        assert_eq!(site.refused("GetTokensFromRefreshToken", renew(&site, &bob.refresh)).await, GONE);
        site.call("AdminDeleteUser", site.named("eve")).await;
        assert_eq!(site.refused("InitiateAuth", site.refresh(&eve.refresh)).await, INVALID);
    }
}

#[tokio::test]
async fn revocation_takes_refresh_tokens_of_this_client_only() {
    for site in sites().await {
        site.person("ann").await;
        let (tokens, others) = (site.tokens("ann").await, site.tokens("ann").await);
        for wrong in [&tokens.access, &tokens.id] {
            let refusal = site.refused("RevokeToken", revoke(&site, wrong)).await;
            assert!(refusal.starts_with("UnsupportedTokenTypeException: "), "{refusal}");
        }
        let other = site.another_client(json!({})).await;
        let foreign = json!({"ClientId": other, "Token": tokens.refresh});
        assert_eq!(site.call("RevokeToken", foreign).await, json!({}));
        assert_eq!(site.call("RevokeToken", revoke(&site, "unknown")).await, json!({}));
        site.call("InitiateAuth", site.refresh(&tokens.refresh)).await;

        let unknown = json!({"ClientId": "0nobody0nobody0nobody0nobo", "Token": tokens.refresh});
        assert!(site.refused("RevokeToken", unknown).await.starts_with("UnauthorizedException: "));
        let off = site.another_client(json!({"EnableTokenRevocation": false})).await;
        let refusal = site.refused("RevokeToken", json!({"ClientId": off, "Token": tokens.refresh})).await;
        assert!(refusal.starts_with("UnsupportedOperationException: "), "{refusal}");

        for _ in 0..2 {
            assert_eq!(site.call("RevokeToken", revoke(&site, &tokens.refresh)).await, json!({}));
        }
        assert_eq!(site.refused("InitiateAuth", site.refresh(&tokens.refresh)).await, GONE);
        assert_eq!(site.refused("GetUser", json!({"AccessToken": tokens.access})).await, REVOKED);
        site.call("GetUser", json!({"AccessToken": others.access})).await;
    }
}

fn rotating(grace: u32) -> Value {
    json!({
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
        "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": grace},
    })
}

#[tokio::test]
async fn a_rotated_token_works_for_its_grace_and_no_longer() {
    for site in sites_with(json!({}), rotating(10)).await {
        site.person("ann").await;
        let first = site.tokens("ann").await.refresh;
        assert_eq!(
            site.refused("InitiateAuth", site.refresh(&first)).await,
            "InvalidParameterException: Auth flow not enabled for this client"
        );
        let second = Tokens::of(&site.call("GetTokensFromRefreshToken", renew(&site, &first)).await).refresh;
        assert!(!second.is_empty() && second != first);
        site.advance(9);
        site.call("GetTokensFromRefreshToken", renew(&site, &first)).await;
        site.advance(1);
        assert_eq!(site.refused("GetTokensFromRefreshToken", renew(&site, &first)).await, REUSED);
        let third = Tokens::of(&site.call("GetTokensFromRefreshToken", renew(&site, &second)).await).refresh;
        assert_eq!(site.refused("GetTokensFromRefreshToken", renew(&site, &first)).await, REUSED);
        // The end of the chain is the end of the first token.
        site.advance(30 * 86_400 - 10);
        assert_eq!(
            site.refused("GetTokensFromRefreshToken", renew(&site, &third)).await,
            "NotAuthorizedException: Refresh Token has expired"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_parallel_refreshes_one_chain_goes_on() {
    for grace in [0, 10] {
        for site in sites_with(json!({}), rotating(grace)).await {
            site.person("ann").await;
            let first = site.tokens("ann").await.refresh;
            let site = Arc::new(site);
            let mut calls = JoinSet::new();
            for _ in 0..16 {
                let (site, call) = (Arc::clone(&site), renew(&site, &first));
                calls.spawn(async move { site.send("GetTokensFromRefreshToken", &call).await });
            }
            let answers = calls.join_all().await;
            let winners: Vec<_> = answers.iter().filter(|(status, _)| *status == 200).collect();
            assert_eq!(winners.len(), if grace == 0 { 1 } else { 16 });
            let losers = answers.iter().filter(|(status, _)| *status != 200);
            for (_, body) in losers {
                assert_eq!(body["__type"], "RefreshTokenReuseException", "{body}");
            }
            // Past every grace one of the tokens given out goes on, and with it all the others end.
            site.advance(11);
            let mut alive = 0;
            for (_, output) in winners {
                let token = Tokens::of(output).refresh;
                let (status, _) = site.send("GetTokensFromRefreshToken", &renew(&site, &token)).await;
                site.advance(11);
                alive += u32::from(status == 200);
            }
            assert_eq!(alive, 1);
        }
    }
}
