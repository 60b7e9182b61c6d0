//! Wrong passwords are counted and bring a lock.

use std::sync::Arc;

use poolhouse::{domain::User, flows::directory, store};
use serde_json::json;
use tokio::task::JoinSet;

use super::people::{PASSWORD, Site, TOO_OFTEN, WRONG, sites, sites_with};

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
