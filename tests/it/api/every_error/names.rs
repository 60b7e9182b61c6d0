//! Whom and what a call names: a malformed name, a pool, a client or a user that is not there, and tokens that are good no more.

use poolhouse::{
    domain::user::Status,
    flows,
    model::{MODEL, Shape},
    store,
};
use serde_json::{Value, json};

use crate::{
    api::{
        every_error::Report,
        people::{INVALID_TOKEN, NO_USER, REVOKED, Site, sites_with},
        town::{ACCOUNT, NO_POOL, NOWHERE, with},
    },
    samples::{Size, sample},
};

const PASSWORD_RESET: &str = "PasswordResetRequiredException: Password reset required for the user";
const NOT_CONFIRMED: &str = "UserNotConfirmedException: User is not confirmed.";
const NO_USER_FOR_CLIENT: &str = "UserNotFoundException: Username/client id combination not found.";
const NO_CLIENT: &str = "ResourceNotFoundException: User pool client none does not exist.";

/// What the protocol takes at most.
const MOST_BYTES: usize = 1 << 20;

/// A member of a request, one that is malformed, and what is said of it.
const MALFORMED: [(&str, &str, &str); 6] = [
    (
        "UserPoolId",
        "!",
        r"Value '!' at 'userPoolId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w-]+_[0-9a-zA-Z]+",
    ),
    (
        "AccessToken",
        "!",
        "Value at 'accessToken' failed to satisfy constraint: Member must satisfy regular expression pattern: [A-Za-z0-9-_=.]+",
    ),
    (
        "ClientId",
        "!",
        r"Value at 'clientId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+]+",
    ),
    (
        "PoolName",
        "!",
        r"Value '!' at 'poolName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w\s+=,.@-]+",
    ),
    (
        "Domain",
        " ",
        r"Value ' ' at 'domain' failed to satisfy constraint: Member must satisfy regular expression pattern: [\S]+",
    ),
    (
        "ResourceArn",
        "arn:aws:cognito-idp:us",
        r"Value 'arn:aws:cognito-idp:us' at 'resourceArn' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:[\w+=/,.@-]+:[\w+=/,.@-]+:([\w+=/,.@-]*)?:[0-9]+:[\w+=/,.@-]+(:[\w+=/,.@-]+)?(:[\w+=/,.@-]+)?",
    ),
];

pub(super) async fn ask() -> Report {
    let mut report = Report::default();
    let pool = json!({
        "UserPoolTier": "PLUS", "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}, "DeviceConfiguration": {},
        "AutoVerifiedAttributes": ["email"],
        "Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}},
    });
    for site in sites_with(pool, json!({})).await {
        site.person("ann").await;
        let token = site.tokens("ann").await.access;
        for (operation, _) in MODEL.operations() {
            malformed(&mut report, &site, operation, &token).await;
            nowhere(&mut report, &site, operation).await;
            first_of_all(&mut report, &site, operation).await;
        }
        tokens(&mut report, &site).await;
        report.note(&site);
    }
    report
}

fn shape_of(operation: &str, member: &str) -> Option<&'static Shape> {
    let input = MODEL.shape(MODEL.operation(operation).unwrap().input).unwrap();
    input.members.iter().find(|(name, _)| *name == member).and_then(|(_, shape)| MODEL.shape(shape))
}

fn has(operation: &str, member: &str) -> bool {
    shape_of(operation, member).is_some()
}

/// What the operation asks for though its shape does not.
fn further(operation: &str) -> Value {
    let identity =
        json!({"ProviderName": "Okta", "ProviderAttributeName": "Cognito_Subject", "ProviderAttributeValue": "1"});
    match operation {
        "AdminDisableProviderForUser" => json!({"User": identity}),
        "AdminLinkProviderForUser" => json!({"DestinationUser": identity, "SourceUser": identity}),
        "CreateTerms" => json!({"Links": {"cognito:default": "https://app.example/terms"}}),
        "UpdateManagedLoginBranding" => json!({"ManagedLoginBrandingId": "00000000-0000-4000-8000-000000000000"}),
        _ => json!({}),
    }
}

/// Settings that fit the shape and make no sense.
fn wrong(operation: &str) -> Value {
    match operation {
        "CreateIdentityProvider" => json!({"ProviderName": "Facebook", "ProviderType": "OIDC"}),
        "CreateManagedLoginBranding" | "UpdateManagedLoginBranding" => {
            json!({"UseCognitoProvidedValues": true, "Settings": {"a": 1}})
        }
        "CreateUserPoolDomain" => json!({"Domain": "-"}),
        "SetUserPoolMfaConfig" => json!({"MfaConfiguration": "ON", "SmsMfaConfiguration": {}}),
        "UpdateUserPoolClient" => json!({"AccessTokenValidity": 25, "TokenValidityUnits": {"AccessToken": "days"}}),
        _ => json!({}),
    }
}

/// The smallest call of the operation that names who and what is there.
fn call(site: &Site, operation: &str, token: &str) -> Value {
    let mut input = sample(MODEL.operation(operation).unwrap().input, Size::Smallest);
    let arn = format!("arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/{}", site.pool);
    let facts = [("UserPoolId", &*site.pool), ("ClientId", &*site.client), ("Username", "ann"), ("ResourceArn", &*arn)];
    for (name, value) in facts {
        if input.get(name).is_some() {
            input[name] = value.into();
        }
    }
    if has(operation, "AccessToken") {
        input["AccessToken"] = token.into();
    }
    with(&input, further(operation))
}

async fn malformed(report: &mut Report, site: &Site, operation: &str, token: &str) {
    let Some((name, value, text)) =
        MALFORMED.iter().find(|(name, ..)| shape_of(operation, name).is_some_and(|shape| shape.pattern.is_some()))
    else {
        return;
    };
    let call = with(&call(site, operation, token), json!({*name: value}));
    let expected = format!("InvalidParameterException: 1 validation error detected: {text}");
    report.refused(site, (operation, call), &expected).await;
}

async fn nowhere(report: &mut Report, site: &Site, operation: &str) {
    let call = call(site, operation, "");
    let nowhere = format!("arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/{NOWHERE}");
    let by_client = call.get("UserPoolId").is_none();
    let no_user = if by_client { NO_USER_FOR_CLIENT } else { NO_USER };
    for (member, value, expected) in [
        ("UserPoolId", NOWHERE, NO_POOL),
        ("ResourceArn", &*nowhere, NO_POOL),
        ("ClientId", "none", NO_CLIENT),
        ("Username", "nobody", no_user),
    ] {
        let exception = expected.split(':').next().unwrap();
        // The one makes users, the other wants to see a token first.
        let is_other = member == "Username" && ["SignUp", "UpdateAuthEventFeedback"].contains(&operation);
        if call.get(member).is_none() || !MODEL.declares(operation, exception) || is_other {
            continue;
        }
        let mut call = with(&call, json!({member: value}));
        if (operation, member) == ("AdminCreateUser", "Username") {
            call["MessageAction"] = "RESEND".into();
        }
        report.refused(site, (operation, call), expected).await;
    }
}

/// A call of which nothing is right: it is refused for the token, the pool or the client that it names, before the rest is looked at.
async fn first_of_all(report: &mut Report, site: &Site, operation: &str) {
    let mut call = sample(MODEL.operation(operation).unwrap().input, Size::Largest);
    let names =
        [("AccessToken", "a.b.c", INVALID_TOKEN), ("UserPoolId", NOWHERE, NO_POOL), ("ClientId", "none", NO_CLIENT)];
    let Some((member, value, expected)) = names.into_iter().find(|(member, ..)| has(operation, member)) else { return };
    // Settings as long as can be are no message any more.
    if call.to_string().len() > MOST_BYTES || operation == "RevokeToken" {
        call = with(&sample(MODEL.operation(operation).unwrap().input, Size::Smallest), further(operation));
    }
    call = with(&call, wrong(operation));
    call[member] = value.into();
    // Who is in the middle of a sign-in has no token yet.
    call.as_object_mut().unwrap().remove("Session");
    let expected =
        if operation == "RevokeToken" { "UnauthorizedException: Client is not authorized" } else { expected };
    report.refused(site, (operation, call), expected).await;
}

/// Tokens of users to whom something has happened.
async fn tokens(report: &mut Report, site: &Site) {
    let mut tokens = Vec::new();
    for name in ["gone", "reset", "unconfirmed"] {
        site.person(name).await;
        tokens.push(site.tokens(name).await.access);
    }
    site.call("AdminDeleteUser", site.named("gone")).await;
    site.call("AdminResetUserPassword", site.named("reset")).await;
    // No operation takes a confirmation back.
    let cx = site.cx();
    let (pool, mut user) = flows::users::find(&cx, &site.pool, "unconfirmed").await.unwrap();
    user.status = Status::Unconfirmed;
    let mut tx = site.app.store.begin().await.unwrap();
    assert!(store::users::update(&mut tx, &pool, &user).await.unwrap());
    tx.commit().await.unwrap();
    for (operation, _) in MODEL.operations().filter(|(operation, _)| has(operation, "AccessToken")) {
        let or_revoked = |exception: &str| {
            if MODEL.declares(operation, exception.split(':').next().unwrap()) {
                exception.to_owned()
            } else {
                REVOKED.to_owned()
            }
        };
        let states = [
            ("a.b.c", INVALID_TOKEN.to_owned()),
            (&*tokens[0], or_revoked(NO_USER)),
            (&*tokens[1], or_revoked(PASSWORD_RESET)),
            (&*tokens[2], or_revoked(NOT_CONFIRMED)),
        ];
        for (token, expected) in states {
            report.refused(site, (operation, call(site, operation, token)), &expected).await;
        }
    }
}
