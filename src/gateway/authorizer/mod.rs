//! Who may pass. An authorizer returns a [`Principal`] or a [`Denial`]; the words of a denial are API Gateway's.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html>

mod explain;
mod fetch;
mod issuer;
mod jwks;
mod jwt;
mod lambda;
mod policy;
mod pools;
mod rest_jwt;
mod verdicts;

use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value};

pub use self::{explain::Check, fetch::UrlError, lambda::LambdaPrincipal, policy::PolicyError};
pub(super) use self::{
    fetch::{Fetcher, check_url},
    jwks::ForeignIssuer,
    jwt::{JwtAuthorizer, Source},
    lambda::{Kind as LambdaKind, LambdaAuthorizer, Lasting, api_arn, method_arn},
    policy::{Circumstances, Decision, Policy},
    pools::PoolsAuthorizer,
    rest_jwt::RestJwtAuthorizer,
};
use super::{exchange::Exchange, refusal::Refusal};
use crate::keys::jwt::VerifyingKey;

/// The issuers that live in this server. Their keys are never fetched over HTTP.
#[async_trait]
pub trait LocalIssuers: Send + Sync {
    /// The verifying keys of a pool; `None` when there is no such pool.
    async fn keys(&self, pool_id: &str) -> Option<Arc<KeySet>>;

    /// The same where nothing has to be waited for, and `None` where something has. Asked for each request.
    fn keys_at_hand(&self, pool_id: &str) -> Option<Arc<KeySet>>;

    /// Every `iss` that tokens of this pool may carry: the local form and the form of the service that templates name.
    fn issuers_of(&self, pool_id: &str) -> Vec<String>;

    /// The pool that is meant by an issuer URL, when it is one of ours in either form.
    fn pool_of_issuer(&self, issuer: &str) -> Option<String>;
}

/// The keys of an issuer at one time.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<VerifyingKey>,
    /// Keys of elliptic curves as they were published. Only REST APIs take their signatures.
    curves: Vec<Value>,
    version: u64,
}

impl KeySet {
    /// `version` must change whenever a key is added or removed: a token that was found valid stays so only while it does not.
    pub fn new(keys: impl IntoIterator<Item = VerifyingKey>, version: u64) -> Self {
        Self { keys: keys.into_iter().collect(), curves: Vec::new(), version }
    }

    pub(super) fn with_curves(self, curves: Vec<Value>) -> Self {
        Self { curves, ..self }
    }

    pub(super) fn curves(&self) -> &[Value] {
        &self.curves
    }

    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys of this id. There should be one; an issuer that uses an id twice is served as far as possible.
    pub(super) fn find(&self, kid: &str) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.iter().filter(move |key| key.kid() == Some(kid))
    }

    /// Whether a key of any kind has this id.
    pub(super) fn knows(&self, kid: &str) -> bool {
        self.find(kid).next().is_some() || self.curves.iter().any(|jwk| jwk.get("kid").is_some_and(|own| own == kid))
    }
}

/// Whom an authorizer let pass.
#[derive(Clone, Debug)]
pub enum Principal {
    Token(Bearer),
    Lambda(LambdaPrincipal),
    /// Of a REST API, which writes claims in another way.
    Pool(Bearer),
}

/// The one that a route names.
pub(super) enum Authorizer {
    Jwt(JwtAuthorizer),
    Lambda(LambdaAuthorizer),
    Pools(PoolsAuthorizer),
    RestJwt(RestJwtAuthorizer),
}

impl Authorizer {
    /// `scopes` are the route's, and `resource` is what the API's own policy says.
    pub(super) async fn authorize(
        &self,
        exchange: &Exchange<'_>,
        scopes: &[String],
        resource: Option<Decision>,
    ) -> Result<Principal, Refusal> {
        let head = &exchange.head;
        match self {
            Self::Jwt(jwt) => Ok(Principal::Token(jwt.authorize(&head.headers, &head.uri, scopes, exchange.at).await?)),
            Self::Lambda(lambda) => Ok(Principal::Lambda(lambda.authorize(exchange, resource).await?)),
            Self::RestJwt(jwt) => {
                Ok(Principal::Pool(jwt.authorize(&head.headers, &head.uri, scopes, exchange.at).await?))
            }
            Self::Pools(pools) => {
                Ok(Principal::Pool(pools.authorize(&head.headers, &head.uri, scopes, exchange.at).await?))
            }
        }
    }
}

/// Who a valid token speaks for.
#[derive(Clone, Debug)]
pub struct Bearer {
    pub(super) token: Arc<jwt::Verified>,
}

impl Bearer {
    /// The claims as they were signed.
    pub fn claims(&self) -> Map<String, Value> {
        self.token.claims()
    }

    /// The scopes of the token, in its order.
    pub fn scopes(&self) -> &[String] {
        &self.token.scopes
    }
}

/// Why a request may not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// No token where the authorizer looks for it.
    Missing,
    /// A token that does not hold; the text says why.
    Invalid(Cow<'static, str>),
    /// The issuer's keys cannot be had. Only who asks for it is told so.
    Unavailable(Cow<'static, str>),
    /// A good token without any of the scopes of the route.
    InsufficientScope { required: String },
}

impl Denial {
    pub(super) fn invalid(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(reason.into())
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Invalid(_) => StatusCode::UNAUTHORIZED,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::InsufficientScope { .. } => StatusCode::FORBIDDEN,
        }
    }

    /// The value of `www-authenticate`. Its parts are separated by spaces alone, as API Gateway writes it; RFC 6750 has commas,
    /// and no empty scope.
    pub(super) fn challenge(&self, rfc: bool) -> HeaderValue {
        let (scope, error, description) = match self {
            Self::Missing | Self::Unavailable(_) => return HeaderValue::from_static("Bearer"),
            Self::Invalid(reason) => ("", "invalid_token", &**reason),
            Self::InsufficientScope { required } => (&**required, "insufficient_scope", NO_SCOPE),
        };
        let (scope, description) = (quotable(scope), quotable(description));
        let text = match rfc {
            false => format!(r#"Bearer scope="{scope}" error="{error}" error_description="{description}""#),
            true if scope.is_empty() => format!(r#"Bearer error="{error}", error_description="{description}""#),
            true => format!(r#"Bearer error="{error}", error_description="{description}", scope="{scope}""#),
        };
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Bearer"))
    }
}

const NO_SCOPE: &str = "the token has none of the scopes of the route";

/// The text of `$context.authorizer.error`.
impl std::fmt::Display for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("missing: token not provided"),
            Self::Invalid(reason) => write!(f, "invalid_token: {reason}"),
            Self::Unavailable(reason) => f.write_str(reason),
            Self::InsufficientScope { .. } => write!(f, "insufficient_scope: {NO_SCOPE}"),
        }
    }
}

impl std::error::Error for Denial {}

/// What may stand inside a quoted string of a header field.
fn quotable(text: &str) -> Cow<'_, str> {
    let plain = |c: char| (c.is_ascii_graphic() || c == ' ') && c != '"' && c != '\\';
    if text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| plain(*c)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_can_be_written_as_the_rfc_has_them() {
        assert_eq!(Denial::Missing.challenge(true), "Bearer");
        let invalid = Denial::invalid("a").challenge(true);
        assert_eq!(invalid, r#"Bearer error="invalid_token", error_description="a""#);
        let scope = Denial::InsufficientScope { required: "a b".into() }.challenge(true);
        assert!(scope.to_str().unwrap().ends_with(r#", scope="a b""#), "{scope:?}");
    }

    #[test]
    fn challenges_are_written_as_the_service_writes_them() {
        assert_eq!(Denial::Missing.challenge(false), "Bearer");
        assert_eq!(
            Denial::invalid("the token does not have a valid audience").challenge(false),
            r#"Bearer scope="" error="invalid_token" error_description="the token does not have a valid audience""#
        );
        let challenge = Denial::InsufficientScope { required: "a b".into() }.challenge(false);
        assert!(challenge.to_str().unwrap().starts_with(r#"Bearer scope="a b" error="insufficient_scope" "#));
    }

    #[test]
    fn a_challenge_cannot_be_broken_by_its_text() {
        let challenge = Denial::invalid("a\"b\\c\r\nd: e").challenge(false);
        assert_eq!(challenge, r#"Bearer scope="" error="invalid_token" error_description="abcd: e""#);
    }

    #[test]
    fn the_log_names_the_kind_of_failure() {
        assert_eq!(Denial::Missing.to_string(), "missing: token not provided");
        assert_eq!(Denial::invalid("issuer does not match").to_string(), "invalid_token: issuer does not match");
    }
}
