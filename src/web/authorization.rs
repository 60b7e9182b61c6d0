//! The authorization request: its parameters, what is wrong with them, and who is told.
//!
//! As long as client and redirect address are not known to belong together, a mistake ends on our own error page: nobody is sent
//! to an address that the client has not registered. From then on the client is told at its redirect address.
//! <https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1>
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html>

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;

pub use super::answer::{found, see_other};
use super::{
    answer::{Mode, Recipient},
    limits::MOST_QUERY_BYTES,
    parameters::Parameters,
    paths::{self, Place},
    way::Way,
};
use crate::{
    domain::{Client, Error, Pool, assurance::Level, client::ClientId, device_request::UserCode},
    flows::{
        App, Cx,
        authorize::{self, Given, RedirectUri, Request, Resource, ResponseType},
        directory, passkeys,
        pushed::{self, RequestUri},
    },
    keys::jwt::Possession,
};

const MOST_STATE_BYTES: usize = 4_096;
const MOST_NONCE_BYTES: usize = 2_048;
const MOST_RESOURCE_BYTES: usize = 2_048;
const LONGEST_CLIENT_ID: usize = 128;
/// The response type of the page of devices, which no application can ask for.
pub const DEVICE: &str = "device";
/// The thumbprint of the key that a client will show for its code (RFC 9449, section 10).
pub const DPOP_JKT: &str = "dpop_jkt";
const KNOWN: [&str; 20] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "state",
    "scope",
    "identity_provider",
    "idp_identifier",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "login_hint",
    "prompt",
    "resource",
    DPOP_JKT,
    "max_age",
    "acr_values",
    "lang",
    "response_mode",
    "request",
    "request_uri",
];

/// A request in order.
#[derive(Debug)]
pub struct Asked {
    pub request: Request,
    pub prompt: Prompt,
    /// Seconds that a sign-in may be old.
    pub max_age: Option<u64>,
    pub login_hint: Option<String>,
    pub way: Way,
    recipient: Recipient,
}

/// Whether the user may, or must, be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    IfNeeded,
    /// Only a living session will do.
    Never,
    /// Also somebody who is signed in signs in again.
    Always,
}

/// Why a request is not answered, and who learns of it.
#[derive(Debug)]
pub enum Refusal {
    /// Our error page.
    Page(Fault),
    /// The client, at its address.
    Client(ClientFault),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub code: &'static str,
    /// The parameter that is missing or wrong.
    pub parameter: Option<&'static str>,
    pub client_id: Option<ClientId>,
}

#[derive(Debug)]
pub struct ClientFault {
    recipient: Recipient,
    code: &'static str,
    description: String,
}

/// The client that a page is shown for.
pub async fn client(cx: &Cx, parameters: &Parameters) -> Result<(Arc<Pool>, Arc<Client>), Refusal> {
    let fault = || Refusal::page("invalid_request", Some("client_id"), None);
    if parameters.is_repeated("client_id") {
        return Err(fault());
    }
    let id = parameters.filled("client_id").filter(|id| id.len() <= LONGEST_CLIENT_ID).ok_or_else(fault)?;
    directory::client(cx, id).await.map_err(|error| match error {
        Error::NoSuchClient(_) => fault(),
        other => Refusal::internal(cx, &other),
    })
}

/// Reads and checks the query of `/oauth2/authorize` and of the pages that go on from it.
pub async fn read(cx: &Cx, query: &str) -> Result<Asked, Refusal> {
    let parameters = Parameters::parse(query.as_bytes());
    let parameters = parameters.ok_or_else(|| Refusal::page("invalid_request", None, None))?;
    let (pool, client) = client(cx, &parameters).await?;
    if parameters.get("response_type") == Some(DEVICE) && pool.allows_devices(&client) {
        return device(cx, pool, client, &parameters);
    }
    let page = |code, parameter| Refusal::page(code, parameter, Some(client.id.clone()));
    let pushed = parameters.get("request_uri").filter(|_| pool.takes_pushed_requests()).and_then(RequestUri::read);
    let parameters = match &pushed {
        Some(uri) => pushed_by(cx, &client, &parameters, uri).await?,
        None => parameters,
    };
    if parameters.is_repeated("redirect_uri") {
        return Err(page("invalid_request", Some("redirect_uri")));
    }
    let uri = parameters.filled("redirect_uri").ok_or_else(|| page("invalid_request", Some("redirect_uri")))?;
    let redirect_uri = RedirectUri::registered(&pool, &client, uri).ok_or_else(|| page("redirect_mismatch", None))?;
    // Between exactly these two the client is told, with its state if that is one.
    let state = parameters.get("state").filter(|_| !parameters.is_repeated("state"));
    let response_type = response_type(&parameters);
    let usual = if response_type == Some(ResponseType::Token) { Mode::Fragment } else { Mode::Query };
    let wanted = parameters.get("response_mode").filter(|_| pool.takes_forms());
    let recipient = Recipient {
        redirect_uri,
        // Tokens never travel in a query, where logs and histories keep them.
        mode: wanted
            .and_then(Mode::named)
            .filter(|mode| usual != Mode::Fragment || *mode != Mode::Query)
            .unwrap_or(usual),
        state: state.filter(|state| state.len() <= MOST_STATE_BYTES).map(str::to_owned),
        issuer: pool.names_issuer_in_answers().then(|| cx.app.setup.issuer_of(&pool)),
    };
    let told = Told { cx, parameters: &parameters, recipient, response_type, pushed };
    told.check(pool, client).await
}

/// What the client has pushed. Whatever else came through the browser means nothing (RFC 9126, section 4).
async fn pushed_by(cx: &Cx, client: &Client, carried: &Parameters, uri: &RequestUri) -> Result<Parameters, Refusal> {
    let refuse = || Refusal::page("invalid_request", Some("request_uri"), Some(client.id.clone()));
    if carried.is_repeated("request_uri") {
        return Err(refuse());
    }
    let query = pushed::find(cx, client, uri).await.map_err(|error| Refusal::internal(cx, &error))?;
    query.and_then(|query| Parameters::parse(query.as_bytes())).ok_or_else(refuse)
}

/// A request of our own: somebody signs in to let a device in, and comes back to its page.
fn device(cx: &Cx, pool: Arc<Pool>, client: Arc<Client>, parameters: &Parameters) -> Result<Asked, Refusal> {
    let code = parameters.get("user_code").filter(|_| !parameters.has_repeated()).and_then(UserCode::read);
    let code = code.ok_or_else(|| Refusal::page("invalid_request", Some("user_code"), Some(client.id.clone())))?;
    let redirect_uri = RedirectUri::device_page(&paths::local(&cx.app.setup, Place::Device), &code);
    Ok(Asked {
        prompt: Prompt::IfNeeded,
        max_age: None,
        login_hint: None,
        way: Way::Any,
        request: Request {
            pool,
            client,
            redirect_uri: redirect_uri.clone(),
            response_type: ResponseType::Nothing,
            scopes: Vec::new(),
            nonce: None,
            challenge: None,
            resource: None,
            key: None,
            levels: Vec::new(),
            pushed: None,
        },
        recipient: Recipient { redirect_uri, mode: Mode::Query, state: None, issuer: None },
    })
}

fn response_type(parameters: &Parameters) -> Option<ResponseType> {
    match parameters.get("response_type") {
        Some("code") => Some(ResponseType::Code),
        Some("token") => Some(ResponseType::Token),
        _ => None,
    }
}

/// A request whose mistakes the client is told.
struct Told<'a> {
    cx: &'a Cx,
    parameters: &'a Parameters,
    recipient: Recipient,
    response_type: Option<ResponseType>,
    pushed: Option<RequestUri>,
}

impl Told<'_> {
    async fn check(self, pool: Arc<Pool>, client: Arc<Client>) -> Result<Asked, Refusal> {
        let parameters = self.parameters;
        if let Some(name) = KNOWN.into_iter().find(|name| parameters.is_repeated(name)) {
            return Err(self.fault("invalid_request", format!("{name} is repeated")));
        }
        self.check_forms(&pool)?;
        let Some(response_type) = self.response_type else {
            return Err(self.fault(self.unsupported_type(&pool), "response_type must be code or token".into()));
        };
        let grant = match response_type {
            ResponseType::Code => "code",
            ResponseType::Token => "implicit",
            // No application asks for that.
            ResponseType::Nothing => return Err(self.fault("invalid_request", "response_type is unknown".into())),
        };
        if !client.allows_grant(grant) {
            return Err(self.fault("unauthorized_client", format!("the client may not use the {grant} grant")));
        }
        if response_type == ResponseType::Token && pool.demands_possession(&client) {
            return Err(self.fault("unauthorized_client", "the client's tokens must be bound to a key".into()));
        }
        let way = self.way(&pool, &client).await?;
        self.check_lengths()?;
        let challenge = self.challenge()?;
        if challenge.is_none() && response_type == ResponseType::Code && pool.requires_challenge(&client) {
            return Err(self.fault("invalid_request", "code_challenge is missing".into()));
        }
        let prompt = self.prompt()?;
        let max_age = self.max_age(&pool)?;
        let resource = self.resource(&pool)?;
        let key = self.key(&pool)?;
        let levels = self.levels(&pool).await?;
        let scopes = match authorize::scopes(self.cx, &pool, &client, parameters.get("scope")).await {
            Ok(scopes) => scopes,
            Err(Error::NoSuchScope(_)) => return Err(self.fault("invalid_scope", "a scope is not allowed".into())),
            Err(other) => return Err(self.internal(&other)),
        };
        let gives_id_token = response_type == ResponseType::Token && scopes.iter().any(|scope| scope == "openid");
        if gives_id_token && pool.requires_nonce_in_fragment() && parameters.filled("nonce").is_none() {
            return Err(self.fault("invalid_request", "nonce is missing".into()));
        }
        Ok(Asked {
            prompt,
            max_age,
            way,
            login_hint: parameters.filled("login_hint").map(str::to_owned),
            request: Request {
                pool,
                client,
                response_type,
                scopes,
                nonce: parameters.filled("nonce").map(str::to_owned),
                challenge,
                resource,
                key,
                levels,
                pushed: self.pushed,
                redirect_uri: self.recipient.redirect_uri.clone(),
            },
            recipient: self.recipient,
        })
    }

    fn unsupported_type(&self, pool: &Pool) -> &'static str {
        let is_named = self.parameters.filled("response_type").is_some();
        if is_named && pool.names_unsupported_response_types() {
            "unsupported_response_type"
        } else {
            "invalid_request"
        }
    }

    /// A level is a wish, so what the pool does not know is left out, and so is what only passkeys reach where browsers do not
    /// let them be used on these pages.
    async fn levels(&self, pool: &Pool) -> Result<Vec<Level>, Refusal> {
        let cx = self.cx;
        let named = self.parameters.filled("acr_values").filter(|_| !pool.is_lite());
        let mut levels = named.map(|list| pool.levels_named(list)).unwrap_or_default();
        if levels.contains(&Level::Four) {
            let relying_party =
                passkeys::usable_relying_party(cx, pool).await.map_err(|error| self.internal(&error))?;
            if !relying_party.is_some_and(|one| paths::is_within(&cx.app.setup, &cx.site, one.id())) {
                levels.retain(|level| *level != Level::Four);
            }
        }
        Ok(levels)
    }

    fn max_age(&self, pool: &Pool) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.parameters.filled("max_age") else { return Ok(None) };
        // A sign would be read as a part of the number.
        let seconds = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        if seconds.is_none() && pool.refuses_malformed_ages() {
            return Err(self.fault("invalid_request", "max_age is no number of seconds".into()));
        }
        Ok(seconds)
    }

    /// How a request may come and its answer may go, in pools that look at it.
    fn check_forms(&self, pool: &Pool) -> Result<(), Refusal> {
        if pool.refuses_request_objects() {
            for (name, code) in [("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")] {
                if self.parameters.get(name).is_some() {
                    return Err(self.fault(code, format!("{name} is not supported")));
                }
            }
        }
        let mode = self.parameters.filled("response_mode").filter(|_| pool.takes_forms());
        match mode.map(Mode::named) {
            Some(None) => Err(self.fault("invalid_request", "response_mode is not supported".into())),
            Some(Some(Mode::Query)) if self.response_type == Some(ResponseType::Token) => {
                Err(self.fault("invalid_request", "tokens do not travel in a query".into()))
            }
            _ => Ok(()),
        }
    }

    async fn way(&self, pool: &Pool, client: &Client) -> Result<Way, Refusal> {
        match Way::of(self.cx, pool, client, self.parameters).await {
            Ok(Some(way)) => Ok(way),
            Ok(None) => Err(self.fault("invalid_request", "the client does not offer this identity provider".into())),
            Err(error) => Err(self.internal(&error)),
        }
    }

    fn resource(&self, pool: &Pool) -> Result<Option<Resource>, Refusal> {
        let Some(uri) = self.parameters.filled("resource") else { return Ok(None) };
        let resource = Resource::of(pool, uri).filter(|_| uri.len() <= MOST_RESOURCE_BYTES);
        let refusal = || self.fault("invalid_target", "resource is no absolute URL that tokens can be bound to".into());
        resource.map(Some).ok_or_else(refusal)
    }

    fn key(&self, pool: &Pool) -> Result<Option<String>, Refusal> {
        match self.parameters.filled(DPOP_JKT).filter(|_| pool.binds_tokens_to_keys()) {
            Some(key) if !Possession::is_thumbprint(key) => {
                Err(self.fault("invalid_request", format!("{DPOP_JKT} is no thumbprint")))
            }
            key => Ok(key.map(str::to_owned)),
        }
    }

    fn check_lengths(&self) -> Result<(), Refusal> {
        let too_long = |name, most| self.parameters.get(name).is_some_and(|value: &str| value.len() > most);
        if too_long("state", MOST_STATE_BYTES) {
            return Err(self.fault("invalid_request", "state is too long".into()));
        }
        if too_long("nonce", MOST_NONCE_BYTES) {
            return Err(self.fault("invalid_request", "nonce is too long".into()));
        }
        Ok(())
    }

    fn challenge(&self) -> Result<Option<String>, Refusal> {
        let challenge = self.parameters.get("code_challenge");
        match (challenge, self.parameters.get("code_challenge_method")) {
            (None, None) => Ok(None),
            (Some(challenge), Some("S256")) if authorize::is_pkce_text(challenge) => Ok(Some(challenge.to_owned())),
            (Some(_), Some("S256")) => Err(self.fault("invalid_request", "code_challenge has the wrong form".into())),
            (Some(_), _) => Err(self.fault("invalid_request", "code_challenge_method must be S256".into())),
            (None, Some(_)) => Err(self.fault("invalid_request", "code_challenge is missing".into())),
        }
    }

    /// Values that are not known here ask for nothing; there is no consent to ask for either.
    fn prompt(&self) -> Result<Prompt, Refusal> {
        let values: Vec<&str> = self.parameters.get("prompt").unwrap_or_default().split_whitespace().collect();
        match (values.contains(&"none"), values.len()) {
            (true, 1) => Ok(Prompt::Never),
            (true, _) => Err(self.fault("invalid_request", "prompt=none must stand alone".into())),
            (false, _) if values.iter().any(|value| ["login", "select_account"].contains(value)) => Ok(Prompt::Always),
            (false, _) => Ok(Prompt::IfNeeded),
        }
    }

    fn fault(&self, code: &'static str, description: String) -> Refusal {
        Refusal::Client(ClientFault { recipient: self.recipient.clone(), code, description })
    }

    fn internal(&self, error: &Error) -> Refusal {
        log(self.cx, error);
        self.fault("server_error", "the request could not be answered".into())
    }
}

impl Asked {
    /// A refusal that the client is told.
    pub fn refuse(&self, code: &'static str, description: &str) -> Refusal {
        Refusal::Client(ClientFault { recipient: self.recipient.clone(), code, description: description.to_owned() })
    }

    /// A failure on the way to the answer, in the words of OAuth.
    pub fn fail(&self, cx: &Cx, error: &Error) -> Refusal {
        match error {
            Error::HookThrew { .. } | Error::HookAnswer(_) | Error::HookNotJson(_) | Error::HookUnavailable { .. } => {
                self.refuse("invalid_request", &error.to_string())
            }
            Error::CodeExpired if self.request.pushed.is_some() => {
                Refusal::page("invalid_request", Some("request_uri"), Some(self.request.client.id.clone()))
            }
            Error::UserDisabled | Error::CodeExpired => self.refuse("invalid_request", "the user may not sign in"),
            other => {
                log(cx, other);
                self.refuse("server_error", "the request could not be answered")
            }
        }
    }

    /// The redirect that ends a request well.
    pub fn grant(&self, given: &Given) -> Response {
        let mut answer: Vec<(&str, &str)> = Vec::new();
        let seconds;
        match given {
            Given::Nothing => return found(self.recipient.redirect_uri.as_str()),
            Given::Code(code) => answer.push(("code", code)),
            Given::Tokens(tokens) => {
                seconds = tokens.expires_in.as_secs().to_string();
                answer.extend(tokens.id_token.as_deref().map(|token| ("id_token", token)));
                answer.extend([
                    ("access_token", &*tokens.access_token),
                    ("token_type", "bearer"),
                    ("expires_in", &seconds),
                ]);
            }
        }
        self.recipient.tell(&answer)
    }
}

impl Refusal {
    pub fn page(code: &'static str, parameter: Option<&'static str>, client_id: Option<ClientId>) -> Self {
        Self::Page(Fault { code, parameter, client_id })
    }

    /// Something of ours broke before anybody could be told.
    pub fn internal(cx: &Cx, error: &Error) -> Self {
        log(cx, error);
        Self::page("server_error", None, None)
    }

    /// The same for a client that is told directly.
    pub fn words(self) -> (&'static str, String) {
        match self {
            Self::Client(fault) => (fault.code, fault.description),
            Self::Page(fault) if fault.code == "redirect_mismatch" => {
                ("invalid_request", "redirect_uri is not registered".to_owned())
            }
            Self::Page(fault) => {
                (fault.code, format!("{} is missing or wrong", fault.parameter.unwrap_or("a parameter")))
            }
        }
    }

    pub fn respond(&self, app: &App) -> Response {
        match self {
            Self::Page(fault) => {
                let mut pairs = vec![("error", fault.code)];
                pairs.extend(fault.parameter.map(|name| ("parameter", name)));
                pairs.extend(fault.client_id.as_deref().map(|id| ("client_id", id)));
                found(&paths::local_with(&app.setup, Place::Error, &paths::encode(&pairs)))
            }
            Self::Client(fault) => {
                fault.recipient.tell(&[("error", fault.code), ("error_description", &fault.description)])
            }
        }
    }
}

/// `414` for a query that is too long to be looked at.
pub fn too_long(query: &str) -> Option<Response> {
    (query.len() > MOST_QUERY_BYTES).then(|| {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::URI_TOO_LONG;
        response
    })
}

fn log(cx: &Cx, error: &Error) {
    tracing::error!(request_id = &*cx.request_id, %error, "an authorization request failed");
}
