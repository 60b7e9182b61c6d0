//! How a client proves itself at the token and revocation endpoints: HTTP Basic, the form, or not at all when it has no secret.
//!
//! Exactly one way at a time. Ids and secrets hold no character that needs encoding, so what Basic carries is compared as it
//! comes; a percent-encoded form of it is another text.
//! <https://www.rfc-editor.org/rfc/rfc6749#section-2.3>

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, header};

use super::error::Failure;
use crate::{
    domain::{Client, Error, Pool},
    flows::{Cx, client_proof, directory},
    kit::secret::Secret,
    web::parameters::Parameters,
};

const LONGEST_CLIENT_ID: usize = 128;

/// A client that is who it says it is.
pub struct Proven {
    pub pool: Arc<Pool>,
    pub client: Arc<Client>,
}

pub async fn prove(cx: &Cx, headers: &HeaderMap, form: &Parameters) -> Result<Proven, Failure> {
    let claim = Claim::read(headers, form)?;
    let invalid = Failure::invalid_client;
    if claim.id.len() > LONGEST_CLIENT_ID {
        return Err(invalid());
    }
    let (pool, client) = directory::client(cx, &claim.id).await.map_err(|error| match error {
        Error::NoSuchClient(_) => invalid(),
        other => Failure::from(other),
    })?;
    client_proof::check_secret(&client, claim.secret.as_ref().map(Secret::expose))
        .map_err(|_| if pool.challenges_clients() { invalid().challenging() } else { invalid() })?;
    Ok(Proven { pool, client })
}

/// Who somebody says they are.
struct Claim {
    id: String,
    secret: Option<Secret>,
}

impl Claim {
    fn read(headers: &HeaderMap, form: &Parameters) -> Result<Self, Failure> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let in_form = (form.get("client_id"), form.get("client_secret"));
        let Some(only) = values.next() else {
            let id = form.filled("client_id").ok_or_else(|| Failure::invalid_request("client_id is missing"))?;
            return Ok(Self { id: id.to_owned(), secret: in_form.1.map(Secret::from) });
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

    fn basic(value: &str) -> Option<Self> {
        let (scheme, credentials) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(BASE64_STANDARD.decode(credentials).ok()?).ok()?;
        let (id, secret) = decoded.split_once(':')?;
        (!id.contains('\0')).then(|| Self { id: id.to_owned(), secret: Some(Secret::from(secret)) })
    }
}
