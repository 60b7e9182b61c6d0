//! Providers of OpenID Connect and OAuth 2.0: the question, the token call, and what is made of the answer.
//!
//! Google and Apple are OpenID Connect, with places that are known. Facebook and Amazon have no ID tokens: who somebody is, they
//! tell at the place of their users' attributes. Everything that arrives is held against what was asked: the nonce and the PKCE
//! verifier of this very trip, the issuer, the audience, the subject in both of the places that name it.
//! <https://openid.net/specs/openid-connect-core-1_0.html> <https://www.rfc-editor.org/rfc/rfc9700>

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use url::Url;

use super::{Arrival, Fault, Memo, endpoints::Endpoints};
use crate::{
    domain::{
        Provider,
        assurance::Level,
        provider::{Claims, Kind},
    },
    flows::Cx,
    hooks::ExternalAttributes,
    keys::{
        client_assertion,
        jwt::{IssuerKeys, JwtError, check_times, verify_published},
    },
    outside::{Failure, Question},
};

/// Clocks differ.
const SKEW: Duration = Duration::from_secs(60);
/// How long keys of a provider are used, and how soon a key that is not among them makes us look again: anybody can make up ids.
const KEYS_AGE: Duration = Duration::from_secs(3_600);
const KEYS_AGAIN: Duration = Duration::from_secs(30);
/// The life of a client secret that is made for one call.
const ASSERTION_SECONDS: i64 = 300;
/// What an application's request hands on.
pub struct Wishes<'a> {
    pub login_hint: Option<&'a str>,
    pub prompt: Option<&'a str>,
    /// In the provider's words.
    pub acr_values: Option<&'a str>,
}

/// What the provider calls the levels that an application asks for, where it was told to us.
pub fn acr_values(provider: &Provider, levels: &[Level]) -> Option<String> {
    let mapping = &provider.settings.acr_mapping;
    let values: Vec<&str> = levels.iter().filter_map(|level| mapping.get(level.key()).map(String::as_str)).collect();
    (!values.is_empty()).then(|| values.join(" "))
}

/// An answer as the browser has brought it.
#[derive(Debug)]
pub struct Answer<'a> {
    pub code: &'a str,
    /// Who answers, where the provider says so.
    pub issuer: Option<&'a str>,
    /// What Apple tells of a user the first time: nothing vouches for it.
    pub user: Option<&'a str>,
}

/// What is remembered of a question to `provider` whose answer comes to `callback`.
pub fn memo(cx: &Cx, provider: &Provider, callback: String) -> Memo {
    let has_nonce = has_id_token(provider.kind);
    Memo {
        nonce: has_nonce.then(|| cx.random().alphanumeric(32)),
        verifier: takes_pkce(provider.kind).then(|| cx.random().alphanumeric(64)),
        callback,
        request_id: None,
    }
}

fn has_id_token(kind: Kind) -> bool {
    matches!(kind, Kind::Oidc | Kind::Google | Kind::SignInWithApple)
}

fn takes_pkce(kind: Kind) -> bool {
    matches!(kind, Kind::Oidc | Kind::Google)
}

/// The address of the question. Fetches what the provider says of itself, so it may take a while and fail.
pub async fn question(
    cx: &Cx,
    provider: &Provider,
    memo: &Memo,
    (state, wishes): (&str, Wishes<'_>),
) -> Result<String, Fault> {
    let endpoints = Endpoints::of(cx, provider).await?;
    let mut url = Url::parse(&endpoints.authorize)
        .ok()
        .filter(|url| matches!(url.scheme(), "https" | "http"))
        .ok_or_else(|| Fault::Provider("The identity provider's authorization endpoint is no URL".to_owned()))?;
    let detail = |key: &str| provider.details.get(key).map(String::as_str).unwrap_or_default();
    {
        let mut query = url.query_pairs_mut();
        query
            .append_pair("client_id", detail("client_id"))
            .append_pair("redirect_uri", &memo.callback)
            .append_pair("scope", detail("authorize_scopes"))
            .append_pair("response_type", "code")
            .append_pair("state", state);
        if let Some(nonce) = &memo.nonce {
            query.append_pair("nonce", nonce);
        }
        if let Some(verifier) = &memo.verifier {
            let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
            query.append_pair("code_challenge", &challenge).append_pair("code_challenge_method", "S256");
        }
        if provider.kind == Kind::SignInWithApple {
            query.append_pair("response_mode", "form_post");
        }
        if takes_pkce(provider.kind) {
            let wishes =
                [("login_hint", wishes.login_hint), ("prompt", wishes.prompt), ("acr_values", wishes.acr_values)];
            for (name, value) in wishes {
                if let Some(value) = value {
                    query.append_pair(name, value);
                }
            }
        }
    }
    Ok(url.into())
}

/// Redeems a code and makes somebody of the answer.
pub async fn receive(cx: &Cx, provider: &Provider, memo: &Memo, answer: Answer<'_>) -> Result<Arrival, Fault> {
    let endpoints = Endpoints::of(cx, provider).await?;
    judge_issuer(&endpoints, answer.issuer)?;
    let tokens = tokens(cx, provider, &endpoints, (memo, answer.code)).await?;
    let access_token = tokens.get("access_token").and_then(Value::as_str);
    let mut said = ExternalAttributes::default();
    let subject = if has_id_token(provider.kind) {
        let id_token = tokens.get("id_token").and_then(Value::as_str);
        let id_token = id_token.ok_or_else(|| Fault::Provider("The identity provider sent no ID token".to_owned()))?;
        let claims = verified(cx, provider, &endpoints, ("the ID token", id_token)).await?;
        let subject = judged(cx, provider, (&endpoints, memo), &claims)?;
        if let (Some(url), Some(token)) = (&endpoints.user_info, access_token) {
            let told = user_info(cx, provider, &endpoints, (url, token)).await?;
            // The token may have been another user's (OpenID Connect Core, section 5.3.2).
            if told.get("sub").and_then(Value::as_str) != Some(&*subject) {
                return Err(Fault::foreign("the subjects of ID token and userInfo differ"));
            }
            said.user_info = Some(told);
        }
        if let Some(names) = answer.user.filter(|_| provider.kind == Kind::SignInWithApple).and_then(apple_names) {
            said.user_info = Some(names);
        }
        said.id_token = Some(claims);
        subject
    } else {
        let no_token = || Fault::Provider("The identity provider sent no access token".to_owned());
        let (token, url) = access_token.zip(endpoints.user_info.as_deref()).ok_or_else(no_token)?;
        let told = user_info(cx, provider, &endpoints, (url, token)).await?;
        let name = if provider.kind == Kind::Facebook { "id" } else { "user_id" };
        let subject = told.get(name).and_then(Value::as_str).map(str::to_owned);
        said.user_info = Some(told);
        subject.ok_or_else(|| Fault::Provider(format!("The identity provider sent no {name}")))?
    };
    said.token_response = Some(tokens);
    Ok(Arrival { subject, said, issuer: None })
}

/// Whether an answer without a code is the provider's own, as far as it says whose it is.
pub async fn check_issuer(cx: &Cx, provider: &Provider, named: Option<&str>) -> Result<(), Fault> {
    judge_issuer(&Endpoints::of(cx, provider).await?, named)
}

/// An answer of one provider to the question for another would have us hand over its code (RFC 9207).
fn judge_issuer(endpoints: &Endpoints, named: Option<&str>) -> Result<(), Fault> {
    match (named, &endpoints.issuer) {
        (Some(named), Some(issuer)) if named != issuer => Err(Fault::foreign("another issuer has answered")),
        (None, _) if endpoints.names_itself => Err(Fault::foreign("the answer does not say who gives it")),
        _ => Ok(()),
    }
}

async fn tokens(
    cx: &Cx,
    provider: &Provider,
    endpoints: &Endpoints,
    (memo, code): (&Memo, &str),
) -> Result<Map<String, Value>, Fault> {
    let detail = |key: &str| provider.details.get(key).map(String::as_str).unwrap_or_default();
    let made;
    let secret = if provider.kind == Kind::SignInWithApple {
        let now = cx.now().seconds();
        let claims = json!({
            "iss": detail("team_id"), "iat": now, "exp": now + ASSERTION_SECONDS, "aud": endpoints.issuer,
            "sub": detail("client_id"),
        });
        made = client_assertion::sign(detail("private_key"), detail("key_id"), &claims).map_err(|error| {
            tracing::warn!(provider = provider.name, %error, "the provider's private key cannot be used");
            Fault::Provider("The private key of the identity provider cannot be used".to_owned())
        })?;
        &*made
    } else {
        detail("client_secret")
    };
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &*memo.callback),
        ("client_id", detail("client_id")),
    ];
    if !secret.is_empty() {
        form.push(("client_secret", secret));
    }
    form.extend(memo.verifier.as_deref().map(|verifier| ("code_verifier", verifier)));
    let is_get = provider.details.get("token_request_method").is_some_and(|method| method.eq_ignore_ascii_case("GET"));
    let answer = if is_get {
        let mut url = Url::parse(&endpoints.token).map_err(|_| Fault::Provider("token_url is no URL".to_owned()))?;
        url.query_pairs_mut().extend_pairs(&form);
        cx.app.outside.ask_json(Question { url: url.as_str(), ..Question::default() }).await
    } else {
        let form = Some(&*form);
        cx.app.outside.ask_json(Question { url: &endpoints.token, form, ..Question::default() }).await
    };
    match answer {
        Ok(Value::Object(tokens)) => Ok(tokens),
        Ok(_) => Err(failed(provider, "token", &Failure::Json)),
        Err(failure) => Err(failed(provider, "token", &failure)),
    }
}

/// In the service's words.
fn failed(provider: &Provider, endpoint: &str, failure: &Failure) -> Fault {
    tracing::warn!(provider = provider.name, endpoint, error = %failure, "a provider did not answer as it should");
    Fault::Provider(match failure {
        Failure::Timeout(_) => format!("Timeout occurred in calling IdP {endpoint} endpoint"),
        Failure::Status(status) => format!("{} Error - {} error getting {endpoint}", provider.name, status.as_u16()),
        Failure::Connection(_) => "Connection reset".to_owned(),
        Failure::Address(_) | Failure::TooLarge(_) | Failure::Body | Failure::Json => {
            format!("Invalid response from IdP {endpoint} endpoint")
        }
    })
}

/// The claims of what the provider has signed, be it the ID token or its answer at userInfo.
async fn verified(
    cx: &Cx,
    provider: &Provider,
    endpoints: &Endpoints,
    (what, token): (&str, &str),
) -> Result<Claims, Fault> {
    let url = endpoints.jwks.as_deref();
    let url = url.ok_or_else(|| Fault::Provider("The identity provider has no jwks_uri".to_owned()))?;
    let secret = provider.details.get("client_secret").filter(|_| provider.kind == Kind::Oidc).map(String::as_str);
    let mut age = KEYS_AGE;
    loop {
        let jwks = cx.app.outside.document(url, (cx.now(), age)).await;
        let jwks = jwks.map_err(|failure| failed(provider, "JWKS", &failure))?;
        match verify_published(token, &IssuerKeys { jwks: &jwks, secret }) {
            Ok(claims) => return Ok(claims),
            Err(JwtError::UnknownKid) if age == KEYS_AGE => age = KEYS_AGAIN,
            Err(error) => return Err(Fault::Foreign(format!("{what}: {error}"))),
        }
    }
}

fn audience(claims: &Claims) -> Vec<&str> {
    match claims.get("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Holds the claims of a token against the question, and gives the subject (OpenID Connect Core, section 3.1.3.7).
fn judged(
    cx: &Cx,
    provider: &Provider,
    (endpoints, memo): (&Endpoints, &Memo),
    claims: &Claims,
) -> Result<String, Fault> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let client_id = provider.details.get("client_id").map(String::as_str).unwrap_or_default();
    let issuer = endpoints.issuer.as_deref().unwrap_or_default();
    let audience = audience(claims);
    // Google leaves the scheme out in some of its tokens, and says so in its documentation.
    let short = issuer.strip_prefix("https://").filter(|_| provider.kind == Kind::Google);
    if text("iss").is_none_or(|named| named != issuer && Some(named) != short) {
        return Err(Fault::foreign("the ID token: iss is not the provider's"));
    }
    let is_party = match claims.get("azp") {
        Some(party) => party == client_id,
        None => audience.len() == 1,
    };
    if !audience.contains(&client_id) || !is_party {
        return Err(Fault::foreign("the ID token: it is for another client"));
    }
    check_times(claims, cx.now(), SKEW, true).map_err(|error| Fault::Foreign(format!("the ID token: {error}")))?;
    if memo.nonce.is_none() || text("nonce") != memo.nonce.as_deref() {
        return Err(Fault::foreign("the ID token: nonce is not that of the question"));
    }
    text("sub").map(str::to_owned).ok_or_else(|| Fault::foreign("the ID token: it has no sub"))
}

/// What is told at userInfo: JSON, or a token that the provider has signed for us (OpenID Connect Core, section 5.3.2).
async fn user_info(
    cx: &Cx,
    provider: &Provider,
    endpoints: &Endpoints,
    (url, token): (&str, &str),
) -> Result<Claims, Fault> {
    let detail = |key: &str| provider.details.get(key).map(String::as_str).unwrap_or_default();
    let url = if detail("attributes_url_add_attributes").eq_ignore_ascii_case("true") {
        let claims = provider.settings.attribute_mapping.values().map(String::as_str);
        let mut fields: Vec<&str> = claims.chain(["id"]).collect();
        fields.sort_unstable();
        fields.dedup();
        let encoded: String = url::form_urlencoded::byte_serialize(fields.join(",").as_bytes()).collect();
        format!("{url}{encoded}")
    } else {
        url.to_owned()
    };
    let is_post = detail("attributes_request_method").eq_ignore_ascii_case("POST");
    let form: Option<&[(&str, &str)]> = if is_post { Some(&[]) } else { None };
    let accept = has_id_token(provider.kind).then_some("application/json, application/jwt");
    let question = Question { url: &url, form, bearer: Some(token), accept };
    let answer = cx.app.outside.ask(question).await.map_err(|failure| failed(provider, "userInfo", &failure))?;
    if accept.is_some() && is_token(&answer.media_type) {
        let token = std::str::from_utf8(&answer.body).map_err(|_| failed(provider, "userInfo", &Failure::Body))?;
        let told = verified(cx, provider, endpoints, ("userInfo", token.trim())).await?;
        return for_us(cx, provider, endpoints, told);
    }
    match serde_json::from_slice(&answer.body) {
        Ok(Value::Object(told)) => Ok(told),
        _ => Err(failed(provider, "userInfo", &Failure::Json)),
    }
}

fn is_token(media_type: &str) -> bool {
    media_type.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/jwt"))
}

/// A signed answer says who gives it and to whom: another client's is not taken, however good its signature.
fn for_us(cx: &Cx, provider: &Provider, endpoints: &Endpoints, told: Claims) -> Result<Claims, Fault> {
    let client_id = provider.details.get("client_id").map(String::as_str).unwrap_or_default();
    if told.get("iss").and_then(Value::as_str) != endpoints.issuer.as_deref() {
        return Err(Fault::foreign("userInfo: iss is not the provider's"));
    }
    if !audience(&told).contains(&client_id) {
        return Err(Fault::foreign("userInfo: it is for another client"));
    }
    check_times(&told, cx.now(), SKEW, false).map_err(|error| Fault::Foreign(format!("userInfo: {error}")))?;
    Ok(told)
}

/// The names that come with a user's first sign-in: nobody has signed them, so nothing but a name is taken.
fn apple_names(user: &str) -> Option<Map<String, Value>> {
    let user: Value = serde_json::from_str(user).ok()?;
    let names = user.get("name")?;
    let known = ["firstName", "lastName"].into_iter().filter_map(|key| Some((key, names.get(key)?.as_str()?)));
    let mut told: Map<String, Value> = known.map(|(key, name)| (key.to_owned(), json!(name))).collect();
    let whole: Vec<&str> = ["firstName", "lastName"].iter().filter_map(|key| told.get(*key)?.as_str()).collect();
    let whole = whole.join(" ");
    if !whole.is_empty() {
        told.insert("name".to_owned(), json!(whole));
    }
    (!told.is_empty()).then_some(told)
}
