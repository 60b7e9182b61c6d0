//! `COGNITO_USER_POOLS` authorizers of REST APIs.
//!
//! A method without scopes takes ID tokens, one with scopes takes access tokens that have any one of them. Unlike the authorizers
//! of HTTP APIs they know what kind a token is, answer a missing scope with 401, and do not look at the audience unless a
//! validation expression does.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html>

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, Uri, header::HeaderName};
use regex::Regex;
use serde_json::{Map, Value};

use super::{Bearer, LocalIssuers, Source, jwt::Verified};
use crate::{
    gateway::refusal::Refusal,
    keys::jwt::{TimeError, Token, check_times},
    kit::clock::Time,
};

pub(in crate::gateway) struct PoolsAuthorizer {
    pub(in crate::gateway) pools: Vec<String>,
    pub(in crate::gateway) header: HeaderName,
    /// Tested against `aud`, which access tokens do not have.
    pub(in crate::gateway) validation: Option<Regex>,
    pub(in crate::gateway) issuers: Arc<dyn LocalIssuers>,
    pub(in crate::gateway) skew: Duration,
}

impl PoolsAuthorizer {
    /// `scopes` are the method's.
    pub(in crate::gateway) async fn authorize(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
        scopes: &[String],
        now: Time,
    ) -> Result<Bearer, Refusal> {
        let text =
            Source::Header(self.header.clone()).token(headers, uri).map_err(|_| refused("there is no one token"))?;
        let token = Token::parse(&text).map_err(|_| refused("the token is malformed"))?;
        token.algorithm().map_err(|_| refused("the algorithm is not accepted"))?;
        let pool = self.pool_of(token.claims()).ok_or(refused("the issuer is none of the pools"))?;
        let keys = self.issuers.keys(pool).await.ok_or(refused("the pool is gone"))?;
        let genuine = keys.find(token.kid()).any(|key| key.verify(&token).is_ok());
        if !genuine {
            return Err(refused("the signature is not valid"));
        }
        match check_times(token.claims(), now, self.skew, true) {
            Ok(()) => {}
            Err(TimeError::Expired) => return Err(Refusal::Expired),
            Err(_) => return Err(refused("the token is not valid now")),
        }
        let claims = token.claims();
        let expected = if scopes.is_empty() { "id" } else { "access" };
        if claims.get("token_use").and_then(Value::as_str) != Some(expected) {
            return Err(refused("the token is of the other kind"));
        }
        if let Some(validation) = &self.validation
            && !claims.get("aud").and_then(Value::as_str).is_some_and(|audience| validation.is_match(audience))
        {
            return Err(refused("the audience does not match the validation expression"));
        }
        let verified = Verified::of(token.into_claims(), keys.version());
        if !scopes.is_empty() && !verified.scopes.iter().any(|scope| scopes.contains(scope)) {
            return Err(refused("the token has none of the scopes of the method"));
        }
        Ok(Bearer { token: Arc::new(verified) })
    }

    pub(super) fn pool_of(&self, claims: &Map<String, Value>) -> Option<&str> {
        let issuer = claims.get("iss")?.as_str()?;
        let names = |pool: &&String| self.issuers.issuers_of(pool).iter().any(|own| own == issuer);
        self.pools.iter().find(names).map(String::as_str)
    }
}

fn refused(why: &'static str) -> Refusal {
    Refusal::Unauthorized(why)
}
