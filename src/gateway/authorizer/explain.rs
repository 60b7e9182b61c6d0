//! Every check of a token, one by one, for whoever asks why a request is refused. Unlike a request, which is refused by its first
//! failure, an explanation goes through them all.

use http::{HeaderMap, HeaderValue, Uri};
use serde_json::{Map, Value};

use super::{JwtAuthorizer, KeySet, LambdaAuthorizer, PoolsAuthorizer, RestJwtAuthorizer, Source, jwt, rest_jwt};
use crate::{
    gateway::{
        exchange::Exchange,
        selection::{Variable, View},
    },
    keys::jwt::{Token, check_times},
    kit::clock::Time,
};

/// One thing that was looked at: what is right about it, or wrong.
#[derive(Debug)]
pub struct Check {
    pub name: &'static str,
    pub outcome: Result<String, String>,
}

/// A list of checks that is being made.
struct Checks(Vec<Check>);

impl Checks {
    fn note(&mut self, name: &'static str, outcome: Result<String, String>) {
        self.0.push(Check { name, outcome });
    }

    /// Form and algorithm, without which nothing else can be looked at. RSA's algorithms are accepted.
    fn token<'t>(&mut self, text: &'t str) -> Option<Token<'t>> {
        let token = self.form(text)?;
        let alg = token.alg().to_owned();
        self.note("algorithm", token.algorithm().map(|_| alg).map_err(|error| error.to_string()));
        Some(token)
    }

    fn form<'t>(&mut self, text: &'t str) -> Option<Token<'t>> {
        let token = match Token::parse(text) {
            Ok(token) => token,
            Err(error) => {
                self.note("form", Err(error.to_string()));
                return None;
            }
        };
        self.note("form", Ok("three segments, a header and claims".to_owned()));
        if token.is_for_logout() {
            self.note("kind", Err(jwt::FOR_LOGOUT.to_owned()));
        }
        Some(token)
    }

    fn key(&mut self, token: &Token<'_>, keys: &KeySet) {
        let found = keys.find(token.kid()).next().is_some();
        self.found(token.kid(), found, keys.len());
        self.signature(jwt::verify_signature(token, keys).map_err(|denial| denial.to_string()));
    }

    fn found(&mut self, kid: &str, found: bool, known: usize) {
        let among = format!("{kid:?} among {known} {} of the issuer", if known == 1 { "key" } else { "keys" });
        self.note("key", if found { Ok(among) } else { Err(format!("there is no {among}")) });
    }

    fn signature(&mut self, outcome: Result<(), String>) {
        self.note("signature", outcome.map(|()| "made by that key".to_owned()));
    }

    fn times(&mut self, claims: &Map<String, Value>, now: Time, skew: std::time::Duration) {
        let at = |name: &str| claims.get(name).map_or_else(|| "none".to_owned(), Value::to_string);
        let told = format!("exp {}, nbf {}, iat {}; it is {}", at("exp"), at("nbf"), at("iat"), now.seconds());
        let outcome = check_times(claims, now, skew, true);
        self.note("times", outcome.map(|()| told.clone()).map_err(|error| format!("{error}: {told}")));
    }

    fn scopes(&mut self, claims: &Map<String, Value>, wanted: &[String]) {
        let own = jwt::scopes(claims);
        let has = if own.is_empty() { "no scope".to_owned() } else { own.join(" ") };
        let outcome = match (wanted, own.iter().find(|scope| wanted.contains(scope))) {
            ([], _) => Ok("the route asks for none".to_owned()),
            (_, Some(scope)) => Ok(format!("{scope} is one that the route asks for")),
            (_, None) => Err(format!("the token has {has}, the route asks for one of {}", wanted.join(" "))),
        };
        self.note("scopes", outcome);
    }
}

impl Source {
    /// Puts a token where this authorizer looks for it.
    pub(in crate::gateway) fn put(&self, token: &str, headers: &mut HeaderMap, uri: &mut Uri) -> Option<()> {
        match self {
            Self::Header(name) => {
                headers.insert(name, HeaderValue::from_str(token).ok()?);
            }
            Self::Query(name) => {
                let mut query = url::form_urlencoded::Serializer::new(uri.query().unwrap_or_default().to_owned());
                query.append_pair(name, token);
                *uri = format!("{}?{}", uri.path(), query.finish()).parse().ok()?;
            }
        }
        Some(())
    }

    fn described(&self) -> String {
        match self {
            Self::Header(name) => format!("in the header {name}"),
            Self::Query(name) => format!("in the query parameter {name}"),
        }
    }
}

impl JwtAuthorizer {
    pub(in crate::gateway) async fn explain(&self, text: &str, scopes: &[String], now: Time) -> Vec<Check> {
        let mut checks = Checks(Vec::new());
        checks.note("place", Ok(self.source.described()));
        let Some(token) = checks.token(text) else { return checks.0 };
        match self.keys_for(&token, now).await {
            Ok(keys) => checks.key(&token, &keys),
            Err(denial) => checks.note("key", Err(denial.to_string())),
        }
        let claims = token.claims();
        let told = |name: &str| claims.get(name).map_or_else(|| format!("no {name}"), Value::to_string);
        let issuer = self.check_issuer(claims).map(|()| told("iss"));
        let accepted = self.accepted_issuers().join(", ");
        checks.note("issuer", issuer.map_err(|_| format!("{} is not one of {accepted}", told("iss"))));
        let name = if claims.contains_key("aud") { "aud" } else { "client_id" };
        let audience = self.check_audience(claims).map(|()| format!("{name} {}", told(name)));
        let accepted = self.audience.join(", ");
        checks.note("audience", audience.map_err(|_| format!("{name} {} is not one of {accepted}", told(name))));
        checks.times(claims, now, self.skew);
        if let Err(denial) = self.check_demands(claims) {
            checks.note("demands", Err(denial.to_string()));
        }
        checks.scopes(claims, scopes);
        checks.0
    }
}

impl PoolsAuthorizer {
    pub(in crate::gateway) fn source(&self) -> Source {
        Source::Header(self.header.clone())
    }

    pub(in crate::gateway) async fn explain(&self, text: &str, scopes: &[String], now: Time) -> Vec<Check> {
        let mut checks = Checks(Vec::new());
        checks.note("place", Ok(self.source().described()));
        let Some(token) = checks.token(text) else { return checks.0 };
        let claims = token.claims();
        let told = |name: &str| claims.get(name).map_or_else(|| format!("no {name}"), Value::to_string);
        match self.pool_of(claims) {
            Some(pool) => {
                checks.note("issuer", Ok(format!("{} is {pool}", told("iss"))));
                match self.issuers.keys(pool).await {
                    Some(keys) => checks.key(&token, &keys),
                    None => checks.note("key", Err(format!("there is no pool {pool}"))),
                }
            }
            None => {
                let pools = self.pools.join(", ");
                checks.note("issuer", Err(format!("{} is none of the pools {pools}", told("iss"))));
            }
        }
        checks.times(claims, now, self.skew);
        let expected = if scopes.is_empty() { "id" } else { "access" };
        let is_right = claims.get("token_use").and_then(Value::as_str) == Some(expected);
        let kind = format!("token_use is {}, and {expected} is asked for", told("token_use"));
        checks.note("kind", if is_right { Ok(kind) } else { Err(kind) });
        if let Some(validation) = &self.validation {
            let fits = claims.get("aud").and_then(Value::as_str).is_some_and(|audience| validation.is_match(audience));
            let text = format!("aud {} against {validation}", told("aud"));
            checks.note("validation", if fits { Ok(text) } else { Err(text) });
        }
        checks.scopes(claims, scopes);
        checks.0
    }
}

impl LambdaAuthorizer {
    /// Where a token would stand: the first header or query parameter of the identity.
    pub(in crate::gateway) fn source(&self) -> Option<Source> {
        self.sources().iter().find_map(|source| match source {
            Variable::Header(name) => Some(Source::Header(name.clone())),
            Variable::Query(name) => Some(Source::Query(name.clone())),
            _ => None,
        })
    }

    /// What must be right for the function to be asked.
    pub(in crate::gateway) fn explain(&self, exchange: &Exchange<'_>) -> Vec<Check> {
        let mut checks = Checks(Vec::new());
        let view = View::of(exchange);
        for source in self.sources() {
            let name = match source {
                Variable::Header(name) => format!("the header {name}"),
                Variable::Query(name) => format!("the query parameter {name}"),
                Variable::Context(name) => format!("$context.{name}"),
                Variable::Stage(name) => format!("the stage variable {name}"),
                _ => "a part of the request".to_owned(),
            };
            let is_there = source.value(&view).is_some_and(|value| !value.is_empty());
            checks.note("identity", if is_there { Ok(name) } else { Err(format!("{name} is missing")) });
        }
        if let (Some(validation), Some([value])) = (self.validation(), self.identity(exchange).as_deref()) {
            let text = format!("{value:?} against {validation}");
            checks.note("validation", if validation.is_match(value) { Ok(text) } else { Err(text) });
        }
        checks.0
    }
}

impl RestJwtAuthorizer {
    pub(in crate::gateway) async fn explain(&self, text: &str, scopes: &[String], now: Time) -> Vec<Check> {
        let mut checks = Checks(Vec::new());
        checks.note("place", Ok(self.source().described()));
        let Some(token) = checks.form(text) else { return checks.0 };
        let (alg, known) = (token.alg(), self.algorithms.join(", "));
        let is_known = self.algorithms.contains(&alg);
        checks
            .note("algorithm", if is_known { Ok(alg.to_owned()) } else { Err(format!("{alg} is not one of {known}")) });
        let claims = token.claims();
        let told = |name: &str| claims.get(name).map_or_else(|| format!("no {name}"), Value::to_string);
        let Some(trusted) = self.trusted(claims) else {
            let accepted: Vec<String> = self.issuers.iter().flat_map(|one| one.issuer.accepted(&*self.local)).collect();
            checks.note("issuer", Err(format!("{} is not one of {}", told("iss"), accepted.join(", "))));
            checks.times(claims, now, self.skew);
            checks.scopes(claims, scopes);
            return checks.0;
        };
        checks.note("issuer", Ok(told("iss")));
        match trusted.issuer.keys_for(token.kid(), &*self.local, now).await {
            Ok(keys) => {
                checks.found(token.kid(), keys.knows(token.kid()), keys.len() + keys.curves().len());
                checks.signature(rest_jwt::verify(text, &token, &keys).map_err(|_| "signature is invalid".to_owned()));
            }
            Err(denial) => checks.note("key", Err(denial.to_string())),
        }
        checks.times(claims, now, self.skew);
        let audience = format!("aud {}", told("aud"));
        let accepted = trusted.audiences.join(", ");
        let is_meant = trusted.is_meant(claims);
        checks.note(
            "audience",
            if is_meant { Ok(audience) } else { Err(format!("{audience} is not one of {accepted}")) },
        );
        if let Some(claim) = trusted.lacking(claims) {
            let wanted = match claim.expected.as_slice() {
                [] => "a text".to_owned(),
                several => several.join(" or "),
            };
            let (name, value) = (&claim.name, told(&claim.name));
            checks.note("claims", Err(format!("{name} must be {wanted}, and it is {value}")));
        }
        checks.scopes(claims, scopes);
        checks.0
    }
}
