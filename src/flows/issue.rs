//! Tokens are made here and nowhere else: the only caller of signing, and the only place that fires PreTokenGeneration.

mod changes;
mod derived;
mod logout;

use std::sync::Arc;

use aws_lc_rs::digest;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use changes::Changes;
pub use derived::{Derivation, Derived, derive};
pub use logout::logout_token;

use super::{
    Cx,
    key_ring::{self, PoolKeys},
};
use crate::{
    domain::{
        Client, Error, Grant, Pool, Result, User,
        assurance::Assurance,
        device::DeviceKey,
        grant::{GrantSource, Seen},
        identity,
        token::{self, NewDevice, Tokens},
    },
    hooks::{ClientMetadata, TokenSource},
    kit::{clock::Time, ids},
    store,
};

/// Who gets tokens, and why.
pub struct Issue {
    pub pool: Arc<Pool>,
    pub client: Arc<Client>,
    pub user: User,
    pub scopes: Vec<String>,
    pub source: GrantSource,
    pub trigger: TokenSource,
    /// What the sign-in was recorded as; drawn where it was not.
    pub event_id: Option<String>,
    /// Of the authorization request; stands in the ID token.
    pub nonce: Option<String>,
    /// Of the calls whose metadata the service lets PreTokenGeneration see.
    pub client_metadata: Option<ClientMetadata>,
    pub bound: Bound,
}

/// What a grant holds on to from its sign-in.
#[derive(Clone, Debug, Default)]
pub struct Bound {
    /// The device that has proven itself.
    pub device_key: Option<DeviceKey>,
    /// The sign-in on the hosted pages.
    pub sso_id: Option<String>,
    /// The resource that access tokens are for.
    pub audience: Option<String>,
    /// The thumbprint of the key that the client has shown.
    pub key: Option<String>,
    /// The methods of the sign-in.
    pub assurance: Assurance,
    /// The id that the grant must have. Drawn where nobody has to find the grant by something else.
    pub grant_id: Option<String>,
}

/// What a refresh token holds.
#[derive(Debug, Serialize, Deserialize)]
pub struct RefreshClaims {
    #[serde(rename = "g")]
    pub grant_id: String,
    #[serde(rename = "n")]
    pub generation: u32,
}

/// The end of a sign-in: a new grant and its first tokens.
pub async fn start(cx: &Cx, issue: Issue, auth_time: Time) -> Result<Tokens> {
    check_possession(&issue.pool, &issue.client, issue.bound.key.as_deref())?;
    let changes = Changes::ask(cx, &issue).await?;
    let new_device = new_device(cx, &issue);
    let now = cx.now();
    let grant = Grant {
        id: issue.bound.grant_id.clone().unwrap_or_else(|| cx.random().uuid()),
        pool_id: issue.pool.id.clone(),
        client_id: issue.client.id.clone(),
        sub: issue.user.sub.clone(),
        scopes: issue.scopes.clone(),
        auth_time,
        expires_at: auth_time.plus(issue.client.refresh_token_lifetime()),
        generation: 0,
        rotated_at: None,
        revoked_at: None,
        source: issue.source,
        event_id: issue.event_id.clone().unwrap_or_else(|| cx.random().uuid()),
        device_key: new_device.as_ref().map(|device| device.key.clone()).or_else(|| issue.bound.device_key.clone()),
        sso_id: issue.bound.sso_id.clone(),
        audience: issue.bound.audience.clone(),
        key: issue.bound.key.clone().filter(|_| issue.client.is_public()),
        assurance: issue.bound.assurance.clone(),
        seen: Seen::now(now, &cx.origin, &issue.client),
    };
    let most = issue.pool.most_sessions();
    let mut tx = if most.is_some() { cx.begin().await? } else { cx.single().await? };
    if most.is_some() {
        // Held, so that sign-ins at the same time see each other's sessions.
        store::users::by_sub_for_update(&mut tx, &grant.pool_id, &grant.sub).await?;
    }
    // The statement writes nothing for a user who was disabled, deleted or given another password while the trigger ran.
    if !store::grants::insert(&mut tx, &grant, &issue.user).await? {
        return Err(match store::users::by_sub(&mut tx, &grant.pool_id, &grant.sub).await? {
            None => Error::NoSuchUser,
            Some(user) if !user.enabled => Error::UserDisabled,
            Some(_) => Error::WrongCredentials,
        });
    }
    if let Some(most) = most {
        store::grants::evict(&mut tx, &grant, most, now).await?;
    }
    tx.commit().await?;
    let refresh_token = refresh_token(cx, &grant)?;
    let tokens = sign(cx, &issue, &grant, &changes, Some(refresh_token)).await?;
    Ok(Tokens { new_device, ..tokens })
}

/// A key for the device that somebody came from, where the pool tracks devices and this one has not proven to be a known one.
fn new_device(cx: &Cx, issue: &Issue) -> Option<NewDevice> {
    let is_wanted =
        issue.pool.device_tracking().is_some() && issue.source == GrantSource::Api && issue.bound.device_key.is_none();
    is_wanted.then(|| NewDevice {
        key: ids::device_key(cx.random(), ids::region_of(&issue.pool.id)),
        group_key: issue.pool.device_group_key(),
    })
}

/// New tokens of an old grant, with a new refresh token where `rotated`. What the groups and the trigger say was asked before
/// the grant moved on: a trigger that fails costs nobody their refresh token.
pub async fn renew(cx: &Cx, issue: Issue, changes: &Changes, grant: &Grant, rotated: bool) -> Result<Tokens> {
    let refresh_token = if rotated { Some(refresh_token(cx, grant)?) } else { None };
    sign(cx, &issue, grant, changes, refresh_token).await
}

/// Refuses a client tokens that everybody could use, where it wants none of that kind.
pub fn check_possession(pool: &Pool, client: &Client, key: Option<&str>) -> Result<()> {
    if key.is_none() && pool.demands_possession(client) {
        return Err(Error::Possession("the client's tokens must be bound to a key that it shows"));
    }
    Ok(())
}

/// A client that asks for a token of its own.
pub struct Machine {
    pub pool: Arc<Pool>,
    pub client: Arc<Client>,
    pub scopes: Vec<String>,
    pub metadata: Option<ClientMetadata>,
    /// The API outside that the token is for.
    pub resource: Option<String>,
    /// The thumbprint of the key that the client has shown.
    pub key: Option<String>,
}

/// The token of a machine: the client itself, without a user, a grant or anything in the database.
pub async fn for_machine(cx: &Cx, machine: &Machine) -> Result<Tokens> {
    check_possession(&machine.pool, &machine.client, machine.key.as_deref())?;
    let changes = Changes::ask_for_machine(cx, machine).await?;
    let client = &machine.client;
    let (now, expires_at) = cx.from_now(client.access_token_lifetime());
    let mut claims = Map::new();
    claims.insert("sub".into(), json!(client.id));
    claims.insert("token_use".into(), json!("access"));
    claims.insert("scope".into(), json!(changes.scopes(&machine.scopes)));
    claims.insert("auth_time".into(), json!(now.seconds()));
    claims.insert("iss".into(), json!(cx.app.setup.issuer_of(&machine.pool)));
    claims.insert("exp".into(), json!(expires_at.seconds()));
    claims.insert("iat".into(), json!(now.seconds()));
    claims.insert("version".into(), json!(2));
    claims.insert("jti".into(), json!(cx.random().uuid()));
    claims.insert("client_id".into(), json!(client.id));
    if let Some(audience) = audience(&machine.pool, client, machine.resource.as_ref()) {
        claims.insert("aud".into(), json!(audience));
    }
    changes.access_token.apply(&mut claims);
    bind(&mut claims, machine.key.as_deref());
    let keys = key_ring::keys_of(cx, &client.pool_id).await?;
    Ok(Tokens {
        access_token: sign_access(&machine.pool, &keys, &claims)?,
        id_token: None,
        refresh_token: None,
        expires_in: client.access_token_lifetime(),
        is_bound: machine.key.is_some(),
        new_device: None,
    })
}

fn refresh_token(cx: &Cx, grant: &Grant) -> Result<String> {
    let claims = RefreshClaims { grant_id: grant.id.clone(), generation: grant.generation };
    Ok(cx.app.sealer.jwe(&claims)?)
}

async fn sign(
    cx: &Cx,
    issue: &Issue,
    grant: &Grant,
    changes: &Changes,
    refresh_token: Option<String>,
) -> Result<Tokens> {
    let keys = key_ring::keys_of(cx, &issue.pool.id).await?;
    let now = cx.now();
    let access_token = sign_access(&issue.pool, &keys, &access_claims(cx, issue, grant, changes, now))?;
    let wants_id_token = grant.source == GrantSource::Api || grant.scopes.iter().any(|scope| scope == "openid");
    let id_token = if wants_id_token {
        let claims = id_claims(cx, issue, grant, changes, now, &access_token);
        Some(keys.id.sign(&claims)?)
    } else {
        None
    };
    let expires_in = issue.client.access_token_lifetime();
    let is_bound = issue.bound.key.is_some();
    Ok(Tokens { access_token, id_token, refresh_token, expires_in, is_bound, new_device: None })
}

/// An access token, of the type that the pool gives it.
fn sign_access(pool: &Pool, keys: &PoolKeys, claims: &Map<String, Value>) -> Result<String> {
    let key = &keys.access;
    Ok(if pool.profiles_access_tokens() { key.sign_access_token(claims)? } else { key.sign(claims)? })
}

/// The claims that both tokens of a grant share. Clients that cannot revoke get tokens that name no grant, save where every
/// session can be ended.
fn shared_claims(cx: &Cx, issue: &Issue, grant: &Grant, now: Time) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("sub".into(), json!(issue.user.sub));
    claims.insert("iss".into(), json!(cx.app.setup.issuer_of(&issue.pool)));
    claims.insert("event_id".into(), json!(grant.event_id));
    claims.insert("auth_time".into(), json!(grant.auth_time.seconds()));
    claims.insert("iat".into(), json!(now.seconds()));
    let assurance = &grant.assurance;
    if !assurance.is_empty() && (assurance.is_told || issue.pool.names_levels()) {
        claims.insert("acr".into(), json!(issue.pool.level_name(assurance.level())));
        claims.insert("amr".into(), json!(assurance.names()));
    }
    if issue.client.can_revoke() || issue.pool.tracks_sessions() {
        claims.insert("origin_jti".into(), json!(grant.id));
        claims.insert("jti".into(), json!(cx.random().uuid()));
    }
    claims
}

fn access_claims(cx: &Cx, issue: &Issue, grant: &Grant, changes: &Changes, now: Time) -> Map<String, Value> {
    let mut claims = shared_claims(cx, issue, grant, now);
    claims.insert("token_use".into(), json!("access"));
    claims.insert("client_id".into(), json!(issue.client.id));
    claims.insert("username".into(), json!(issue.user.username));
    claims.insert("scope".into(), json!(changes.scopes(&grant.scopes)));
    claims.insert("exp".into(), json!(now.plus(issue.client.access_token_lifetime()).seconds()));
    if !changes.groups.names.is_empty() {
        claims.insert("cognito:groups".into(), json!(changes.groups.names));
    }
    if let Some(key) = &grant.device_key {
        claims.insert("device_key".into(), json!(key));
    }
    if let Some(audience) = audience(&issue.pool, &issue.client, grant.audience.as_ref()) {
        claims.insert("aud".into(), json!(audience));
    }
    if grant.source == GrantSource::OAuth || changes.is_versioned {
        claims.insert("version".into(), json!(2));
    }
    // Without revocation the service still gives access tokens an id of their own.
    claims.entry("jti").or_insert_with(|| json!(cx.random().uuid()));
    changes.access_token.apply(&mut claims);
    bind(&mut claims, issue.bound.key.as_deref());
    claims
}

/// Says which key the bearer of an access token has to show. No trigger can take that out.
fn bind(claims: &mut Map<String, Value>, key: Option<&str>) {
    if let Some(key) = key {
        claims.insert(token::CONFIRMATION.into(), json!({ token::THUMBPRINT: key }));
    }
}

/// For whom an access token is: the resource that was named, or in a strict pool the client itself, as gateways expect it.
fn audience<'a>(pool: &Pool, client: &'a Client, named: Option<&'a String>) -> Option<&'a String> {
    named.or_else(|| pool.profiles_access_tokens().then_some(&client.id))
}

fn id_claims(
    cx: &Cx,
    issue: &Issue,
    grant: &Grant,
    changes: &Changes,
    now: Time,
    access_token: &str,
) -> Map<String, Value> {
    let mut claims = shared_claims(cx, issue, grant, now);
    claims.insert("token_use".into(), json!("id"));
    claims.insert("aud".into(), json!(issue.client.id));
    claims.insert("cognito:username".into(), json!(issue.user.username));
    claims.insert("exp".into(), json!(now.plus(issue.client.id_token_lifetime()).seconds()));
    let groups = &changes.groups;
    if !groups.names.is_empty() {
        claims.insert("cognito:groups".into(), json!(groups.names));
    }
    if !groups.roles.is_empty() {
        claims.insert("cognito:roles".into(), json!(groups.roles));
    }
    if let Some(role) = &groups.preferred_role {
        claims.insert("cognito:preferred_role".into(), json!(role));
    }
    if let Some(nonce) = &issue.nonce {
        claims.insert("nonce".into(), json!(nonce));
    }
    if grant.source == GrantSource::OAuth {
        claims.insert("at_hash".into(), json!(at_hash(access_token)));
    }
    for (name, value) in readable_attributes(&issue.pool, &issue.client, &issue.user, &grant.scopes) {
        claims.insert(name.clone(), attribute_claim(name, value));
    }
    changes.id_token.apply(&mut claims);
    if let Some(session) = grant.sso_id.as_ref().filter(|_| issue.pool.tells_of_logouts()) {
        claims.insert("sid".into(), json!(session));
    }
    claims
}

/// The left half of the access token's SHA-256 (OpenID Connect Core, section 3.1.3.6).
fn at_hash(access_token: &str) -> String {
    let hash = digest::digest(&digest::SHA256, access_token.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16])
}

/// The attributes that a client may read and that the scopes cover. A sign-in through the API has them all, and so has
/// `openid` on its own; `email`, `phone` and `profile` choose, but not who the user is elsewhere. In a strict pool every scope
/// brings its own and `openid` brings none.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-define-resource-servers.html>
pub fn readable_attributes<'a>(
    pool: &Pool,
    client: &'a Client,
    user: &'a User,
    scopes: &'a [String],
) -> impl Iterator<Item = (&'a String, &'a String)> {
    let has = |scope: &str| scopes.iter().any(|held| held == scope);
    let (email, phone, profile) = (has("email"), has("phone"), has("profile"));
    let address = has("address");
    let (is_strict, is_oauth) = (pool.types_claims(), has("openid"));
    let chooses = email || phone || profile || (is_strict && is_oauth);
    user.attributes.iter().filter(move |(name, value)| {
        let covered = match name.as_str() {
            _ if !chooses => true,
            "address" if is_strict => address,
            identity::ATTRIBUTE => true,
            "email" | "email_verified" => email,
            "phone_number" | "phone_number_verified" => phone,
            _ => profile,
        };
        covered && !value.is_empty() && token::is_readable(client, name)
    })
}

/// An attribute as a claim: text, but for the ones that OpenID Connect types. Custom attributes are always text.
pub fn attribute_claim(name: &str, value: &str) -> Value {
    match name {
        "email_verified" | "phone_number_verified" => json!(value == "true"),
        "updated_at" => value.parse::<i64>().map_or_else(|_| json!(value), |seconds| json!(seconds)),
        "address" => json!({ "formatted": value }),
        identity::ATTRIBUTE => identity::claim(value),
        _ => json!(value),
    }
}
