//! The keys of a foreign issuer, found by OpenID Connect discovery and kept for at most two hours.
//!
//! One fetch runs at a time, and the others wait for it. Keys are fetched again when four fifths of their time are over, in the
//! background; when a token names a key id that is not known, but at most once in thirty seconds, since anybody can make up
//! key ids; and not within five seconds of a failure. When an issuer cannot be reached its old keys serve for another day, or as
//! long as the configuration says.
//! <https://openid.net/specs/openid-connect-discovery-1_0.html>
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html>

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use http::{HeaderMap, header};
use serde_json::Value;

use super::{KeySet, fetch::Fetcher};
use crate::{keys::jwt::VerifyingKey, kit::clock::Time};

/// Also the lifetime when the issuer names none.
const LONGEST_LIFE: Duration = Duration::from_secs(2 * 60 * 60);
const SHORTEST_LIFE: Duration = Duration::from_secs(30);
const BETWEEN_ROTATIONS: Duration = Duration::from_secs(30);
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// More keys than any issuer has; the size limit alone would allow some hundreds.
const MAX_KEYS: usize = 100;

/// Why there are no keys. The texts are API Gateway's; the reason is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::gateway) enum Unavailable {
    #[error("OIDC discovery endpoint communication error")]
    Discovery,
    #[error("JWKS communication error")]
    Jwks,
}

pub(in crate::gateway) struct ForeignIssuer {
    /// Exactly as configured: the value that `iss` must have.
    issuer: String,
    fetcher: Arc<Fetcher>,
    /// How long keys serve past their lifetime while they cannot be fetched.
    stale: Duration,
    state: Mutex<State>,
    /// Held by the one who fetches.
    flight: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// The beginning of the last fetch, and how it failed if it did.
    attempt: Option<(Time, Option<Unavailable>)>,
}

#[derive(Clone)]
struct Held {
    keys: Arc<KeySet>,
    fetched: Time,
    life: Duration,
}

impl ForeignIssuer {
    pub(in crate::gateway) fn new(issuer: &str, fetcher: Arc<Fetcher>, stale: Duration) -> Self {
        Self { issuer: issuer.to_owned(), fetcher, stale, state: Mutex::default(), flight: Arc::default() }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The keys as they are known, fetched when there are none or they are too old.
    pub(super) async fn keys(self: &Arc<Self>, now: Time) -> Result<Arc<KeySet>, Unavailable> {
        let Some(held) = self.held() else { return self.first_keys(now).await };
        // After a clock was set back nobody knows how old they are.
        let age = if now.is_set_back_from(held.fetched) { held.life } else { now.since(held.fetched) };
        if age < held.life * 4 / 5 {
            return Ok(held.keys);
        }
        if age < held.life {
            let issuer = Arc::clone(self);
            tokio::spawn(async move { issuer.refresh(now, BETWEEN_ROTATIONS).await });
            return Ok(held.keys);
        }
        self.refresh(now, AFTER_FAILURE).await;
        match self.held() {
            Some(held) if now.since(held.fetched) < held.life + self.stale => Ok(held.keys),
            _ => Err(self.failure()),
        }
    }

    /// Keys that may hold an id that `known` does not: fetched again, if that did not just happen.
    pub(super) async fn keys_after_rotation(self: &Arc<Self>, known: Arc<KeySet>, now: Time) -> Arc<KeySet> {
        self.refresh(now, BETWEEN_ROTATIONS).await;
        self.held().map_or(known, |held| held.keys)
    }

    async fn first_keys(self: &Arc<Self>, now: Time) -> Result<Arc<KeySet>, Unavailable> {
        self.refresh(now, AFTER_FAILURE).await;
        self.held().map(|held| held.keys).ok_or_else(|| self.failure())
    }

    /// Fetches the keys, unless somebody began to do so within `interval`; then it only waits for them.
    async fn refresh(self: &Arc<Self>, now: Time, interval: Duration) {
        let flight = Arc::clone(&self.flight).lock_owned().await;
        if !self.may_fetch(now, interval) {
            return;
        }
        // A task of its own: a client that hangs up must not break off what others wait for.
        let issuer = Arc::clone(self);
        let fetch = tokio::spawn(async move {
            let _flight = flight;
            issuer.state().attempt = Some((now, None));
            let outcome = issuer.fetch().await;
            let mut state = issuer.state();
            match outcome {
                Ok((keys, life)) => state.held = Some(Held { keys: Arc::new(keys), fetched: now, life }),
                Err(failure) => state.attempt = Some((now, Some(failure))),
            }
        });
        if let Err(error) = fetch.await {
            tracing::error!(issuer = self.issuer, %error, "fetching keys stopped");
        }
    }

    async fn fetch(&self) -> Result<(KeySet, Duration), Unavailable> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let document = self.fetcher.get(&url).await;
        let jwks_uri = document
            .map_err(|error| error.to_string())
            .and_then(|(_, body)| jwks_uri(&body, &self.issuer).map_err(str::to_owned))
            .map_err(|reason| self.failed(Unavailable::Discovery, &url, &reason))?;
        let (headers, body) = self
            .fetcher
            .get(&jwks_uri)
            .await
            .map_err(|error| self.failed(Unavailable::Jwks, &jwks_uri, &error.to_string()))?;
        let keys = keys(&body).map_err(|reason| self.failed(Unavailable::Jwks, &jwks_uri, reason))?;
        metrics::counter!("poolhouse_gateway_jwks_fetches_total", "issuer" => self.issuer.clone(), "outcome" => "ok")
            .increment(1);
        // Unchanged keys keep their version, and tokens that they verified stay verified.
        Ok((KeySet::new(keys, version(&body)).with_curves(curves(&body)), life(&headers)))
    }

    fn failed(&self, failure: Unavailable, url: &str, reason: &str) -> Unavailable {
        tracing::warn!(issuer = self.issuer, url, reason, "{failure}");
        metrics::counter!("poolhouse_gateway_jwks_fetches_total", "issuer" => self.issuer.clone(), "outcome" => "failed")
            .increment(1);
        failure
    }

    fn failure(&self) -> Unavailable {
        self.state().attempt.and_then(|(_, failure)| failure).unwrap_or(Unavailable::Discovery)
    }

    fn may_fetch(&self, now: Time, interval: Duration) -> bool {
        match self.state().attempt {
            None => true,
            Some((at, _)) => now.since(at) >= interval || now.is_set_back_from(at),
        }
    }

    fn held(&self) -> Option<Held> {
        self.state().held.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn jwks_uri(document: &[u8], issuer: &str) -> Result<String, &'static str> {
    let document: Value = serde_json::from_slice(document).map_err(|_| "the document is not JSON")?;
    // Otherwise one issuer could speak for another.
    if document.get("issuer").and_then(Value::as_str) != Some(issuer) {
        return Err("the document names another issuer");
    }
    document.get("jwks_uri").and_then(Value::as_str).map(str::to_owned).ok_or("the document has no jwks_uri")
}

/// The usable keys. Keys of other kinds, for example for encryption, are passed over.
fn keys(document: &[u8]) -> Result<Vec<VerifyingKey>, &'static str> {
    let document: Value = serde_json::from_slice(document).map_err(|_| "the key set is not JSON")?;
    let keys = document.get("keys").and_then(Value::as_array).ok_or("the key set has no keys")?;
    Ok(keys.iter().take(MAX_KEYS).filter_map(|jwk| VerifyingKey::from_jwk(jwk).ok()).collect())
}

/// Keys of elliptic curves, whose algorithm is checked with each signature.
fn curves(document: &[u8]) -> Vec<Value> {
    let document: Value = serde_json::from_slice(document).unwrap_or_default();
    let keys = document.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    keys.iter().take(MAX_KEYS).filter(|jwk| jwk.get("kty").is_some_and(|kty| kty == "EC")).cloned().collect()
}

/// The first bytes of the document's digest.
fn version(document: &[u8]) -> u64 {
    let digest = digest(&SHA256, document);
    digest.as_ref().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// How long the issuer lets its keys be kept, within our bounds.
fn life(headers: &HeaderMap) -> Duration {
    let directives = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut life = LONGEST_LIFE;
    for directive in directives.flat_map(|text| text.split(',')).map(|text| text.trim().to_ascii_lowercase()) {
        if matches!(directive.as_str(), "no-store" | "no-cache") {
            life = SHORTEST_LIFE;
        } else if let Some(seconds) = directive.strip_prefix("max-age=").and_then(|age| age.parse().ok()) {
            life = life.min(Duration::from_secs(seconds));
        }
    }
    life.clamp(SHORTEST_LIFE, LONGEST_LIFE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life_of(cache_control: &str) -> u64 {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, cache_control.parse().unwrap());
        life(&headers).as_secs()
    }

    #[test]
    fn lifetimes_stay_within_thirty_seconds_and_two_hours() {
        assert_eq!(life(&HeaderMap::new()), LONGEST_LIFE);
        assert_eq!(life_of("public, max-age=600"), 600);
        assert_eq!(life_of("max-age=99999999"), 7200);
        assert_eq!(life_of("Max-Age=1"), 30);
        assert_eq!(life_of("no-store, max-age=600"), 30);
        assert_eq!(life_of("max-age=x"), 7200);
    }

    #[test]
    fn a_document_of_another_issuer_is_refused() {
        let document = br#"{"issuer":"https://a.example","jwks_uri":"https://a.example/keys"}"#;
        assert_eq!(jwks_uri(document, "https://a.example").unwrap(), "https://a.example/keys");
        assert!(jwks_uri(document, "https://a.example/").is_err());
        assert!(jwks_uri(b"[]", "https://a.example").is_err());
        assert!(jwks_uri(br#"{"issuer":"i"}"#, "i").is_err());
    }

    #[test]
    fn keys_of_other_kinds_are_passed_over() {
        assert!(keys(br#"{"keys":[{"kty":"EC","kid":"a"},{"kty":"oct","k":"AA","kid":"b"},7]}"#).unwrap().is_empty());
        assert!(keys(b"{}").is_err());
        assert!(keys(b"<html>").is_err());
    }
}
