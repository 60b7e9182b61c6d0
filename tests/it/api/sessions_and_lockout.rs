//! Wrong passwords are counted and bring a lock.

use std::sync::Arc;

use poolhouse::{
    domain::{User, mfa::Factor},
    flows::directory,
    store,
};
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    mfa::guarded,
    people::{PASSWORD, Site, TOO_OFTEN, Tokens, WRONG, sites, sites_with},
    town::with,
};

const LOCKED: &str = "NotAuthorizedException: Password attempts exceeded";

async fn stored(site: &Site, name: &str) -> User {
    let pool = directory::pool(&site.cx(), &site.pool).await.unwrap();
    let mut tx = site.app.store.read().await.unwrap();
    store::users::by_login(&mut tx, &pool, name).await.unwrap().unwrap()
}

async fn failures(site: &Site, name: &str) -> u32 {
    let user = stored(site, name).await;
    store::users::attempts(&mut site.app.store.read().await.unwrap(), &user).await.unwrap().failures
}

#[tokio::test]
async fn five_wrong_passwords_bring_a_lock_that_doubles() {
    for site in sites().await {
        site.person("ann").await;
        let wrong = || site.password("ann", "Wrong-1234");
        for _ in 0..5 {
            assert_eq!(site.refused("InitiateAuth", wrong()).await, WRONG);
        }
        for seconds in [1, 2, 4, 8] {
            assert_eq!(site.refused("InitiateAuth", site.password("ann", PASSWORD)).await, LOCKED);
            assert_eq!(site.refused("InitiateAuth", wrong()).await, LOCKED, "it does not lengthen the lock");
            site.app.clock.advance(std::time::Duration::from_millis(seconds * 1_000 - 1));
            assert_eq!(site.refused("InitiateAuth", wrong()).await, LOCKED);
            site.app.clock.advance(std::time::Duration::from_millis(1));
            assert_eq!(site.refused("InitiateAuth", wrong()).await, WRONG);
        }
        assert_eq!(failures(&site, "ann").await, 9);
        site.advance(900);
        assert!(site.opens("ann", PASSWORD).await);
        assert_eq!(failures(&site, "ann").await, 0);
        for _ in 0..4 {
            assert_eq!(site.refused("InitiateAuth", wrong()).await, WRONG);
        }
        assert!(site.opens("ann", PASSWORD).await, "a success forgets");
        for _ in 0..4 {
            assert_eq!(site.refused("InitiateAuth", wrong()).await, WRONG);
        }
        assert!(site.opens("ann", PASSWORD).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_wrong_passwords_at_once_are_counted_exactly() {
    for site in sites().await {
        site.person("ann").await;
        let site = Arc::new(site);
        let mut calls = JoinSet::new();
        for _ in 0..200 {
            let site = Arc::clone(&site);
            calls.spawn(async move { site.refused("InitiateAuth", site.password("ann", "Wrong-1234")).await });
        }
        let answers = calls.join_all().await;
        let looked_at = answers.iter().filter(|answer| *answer == WRONG).count();
        assert_eq!(looked_at, 5);
        assert!(answers.iter().all(|answer| answer == WRONG || answer == LOCKED));
        assert_eq!(failures(&site, "ann").await, 5);
    }
}

#[tokio::test]
async fn every_name_and_every_door_of_a_user_shares_one_counter() {
    let pool = json!({"AliasAttributes": ["email"], "UsernameConfiguration": {"CaseSensitive": false}});
    for site in sites_with(pool, json!({})).await {
        site.person("ann").await;
        let token = site.tokens("ann").await.access;
        let sub = stored(&site, "ann").await.sub;
        for name in ["ann", "ANN", "ann@example.com", sub.as_str()] {
            assert_eq!(site.refused("InitiateAuth", site.password(name, "Wrong-1234")).await, WRONG, "{name}");
        }
        let change = json!({"AccessToken": token, "PreviousPassword": "Wrong-1234", "ProposedPassword": "Other-1234"});
        assert_eq!(site.refused("ChangePassword", change.clone()).await, WRONG);
        for name in ["ann", "Ann@Example.com"] {
            assert_eq!(site.refused("InitiateAuth", site.password(name, PASSWORD)).await, LOCKED, "{name}");
        }
        assert_eq!(site.refused("ChangePassword", change).await, TOO_OFTEN, "in the words of this operation");
        assert_eq!(failures(&site, "ann").await, 5);
        site.call("GetUser", json!({"AccessToken": token})).await;
    }
}

/// Whoever guesses at somebody's password keeps them from their password for a while, and from nothing else.
#[tokio::test]
async fn a_lock_leaves_alone_whoever_is_in_and_every_other_way_in() {
    for site in guarded("OPTIONAL", &[Factor::Email]).await {
        let policies = json!({"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}});
        let update = json!({"UserPoolId": site.pool, "MfaConfiguration": "OPTIONAL", "Policies": policies,
                            "EmailConfiguration": super::mfa::every_factor()["EmailConfiguration"]});
        site.call("UpdateUserPool", update).await;
        site.person("ann").await;
        let tokens = site.tokens("ann").await;
        site.prefer("ann", json!({"EmailMfaSettings": {"Enabled": true}})).await;
        let asked = site.begin("ann").await;
        let code = site.code("ann@example.com").await;
        site.newcomer("eve", PASSWORD).await;
        let temporary = site.begin("eve").await;
        for name in ["ann", "eve"] {
            for _ in 0..5 {
                assert_eq!(site.refused("InitiateAuth", site.password(name, "Wrong-1234")).await, WRONG);
            }
            assert_eq!(site.refused("InitiateAuth", site.password(name, PASSWORD)).await, LOCKED);
        }
        // What was proven before stays proven: tokens, and sign-ins on their way.
        site.call("GetUser", json!({"AccessToken": tokens.access})).await;
        let refreshed = Tokens::of(&site.call("InitiateAuth", site.refresh(&tokens.refresh)).await);
        site.call("GetUser", json!({"AccessToken": refreshed.access})).await;
        let newer = json!({"ClientId": site.client, "RefreshToken": tokens.refresh});
        site.call("GetTokensFromRefreshToken", newer).await;
        let done = site.answer(&asked, "ann", json!({"EMAIL_OTP_CODE": code})).await;
        assert!(!Tokens::of(&done).access.is_empty());
        let done = site.answer(&temporary, "eve", json!({"NEW_PASSWORD": "Other-1234"})).await;
        assert!(!Tokens::of(&done).access.is_empty());
        // So does every way that is not the password.
        assert_eq!(site.refused("InitiateAuth", site.password("ann", PASSWORD)).await, LOCKED);
        site.prefer("ann", json!({"EmailMfaSettings": {"Enabled": false}})).await;
        let parameters = json!({"USERNAME": "ann", "PREFERRED_CHALLENGE": "EMAIL_OTP"});
        let choice = json!({"AuthFlow": "USER_AUTH", "ClientId": site.client, "AuthParameters": parameters});
        site.app.clock.advance(std::time::Duration::from_millis(1));
        let asked = site.call("InitiateAuth", choice).await;
        let code = site.code("ann@example.com").await;
        let done = site.answer(&asked, "ann", json!({"EMAIL_OTP_CODE": code})).await;
        assert!(!Tokens::of(&done).access.is_empty());
        assert_eq!(site.refused("InitiateAuth", site.password("ann", PASSWORD)).await, LOCKED);
        site.app.clock.advance(std::time::Duration::from_millis(1));
        site.call("ForgotPassword", site.by_client("ann")).await;
        let code = site.code("ann@example.com").await;
        let reset = json!({"ConfirmationCode": code, "Password": "Other-1234"});
        site.call("ConfirmForgotPassword", with(&site.by_client("ann"), reset)).await;
    }
}

#[tokio::test]
async fn no_lock_lasts_longer_than_a_quarter_of_an_hour() {
    for site in sites().await {
        site.person("ann").await;
        let wrong = || site.password("ann", "Wrong-1234");
        for _ in 0..5 {
            assert_eq!(site.refused("InitiateAuth", wrong()).await, WRONG);
        }
        // Somebody who guesses again the moment that they may, for hours.
        let mut lock = 1;
        for _ in 0..20 {
            site.advance(lock);
            assert_eq!(site.refused("InitiateAuth", wrong()).await, WRONG);
            lock = (2 * lock).min(900);
            // A lock of that length ends what it counted, too.
            if failures(&site, "ann").await < 5 {
                break;
            }
            site.advance(lock - 1);
            assert_eq!(site.refused("InitiateAuth", site.password("ann", PASSWORD)).await, LOCKED);
            site.app.clock.freeze(site.app.clock.now().minus(std::time::Duration::from_secs(lock - 1)));
        }
        assert_eq!(lock, 900);
        site.advance(900);
        assert!(site.opens("ann", PASSWORD).await);
    }
}
