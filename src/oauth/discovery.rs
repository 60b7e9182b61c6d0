//! The documents that tell clients where everything is and which keys sign: rendered once, the keys once for each set of them,
//! then handed out as bytes. Where everything is can be read before a new pool's keys are made.
//!
//! The fields are the service's own; PKCE works although, as there, the document does not say so. A strict pool tells all that a
//! client can use, also at the address of RFC 8414.
//! <https://openid.net/specs/openid-connect-discovery-1_0.html>

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    Extension,
    extract::{Path, State},
    response::Response,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::{
    domain::{Error, Pool, Result, assurance::Level, attribute::standard_schema},
    flows::{
        App, Setup, directory,
        key_ring::{self, PoolKeys},
    },
    keys::jwt::Possession,
    web::paths::{self, Place},
};

/// As many pools as the directory keeps in memory.
const MOST_POOLS: usize = 1_000;
const LONGEST_POOL_ID: usize = 55;

/// What has been rendered, by pool.
#[derive(Default)]
pub struct Documents {
    configurations: Rendered<Published>,
    key_sets: Rendered<KeySet>,
}

type Rendered<T> = RwLock<HashMap<String, Arc<T>>>;

struct Published {
    /// What it was rendered for: a pool may get another one, and become strict.
    issuer: String,
    is_complete: bool,
    registers: bool,
    levels: Vec<String>,
    document: Document,
}

struct KeySet {
    /// The keys that it was rendered from: another set, another rendering.
    keys: Arc<PoolKeys>,
    document: Document,
}

struct Document {
    body: Bytes,
    etag: HeaderValue,
}

pub async fn configuration(
    State(app): State<Arc<App>>,
    Extension(documents): Extension<Arc<Documents>>,
    Path(pool): Path<String>,
    headers: HeaderMap,
) -> Response {
    match documents.configuration(&app, &pool).await {
        Ok(Some(published)) => respond(&published.document, &headers),
        Ok(None) => no_pool(),
        Err(error) => failure(&error),
    }
}

/// The same document where clients of plain OAuth look for it. Only a strict pool has it there.
pub async fn server(
    State(app): State<Arc<App>>,
    documents: Extension<Arc<Documents>>,
    Path(pool): Path<String>,
    headers: HeaderMap,
) -> Response {
    match find(&app, &pool).await {
        Ok(Some(found)) if found.publishes_everything() => {
            configuration(State(app), documents, Path(pool), headers).await
        }
        Ok(_) => no_pool(),
        Err(error) => failure(&error),
    }
}

pub async fn keys(
    State(app): State<Arc<App>>,
    Extension(documents): Extension<Arc<Documents>>,
    Path(pool): Path<String>,
    headers: HeaderMap,
) -> Response {
    match documents.key_set(&app, &pool).await {
        Ok(Some(set)) => respond(&set.document, &headers),
        Ok(None) => no_pool(),
        Err(error) => failure(&error),
    }
}

impl Documents {
    async fn configuration(&self, app: &Arc<App>, pool_id: &str) -> Result<Option<Arc<Published>>> {
        let Some(pool) = find(app, pool_id).await? else { return Ok(None) };
        let (issuer, is_complete) = (app.setup.issuer_of(&pool), pool.publishes_everything());
        let registers = pool.registration().is_some();
        let levels = if is_complete { levels(&pool) } else { Vec::new() };
        let is_same = |known: &Arc<Published>| {
            (&known.issuer, &known.levels) == (&issuer, &levels)
                && (known.is_complete, known.registers) == (is_complete, registers)
        };
        if let Some(known) = known(&self.configurations, pool_id).filter(is_same) {
            return Ok(Some(known));
        }
        let document = Document::of(&Configuration::new(&app.setup, &pool))?;
        let published = Arc::new(Published { issuer, is_complete, registers, levels, document });
        keep(&self.configurations, pool_id, Arc::clone(&published));
        Ok(Some(published))
    }

    async fn key_set(&self, app: &Arc<App>, pool_id: &str) -> Result<Option<Arc<KeySet>>> {
        if find(app, pool_id).await?.is_none() {
            return Ok(None);
        }
        let keys = match key_ring::of_app(app, pool_id).await {
            Err(Error::NoSuchPool(_)) => return Ok(None),
            keys => keys?,
        };
        if let Some(known) = known(&self.key_sets, pool_id).filter(|known| Arc::ptr_eq(&known.keys, &keys)) {
            return Ok(Some(known));
        }
        let document = Document::of(&serde_json::json!({ "keys": keys.published }))?;
        let set = Arc::new(KeySet { keys, document });
        keep(&self.key_sets, pool_id, Arc::clone(&set));
        Ok(Some(set))
    }
}

/// A pool that was deleted takes its documents along, whether they were rendered or not.
async fn find(app: &Arc<App>, pool_id: &str) -> Result<Option<Arc<Pool>>> {
    let is_id = pool_id.len() <= LONGEST_POOL_ID
        && pool_id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if is_id { directory::find_pool(app, pool_id).await } else { Ok(None) }
}

fn known<T>(rendered: &Rendered<T>, pool_id: &str) -> Option<Arc<T>> {
    rendered.read().unwrap_or_else(PoisonError::into_inner).get(pool_id).cloned()
}

fn keep<T>(rendered: &Rendered<T>, pool_id: &str, document: Arc<T>) {
    let mut rendered = rendered.write().unwrap_or_else(PoisonError::into_inner);
    if rendered.len() >= MOST_POOLS {
        rendered.clear();
    }
    rendered.insert(pool_id.to_owned(), document);
}

/// What a strict pool tells besides. <https://www.rfc-editor.org/rfc/rfc8414>
#[derive(Serialize)]
struct Further {
    /// The names of the pool's levels, the highest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    acr_values_supported: Vec<String>,
    authorization_response_iss_parameter_supported: bool,
    backchannel_logout_session_supported: bool,
    backchannel_logout_supported: bool,
    claim_types_supported: [&'static str; 1],
    claims_parameter_supported: bool,
    claims_supported: Vec<String>,
    code_challenge_methods_supported: [&'static str; 1],
    device_authorization_endpoint: String,
    /// <https://www.rfc-editor.org/rfc/rfc9449#section-5.1>
    dpop_signing_alg_values_supported: [&'static str; 9],
    grant_types_supported: [&'static str; 5],
    introspection_endpoint: String,
    introspection_endpoint_auth_methods_supported: [&'static str; 3],
    /// Request objects are refused by name. Without this list clients take it that unsigned ones would be read.
    request_object_signing_alg_values_supported: [&'static str; 1],
    pushed_authorization_request_endpoint: String,
    require_pushed_authorization_requests: bool,
    request_parameter_supported: bool,
    request_uri_parameter_supported: bool,
    response_modes_supported: [&'static str; 3],
    revocation_endpoint_auth_methods_supported: [&'static str; 4],
    token_endpoint_auth_signing_alg_values_supported: [&'static str; 9],
}

impl Further {
    fn new(setup: &Setup, pool: &Pool) -> Self {
        let own = ["iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "acr", "amr", "sid"].map(str::to_owned);
        // The service's standard attributes are the standard claims (OpenID Connect Core, section 5.1).
        let claims = own.into_iter().chain(standard_schema().into_iter().map(|attribute| attribute.name)).collect();
        Self {
            acr_values_supported: levels(pool),
            authorization_response_iss_parameter_supported: true,
            backchannel_logout_session_supported: true,
            backchannel_logout_supported: true,
            claim_types_supported: ["normal"],
            claims_parameter_supported: false,
            claims_supported: claims,
            code_challenge_methods_supported: ["S256"],
            device_authorization_endpoint: paths::full(setup, Place::DeviceAuthorization),
            dpop_signing_alg_values_supported: Possession::ALGORITHMS,
            grant_types_supported: [
                "authorization_code",
                "implicit",
                "refresh_token",
                "client_credentials",
                "urn:ietf:params:oauth:grant-type:device_code",
            ],
            introspection_endpoint: paths::full(setup, Place::Introspect),
            introspection_endpoint_auth_methods_supported: [
                "client_secret_basic",
                "client_secret_post",
                "private_key_jwt",
            ],
            request_object_signing_alg_values_supported: ["RS256"],
            pushed_authorization_request_endpoint: paths::full(setup, Place::Par),
            require_pushed_authorization_requests: false,
            request_parameter_supported: false,
            request_uri_parameter_supported: false,
            response_modes_supported: ["query", "fragment", "form_post"],
            revocation_endpoint_auth_methods_supported: [
                "client_secret_basic",
                "client_secret_post",
                "none",
                "private_key_jwt",
            ],
            token_endpoint_auth_signing_alg_values_supported: [
                "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
            ],
        }
    }
}

#[derive(Serialize)]
struct Configuration<'a> {
    authorization_endpoint: String,
    end_session_endpoint: String,
    id_token_signing_alg_values_supported: [&'a str; 1],
    issuer: String,
    jwks_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_endpoint: Option<String>,
    response_types_supported: [&'a str; 2],
    revocation_endpoint: String,
    scopes_supported: Vec<&'a str>,
    subject_types_supported: [&'a str; 1],
    token_endpoint: String,
    token_endpoint_auth_methods_supported: Vec<&'a str>,
    userinfo_endpoint: String,
    #[serde(flatten)]
    further: Option<Further>,
}

impl Configuration<'_> {
    fn new(setup: &Setup, pool: &Pool) -> Self {
        let mut methods = vec!["client_secret_basic", "client_secret_post"];
        if pool.publishes_everything() {
            methods.extend(["none", "private_key_jwt"]);
        }
        Self {
            authorization_endpoint: paths::full(setup, Place::Authorize),
            end_session_endpoint: paths::full(setup, Place::Logout),
            id_token_signing_alg_values_supported: ["RS256"],
            issuer: setup.issuer_of(pool),
            jwks_uri: format!("{}/.well-known/jwks.json", setup.local_issuer_of(&pool.id)),
            registration_endpoint: pool.registration().map(|_| paths::of_pool(setup, &pool.id, Place::Register)),
            response_types_supported: ["code", "token"],
            revocation_endpoint: paths::full(setup, Place::Revoke),
            scopes_supported: pool.published_scopes(),
            subject_types_supported: ["public"],
            token_endpoint: paths::full(setup, Place::Token),
            token_endpoint_auth_methods_supported: methods,
            userinfo_endpoint: paths::full(setup, Place::UserInfo),
            further: pool.publishes_everything().then(|| Further::new(setup, pool)),
        }
    }
}

/// What clients may ask for in `acr_values`, the strongest first.
fn levels(pool: &Pool) -> Vec<String> {
    let levels = Level::ALL.iter().rev().filter(|_| !pool.is_lite());
    levels.map(|level| pool.level_name(*level).to_owned()).collect()
}

impl Document {
    fn of(value: &impl Serialize) -> Result<Self> {
        let internal = |error: String| Error::Internal(error);
        let body = serde_json::to_vec(value).map_err(|error| internal(error.to_string()))?;
        let etag = format!("\"{}\"", hex::encode(&digest(&SHA256, &body).as_ref()[..16]));
        Ok(Self { body: body.into(), etag: HeaderValue::from_str(&etag).map_err(|error| internal(error.to_string()))? })
    }
}

fn no_pool() -> Response {
    plain(StatusCode::NOT_FOUND, br#"{"message":"User pool does not exist."}"#)
}

fn failure(error: &Error) -> Response {
    tracing::error!(%error, "a pool's documents could not be made");
    plain(StatusCode::INTERNAL_SERVER_ERROR, br#"{"message":"Internal server error"}"#)
}

fn respond(document: &Document, headers: &HeaderMap) -> Response {
    let is_known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| holds(known, &document.etag));
    let mut response = if is_known {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(document.body.clone().into())
    };
    let headers = response.headers_mut();
    headers.reserve(5);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    headers.insert(header::ETAG, document.etag.clone());
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Whether `If-None-Match` names the tag: `*`, or in a list, weak or strong.
fn holds(known: &HeaderValue, etag: &HeaderValue) -> bool {
    let (Ok(known), Ok(etag)) = (known.to_str(), etag.to_str()) else { return false };
    known.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

fn plain(status: StatusCode, body: &'static [u8]) -> Response {
    let mut response = Response::new(Bytes::from_static(body).into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
