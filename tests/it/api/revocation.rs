//! What ends a sign-in is seen by every operation that takes its access token, at once.

use poolhouse::{api::operations::OPERATIONS, model::MODEL};
use serde_json::{Value, json};

use super::{
    people::{DISABLED, NO_USER, PASSWORD, REVOKED, Site, Tokens, sites},
    town::with,
};
use crate::samples::{Size, sample};

/// Every built operation that is authorised by an access token alone, with a legal call of it.
fn operations() -> Vec<(&'static str, Value)> {
    let built = OPERATIONS.iter().filter(|operation| operation.is_built()).map(|operation| operation.name);
    let takes_token = |name: &&str| {
        let input = MODEL.shape(MODEL.operation(name).unwrap().input).unwrap();
        input.members.iter().any(|(member, _)| *member == "AccessToken")
    };
    let found: Vec<_> = built
        .filter(takes_token)
        .map(|name| (name, sample(MODEL.operation(name).unwrap().input, Size::Smallest)))
        .collect();
    assert!(found.len() >= 15, "{}", found.len());
    found
}

/// Each of them refuses the token in these words, or in its own where it has none of them.
async fn assert_refused(site: &Site, token: &str, refusals: &[&str]) {
    for (operation, input) in operations() {
        let refused = site.refused(operation, with(&input, json!({"AccessToken": token}))).await;
        assert!(refusals.contains(&&*refused), "{operation}: {refused}");
    }
}

async fn session_of(site: &Site, tokens: &Tokens) -> String {
    let listed = site.call("ListUserSessions", json!({"AccessToken": tokens.access})).await;
    let own = listed["Sessions"].as_array().unwrap().iter().find(|session| session["IsCurrentSession"] == true);
    own.unwrap()["SessionId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_sign_in_that_was_ended_is_ended_for_every_operation() {
    for site in sites().await {
        site.person("ann").await;
        let tokens = site.tokens("ann").await;
        site.call("RevokeToken", json!({"ClientId": site.client, "Token": tokens.refresh})).await;
        assert_refused(&site, &tokens.access, &[REVOKED]).await;

        let tokens = site.tokens("ann").await;
        let other = site.tokens("ann").await;
        let name = session_of(&site, &tokens).await;
        site.call("RevokeUserSession", json!({"AccessToken": other.access, "SessionId": name})).await;
        assert_refused(&site, &tokens.access, &[REVOKED]).await;

        let name = session_of(&site, &other).await;
        site.call("AdminRevokeUserSession", with(&site.named("ann"), json!({"SessionId": name}))).await;
        assert_refused(&site, &other.access, &[REVOKED]).await;
    }
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_token_of_the_user() {
    for site in sites().await {
        for name in ["ann", "bob"] {
            site.person(name).await;
        }
        let bobs = site.tokens("bob").await;
        // Tokens that name no grant are void by their age.
        let simple = site.another_client(json!({"EnableTokenRevocation": false})).await;
        for by_admin in [false, true] {
            let (one, two) = (site.tokens("ann").await, site.tokens("ann").await);
            let bare = Tokens::of(&site.call("InitiateAuth", site.password_at(&simple, "ann", PASSWORD)).await);
            if by_admin {
                site.call("AdminUserGlobalSignOut", site.named("ann")).await;
            } else {
                site.call("GlobalSignOut", json!({"AccessToken": one.access})).await;
            }
            for tokens in [&one, &two, &bare] {
                assert_refused(&site, &tokens.access, &[REVOKED]).await;
            }
            site.advance(1);
        }
        site.call("GetUser", json!({"AccessToken": bobs.access})).await;
    }
}

#[tokio::test]
async fn a_user_who_was_disabled_or_is_gone_does_nothing_more() {
    for site in sites().await {
        for name in ["ann", "bob"] {
            site.person(name).await;
        }
        let tokens = site.tokens("ann").await;
        site.call("AdminDisableUser", site.named("ann")).await;
        assert_refused(&site, &tokens.access, &[DISABLED]).await;
        site.call("AdminEnableUser", site.named("ann")).await;
        assert_refused(&site, &tokens.access, &[REVOKED]).await;

        let tokens = site.tokens("bob").await;
        site.call("DeleteUser", json!({"AccessToken": tokens.access})).await;
        // Where an operation declares no UserNotFoundException, the token counts as revoked.
        assert_refused(&site, &tokens.access, &[NO_USER, REVOKED]).await;
    }
}
