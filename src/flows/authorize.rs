//! The authorization of a client by somebody who has signed in: a code, and the tokens for it.
//!
//! A code is a random UUID that is kept only as a hash, works for five minutes, for the client it was given to, and once:
//! its first use takes it out of the world, whatever comes of that use. Another client that presents it changes nothing.
//! <https://www.rfc-editor.org/rfc/rfc6749#section-4.1> <https://www.rfc-editor.org/rfc/rfc7636>

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::{
    Cx, back_channel, directory, issue,
    issue::{Bound, Issue},
    pushed::{self, RequestUri},
};
use crate::{
    domain::{
        Client, Error, Pool, Result, Sub, User,
        assurance::{Assurance, Level},
        challenge::salt_of,
        client::is_safe_url,
        device_request::UserCode,
        grant::{GrantSource, Seen},
        provider::OWN,
        resource_server::{ADMIN_SCOPE, REGISTER_SCOPE},
        session::SsoSession,
        token::Tokens,
        user::Status,
    },
    hooks::TokenSource,
    keys::same,
    kit::{clock::Time, ids},
    store,
};

const CODE_LIFETIME: Duration = Duration::from_secs(300);
/// How long a browser's session is kept at least.
pub const SESSION_LIFETIME: Duration = Duration::from_secs(3_600);

/// An address that a client has registered. Nothing else is ever redirected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedirectUri(String);

impl RedirectUri {
    /// One of the client's callback addresses, byte for byte; on this machine the port may differ where the pool says so.
    pub fn registered(pool: &Pool, client: &Client, uri: &str) -> Option<Self> {
        let own = &client.settings.callback_urls;
        Self::among(own, uri).or_else(|| {
            let differs_by_port = pool.allows_any_loopback_port() && own.iter().any(|own| is_other_port(own, uri));
            differs_by_port.then(|| Self(uri.to_owned()))
        })
    }

    /// One of the addresses where somebody may land after signing out, byte for byte.
    pub fn after_logout(client: &Client, uri: &str) -> Option<Self> {
        Self::among(&client.settings.logout_urls, uri)
    }

    fn among(registered: &[String], uri: &str) -> Option<Self> {
        registered.iter().find(|own| own.as_str() == uri).cloned().map(Self)
    }

    /// Our own page where somebody who has signed in for a device says whether they meant it.
    pub fn device_page(path: &str, code: &UserCode) -> Self {
        Self(format!("{path}?user_code={code}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether two addresses of programs on this machine differ in nothing but the port (RFC 8252, section 7.3).
fn is_other_port(registered: &str, given: &str) -> bool {
    let parts = |uri: &str| {
        let rest = uri.strip_prefix("http://")?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let host = ["127.0.0.1", "[::1]"].into_iter().find(|host| authority.starts_with(host))?;
        let port = &authority[host.len()..];
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
        is_port.then(|| (host, path.to_owned()))
    };
    parts(registered).is_some_and(|own| parts(given) == Some(own))
}

/// What the client receives at its redirect address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseType {
    /// A code, in the query.
    Code,
    /// The tokens themselves, in the fragment; no refresh token.
    Token,
    /// Nothing: our own page of devices waits for somebody to have signed in.
    Nothing,
}

/// A request of a client that has been found in order.
#[derive(Clone, Debug)]
pub struct Request {
    pub pool: Arc<Pool>,
    pub client: Arc<Client>,
    pub redirect_uri: RedirectUri,
    pub response_type: ResponseType,
    pub scopes: Vec<String>,
    pub nonce: Option<String>,
    /// PKCE, always S256.
    pub challenge: Option<String>,
    /// The API outside that access tokens are to be bound to.
    pub resource: Option<Resource>,
    /// The thumbprint of the key that the code is to be bound to.
    pub key: Option<String>,
    /// The levels of `acr_values` that the pool knows, the most wanted first.
    pub levels: Vec<Level>,
    /// Where it was pushed: it is answered once.
    pub pushed: Option<RequestUri>,
}

/// The absolute URI of a protected resource, which becomes the `aud` of access tokens.
/// <https://www.rfc-editor.org/rfc/rfc8707>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource(String);

impl Resource {
    /// None where the pool's tier has no such tokens, or for what is no place of `https`, of plain HTTP on this machine, or of
    /// an application's own scheme.
    pub fn of(pool: &Pool, uri: &str) -> Option<Self> {
        (!pool.is_lite() && is_safe_url(uri)).then(|| Self(uri.to_owned()))
    }
}

/// Somebody who signed in on the hosted pages of one pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    pub sub: Sub,
    pub auth_time: Time,
    /// The session that the user can see and end.
    #[serde(default)]
    pub sso_id: Option<String>,
    /// When no client is satisfied with this sign-in any more.
    #[serde(default)]
    kept_until: Option<Time>,
    /// Of the password that the user had: another one ends what came of the old.
    #[serde(default)]
    salt: Option<Vec<u8>>,
    /// The identity provider that they came through; none for the pool's own sign-in.
    #[serde(default)]
    pub provider: Option<String>,
    /// What that provider knows their session by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_session: Option<ProviderSession>,
    /// What was proven.
    #[serde(default, skip_serializing_if = "Assurance::is_empty")]
    pub assurance: Assurance,
}

/// A session at a SAML provider, as its log-out names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderSession {
    pub name_id: String,
    pub name_id_format: Option<String>,
    pub session_index: Option<String>,
}

impl SignedIn {
    /// The same sign-in, through an identity provider.
    #[must_use]
    pub fn through(self, provider: &str) -> Self {
        Self { provider: Some(provider.to_owned()), ..self }
    }

    /// The same, with what the provider knows the session by.
    #[must_use]
    pub fn known_there_by(self, provider_session: Option<ProviderSession>) -> Self {
        Self { provider_session, ..self }
    }

    pub fn kept_until(&self) -> Time {
        self.kept_until.unwrap_or_else(|| self.auth_time.plus(SESSION_LIFETIME))
    }
}

/// What a client is given.
#[derive(Debug)]
pub enum Given {
    Nothing,
    Code(String),
    Tokens(Box<Tokens>),
}

/// The scopes of a request: those asked for, or all that the client may have. Each must be allowed to the client, and its
/// resource server must still know it; `email`, `phone` and `profile` mean something only together with `openid`.
pub async fn scopes(cx: &Cx, pool: &Pool, client: &Client, asked: Option<&str>) -> Result<Vec<String>> {
    let servers = directory::resource_servers(cx, &client.pool_id).await?;
    let exists = |scope: &str| {
        pool.knows_scope(scope) || scope == REGISTER_SCOPE || servers.iter().any(|one| one.has_scope(scope))
    };
    let allowed = &client.settings.allowed_oauth_scopes;
    let Some(asked) = asked.filter(|asked| !asked.trim().is_empty()) else {
        return Ok(allowed.iter().filter(|scope| exists(scope)).cloned().collect());
    };
    let mut scopes: Vec<String> = Vec::new();
    for scope in asked.split(' ').filter(|scope| !scope.is_empty()) {
        if !allowed.iter().any(|own| own == scope) || !exists(scope) {
            return Err(Error::NoSuchScope(scope.to_owned()));
        }
        if !scopes.iter().any(|own| own == scope) {
            scopes.push(scope.to_owned());
        }
    }
    let needs_openid = |scope: &&String| ["email", "phone", "profile"].contains(&scope.as_str());
    match scopes.iter().find(needs_openid) {
        Some(scope) if !scopes.iter().any(|own| own == "openid") => Err(Error::NoSuchScope(scope.clone())),
        _ => Ok(scopes),
    }
}

/// Somebody has just proven who they are on the hosted pages: the sign-in that the browser remembers. Where it is the user of
/// the sign-in before, and clients know sessions by their names, the session goes on under its own.
pub async fn enter(
    cx: &Cx,
    request: &Request,
    (user, assurance): (&User, Assurance),
    former: Option<&SignedIn>,
) -> Result<SignedIn> {
    let pool = &request.pool;
    let seen = Seen::now(cx.now(), &cx.origin, &request.client);
    let same = former.filter(|former| former.sub == user.sub && pool.tells_of_logouts());
    let former_id = same.and_then(|former| former.sso_id.clone());
    let session = SsoSession {
        id: former_id.clone().unwrap_or_else(|| cx.random().uuid()),
        pool_id: pool.id.clone(),
        sub: user.sub.clone(),
        client_id: request.client.id.clone(),
        created_at: seen.created_at,
        active_at: seen.active_at,
        expires_at: seen.created_at.plus(pool.sso_lifetime()),
        last_ip: seen.last_ip,
        device_type: seen.device_type,
    };
    let mut tx = cx.begin().await?;
    let user = store::users::by_sub_for_update(&mut tx, &pool.id, &user.sub).await?.ok_or(Error::WrongCredentials)?;
    if let Some(id) = &former_id {
        store::sso_sessions::end(&mut tx, id).await?;
    }
    store::sso_sessions::insert(&mut tx, &session).await?;
    tx.commit().await?;
    Ok(SignedIn {
        sub: session.sub,
        auth_time: session.created_at,
        sso_id: Some(session.id),
        kept_until: Some(session.expires_at),
        salt: Some(salt_of(&user)),
        provider: None,
        provider_session: None,
        assurance,
    })
}

/// The browser knows a sign-in no more: it has signed out, or in as somebody else.
pub async fn leave(cx: &Cx, signed_in: &SignedIn) -> Result<()> {
    let Some(id) = &signed_in.sso_id else { return Ok(()) };
    let mut tx = cx.begin().await?;
    back_channel::session_ends(&mut tx, cx, id).await?;
    store::sso_sessions::end(&mut tx, id).await?;
    Ok(tx.commit().await?)
}

/// Whether a sign-in of earlier still lets its user in: not for longer than the client allows, not after the session was
/// ended, and not after the account was disabled or deleted or its password changed. It does not slide.
pub async fn still_signed_in(cx: &Cx, request: &Request, signed_in: &SignedIn) -> Result<bool> {
    Ok(user_of(cx, request, signed_in).await?.is_some())
}

/// Whom it lets in, by the same rules. A client is content only with the ways of signing in that it offers.
pub async fn user_of(cx: &Cx, request: &Request, signed_in: &SignedIn) -> Result<Option<User>> {
    user_at(cx, &request.pool, &request.client, signed_in).await
}

pub async fn user_at(cx: &Cx, pool: &Pool, client: &Client, signed_in: &SignedIn) -> Result<Option<User>> {
    if !client.offers(signed_in.provider.as_deref().unwrap_or(OWN)) {
        return Ok(None);
    }
    let now = cx.now();
    if now >= signed_in.auth_time.plus(client.sso_lifetime(pool)) || now >= signed_in.kept_until() {
        return Ok(None);
    }
    present(cx, &pool.id, signed_in).await
}

/// The user of a sign-in of earlier, as they are now; none where it does not count any more, however young it is.
async fn present(cx: &Cx, pool_id: &str, signed_in: &SignedIn) -> Result<Option<User>> {
    let mut tx = cx.read().await?;
    if let Some(id) = &signed_in.sso_id
        && !store::sso_sessions::lives(&mut tx, id, cx.now()).await?
    {
        return Ok(None);
    }
    let user = store::users::by_sub(&mut tx, pool_id, &signed_in.sub).await?;
    Ok(user.filter(|user| {
        // What an account lacks to be signed in to here, a provider has made up for.
        let may_stay =
            signed_in.provider.is_some() || matches!(user.status, Status::Confirmed | Status::ExternalProvider);
        user.enabled && may_stay && signed_in.salt.as_ref().is_none_or(|salt| *salt == salt_of(user))
    }))
}

/// Gives the client what it asked for.
pub async fn answer(cx: &Cx, request: &Request, signed_in: &SignedIn) -> Result<Given> {
    if let Some(id) = signed_in.sso_id.as_ref().filter(|_| request.pool.tracks_sessions()) {
        let mut tx = cx.single().await?;
        store::sso_sessions::touch(&mut tx, id, &Seen::now(cx.now(), &cx.origin, &request.client)).await?;
        tx.commit().await?;
    }
    if let Some(uri) = &request.pushed
        && !pushed::take(cx, uri).await?
    {
        return Err(Error::CodeExpired);
    }
    if request.response_type == ResponseType::Nothing {
        return Ok(Given::Nothing);
    }
    if request.response_type == ResponseType::Token {
        let issuance = Issuance {
            pool: Arc::clone(&request.pool),
            client: Arc::clone(&request.client),
            signed_in,
            scopes: request.scopes.clone(),
            nonce: request.nonce.clone(),
            audience: request.resource.as_ref().map(|resource| resource.0.clone()),
            key: None,
            tells_level: !request.levels.is_empty(),
            grant_id: None,
        };
        return Ok(Given::Tokens(Box::new(Tokens { refresh_token: None, ..issuance.start(cx).await? })));
    }
    let code = cx.random().uuid();
    let detail = Detail {
        pool_id: request.pool.id.clone(),
        sub: signed_in.sub.clone(),
        auth_time: signed_in.auth_time,
        sso_id: signed_in.sso_id.clone(),
        salt: signed_in.salt.clone(),
        provider: signed_in.provider.clone(),
        redirect_uri: request.redirect_uri.as_str().to_owned(),
        scopes: request.scopes.clone(),
        nonce: request.nonce.clone(),
        challenge: request.challenge.clone(),
        audience: request.resource.as_ref().map(|resource| resource.0.clone()),
        key: request.key.clone(),
        assurance: signed_in.assurance.clone(),
        tells_level: !request.levels.is_empty(),
    };
    let mut tx = cx.begin().await?;
    let expires_at = cx.now().plus(CODE_LIFETIME);
    store::grants::insert_code(&mut tx, &hash(&code), &request.client.id, detail, expires_at).await?;
    tx.commit().await?;
    Ok(Given::Code(code))
}

/// A code as it comes back from a client that has proven who it is.
pub struct Redemption<'a> {
    pub pool: Arc<Pool>,
    pub client: Arc<Client>,
    pub code: &'a str,
    pub redirect_uri: Option<&'a str>,
    pub verifier: Option<&'a str>,
    /// The resource that the client wants the tokens for. None is whatever it asked for before.
    pub resource: Option<&'a str>,
    /// The thumbprint of the key that the client has shown.
    pub key: Option<String>,
}

/// The tokens for a code. [`Error::CodeExpired`] stands for a code that does not count, [`Error::CodeMismatch`] for one that
/// came with the wrong redirect address or verifier, [`Error::WrongTarget`] for one that was given for another resource.
pub async fn redeem(cx: &Cx, given: Redemption<'_>) -> Result<Tokens> {
    let mut tx = cx.begin().await?;
    let detail = store::grants::redeem_code::<Detail>(&mut tx, &hash(given.code), &given.client.id, cx.now()).await?;
    tx.commit().await?;
    let Some(detail) = detail.filter(|detail| detail.pool_id == given.pool.id) else {
        if given.pool.punishes_replays() {
            let mut tx = cx.single().await?;
            store::grants::revoke_of_client(&mut tx, &grant_of(given.code), &given.client.id, cx.now()).await?;
            tx.commit().await?;
        }
        return Err(Error::CodeExpired);
    };
    if given.redirect_uri != Some(detail.redirect_uri.as_str()) || !proves(detail.challenge.as_deref(), given.verifier)
    {
        return Err(Error::CodeMismatch);
    }
    if given.resource.is_some_and(|resource| detail.audience.as_deref() != Some(resource)) {
        return Err(Error::WrongTarget);
    }
    if detail.key.is_some() && detail.key != given.key {
        return Err(Error::Possession("the code is bound to a key that was not shown"));
    }
    let grant_id = given.pool.punishes_replays().then(|| grant_of(given.code));
    let signed_in = SignedIn {
        sub: detail.sub,
        auth_time: detail.auth_time,
        sso_id: detail.sso_id,
        kept_until: None,
        salt: detail.salt,
        provider: detail.provider,
        provider_session: None,
        assurance: detail.assurance,
    };
    Issuance {
        pool: given.pool,
        client: given.client,
        signed_in: &signed_in,
        scopes: detail.scopes,
        nonce: detail.nonce,
        audience: detail.audience,
        key: given.key,
        tells_level: detail.tells_level,
        grant_id,
    }
    .start(cx)
    .await
}

/// What is kept with a code.
#[derive(Serialize, Deserialize)]
struct Detail {
    pool_id: String,
    sub: String,
    auth_time: Time,
    #[serde(default)]
    sso_id: Option<String>,
    #[serde(default)]
    salt: Option<Vec<u8>>,
    #[serde(default)]
    provider: Option<String>,
    redirect_uri: String,
    scopes: Vec<String>,
    nonce: Option<String>,
    challenge: Option<String>,
    #[serde(default)]
    audience: Option<String>,
    #[serde(default)]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Assurance::is_empty")]
    assurance: Assurance,
    #[serde(default)]
    tells_level: bool,
}

/// The first tokens of a sign-in on the pages.
pub(super) struct Issuance<'a> {
    pub pool: Arc<Pool>,
    pub client: Arc<Client>,
    pub signed_in: &'a SignedIn,
    pub scopes: Vec<String>,
    pub nonce: Option<String>,
    pub audience: Option<String>,
    /// The thumbprint of the key that the client has shown.
    pub key: Option<String>,
    /// The client has asked for a level.
    pub tells_level: bool,
    pub grant_id: Option<String>,
}

impl Issuance<'_> {
    pub(super) async fn start(self, cx: &Cx) -> Result<Tokens> {
        // The sign-in may have come to its end while the code was on its way.
        let user = present(cx, &self.pool.id, self.signed_in).await?.ok_or(Error::CodeExpired)?;
        let issue = Issue {
            pool: self.pool,
            client: self.client,
            user,
            scopes: self.scopes,
            source: GrantSource::OAuth,
            trigger: TokenSource::HostedAuth,
            event_id: None,
            nonce: self.nonce,
            client_metadata: None,
            bound: Bound {
                device_key: None,
                sso_id: self.signed_in.sso_id.clone(),
                audience: self.audience,
                key: self.key,
                assurance: self.signed_in.assurance.clone().told(self.tells_level),
                grant_id: self.grant_id,
            },
        };
        issue::start(cx, issue, self.signed_in.auth_time).await
    }
}

/// The scopes of machines: only those of resource servers, and at least one.
pub async fn machine_scopes(cx: &Cx, pool: &Pool, client: &Client, asked: Option<&str>) -> Result<Vec<String>> {
    let mut scopes = scopes(cx, pool, client, asked).await?;
    if asked.is_none_or(|asked| asked.trim().is_empty()) {
        scopes.retain(|scope| !pool.knows_scope(scope));
    }
    match scopes.iter().find(|scope| pool.knows_scope(scope)) {
        Some(standard) => Err(Error::NoSuchScope(standard.clone())),
        None if scopes.is_empty() => Err(Error::NoSuchScope(String::new())),
        None => Ok(scopes),
    }
}

/// Scopes of a sign-in with a password at the token endpoint. A client without any OAuth scope has the API's own.
pub async fn password_scopes(
    cx: &Cx,
    pool: &Pool,
    client: &Client,
    asked: Option<&str>,
) -> Result<(Vec<String>, GrantSource)> {
    if client.settings.allowed_oauth_scopes.is_empty() && asked.is_none_or(|asked| asked.trim() == ADMIN_SCOPE) {
        return Ok((vec![ADMIN_SCOPE.to_owned()], GrantSource::Api));
    }
    Ok((scopes(cx, pool, client, asked).await?, GrantSource::OAuth))
}

/// Whether the verifier belongs to the challenge. A verifier without a challenge is refused: somebody has taken the challenge
/// out of the request that the client made.
fn proves(challenge: Option<&str>, verifier: Option<&str>) -> bool {
    match (challenge, verifier) {
        (None, None) => true,
        (Some(challenge), Some(verifier)) => {
            let expected = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
            is_pkce_text(verifier) && same(expected.as_bytes(), challenge.as_bytes())
        }
        _ => false,
    }
}

/// The form of a verifier, and of a challenge: 43 to 128 unreserved characters.
pub fn is_pkce_text(text: &str) -> bool {
    (43..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

/// The id of the grant that a code becomes, where its replay has to find that.
fn grant_of(code: &str) -> String {
    let digest = digest(&SHA256, format!("grant of {code}").as_bytes());
    ids::uuid_from(digest.as_ref().first_chunk().unwrap_or(&[0; 16]))
}

fn hash(code: &str) -> Vec<u8> {
    digest(&SHA256, code.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_proves_its_own_challenge_only() {
        // RFC 7636, appendix B.
        let challenge = Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(proves(challenge, Some(verifier)));
        assert!(!proves(challenge, Some(&verifier.to_lowercase())));
        assert!(!proves(challenge, Some(&verifier[1..])));
        assert!(!proves(challenge, None));
        assert!(!proves(None, Some(verifier)));
        assert!(proves(None, None));
    }

    #[test]
    fn a_verifier_has_43_to_128_unreserved_characters() {
        assert!(is_pkce_text(&"a".repeat(43)) && is_pkce_text(&"~".repeat(128)));
        assert!(!is_pkce_text(&"a".repeat(42)) && !is_pkce_text(&"a".repeat(129)));
        assert!(!is_pkce_text(&format!("{}+", "a".repeat(43))));
    }
}
