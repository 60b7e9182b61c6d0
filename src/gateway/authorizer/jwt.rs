//! The JWT authorizer: the order of its checks is API Gateway's.
//!
//! Token, algorithm, key id, signature, issuer, audience, times; then, per route, scopes. Whatever fails before the scopes is
//! 401, a missing scope is 403. ID and access tokens both pass: only `aud`, or `client_id` where there is no `aud`, is looked
//! at, never `token_use`, unless the configuration asks for more than the service can. <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html>

use std::{borrow::Cow, sync::Arc, time::Duration};

use http::{
    HeaderMap, Uri,
    header::{HeaderName, InvalidHeaderName},
};
use memchr::memchr2;
use serde_json::{Map, Value};

use super::{Bearer, Denial, ForeignIssuer, KeySet, LocalIssuers, issuer::TrustedIssuer, verdicts::Verdicts};
use crate::{
    config::api::{Beyond, IdentitySource},
    keys::jwt::{JwtError, Token, check_times},
    kit::clock::Time,
};

pub(in crate::gateway) struct JwtAuthorizer {
    pub(super) source: Source,
    issuer: TrustedIssuer,
    others: Vec<TrustedIssuer>,
    pub(super) audience: Vec<String>,
    /// What is asked for beyond the service's checks.
    demands: Beyond,
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
    /// Whose keys those are: the authorizer's own issuer, or the one of this place among its others.
    other: Option<usize>,
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
            other: None,
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
        mut foreign: impl FnMut(&str) -> Result<Arc<ForeignIssuer>, E>,
    ) -> Result<Self, E> {
        let issuer = TrustedIssuer::new(&config.issuer, &mut foreign)?;
        let others = config.beyond.additional_issuers.iter();
        let others = others.map(|other| TrustedIssuer::new(&other.value, &mut foreign)).collect::<Result<_, _>>()?;
        let audience = config.audience.iter().map(|audience| audience.value.clone()).collect();
        let demands = config.beyond.clone();
        Ok(Self { source, issuer, others, audience, demands, skew, issuers, verdicts: Verdicts::new() })
    }

    /// `scopes` are the route's: one of them must be in the token, unless there are none.
    pub(in crate::gateway) async fn authorize(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
        scopes: &[String],
        now: Time,
    ) -> Result<Bearer, Denial> {
        let token = self.source.bytes(headers, uri)?;
        let verified = self.verify(&token, now).await?;
        if !scopes.is_empty() && !verified.scopes.iter().any(|scope| scopes.contains(scope)) {
            return Err(Denial::InsufficientScope { required: scopes.join(" ") });
        }
        Ok(Bearer { token: verified })
    }

    async fn verify(&self, token: &[u8], now: Time) -> Result<Arc<Verified>, Denial> {
        let Some(code) = self.verdicts.code(token) else {
            return self.verify_afresh(readable(token)?, now).await.map(Arc::new);
        };
        if let Some(verified) = self.verdicts.get(&code) {
            let issuer = verified.other.and_then(|at| self.others.get(at)).unwrap_or(&self.issuer);
            let keys = issuer.keys(&*self.issuers, now).await.map_err(|denial| self.unavailable(denial))?;
            let current = keys.version() == verified.version;
            if current && now < verified.expires.plus(self.skew) && verified.begins <= now.plus(self.skew) {
                return Ok(verified);
            }
            self.verdicts.forget(&code);
        }
        let verified = Arc::new(self.verify_afresh(readable(token)?, now).await?);
        self.verdicts.put(code, Arc::clone(&verified));
        Ok(verified)
    }

    async fn verify_afresh(&self, token: &str, now: Time) -> Result<Verified, Denial> {
        let token = Token::parse(token).map_err(refused)?;
        token.algorithm().map_err(refused)?;
        if token.is_for_logout() {
            return Err(Denial::invalid(FOR_LOGOUT));
        }
        let (other, issuer) = self.trusted(token.claims());
        let keys = issuer.keys_for(token.kid(), &*self.issuers, now).await;
        let keys = keys.map_err(|denial| self.unavailable(denial))?;
        verify_signature(&token, &keys)?;
        self.check_issuer(token.claims())?;
        self.check_audience(token.claims())?;
        check_times(token.claims(), now, self.skew, true).map_err(|error| Denial::invalid(error.to_string()))?;
        self.check_demands(token.claims())?;
        Ok(Verified { other, ..Verified::of(token.into_claims(), keys.version()) })
    }

    /// Who is said to have made the token: one of the others, or else the authorizer's own issuer, whose keys will tell.
    fn trusted(&self, claims: &Map<String, Value>) -> (Option<usize>, &TrustedIssuer) {
        let issuer = claims.get("iss").and_then(Value::as_str);
        let other = self.others.iter().position(|other| other.is(issuer, &*self.issuers));
        (other, other.and_then(|at| self.others.get(at)).unwrap_or(&self.issuer))
    }

    /// Keys that cannot be had make no token bad, but the service says so.
    fn unavailable(&self, denial: Denial) -> Denial {
        match denial {
            Denial::Unavailable(reason) if !self.demands.unavailable_is_503 => Denial::Invalid(reason),
            other => other,
        }
    }

    /// The keys of the token's issuer, as new as is needed to know this one.
    pub(super) async fn keys_for(&self, token: &Token<'_>, now: Time) -> Result<Arc<KeySet>, Denial> {
        let (_, issuer) = self.trusted(token.claims());
        let keys = issuer.keys_for(token.kid(), &*self.issuers, now).await;
        keys.map_err(|denial| self.unavailable(denial))
    }

    pub(in crate::gateway) fn source(&self) -> &Source {
        &self.source
    }

    /// Every `iss` that counts.
    pub(super) fn accepted_issuers(&self) -> Vec<String> {
        let all = std::iter::once(&self.issuer).chain(&self.others);
        all.flat_map(|issuer| issuer.accepted(&*self.issuers)).collect()
    }

    pub(super) fn check_issuer(&self, claims: &Map<String, Value>) -> Result<(), Denial> {
        let issuer = claims.get("iss").and_then(Value::as_str);
        let mut all = std::iter::once(&self.issuer).chain(&self.others);
        let matches = all.any(|one| one.is(issuer, &*self.issuers));
        if matches { Ok(()) } else { Err(Denial::invalid("issuer does not match")) }
    }

    /// What the configuration asks for beyond the service: the kind of the token, and claims with their values.
    pub(super) fn check_demands(&self, claims: &Map<String, Value>) -> Result<(), Denial> {
        let Beyond { require_token_use, required_claims, .. } = &self.demands;
        let says = |claim: &Value, wanted: &str| match claim {
            Value::String(text) => text == wanted,
            Value::Number(number) => number.to_string() == wanted,
            Value::Bool(truth) => truth.to_string() == wanted,
            _ => false,
        };
        let holds = |claim: &Value, wanted: &String| match claim {
            Value::Array(items) => items.iter().any(|item| says(item, wanted)),
            one => says(one, wanted),
        };
        if let Some(wanted) = require_token_use
            && !claims.get("token_use").is_some_and(|claim| says(claim, wanted))
        {
            return Err(Denial::invalid(format!("the token is no {wanted} token")));
        }
        for (name, values) in required_claims {
            let claim = claims.get(name).filter(|claim| !claim.is_null());
            if !claim.is_some_and(|claim| values.is_empty() || values.iter().any(|wanted| holds(claim, wanted))) {
                return Err(Denial::invalid(format!("the token does not have the claim {name} that is asked for")));
            }
        }
        Ok(())
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

pub(super) const FOR_LOGOUT: &str = "the token is for a logout";

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
        match self.bytes(headers, uri)? {
            Cow::Borrowed(bytes) => readable(bytes).map(Cow::Borrowed),
            Cow::Owned(bytes) => Ok(Cow::Owned(readable(&bytes)?.to_owned())),
        }
    }

    /// The same before anybody has read it: who knows the token already need not.
    fn bytes<'r>(&self, headers: &'r HeaderMap, uri: &'r Uri) -> Result<Cow<'r, [u8]>, Denial> {
        let (text, more) = match self {
            Self::Header(name) => {
                let mut values = headers.get_all(name).iter();
                let first = values.next().ok_or(Denial::Missing)?;
                (Cow::Borrowed(first.as_bytes()), values.next().is_some())
            }
            Self::Query(name) => {
                let mut values = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
                    .filter_map(|(key, value)| (key == *name).then_some(value));
                let first = match values.next().ok_or(Denial::Missing)? {
                    Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                    Cow::Owned(text) => Cow::Owned(text.into_bytes()),
                };
                (first, values.next().is_some())
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

pub(super) fn without_scheme(text: &[u8]) -> Result<&[u8], Denial> {
    let text = text.trim_ascii();
    let (scheme, rest) = text.split_at(memchr2(b' ', b'\t', text).unwrap_or(text.len()));
    let token = if scheme.eq_ignore_ascii_case(b"bearer") { rest.trim_ascii_start() } else { text };
    if token.is_empty() { Err(Denial::Missing) } else { Ok(token) }
}

/// No token has letters beyond ASCII.
fn readable(token: &[u8]) -> Result<&str, Denial> {
    let text = std::str::from_utf8(token).ok().filter(|text| text.is_ascii());
    text.ok_or_else(|| refused(JwtError::Segments))
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
pub(super) fn moment(claims: &Map<String, Value>, name: &str, round: fn(f64) -> f64) -> Option<Time> {
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
            assert_eq!(without_scheme(text.as_bytes()).unwrap(), b"a.b.c", "{text:?}");
        }
        for text in ["", "  ", "Bearer", "bearer "] {
            assert_eq!(without_scheme(text.as_bytes()), Err(Denial::Missing), "{text:?}");
        }
        assert_eq!(without_scheme(b"Basic YTpi").unwrap(), b"Basic YTpi");
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

    #[test]
    fn a_token_has_no_letters_beyond_ascii() {
        let source = Source::Header(http::header::AUTHORIZATION);
        for bytes in [&b"a.b.\xe9"[..], "\u{a0}a.b.c".as_bytes(), "a.b.\u{e9}".as_bytes()] {
            let value = http::HeaderValue::from_bytes(bytes).unwrap();
            let headers = HeaderMap::from_iter([(http::header::AUTHORIZATION, value)]);
            assert!(matches!(source.token(&headers, &Uri::from_static("/")), Err(Denial::Invalid(_))), "{bytes:?}");
        }
    }
}
