use std::collections::BTreeSet;

use axum::body::Body;
use http::{HeaderMap, Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::{
    config::{self, Mode, database::Durability, hashing::Hashing, limits::Limits, server::Issuer},
    domain::{self, Asker, Error, error as domain_error, user::Status},
    flows::{Parts, Setup},
    functions::Functions,
    hooks::Hooks,
    keys::{compromised::Compromised, hashing::Hasher, seal::Sealer},
    kit::{
        clock::{Clock, Time},
        random::Random,
    },
    post::Post,
    store::Store,
};

/// Answers with what it was given; some names pick another ending.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetGroup {
    group_name: String,
    user_pool_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GroupOutput {
    group: Value,
}

impl Operation for GetGroup {
    type Output = GroupOutput;

    async fn run(self, cx: Cx) -> domain::Result<GroupOutput> {
        match self.group_name.as_str() {
            "absent" => Err(Error::NoSuchGroup),
            "broken" => Err(Error::Internal("the disk is full".into())),
            "unfit" => Ok(GroupOutput { group: json!({ "Unknown": 1 }) }),
            name => Ok(GroupOutput {
                group: json!({"GroupName": name, "UserPoolId": self.user_pool_id, "Description": *cx.region}),
            }),
        }
    }
}

#[derive(Deserialize)]
struct DeleteGroup {}

impl Operation for DeleteGroup {
    type Output = ();

    async fn run(self, _: Cx) -> domain::Result<()> {
        Ok(())
    }
}

static TABLE: &[Entry] = &[
    Entry::of::<GetGroup>("GetGroup"),
    Entry::of::<DeleteGroup>("DeleteGroup"),
    Entry::of::<operations::sign_in::InitiateAuth>("InitiateAuth"),
    Entry::not_built("ConfirmDevice"),
];

struct House {
    router: Router,
    _folder: tempfile::TempDir,
}

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Reply {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn error(&self) -> (String, Option<String>) {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        (body["__type"].as_str().unwrap().to_owned(), body["message"].as_str().map(str::to_owned))
    }
}

impl House {
    async fn build() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (clock, random) = (Clock::frozen(Time::from_seconds(1_767_683_289)), Random::seeded(1));
        let sealer = Sealer::new(&[7; 32], &random);
        let url = format!("sqlite:{}", folder.path().join("state.db").display());
        let store = Store::open(&url, Durability::Relaxed, sealer.clone()).await.unwrap();
        store.migrate().await.unwrap();
        let app = App::new(Parts {
            store,
            clock,
            random,
            sealer,
            hasher: Hasher::new(Hashing::DEVELOPMENT, 1).unwrap(),
            compromised: Compromised::default(),
            hooks: Hooks::new(Arc::new(Functions::load(&[] as &[config::function::Function]).unwrap())),
            post: Post::inbox(),
            setup: Setup {
                mode: Mode::Development,
                account_id: "123456789012".into(),
                region: "us-east-1".into(),
                public_url: "http://localhost:9229".into(),
                issuer: Issuer::Local,
                admin_keys: Vec::new(),
                limits: Limits::default(),
            },
        });
        Self { router: router_of(TABLE).with_state(Arc::new(app)), _folder: folder }
    }

    async fn send(&self, request: http::Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Reply { status: head.status, headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    async fn call(&self, operation: &str, body: impl Into<Body>) -> Reply {
        self.send(call(operation).body(body.into()).unwrap()).await
    }
}

fn call(operation: &str) -> http::request::Builder {
    http::Request::post("/")
        .header("X-Amz-Target", format!("AWSCognitoIdentityProviderService.{operation}"))
        .header("Content-Type", "application/x-amz-json-1.1; charset=utf-8")
        .header(
            "Authorization",
            "AWS4-HMAC-SHA256 Credential=any/20260106/eu-west-3/cognito-idp/aws4_request, SignedHeaders=host, Signature=00",
        )
}

fn group(name: &str) -> String {
    json!({"GroupName": name, "UserPoolId": "eu-west-3_AbCdEf123", "Unknown": true}).to_string()
}

fn error(name: &str, message: Option<&str>) -> (String, Option<String>) {
    (name.to_owned(), message.map(str::to_owned))
}

#[tokio::test]
async fn an_answer_has_the_services_headers() {
    let house = House::build().await;
    let reply = house.call("GetGroup", group("admin")).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    assert_eq!(
        serde_json::from_str::<Value>(&reply.body).unwrap(),
        json!({"Group": {"GroupName": "admin", "UserPoolId": "eu-west-3_AbCdEf123", "Description": "eu-west-3"}})
    );
    assert_eq!(reply.header("content-type"), "application/x-amz-json-1.1");
    assert_eq!(reply.header("x-amzn-requestid").len(), 36);
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    assert_eq!(
        reply.header("access-control-expose-headers"),
        "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date"
    );
}

#[tokio::test]
async fn an_operation_without_output_answers_nothing() {
    let reply = House::build().await.call("DeleteGroup", group("admin")).await;
    assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, ""));
}

#[tokio::test]
async fn errors_stand_in_the_body_and_in_the_headers() {
    let house = House::build().await;
    let reply = house.call("GetGroup", group("absent")).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(reply.body, r#"{"__type":"ResourceNotFoundException","message":"Group not found."}"#);
    assert_eq!(reply.header("x-amzn-errortype"), "ResourceNotFoundException:");
    assert_eq!(reply.header("x-amzn-errormessage"), "Group not found.");
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    let reply = house.call("GetGroup", r#"{"GroupName": "g", "UserPoolId": "bäd\r\n"}"#).await;
    assert_eq!(reply.error().0, "InvalidParameterException");
    assert!(
        reply.header("x-amzn-errormessage").starts_with("1 validation error detected: Value 'b?d  ' at 'userPoolId'")
    );
}

#[tokio::test]
async fn what_broke_inside_stays_inside() {
    let house = House::build().await;
    for name in ["broken", "unfit"] {
        let reply = house.call("GetGroup", group(name)).await;
        assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(reply.error(), error("InternalErrorException", Some("Something went wrong")));
    }
}

#[tokio::test]
async fn what_is_not_built_says_so_and_is_not_repeated() {
    let body = json!({"AccessToken": "abc", "DeviceKey": "us-east-1_0a"}).to_string();
    let reply = House::build().await.call("ConfirmDevice", body).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(reply.error(), error("NotImplementedException", Some("ConfirmDevice is not built yet in Poolhouse.")));
}

#[tokio::test]
async fn the_protocol_is_kept_or_refused() {
    let house = House::build().await;
    assert_eq!(house.call("NoSuch", "{}").await.error(), error("UnknownOperationException", None));
    let untargeted = http::Request::post("/").body(Body::from("{}")).unwrap();
    assert_eq!(house.send(untargeted).await.error(), error("UnknownOperationException", None));
    assert_eq!(house.call("GetGroup", "{").await.error(), error("SerializationException", None));
    assert_eq!(
        house.call("GetGroup", r#"{"GroupName": 1}"#).await.error(),
        error("SerializationException", Some("NUMBER_VALUE can not be converted to a String"))
    );
    let empty = house.call("GetGroup", "").await.error();
    assert!(empty.1.unwrap().starts_with("2 validation errors detected: Value null at "));
    let mut form = call("GetGroup").body(Body::from(group("g"))).unwrap();
    form.headers_mut().insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
    assert_eq!(house.send(form).await.error().0, "UnknownOperationException");
    let mut unsigned = call("GetGroup").body(Body::from(group("g"))).unwrap();
    unsigned.headers_mut().remove(header::AUTHORIZATION);
    assert_eq!(
        house.send(unsigned).await.error(),
        error("MissingAuthenticationTokenException", Some("Missing Authentication Token"))
    );
}

#[tokio::test]
async fn null_counts_as_absent_inside_maps_too() {
    let parameters = json!({"REFRESH_TOKEN": "t", "DEVICE_KEY": null});
    let body = json!({"ClientId": "nobody", "AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": parameters});
    let reply = House::build().await.call("InitiateAuth", body.to_string()).await;
    assert_eq!(reply.error().0, "ResourceNotFoundException");
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let house = House::build().await;
    let padded = |size: usize| format!("{}{}", group("g"), " ".repeat(size - group("g").len()));
    assert_eq!(house.call("GetGroup", padded(protocol::LARGEST_BODY)).await.status, StatusCode::OK);
    let reply = house.call("GetGroup", padded(protocol::LARGEST_BODY + 1)).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(reply.error().0, "RequestEntityTooLargeException");
}

#[tokio::test]
async fn browsers_may_call_from_anywhere() {
    let house = House::build().await;
    let ask = |asked: Option<&str>| {
        let request = http::Request::builder().method(Method::OPTIONS).uri("/");
        let request =
            asked.into_iter().fold(request, |request, asked| request.header("Access-Control-Request-Headers", asked));
        request.body(Body::empty()).unwrap()
    };
    let reply = house.send(ask(Some("x-amz-target,x-other"))).await;
    assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, ""));
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    assert!(reply.header("access-control-allow-methods").contains("POST"));
    assert_eq!(reply.header("access-control-allow-headers"), "x-amz-target,x-other");
    assert_eq!(reply.header("access-control-max-age"), "172800");
    assert_eq!(reply.header("access-control-allow-credentials"), "");
    let usual = house.send(ask(None)).await;
    assert!(usual.header("access-control-allow-headers").contains("x-amz-content-sha256"));
    let get = http::Request::get("/").body(Body::empty()).unwrap();
    assert_eq!(house.send(get).await.status, StatusCode::NOT_FOUND);
}

/// One of each variant, and of each inner variant that changes the name.
fn every_error() -> Vec<Error> {
    use domain_error::{
        AccessTokenFault, Existing, FactorFault, PasswordRule, PoolFault, RefreshTokenFault, SessionFault,
        WebAuthnFault,
    };
    let text = || "x".to_owned();
    let mut errors = vec![
        Error::NoSuchPool(text()),
        Error::NoSuchClient(text()),
        Error::NoSuchGroup,
        Error::NoSuchResourceServer(text()),
        Error::NoSuchClientSecret,
        Error::NoSuchUser,
        Error::NoSuchUserForClient,
        Error::GroupExists,
        Error::AccountExists("email"),
        Error::AliasExists("email"),
        Error::AliasConfirmed("email"),
        Error::ResourceServerExists { identifier: text(), pool: text() },
        Error::WrongCredentials,
        Error::UserDisabled,
        Error::UserNotConfirmed,
        Error::PasswordResetRequired,
        Error::PasswordAttemptsExceeded,
        Error::TemporaryPasswordExpired,
        Error::SecretHashMissing(text()),
        Error::SecretHashUnexpected(text()),
        Error::SecretHashWrong(text()),
        Error::SecretHashWrongAtRefresh(text()),
        Error::ClientSecretWrong(text()),
        Error::Session(SessionFault::Used),
        Error::AccessToken(AccessTokenFault::Expired),
        Error::RefreshToken(RefreshTokenFault::Invalid),
        Error::RefreshToken(RefreshTokenFault::Reused),
        Error::SignUpNotPermitted,
        Error::UnauthorizedAttribute,
        Error::AttributeProvided(text()),
        Error::CannotConfirm(Status::Confirmed),
        Error::CannotResetPassword,
        Error::AdministratorResetsPasswords,
        Error::CannotResendInvitation(text()),
        Error::CodeMismatch,
        Error::CodeExpired,
        Error::AttemptLimitExceeded,
        Error::TooManyRequests,
        Error::LimitExceeded(text()),
        Error::DeliveryFailed(text()),
        Error::CompromisedSignIn,
        Error::CompromisedPassword,
        Error::PasswordUsedBefore,
        Error::InvalidParameter(text()),
        Error::InvalidOAuthFlow(text()),
        Error::NoSuchScope(text()),
        Error::WrongTarget,
        Error::RevocationOff,
        Error::UnsupportedTokenType,
        Error::UnauthorizedClient,
        Error::HookThrew { trigger: "PreSignUp", message: text() },
        Error::HookAnswer("PreSignUp"),
        Error::HookNotJson("PreSignUp"),
        Error::HookUnavailable { trigger: "PreSignUp", reason: text() },
        Error::Internal(text()),
    ];
    errors.extend([Error::NoSuchDevice, Error::NotFound(text()), Error::UnsupportedProvider(text())]);
    errors.extend(
        [Existing::DeviceKey, Existing::Provider(text()), Existing::Branding, Existing::Terms].map(Error::Exists),
    );
    let factors = [
        FactorFault::Code,
        FactorFault::Totp,
        FactorFault::TotpUsed,
        FactorFault::TotpSetup,
        FactorFault::TotpOff,
        FactorFault::Missing,
    ];
    errors.extend(factors.map(Error::SecondFactor));
    let passkeys = [
        WebAuthnFault::NotEnabled,
        WebAuthnFault::ConfigurationMissing,
        WebAuthnFault::ChallengeNotFound,
        WebAuthnFault::ClientMismatch,
        WebAuthnFault::RelyingPartyMismatch,
        WebAuthnFault::OriginNotAllowed,
        WebAuthnFault::CredentialNotSupported,
    ];
    errors.extend(passkeys.map(Error::WebAuthn));
    let pools = [
        PoolFault::ImportInProgress,
        PoolFault::AddOnOff,
        PoolFault::Tier(text()),
        PoolFault::TierChange(text()),
        PoolFault::Configuration(text()),
        PoolFault::Tagging(text()),
        PoolFault::Conflict,
        PoolFault::Precondition(text()),
        PoolFault::NotEnabled(text()),
    ];
    errors.extend(pools.map(Error::PoolState));
    for asker in [Asker::SignUp, Asker::User, Asker::Administrator] {
        errors.push(Error::UsernameExists(asker));
        errors.push(Error::PasswordPolicy { rule: PasswordRule::Length, asker });
    }
    errors
}

#[test]
fn every_error_has_a_name_that_the_service_declares() {
    let declared: BTreeSet<_> = MODEL.operations().flat_map(|(_, facts)| facts.errors.iter().copied()).collect();
    for error in every_error() {
        let exception = error::exception(&error);
        assert!(declared.contains(exception.name), "{error:?}: {}", exception.name);
        assert!(exception.message.is_some_and(|message| !message.is_empty()), "{error:?}");
        assert_eq!(exception.status.is_server_error(), matches!(error, Error::Internal(_)), "{error:?}");
    }
    assert_eq!(error::exception(&Error::NotBuilt("SAML".into())).name, "NotImplementedException");
    assert!(Fault::NAMES.iter().all(|name| !declared.contains(name)));
}

#[test]
fn the_words_depend_on_who_asks() {
    let text = |error: Error| error::exception(&error).message.unwrap();
    let rule = domain_error::PasswordRule::Length;
    assert_eq!(
        text(Error::PasswordPolicy { rule, asker: Asker::SignUp }),
        "Password did not conform with policy: Password not long enough"
    );
    assert_eq!(
        text(Error::PasswordPolicy { rule, asker: Asker::Administrator }),
        "Password does not conform to policy: Password not long enough"
    );
    assert_eq!(text(Error::UsernameExists(Asker::SignUp)), "User already exists");
    assert_eq!(text(Error::UsernameExists(Asker::Administrator)), "User account already exists");
    assert_eq!(
        text(Error::HookThrew { trigger: "PreSignUp", message: "no".into() }),
        "PreSignUp failed with error no."
    );
    assert_eq!(text(Error::CannotConfirm(Status::Confirmed)), "User cannot be confirmed. Current status is CONFIRMED");
}

#[test]
fn shared_shapes_fit_the_model() {
    let time = Time::from_millis(1_726_784_814_598);
    assert_eq!(json!(shapes::Timestamp(time)).to_string(), "1726784814.598");
    let group = domain::Group {
        pool_id: "eu-west-3_AbCdEf123".into(),
        name: "g".into(),
        description: None,
        role_arn: None,
        precedence: Some(3),
        created_at: time,
        modified_at: time,
    };
    let output = json!({ "Group": shapes::GroupType::from(group) });
    assert_eq!(MODEL.output_faults("GetGroup", &output), Vec::<String>::new());
    let delivery = domain::code::Delivery::to(domain::code::Medium::Email, "frank@example.com");
    let output = json!({ "CodeDeliveryDetails": shapes::CodeDeliveryDetails::from(delivery) });
    assert_eq!(MODEL.output_faults("ForgotPassword", &output), Vec::<String>::new());
    assert_eq!(output["CodeDeliveryDetails"]["AttributeName"], "email");
}

#[tokio::test]
async fn a_pool_of_another_region_does_not_exist_for_a_call() {
    let house = House::build().await;
    let reply = house.call("GetGroup", r#"{"GroupName": "g", "UserPoolId": "us-east-1_AbCdEf123"}"#).await;
    let expected = error("ResourceNotFoundException", Some("User pool us-east-1_AbCdEf123 does not exist."));
    assert_eq!((reply.status, reply.error()), (StatusCode::BAD_REQUEST, expected));
}

#[tokio::test]
async fn in_development_a_page_of_another_machine_administers_nothing() {
    let house = House::build().await;
    let from = async |origin: &str| {
        let request = call("GetGroup").header("Origin", origin).body(group("admin").into()).unwrap();
        house.send(request).await
    };
    for origin in ["http://localhost:3000", "http://127.0.0.1:8080", "http://app.localhost"] {
        assert_eq!(from(origin).await.status, StatusCode::OK, "{origin}");
    }
    for origin in ["https://evil.example", "http://localhost.evil.example", "null"] {
        assert_eq!(from(origin).await.error().0, "UnrecognizedClientException", "{origin}");
    }
}

/// The body of a client that says nothing more.
struct Silence;

impl http_body::Body for Silence {
    type Data = axum::body::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_given_up() {
    let (head, body) = call("GetGroup").body(Body::new(Silence)).unwrap().into_parts();
    let fault = protocol::read(&head, body, protocol::largest_body("ListUsers")).await.unwrap_err();
    assert_eq!((fault.clone(), fault.exception().status), (Fault::Slow, StatusCode::REQUEST_TIMEOUT));
}
