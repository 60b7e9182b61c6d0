//! A pool with a client and people in it, and what they do all day.

use std::{ops::Deref, time::Duration};

use aws_lc_rs::hmac;
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use poolhouse::store;
use serde_json::{Value, json};

use super::town::{Town, towns, with};

pub(super) const PASSWORD: &str = "Right-1234";
pub(super) const WRONG: &str = "NotAuthorizedException: Incorrect username or password.";
pub(super) const NO_USER: &str = "UserNotFoundException: User does not exist.";
pub(super) const DISABLED: &str = "NotAuthorizedException: User is disabled.";
pub(super) const REVOKED: &str = "NotAuthorizedException: Access Token has been revoked";
pub(super) const INVALID_TOKEN: &str = "NotAuthorizedException: Invalid Access Token";
pub(super) const UNAUTHORIZED_ATTRIBUTE: &str =
    "NotAuthorizedException: A client attempted to write unauthorized attribute";
pub(super) const CODE_MISMATCH: &str = "CodeMismatchException: Invalid verification code provided, please try again.";
pub(super) const CODE_EXPIRED: &str = "ExpiredCodeException: Invalid code provided, please request a code again.";
pub(super) const INVALID_SESSION: &str = "NotAuthorizedException: Invalid session for the user.";
pub(super) const TOO_OFTEN: &str = "LimitExceededException: Attempt limit exceeded, please try after some time.";

/// A town with one pool and one public client to which every flow is open.
pub(super) struct Site {
    pub(super) town: Town,
    pub(super) pool: String,
    pub(super) client: String,
}

impl Deref for Site {
    type Target = Town;

    fn deref(&self) -> &Town {
        &self.town
    }
}

pub(super) async fn sites() -> Vec<Site> {
    sites_with(json!({}), json!({})).await
}

/// Sites whose pool and client have these members too.
pub(super) async fn sites_with(pool: Value, client: Value) -> Vec<Site> {
    let mut sites = Vec::new();
    for town in towns().await {
        sites.push(Site::at(town, pool.clone(), client.clone()).await);
    }
    sites
}

pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) id: String,
    pub(super) refresh: String,
}

impl Tokens {
    pub(super) fn of(output: &Value) -> Self {
        let text = |name: &str| output["AuthenticationResult"][name].as_str().unwrap_or_default().to_owned();
        Self { access: text("AccessToken"), id: text("IdToken"), refresh: text("RefreshToken") }
    }
}

impl Site {
    pub(super) async fn at(town: Town, pool: Value, client: Value) -> Self {
        let pool = town.call("CreateUserPool", with(&json!({"PoolName": "example"}), pool)).await;
        let pool = pool["UserPool"]["Id"].as_str().unwrap().to_owned();
        let mut site = Self { town, pool, client: String::new() };
        site.client = site.another_client(client).await;
        site
    }

    pub(super) async fn another_client(&self, members: Value) -> String {
        let usual = json!({
            "UserPoolId": self.pool, "ClientName": "web", "PreventUserExistenceErrors": "LEGACY",
            "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH",
                                  "ALLOW_REFRESH_TOKEN_AUTH"],
        });
        let made = self.call("CreateUserPoolClient", with(&usual, members)).await;
        made["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned()
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.app.clock.advance(Duration::from_secs(seconds));
    }

    /// A user as administrators name one.
    pub(super) fn named(&self, username: &str) -> Value {
        json!({"UserPoolId": self.pool, "Username": username})
    }

    /// A confirmed user with a verified e-mail address and the usual password.
    pub(super) async fn person(&self, name: &str) {
        self.newcomer(name, PASSWORD).await;
        self.set_password(name, PASSWORD).await;
    }

    /// A user who has to change a temporary password.
    pub(super) async fn newcomer(&self, name: &str, password: &str) {
        let email = json!([{"Name": "email", "Value": format!("{name}@example.com")},
                           {"Name": "email_verified", "Value": "true"}]);
        let members = json!({"MessageAction": "SUPPRESS", "TemporaryPassword": password, "UserAttributes": email});
        self.call("AdminCreateUser", with(&self.named(name), members)).await;
    }

    pub(super) async fn set_password(&self, name: &str, password: &str) {
        let members = json!({"Password": password, "Permanent": true});
        assert_eq!(self.call("AdminSetUserPassword", with(&self.named(name), members)).await, json!({}));
    }

    /// A user who has signed up and not confirmed it.
    pub(super) async fn stranger(&self, name: &str) {
        self.call("SignUp", self.sign_up(name)).await;
    }

    pub(super) fn sign_up(&self, name: &str) -> Value {
        let email = json!([{"Name": "email", "Value": format!("{name}@example.com")}]);
        json!({"ClientId": self.client, "Username": name, "Password": PASSWORD, "UserAttributes": email})
    }

    /// A sign-up operation's input.
    pub(super) fn by_client(&self, name: &str) -> Value {
        json!({"ClientId": self.client, "Username": name})
    }

    pub(super) fn password(&self, name: &str, password: &str) -> Value {
        self.password_at(&self.client, name, password)
    }

    pub(super) fn password_at(&self, client: &str, name: &str, password: &str) -> Value {
        let parameters = json!({"USERNAME": name, "PASSWORD": password});
        json!({"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": client, "AuthParameters": parameters})
    }

    pub(super) async fn tokens(&self, name: &str) -> Tokens {
        Tokens::of(&self.call("InitiateAuth", self.password(name, PASSWORD)).await)
    }

    /// Whether this password lets the user in.
    pub(super) async fn opens(&self, name: &str, password: &str) -> bool {
        let (status, output) = self.send("InitiateAuth", &self.password(name, password)).await;
        assert!(status < 500, "{output}");
        status == 200
    }

    pub(super) fn refresh(&self, token: &str) -> Value {
        let parameters = json!({"REFRESH_TOKEN": token});
        json!({"AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": self.client, "AuthParameters": parameters})
    }

    /// The code of the newest message to an address. Messages of the same moment have no order.
    pub(super) async fn code(&self, address: &str) -> String {
        let mut tx = self.app.store.read().await.unwrap();
        let found = store::messages::newest(&mut tx, Some(address), 1).await.unwrap();
        found.into_iter().next().and_then(|message| message.code).unwrap_or_else(|| panic!("nothing to {address}"))
    }

    pub(super) async fn status(&self, name: &str) -> String {
        let user = self.call("AdminGetUser", self.named(name)).await;
        user["UserStatus"].as_str().unwrap().to_owned()
    }

    pub(super) async fn attribute(&self, user: &str, name: &str) -> Option<String> {
        let user = self.call("AdminGetUser", self.named(user)).await;
        attribute(&user["UserAttributes"], name)
    }
}

pub(super) fn attribute(list: &Value, name: &str) -> Option<String> {
    let found = list.as_array().unwrap().iter().find(|attribute| attribute["Name"] == name);
    found.map(|attribute| attribute["Value"].as_str().unwrap().to_owned())
}

/// Another code of six digits.
pub(super) fn other_code(code: &str) -> String {
    let last = if code.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &code[..5])
}

pub(super) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Base64(HMAC-SHA256(secret, username + client id)).
pub(super) fn secret_hash(secret: &str, username: &str, client: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    BASE64_STANDARD.encode(hmac::sign(&key, format!("{username}{client}").as_bytes()))
}
