//! How a client proves itself at the token endpoint and its neighbours: HTTP Basic, the form, a token that it has signed, or not
//! at all when it has nothing to prove itself with.
//!
//! Exactly one way at a time. What Basic carries is compared as it comes, as the service does; in a strict pool both parts may be
//! percent-encoded, as RFC 6749 wants it and careful clients do even where there is no need.
//! <https://www.rfc-editor.org/rfc/rfc6749#section-2.3>

use std::sync::Arc;

use axum::extract::Request;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, Method, header};
use percent_encoding::percent_decode_str;

use super::error::Failure;
use crate::{
    domain::{Client, Error, Pool},
    flows::{Cx, client_assertion, client_proof, directory},
    keys::jwt::Token,
    kit::secret::Secret,
    web::{limits, parameters::Parameters},
};

const LONGEST_CLIENT_ID: usize = 128;
/// <https://www.rfc-editor.org/rfc/rfc7523#section-2.2>
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client that is who it says it is.
pub struct Proven {
    pub pool: Arc<Pool>,
    pub client: Arc<Client>,
}

/// What a client has sent: a form, and headers that may carry its proof.
pub struct Submission {
    pub method: Method,
    pub headers: HeaderMap,
    pub form: Parameters,
}

impl Submission {
    /// How every endpoint for clients begins. No parameter may be there twice (RFC 6749, section 3.2).
    pub async fn read(request: Request) -> Result<Self, Failure> {
        let (method, headers) = (request.method().clone(), request.headers().clone());
        let form = limits::form(request).await?;
        if form.has_repeated() {
            return Err(Failure::invalid_request("a parameter is repeated"));
        }
        Ok(Self { method, headers, form })
    }

    pub async fn prove(&self, cx: &Cx) -> Result<Proven, Failure> {
        prove(cx, Claim::read(&self.headers, &self.form)?).await
    }
}

async fn prove(cx: &Cx, claim: Claim) -> Result<Proven, Failure> {
    let invalid = Failure::invalid_client;
    if claim.id.len() > LONGEST_CLIENT_ID {
        return Err(invalid());
    }
    let (pool, client) = match directory::client(cx, &claim.id).await {
        Err(Error::NoSuchClient(_)) => claim.encoded_client(cx).await?.ok_or_else(invalid)?,
        found => found.map_err(Failure::from)?,
    };
    let unproven = |_| if pool.challenges_clients() { invalid().challenging() } else { invalid() };
    if let Some(assertion) = &claim.assertion {
        return match client_assertion::check(cx, &pool, &client, assertion).await {
            Ok(()) => Ok(Proven { pool, client }),
            Err(error @ Error::ClientSecretWrong(_)) => Err(unproven(error)),
            Err(other) => Err(other.into()),
        };
    }
    let secret = if pool.decodes_basic() { claim.decoded_secret() } else { claim.secret };
    client_proof::check_secret(&client, secret.as_ref().map(Secret::expose)).map_err(unproven)?;
    Ok(Proven { pool, client })
}

/// Who somebody says they are.
struct Claim {
    id: String,
    secret: Option<Secret>,
    is_basic: bool,
    /// A token that the client has signed.
    assertion: Option<String>,
}

impl Claim {
    fn read(headers: &HeaderMap, form: &Parameters) -> Result<Self, Failure> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let in_form = (form.get("client_id"), form.get("client_secret"));
        let in_form_assertion = (form.get("client_assertion_type"), form.get("client_assertion"));
        if in_form_assertion != (None, None) {
            if values.next().is_some() || in_form.1.is_some() {
                return Err(Failure::invalid_request("the client proves itself in two ways"));
            }
            return Self::signed(in_form_assertion, in_form.0);
        }
        let Some(only) = values.next() else {
            let id = form.filled("client_id").ok_or_else(|| Failure::invalid_request("client_id is missing"))?;
            return Ok(Self {
                id: id.to_owned(),
                secret: in_form.1.map(Secret::from),
                is_basic: false,
                assertion: None,
            });
        };
        if values.next().is_some() || in_form.1.is_some() {
            return Err(Failure::invalid_request("the client proves itself in two ways"));
        }
        let claim = only.to_str().ok().and_then(Self::basic).ok_or_else(Failure::invalid_client)?;
        if in_form.0.is_some_and(|id| id != claim.id) {
            return Err(Failure::invalid_request("client_id differs from the authorization header"));
        }
        Ok(claim)
    }

    /// The client that the id names once it is decoded.
    async fn encoded_client(&self, cx: &Cx) -> Result<Option<(Arc<Pool>, Arc<Client>)>, Failure> {
        let Some(id) = decoded(&self.id).filter(|id| self.is_basic && *id != self.id) else { return Ok(None) };
        match directory::client(cx, &id).await {
            Ok((pool, client)) => Ok(pool.decodes_basic().then_some((pool, client))),
            Err(Error::NoSuchClient(_)) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }

    fn decoded_secret(self) -> Option<Secret> {
        let secret = self.secret?;
        if !self.is_basic {
            return Some(secret);
        }
        let plain = decoded(secret.expose()).map(|plain| Secret::from(plain.as_str()));
        Some(plain.unwrap_or(secret))
    }

    fn basic(value: &str) -> Option<Self> {
        let (scheme, credentials) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(BASE64_STANDARD.decode(credentials).ok()?).ok()?;
        let (id, secret) = decoded.split_once(':')?;
        (!id.contains('\0')).then(|| Self {
            id: id.to_owned(),
            secret: Some(Secret::from(secret)),
            is_basic: true,
            assertion: None,
        })
    }

    /// The client of an assertion is the one that it says it is of; whether it is, is checked with its keys.
    fn signed(assertion: (Option<&str>, Option<&str>), client_id: Option<&str>) -> Result<Self, Failure> {
        let (Some(JWT_BEARER), Some(assertion)) = assertion else {
            return Err(Failure::invalid_request("client_assertion must come with its type, which must be jwt-bearer"));
        };
        let token = Token::parse(assertion).map_err(|_| Failure::invalid_client().challenging())?;
        let id = token
            .claims()
            .get("sub")
            .and_then(|sub| sub.as_str())
            .ok_or_else(|| Failure::invalid_client().challenging())?;
        if client_id.is_some_and(|named| named != id) {
            return Err(Failure::invalid_request("client_id differs from the assertion"));
        }
        Ok(Self { id: id.to_owned(), secret: None, is_basic: false, assertion: Some(assertion.to_owned()) })
    }
}

/// Without percent signs, if that is text. A plus stays one: clients that encode write `%2B`, and ids and secrets have no spaces.
fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}
