//! The sessions of a user: seen and ended by the user and by administrators, limited by the pool, and on the hosted pages for as
//! long as a client says.

use axum::{Router, body::Body};
use http::{Request, StatusCode};
use poolhouse::{oauth, pages, web::client_ip::ClientAddress};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{
    people::{NO_USER, PASSWORD, REVOKED, Site, Tokens, claims, sites, sites_with},
    town::{NO_POOL, NOWHERE, with},
};
use crate::app::encode;

const NO_SESSION: &str = "ResourceNotFoundException: Session does not exist.";
const OWN: &str = "InvalidParameterException: The session of the access token cannot be revoked.";
const CALLBACK: &str = "https://app.example/cb";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko Firefox/132.0";
const LITE: &str = "FeatureUnavailableInTierException: Session management is not available in the LITE tier.";

fn tracking(site: &Site, most: u32) -> Value {
    json!({"UserPoolId": site.pool, "UserSessionTracking": "ENABLED", "TokenSession": {"MaxPerUser": most}})
}

async fn sessions(site: &Site, access: &str) -> Vec<Value> {
    let listed = site.call("ListUserSessions", json!({"AccessToken": access})).await;
    assert_eq!(listed.get("NextToken"), None);
    listed["Sessions"].as_array().unwrap().clone()
}

/// The name of the session that the token belongs to.
async fn own(site: &Site, access: &str) -> String {
    let sessions = sessions(site, access).await;
    let mut current = sessions.iter().filter(|session| session["IsCurrentSession"] == true);
    let name = current.next().unwrap()["SessionId"].as_str().unwrap().to_owned();
    assert!(current.next().is_none());
    name
}

async fn lives(site: &Site, access: &str) -> bool {
    let (status, output) = site.send("GetUser", &json!({"AccessToken": access})).await;
    assert!(status == 200 || format!("{}: {}", output["__type"], output["message"]).contains("revoked"), "{output}");
    status == 200
}

#[tokio::test]
async fn every_sign_in_is_a_session_with_one_name_for_ever() {
    for site in sites().await {
        site.person("ann").await;
        let call = site.password("ann", PASSWORD);
        let (_, output) = site.send_from("203.0.113.7", Some(FIREFOX), ("InitiateAuth", &call)).await;
        let first = Tokens::of(&output);
        site.advance(7);
        let second = site.tokens("ann").await;
        let (one, two) = (own(&site, &first.access).await, own(&site, &second.access).await);
        assert_ne!(one, two);
        let form = |name: &str| {
            name.len() == 28
                && name.starts_with("tkn")
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        assert!(form(&one) && form(&two));
        let listed = sessions(&site, &first.access).await;
        assert_eq!(listed.len(), 2);
        let found = listed.iter().find(|session| session["SessionId"] == *one).unwrap();
        let expected = json!({
            "SessionId": one, "SessionType": "TOKEN", "ClientId": site.client, "CreateDate": 1_800_000_000.0,
            "LastActiveDate": 1_800_000_000.0, "DeviceType": "Firefox 132, Linux", "LastIPAddress": "203.0.113.7",
            "IsCurrentSession": true,
        });
        assert_eq!(*found, expected);
        let admin = site.call("AdminListUserSessions", site.named("ann")).await;
        let admin = admin["Sessions"].as_array().unwrap();
        assert_eq!(admin.len(), 2);
        assert!(admin.iter().all(|session| session["IsCurrentSession"] == false));
        site.advance(30 * 86_400 - 7);
        let now = site.tokens("ann").await;
        assert_eq!(sessions(&site, &now.access).await.len(), 2, "the first has expired");
    }
}

#[tokio::test]
async fn a_use_is_noted_where_the_pool_tracks_sessions() {
    for site in sites().await {
        site.person("ann").await;
        let tokens = site.tokens("ann").await;
        let last = async || sessions(&site, &tokens.access).await[0].clone();
        site.advance(60);
        site.call("InitiateAuth", site.refresh(&tokens.refresh)).await;
        assert_eq!(last().await["LastActiveDate"], json!(1_800_000_000.0));
        site.call("SetUserPoolSessionConfiguration", tracking(&site, 20)).await;
        site.call_from("203.0.113.9", "InitiateAuth", site.refresh(&tokens.refresh)).await;
        let seen = last().await;
        assert_eq!((&seen["LastActiveDate"], &seen["CreateDate"]), (&json!(1_800_000_060.0), &json!(1_800_000_000.0)));
        assert_eq!(seen["LastIPAddress"], json!("203.0.113.9"));
    }
}

#[tokio::test]
async fn a_user_ends_every_session_but_the_one_that_asks() {
    for site in sites().await {
        for name in ["ann", "bob"] {
            site.person(name).await;
        }
        let (mine, other) = (site.tokens("ann").await, site.tokens("ann").await);
        let bobs = site.tokens("bob").await;
        let revoke = |name: &str| json!({"AccessToken": mine.access, "SessionId": name});
        assert_eq!(site.refused("RevokeUserSession", revoke(&own(&site, &mine.access).await)).await, OWN);
        let bobs_name = own(&site, &bobs.access).await;
        assert_eq!(site.refused("RevokeUserSession", revoke(&bobs_name)).await, NO_SESSION);
        let name = own(&site, &other.access).await;
        assert_eq!(site.call("RevokeUserSession", revoke(&name)).await, json!({}));
        assert!(!lives(&site, &other.access).await && lives(&site, &mine.access).await);
        let gone = site.refused("InitiateAuth", site.refresh(&other.refresh)).await;
        assert_eq!(gone, "NotAuthorizedException: Refresh Token has been revoked");
        assert_eq!(sessions(&site, &mine.access).await.len(), 1);
        for unknown in [&*name, &format!("sso{}", &name[3..]), &format!("tkn{}", "z".repeat(25))] {
            assert_eq!(site.refused("RevokeUserSession", revoke(unknown)).await, NO_SESSION, "{unknown}");
        }

        let admin = |user: &str, name: &str| with(&site.named(user), json!({"SessionId": name}));
        assert_eq!(site.refused("AdminRevokeUserSession", admin("ann", &bobs_name)).await, NO_SESSION);
        assert_eq!(site.call("AdminRevokeUserSession", admin("bob", &bobs_name)).await, json!({}));
        assert_eq!(site.refused("GetUser", json!({"AccessToken": bobs.access})).await, REVOKED);
        assert_eq!(site.call("AdminListUserSessions", site.named("bob")).await, json!({"Sessions": []}));
        assert_eq!(site.refused("AdminRevokeUserSession", admin("nobody", &bobs_name)).await, NO_USER);
        assert_eq!(site.refused("AdminListUserSessions", site.named("nobody")).await, NO_USER);
        let nowhere = json!({"UserPoolId": NOWHERE, "Username": "ann", "SessionId": bobs_name});
        for operation in ["AdminRevokeUserSession", "AdminListUserSessions"] {
            assert_eq!(site.refused(operation, nowhere.clone()).await, NO_POOL, "{operation}");
        }
    }
}

#[tokio::test]
async fn many_sessions_have_pages() {
    for site in sites().await {
        site.person("ann").await;
        let mut access = String::new();
        for _ in 0..127 {
            access = site.tokens("ann").await.access;
        }
        let first = site.call("ListUserSessions", json!({"AccessToken": access})).await;
        assert_eq!(first["Sessions"].as_array().unwrap().len(), 125);
        let next = json!({"AccessToken": access, "NextToken": first["NextToken"]});
        let second = site.call("ListUserSessions", next).await;
        assert_eq!((second["Sessions"].as_array().unwrap().len(), &second["NextToken"]), (2, &Value::Null));
        let refusal = site.refused("ListUserSessions", json!({"AccessToken": access, "NextToken": "x"})).await;
        assert_eq!(refusal, "InvalidParameterException: Invalid pagination token");
    }
}

#[tokio::test]
async fn a_pools_configuration_is_kept_whatever_else_is_set() {
    for site in sites().await {
        let pool = json!({"UserPoolId": site.pool});
        let client = json!({"UserPoolId": site.pool, "ClientId": site.client});
        let off =
            json!({"UserPoolId": site.pool, "UserSessionTracking": "DISABLED", "TokenSession": {"MaxPerUser": 20}});
        assert_eq!(site.call("GetUserPoolSessionConfiguration", pool.clone()).await, off);
        let hour = with(&client, json!({"SSOSession": {"MaxValidityMinutes": 60}}));
        assert_eq!(site.call("GetUserPoolClientSessionConfiguration", client.clone()).await, hour);
        let minutes = with(&client, json!({"SSOSession": {"MaxValidityMinutes": 5}}));
        assert_eq!(
            site.refused("SetUserPoolClientSessionConfiguration", minutes.clone()).await,
            "OperationNotEnabledException: User session tracking is not enabled for this user pool."
        );
        let on = tracking(&site, 3);
        assert_eq!(site.call("SetUserPoolSessionConfiguration", on.clone()).await, on);
        assert_eq!(site.call("SetUserPoolClientSessionConfiguration", minutes.clone()).await, minutes);

        site.call("UpdateUserPool", with(&pool, json!({"MfaConfiguration": "OFF"}))).await;
        site.call("UpdateUserPoolClient", with(&client, json!({"ClientName": "again"}))).await;
        assert_eq!(site.call("GetUserPoolSessionConfiguration", pool.clone()).await, on);
        assert_eq!(site.call("GetUserPoolClientSessionConfiguration", client.clone()).await, minutes);
        site.call("DescribeUserPool", pool.clone()).await;
        site.call("DescribeUserPoolClient", client.clone()).await;

        for range in [0, 101] {
            let refusal = site.refused("SetUserPoolSessionConfiguration", tracking(&site, range)).await;
            assert!(refusal.starts_with("InvalidParameterException: "), "{refusal}");
        }
        let long = with(&client, json!({"SSOSession": {"MaxValidityMinutes": 129_601}}));
        let refusal = site.refused("SetUserPoolClientSessionConfiguration", long).await;
        assert!(refusal.starts_with("InvalidParameterException: "), "{refusal}");
        let elsewhere = with(&on, json!({"UserPoolId": NOWHERE}));
        assert_eq!(site.refused("SetUserPoolSessionConfiguration", elsewhere).await, NO_POOL);
        assert_eq!(site.refused("GetUserPoolSessionConfiguration", json!({"UserPoolId": NOWHERE})).await, NO_POOL);
        let nobody = with(&minutes, json!({"ClientId": "nobody"}));
        let unknown = "ResourceNotFoundException: User pool client nobody does not exist.";
        assert_eq!(site.refused("SetUserPoolClientSessionConfiguration", nobody.clone()).await, unknown);
        assert_eq!(site.refused("GetUserPoolClientSessionConfiguration", nobody).await, unknown);
    }
    for site in sites_with(json!({"UserPoolTier": "LITE"}), json!({})).await {
        assert_eq!(site.refused("SetUserPoolSessionConfiguration", tracking(&site, 3)).await, LITE);
        let minutes = json!({
            "UserPoolId": site.pool, "ClientId": site.client, "SSOSession": {"MaxValidityMinutes": 5},
        });
        assert_eq!(site.refused("SetUserPoolClientSessionConfiguration", minutes).await, LITE);
    }
}

#[tokio::test]
async fn beyond_the_limit_the_session_that_rested_longest_ends() {
    for site in sites().await {
        for name in ["ann", "bob"] {
            site.person(name).await;
        }
        let bobs = site.tokens("bob").await;
        let mut all = Vec::new();
        for _ in 0..4 {
            all.push(site.tokens("ann").await);
            site.advance(1);
        }
        site.call("SetUserPoolSessionConfiguration", tracking(&site, 3)).await;
        assert_eq!(sessions(&site, &all[0].access).await.len(), 4, "a lower limit ends nothing by itself");
        site.call("InitiateAuth", site.refresh(&all[0].refresh)).await;
        site.advance(1);
        let newest = site.tokens("ann").await;
        let mut alive = Vec::new();
        for tokens in &all {
            alive.push(lives(&site, &tokens.access).await);
        }
        assert_eq!(alive, [true, false, false, true], "the first was used after the others");
        assert_eq!(sessions(&site, &newest.access).await.len(), 3);
        assert!(lives(&site, &bobs.access).await);
        site.call("SetUserPoolSessionConfiguration", tracking(&site, 1)).await;
        let only = site.tokens("ann").await;
        assert_eq!(sessions(&site, &only.access).await.len(), 1);
        assert!(!lives(&site, &newest.access).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_sign_ins_keep_to_the_limit() {
    for site in sites().await {
        site.person("ann").await;
        site.call("SetUserPoolSessionConfiguration", tracking(&site, 2)).await;
        let site = std::sync::Arc::new(site);
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let site = std::sync::Arc::clone(&site);
            calls.spawn(async move { site.tokens("ann").await.access });
        }
        calls.join_all().await;
        let listed = site.call("AdminListUserSessions", site.named("ann")).await;
        assert_eq!(listed["Sessions"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn tokens_of_clients_that_cannot_revoke_name_their_session_where_it_is_tracked() {
    for site in sites_with(json!({}), json!({"EnableTokenRevocation": false})).await {
        site.person("ann").await;
        assert_eq!(claims(&site.tokens("ann").await.access)["origin_jti"], Value::Null);
        site.call("SetUserPoolSessionConfiguration", tracking(&site, 20)).await;
        let (mine, other) = (site.tokens("ann").await, site.tokens("ann").await);
        let name = own(&site, &other.access).await;
        site.call("RevokeUserSession", json!({"AccessToken": mine.access, "SessionId": name})).await;
        assert!(!lives(&site, &other.access).await);
    }
}

/// A browser on the hosted pages of a site.
struct Browser {
    router: Router,
    cookie: Option<String>,
}

struct Page {
    status: StatusCode,
    location: String,
    text: String,
}

impl Browser {
    fn new(site: &Site) -> Self {
        let app = std::sync::Arc::clone(&site.app);
        let router = oauth::router(std::sync::Arc::clone(&app)).merge(pages::router(app));
        Self { router, cookie: None }
    }

    async fn send(&mut self, request: http::request::Builder, body: String) -> Page {
        let request = request.header("user-agent", FIREFOX);
        let request = match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        };
        let mut request = request.body(Body::from(body)).unwrap();
        request.extensions_mut().insert(ClientAddress("203.0.113.5".parse().unwrap()));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let header = |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let (set, location, status) = (header("set-cookie"), header("location"), response.status());
        if let Some((pair, _)) = set.split_once(';') {
            self.cookie = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        Page { status, location, text: String::from_utf8(body.to_vec()).unwrap() }
    }

    async fn get(&mut self, path: &str) -> Page {
        self.send(Request::get(path), String::new()).await
    }

    async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        self.send(request, encode(form)).await
    }

    /// Signs in for this client, and takes the tokens for the code.
    async fn sign_in(&mut self, client: &str, name: &str) -> Value {
        let path = format!("/login?{}", query(client));
        let page = self.get(&path).await;
        let token = page.text.split_once("name=\"_csrf\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
        let form = [("_csrf", &*token), ("username", name), ("password", PASSWORD)];
        let reply = self.post(&path, &form).await;
        self.redeem(client, &reply).await
    }

    /// What the client is given without a question, if it is.
    async fn silently(&mut self, client: &str) -> Option<Value> {
        let reply = self.get(&format!("/oauth2/authorize?{}", query(client))).await;
        assert_eq!(reply.status, StatusCode::FOUND, "{}", reply.text);
        if reply.location.starts_with("/login") {
            return None;
        }
        Some(self.redeem(client, &reply).await)
    }

    async fn redeem(&mut self, client: &str, reply: &Page) -> Value {
        let code = reply.location.split_once("code=").unwrap_or_else(|| panic!("{} {}", reply.location, reply.text)).1;
        let form =
            [("grant_type", "authorization_code"), ("client_id", client), ("code", code), ("redirect_uri", CALLBACK)];
        let reply = self.post("/oauth2/token", &form).await;
        serde_json::from_str(&reply.text).unwrap()
    }
}

fn query(client: &str) -> String {
    encode(&[("client_id", client), ("response_type", "code"), ("redirect_uri", CALLBACK)])
}

async fn hosted_client(site: &Site) -> String {
    let members = json!({
        "CallbackURLs": [CALLBACK], "LogoutURLs": [CALLBACK], "AllowedOAuthFlows": ["code"],
        "AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthScopes": ["openid", "aws.cognito.signin.user.admin"],
    });
    site.another_client(members).await
}

fn access(tokens: &Value) -> &str {
    tokens["access_token"].as_str().unwrap()
}

#[tokio::test]
async fn a_sign_in_on_the_pages_is_a_session_from_which_others_come() {
    for site in sites().await {
        site.person("ann").await;
        let (one, two) = (hosted_client(&site).await, hosted_client(&site).await);
        let mut browser = Browser::new(&site);
        let first = browser.sign_in(&one, "ann").await;
        site.advance(60);
        let second = browser.silently(&two).await.unwrap();
        let listed = sessions(&site, access(&first)).await;
        let sso: Vec<_> = listed.iter().filter(|session| session["SessionType"] == "SSO").collect();
        assert_eq!(sso.len(), 1);
        let name = sso[0]["SessionId"].as_str().unwrap();
        let expected = json!({
            "SessionId": name, "SessionType": "SSO", "ClientId": one, "CreateDate": 1_800_000_000.0,
            "LastActiveDate": 1_800_000_000.0, "DeviceType": "Firefox 132, Linux", "LastIPAddress": "203.0.113.5",
            "IsCurrentSession": false,
        });
        assert_eq!(*sso[0], expected);
        let tokens = listed.iter().filter(|session| session["SessionType"] == "TOKEN");
        assert_eq!(tokens.filter(|session| session["OriginSessionId"] == *name).count(), 2);

        // Ending one token session leaves the browser signed in; ending what it is linked to does not.
        let api = site.tokens("ann").await;
        let call = |name: &str, associated: &str| json!({"AccessToken": api.access, "SessionId": name, "RevokeAssociatedSessions": associated});
        let name_of = async |tokens: &Value| own(&site, access(tokens)).await;
        site.call("RevokeUserSession", call(&name_of(&second).await, "NONE")).await;
        let third = browser.silently(&two).await.unwrap();
        site.call("RevokeUserSession", call(&name_of(&third).await, "LINKED")).await;
        assert!(browser.silently(&two).await.is_none());
        assert!(lives(&site, access(&first)).await);
        assert_eq!(site.refused("RevokeUserSession", call(name, "NONE")).await, NO_SESSION);
    }
}

#[tokio::test]
async fn ending_an_sso_session_ends_those_that_came_through_it_if_asked() {
    for site in sites().await {
        site.person("ann").await;
        let client = hosted_client(&site).await;
        let mut browser = Browser::new(&site);
        let name_of = async |tokens: &Value| {
            let listed = sessions(&site, access(tokens)).await;
            let own = listed.into_iter().find(|session| session["IsCurrentSession"] == true).unwrap();
            own["OriginSessionId"].as_str().unwrap().to_owned()
        };
        let tokens = browser.sign_in(&client, "ann").await;
        let sso = name_of(&tokens).await;
        let own = json!({"AccessToken": access(&tokens), "SessionId": sso, "RevokeAssociatedSessions": "LINKED"});
        assert_eq!(site.refused("RevokeUserSession", own).await, OWN);
        assert!(browser.silently(&client).await.is_some(), "nothing was ended");
        let none = with(&site.named("ann"), json!({"SessionId": sso}));
        site.call("AdminRevokeUserSession", none.clone()).await;
        assert!(browser.silently(&client).await.is_none() && lives(&site, access(&tokens)).await);
        assert_eq!(site.refused("AdminRevokeUserSession", none).await, NO_SESSION);

        let tokens = browser.sign_in(&client, "ann").await;
        let linked = json!({"SessionId": name_of(&tokens).await, "RevokeAssociatedSessions": "LINKED"});
        site.call("AdminRevokeUserSession", with(&site.named("ann"), linked)).await;
        assert!(browser.silently(&client).await.is_none() && !lives(&site, access(&tokens)).await);
    }
}

#[tokio::test]
async fn a_browser_that_signs_out_or_in_again_ends_its_session() {
    for site in sites().await {
        site.person("ann").await;
        let client = hosted_client(&site).await;
        let sso = async || {
            let listed = site.call("AdminListUserSessions", site.named("ann")).await;
            listed["Sessions"].as_array().unwrap().iter().filter(|session| session["SessionType"] == "SSO").count()
        };
        let mut browser = Browser::new(&site);
        browser.sign_in(&client, "ann").await;
        browser.sign_in(&client, "ann").await;
        assert_eq!(sso().await, 1);
        let out = encode(&[("client_id", &client), ("logout_uri", CALLBACK)]);
        assert_eq!(browser.get(&format!("/logout?{out}")).await.status, StatusCode::FOUND);
        assert_eq!(sso().await, 0);
    }
}

#[tokio::test]
async fn a_client_says_how_long_a_sign_in_on_the_pages_counts_for_it() {
    for site in sites().await {
        site.person("ann").await;
        let (strict, patient) = (hosted_client(&site).await, hosted_client(&site).await);
        let minutes = |client: &str, minutes: u32| json!({"UserPoolId": site.pool, "ClientId": client, "SSOSession": {"MaxValidityMinutes": minutes}});
        site.call("SetUserPoolSessionConfiguration", tracking(&site, 20)).await;
        site.call("SetUserPoolClientSessionConfiguration", minutes(&strict, 0)).await;
        site.call("SetUserPoolClientSessionConfiguration", minutes(&patient, 120)).await;
        let mut browser = Browser::new(&site);
        browser.sign_in(&strict, "ann").await;
        assert!(browser.silently(&strict).await.is_none());
        site.advance(7_199);
        assert!(browser.silently(&patient).await.is_some());
        site.advance(1);
        assert!(browser.silently(&patient).await.is_none());

        // Without tracking what was set rests, and an hour counts for everybody.
        let off = with(&tracking(&site, 20), json!({"UserSessionTracking": "DISABLED"}));
        site.call("SetUserPoolSessionConfiguration", off).await;
        browser.sign_in(&strict, "ann").await;
        assert!(browser.silently(&strict).await.is_some());
        site.advance(3_599);
        assert!(browser.silently(&patient).await.is_some());
        site.advance(1);
        assert!(browser.silently(&patient).await.is_none());
        site.call("SetUserPoolSessionConfiguration", tracking(&site, 20)).await;
        let kept =
            site.call("GetUserPoolClientSessionConfiguration", json!({"UserPoolId": site.pool, "ClientId": patient}));
        assert_eq!(kept.await["SSOSession"]["MaxValidityMinutes"], 120);
    }
}
