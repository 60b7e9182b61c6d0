//! The JWT authorizer: the order of its checks is API Gateway's.
//!
//! Token, algorithm, key id, signature, issuer, audience, times; then, per route, scopes. Whatever fails before the scopes is
//! 401, a missing scope is 403. ID and access tokens both pass: only `aud`, or `client_id` where there is no `aud`, is looked
//! at, never `token_use`. <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html>

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::{
    HeaderMap, Uri,
    header::{HeaderName, InvalidHeaderName},
};
use serde_json::{Map, Value};

use super::{Bearer, Denial, ForeignIssuer, KeySet, LocalIssuers, verdicts::Verdicts};
use crate::{
    config::api::{IdentitySource, Issuer},
    keys::jwt::{JwtError, Token, check_times},
    kit::clock::Time,
};

pub(in crate::gateway) struct JwtAuthorizer {
    pub(super) source: Source,
    issuer: TrustedIssuer,
    pub(super) audience: Vec<String>,
    pub(super) skew: Duration,
    issuers: Arc<dyn LocalIssuers>,
    verdicts: Verdicts,
}

/// Where the token stands.
#[derive(Debug)]
pub(in crate::gateway) enum Source {
    Header(HeaderName),
    Query(String),
}

enum TrustedIssuer {
    Pool(String),
    /// The pool is known once the URL was seen to be one of ours.
    Url {
        foreign: Arc<ForeignIssuer>,
        pool: OnceLock<String>,
    },
}

/// What is kept of a token that passed every check but the route's.
#[derive(Debug)]
pub(in crate::gateway) struct Verified {
    /// The claims as JSON text: smaller than the parsed form, and most routes do not need it.
    claims: Box<str>,
    pub(in crate::gateway) scopes: Vec<String>,
    /// `exp`, rounded down.
    expires: Time,
    /// The later one of `nbf` and `iat`, rounded up: a clock that was set back makes it count again.
    begins: Time,
    /// The key set that the signature was checked with.
    version: u64,
}

impl Verified {
    /// `version` is that of the keys that the signature was checked with.
    pub(super) fn of(claims: Map<String, Value>, version: u64) -> Self {
        Self {
            scopes: scopes(&claims),
            expires: moment(&claims, "exp", f64::floor).unwrap_or_default(),
            begins: moment(&claims, "nbf", f64::ceil).max(moment(&claims, "iat", f64::ceil)).unwrap_or_default(),
            claims: Value::Object(claims).to_string().into_boxed_str(),
            version,
        }
    }

    pub(super) fn claims(&self) -> Map<String, Value> {
        serde_json::from_str(&self.claims).unwrap_or_default()
    }

    pub(super) fn size(&self) -> usize {
        let scopes: usize = self.scopes.iter().map(|scope| scope.len() + size_of::<String>()).sum();
        self.claims.len() + scopes + size_of::<Self>() + 128
    }
}

impl JwtAuthorizer {
    /// `foreign` makes the other side of an issuer URL; it is asked while the URL is not one of this server's pools.
    pub(in crate::gateway) fn new<E>(
        config: &crate::config::api::JwtAuthorizer,
        source: Source,
        issuers: Arc<dyn LocalIssuers>,
        skew: Duration,
        foreign: impl FnOnce(&str) -> Result<Arc<ForeignIssuer>, E>,
    ) -> Result<Self, E> {
        let issuer = match &config.issuer {
            Issuer::Pool(pool) => TrustedIssuer::Pool(pool.clone()),
            Issuer::Url(url) => TrustedIssuer::Url { foreign: foreign(url)?, pool: OnceLock::new() },
        };
        let audience = config.audience.iter().map(|audience| audience.value.clone()).collect();
        Ok(Self { source, issuer, audience, skew, issuers, verdicts: Verdicts::new() })
    }

    /// `scopes` are the route's: one of them must be in the token, unless there are none.
    pub(in crate::gateway) async fn authorize(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
        scopes: &[String],
        now: Time,
    ) -> Result<Bearer, Denial> {
        let token = self.source.token(headers, uri)?;
        let verified = self.verify(&token, now).await?;
        if !scopes.is_empty() && !verified.scopes.iter().any(|scope| scopes.contains(scope)) {
            return Err(Denial::InsufficientScope { required: scopes.join(" ") });
        }
        Ok(Bearer { token: verified })
    }

    async fn verify(&self, token: &str, now: Time) -> Result<Arc<Verified>, Denial> {
        let hash = Verdicts::hash(token);
        if let Some(verified) = self.verdicts.get(&hash) {
            let current = self.keys(now).await?.version() == verified.version;
            if current && now < verified.expires.plus(self.skew) && verified.begins <= now.plus(self.skew) {
                return Ok(verified);
            }
            self.verdicts.forget(&hash);
        }
        let verified = Arc::new(self.verify_afresh(token, now).await?);
        self.verdicts.put(hash, Arc::clone(&verified));
        Ok(verified)
    }

    async fn verify_afresh(&self, token: &str, now: Time) -> Result<Verified, Denial> {
        let token = Token::parse(token).map_err(refused)?;
        token.algorithm().map_err(refused)?;
        let keys = self.keys_for(token.kid(), now).await?;
        verify_signature(&token, &keys)?;
        self.check_issuer(token.claims())?;
        self.check_audience(token.claims())?;
        check_times(token.claims(), now, self.skew, true).map_err(|error| Denial::invalid(error.to_string()))?;
        Ok(Verified::of(token.into_claims(), keys.version()))
    }

    /// The issuer's keys, as new as is needed to know this one.
    pub(super) async fn keys_for(&self, kid: &str, now: Time) -> Result<Arc<KeySet>, Denial> {
        let keys = self.keys(now).await?;
        if keys.find(kid).next().is_some() { Ok(keys) } else { Ok(self.keys_after_rotation(keys, now).await) }
    }

    pub(in crate::gateway) fn source(&self) -> &Source {
        &self.source
    }

    /// Every `iss` that counts.
    pub(super) fn accepted_issuers(&self) -> Vec<String> {
        match (self.pool(), &self.issuer) {
            (None, TrustedIssuer::Url { foreign, .. }) => vec![foreign.issuer().to_owned()],
            (pool, _) => self.issuers.issuers_of(pool.as_deref().unwrap_or_default()),
        }
    }

    /// The pool of this server that the issuer is, if it is one.
    fn pool(&self) -> Option<Cow<'_, str>> {
        match &self.issuer {
            TrustedIssuer::Pool(pool) => Some(Cow::Borrowed(pool)),
            TrustedIssuer::Url { pool, .. } if pool.get().is_some() => {
                pool.get().map(|pool| Cow::Borrowed(pool.as_str()))
            }
            TrustedIssuer::Url { foreign, pool } => {
                let found = self.issuers.pool_of_issuer(foreign.issuer())?;
                Some(Cow::Borrowed(pool.get_or_init(|| found)))
            }
        }
    }

    async fn keys(&self, now: Time) -> Result<Arc<KeySet>, Denial> {
        match (self.pool(), &self.issuer) {
            (None, TrustedIssuer::Url { foreign, .. }) => {
                foreign.keys(now).await.map_err(|error| Denial::invalid(error.to_string()))
            }
            (pool, _) => {
                let keys = self.issuers.keys(pool.as_deref().unwrap_or_default()).await;
                keys.ok_or_else(|| Denial::invalid("OIDC discovery endpoint communication error"))
            }
        }
    }

    /// A key id that is not known may be newer than the keys at hand. Our own keys are never old.
    async fn keys_after_rotation(&self, keys: Arc<KeySet>, now: Time) -> Arc<KeySet> {
        match (self.pool(), &self.issuer) {
            (None, TrustedIssuer::Url { foreign, .. }) => foreign.keys_after_rotation(keys, now).await,
            _ => keys,
        }
    }

    pub(super) fn check_issuer(&self, claims: &Map<String, Value>) -> Result<(), Denial> {
        let issuer = claims.get("iss").and_then(Value::as_str);
        let matches = match (self.pool(), &self.issuer) {
            (None, TrustedIssuer::Url { foreign, .. }) => issuer == Some(foreign.issuer()),
            (pool, _) => {
                let accepted = self.issuers.issuers_of(pool.as_deref().unwrap_or_default());
                issuer.is_some_and(|issuer| accepted.iter().any(|one| one == issuer))
            }
        };
        if matches { Ok(()) } else { Err(Denial::invalid("issuer does not match")) }
    }

    /// `client_id` counts only where there is no `aud` at all.
    pub(super) fn check_audience(&self, claims: &Map<String, Value>) -> Result<(), Denial> {
        let accepted = |value: &Value| value.as_str().is_some_and(|text| self.audience.iter().any(|one| one == text));
        let holds = match claims.get("aud") {
            Some(Value::Array(several)) => several.iter().any(accepted),
            Some(one) => accepted(one),
            None => claims.get("client_id").is_some_and(accepted),
        };
        if holds { Ok(()) } else { Err(Denial::invalid("the token does not have a valid audience")) }
    }
}

pub(super) fn verify_signature(token: &Token<'_>, keys: &KeySet) -> Result<(), Denial> {
    let mut outcome = Err(JwtError::UnknownKid);
    for key in keys.find(token.kid()) {
        outcome = key.verify(token);
        if outcome.is_ok() {
            break;
        }
    }
    outcome.map_err(refused)
}

impl Source {
    pub(in crate::gateway) fn new(config: &IdentitySource) -> Result<Self, InvalidHeaderName> {
        Ok(match config {
            IdentitySource::Header(name) => Self::Header(HeaderName::from_bytes(name.as_bytes())?),
            IdentitySource::Query(name) => Self::Query(name.clone()),
        })
    }

    /// The token, with or without the word `Bearer` before it. Two of them are none: nobody can say which one would count.
    pub(in crate::gateway) fn token<'r>(&self, headers: &'r HeaderMap, uri: &'r Uri) -> Result<Cow<'r, str>, Denial> {
        let (text, more) = match self {
            Self::Header(name) => {
                let mut values = headers.get_all(name).iter();
                let first = values.next().ok_or(Denial::Missing)?;
                let text = first.to_str().map_err(|_| refused(JwtError::Segments))?;
                (Cow::Borrowed(text), values.next().is_some())
            }
            Self::Query(name) => {
                let mut values = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
                    .filter_map(|(key, value)| (key == *name).then_some(value));
                (values.next().ok_or(Denial::Missing)?, values.next().is_some())
            }
        };
        if more {
            return Err(refused(JwtError::Segments));
        }
        match text {
            Cow::Borrowed(text) => Ok(Cow::Borrowed(without_scheme(text)?)),
            Cow::Owned(text) => Ok(Cow::Owned(without_scheme(&text)?.to_owned())),
        }
    }
}

fn without_scheme(text: &str) -> Result<&str, Denial> {
    let text = text.trim();
    let token = match text.split_once([' ', '\t']) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
        None if text.eq_ignore_ascii_case("bearer") => "",
        _ => text,
    };
    if token.is_empty() { Err(Denial::Missing) } else { Ok(token) }
}

/// `scp` when it says anything, else `scope`, as was measured on the service; each as words in a string or as a list.
pub(super) fn scopes(claims: &Map<String, Value>) -> Vec<String> {
    let words = |name| match claims.get(name) {
        Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let scopes: Vec<String> = words("scp");
    if scopes.is_empty() { words("scope") } else { scopes }
}

#[expect(clippy::cast_possible_truncation, reason = "a float becomes the nearest integer there is")]
fn moment(claims: &Map<String, Value>, name: &str, round: fn(f64) -> f64) -> Option<Time> {
    let seconds = claims.get(name)?.as_f64()?;
    Some(Time::from_millis(round(seconds * 1000.0) as i64))
}

fn refused(error: JwtError) -> Denial {
    Denial::invalid(error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn scopes_are_words_or_lists_and_scp_goes_first() {
        for (token, expected) in [
            (json!({"scope": "a  b "}), vec!["a", "b"]),
            (json!({"scope": ["a", "b c"]}), vec!["a", "b c"]),
            (json!({"scope": "a", "scp": "b c"}), vec!["b", "c"]),
            (json!({"scope": "a", "scp": ""}), vec!["a"]),
            (json!({"scope": "a", "scp": []}), vec!["a"]),
            (json!({"scp": ["b"]}), vec!["b"]),
            (json!({"scope": 7}), vec![]),
            (json!({}), vec![]),
        ] {
            assert_eq!(scopes(&claims(token.clone())), expected, "{token}");
        }
    }

    #[test]
    fn the_word_bearer_may_be_missing_or_written_in_any_case() {
        for text in ["a.b.c", "Bearer a.b.c", "bearer   a.b.c", "BEARER\ta.b.c", " a.b.c "] {
            assert_eq!(without_scheme(text).unwrap(), "a.b.c", "{text:?}");
        }
        for text in ["", "  ", "Bearer", "bearer "] {
            assert_eq!(without_scheme(text), Err(Denial::Missing), "{text:?}");
        }
        assert_eq!(without_scheme("Basic YTpi").unwrap(), "Basic YTpi");
    }

    #[test]
    fn two_tokens_are_none() {
        let mut headers = HeaderMap::new();
        headers.append("authorization", "a.b.c".parse().unwrap());
        headers.append("authorization", "a.b.c".parse().unwrap());
        let source = Source::Header(http::header::AUTHORIZATION);
        let uri = Uri::from_static("/?t=a%2Eb.c&t=d");
        assert!(matches!(source.token(&headers, &uri), Err(Denial::Invalid(_))));
        assert!(matches!(Source::Query("t".into()).token(&headers, &uri), Err(Denial::Invalid(_))));
        assert_eq!(Source::Query("T".into()).token(&headers, &uri), Err(Denial::Missing));
        let uri = Uri::from_static("/?t=Bearer+a%2Eb.c");
        assert_eq!(Source::Query("t".into()).token(&headers, &uri).unwrap(), "a.b.c");
    }
}
