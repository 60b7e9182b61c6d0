//! `JWT` authorizers of REST APIs: several issuers, signatures of RSA and of elliptic curves, and claims beside the usual ones.
//!
//! Unlike those of HTTP APIs they have no `client_id` stand for a missing audience. Nothing is remembered of a token.
//! <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateAuthorizer.html>

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, Uri, header::HeaderName};
use serde_json::{Map, Value, json};

use super::{
    Bearer, Denial, KeySet, LocalIssuers, Source,
    issuer::TrustedIssuer,
    jwt::{FOR_LOGOUT, Verified, verify_signature},
};
use crate::{
    config::api::AdditionalClaim,
    gateway::refusal::Refusal,
    keys::jwt::{IssuerKeys, TimeError, Token, check_times, verify_published},
    kit::clock::Time,
};

pub(in crate::gateway) struct RestJwtAuthorizer {
    pub(in crate::gateway) header: HeaderName,
    pub(super) issuers: Vec<Trusted>,
    pub(in crate::gateway) algorithms: Vec<&'static str>,
    pub(in crate::gateway) local: Arc<dyn LocalIssuers>,
    pub(in crate::gateway) skew: Duration,
}

/// An issuer with what its tokens must say.
pub(super) struct Trusted {
    pub(super) issuer: TrustedIssuer,
    pub(super) audiences: Vec<String>,
    claims: Vec<AdditionalClaim>,
}

impl RestJwtAuthorizer {
    pub(in crate::gateway) fn source(&self) -> Source {
        Source::Header(self.header.clone())
    }

    /// `foreign` makes the other side of an issuer's URL.
    pub(in crate::gateway) fn trust<E>(
        &mut self,
        config: &crate::config::api::RestIssuer,
        foreign: impl FnOnce(&str) -> Result<Arc<super::ForeignIssuer>, E>,
    ) -> Result<(), E> {
        self.issuers.push(Trusted {
            issuer: TrustedIssuer::new(&config.issuer.value, foreign)?,
            audiences: config.audiences.iter().map(|audience| audience.value.clone()).collect(),
            claims: config.claims.clone(),
        });
        Ok(())
    }

    pub(in crate::gateway) fn new(
        header: HeaderName,
        algorithms: Vec<&'static str>,
        local: Arc<dyn LocalIssuers>,
        skew: Duration,
    ) -> Self {
        Self { header, issuers: Vec::new(), algorithms, local, skew }
    }

    /// `scopes` are the method's.
    pub(in crate::gateway) async fn authorize(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
        scopes: &[String],
        now: Time,
    ) -> Result<Bearer, Refusal> {
        let text = self.source().token(headers, uri).map_err(|_| refused("there is no one token"))?;
        let token = Token::parse(&text).map_err(|_| refused("the token is malformed"))?;
        if !self.algorithms.contains(&token.alg()) {
            return Err(refused("the algorithm is not accepted"));
        }
        if token.is_for_logout() {
            return Err(refused(FOR_LOGOUT));
        }
        let trusted = self.trusted(token.claims()).ok_or(refused("the issuer is none of the authorizer's"))?;
        let keys = trusted.issuer.keys_for(token.kid(), &*self.local, now).await;
        let keys = keys.map_err(|_| refused("the keys of the issuer cannot be had"))?;
        verify(&text, &token, &keys)?;
        match check_times(token.claims(), now, self.skew, true) {
            Ok(()) => {}
            Err(TimeError::Expired) => return Err(Refusal::Expired),
            Err(_) => return Err(refused("the token is not valid now")),
        }
        if !trusted.is_meant(token.claims()) {
            return Err(refused("the token is for another audience"));
        }
        if trusted.lacking(token.claims()).is_some() {
            return Err(refused("an additional claim is missing or has another value"));
        }
        let verified = Verified::of(token.into_claims(), keys.version());
        if !scopes.is_empty() && !verified.scopes.iter().any(|scope| scopes.contains(scope)) {
            return Err(Denial::InsufficientScope { required: scopes.join(" ") }.into());
        }
        Ok(Bearer { token: Arc::new(verified) })
    }

    /// The issuer that a token names.
    pub(super) fn trusted(&self, claims: &Map<String, Value>) -> Option<&Trusted> {
        let named = claims.get("iss").and_then(Value::as_str);
        self.issuers.iter().find(|one| one.issuer.is(named, &*self.local))
    }
}

impl Trusted {
    /// Whether the token is for one of the issuer's audiences.
    pub(super) fn is_meant(&self, claims: &Map<String, Value>) -> bool {
        let accepted = |value: &Value| value.as_str().is_some_and(|text| self.audiences.iter().any(|one| one == text));
        match claims.get("aud") {
            Some(Value::Array(several)) => several.iter().any(accepted),
            Some(one) => accepted(one),
            None => false,
        }
    }

    /// The additional claim that is missing or has another value.
    pub(super) fn lacking(&self, claims: &Map<String, Value>) -> Option<&AdditionalClaim> {
        self.claims.iter().find(|AdditionalClaim { name, required, expected }| match claims.get(name) {
            None | Some(Value::Null) => *required,
            Some(Value::String(text)) => !expected.is_empty() && !expected.contains(text),
            Some(_) => true,
        })
    }
}

/// A key serves the algorithms that are made for it, whatever the token says.
pub(super) fn verify(text: &str, token: &Token<'_>, keys: &KeySet) -> Result<(), Refusal> {
    let outcome = if token.alg().starts_with("ES") {
        let jwks = json!({"keys": keys.curves()});
        verify_published(text, &IssuerKeys { jwks: &jwks, secret: None }).map(drop).is_ok()
    } else {
        verify_signature(token, keys).is_ok()
    };
    if outcome { Ok(()) } else { Err(refused("the signature is not valid")) }
}

fn refused(why: &'static str) -> Refusal {
    Refusal::Unauthorized(why)
}
