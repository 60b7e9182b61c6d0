//! One request to a page: the authorization request in its query, the browser's session, and for a POST the proof that the form
//! is ours.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{FromRequestParts, Request},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use tower_sessions::Session;

use super::{
    add_passkey, error,
    page::{self, Form, Frame},
    text::{Language, Text},
};
use crate::{
    domain::{
        Client, Error, User,
        client::{ExistenceErrors, Flow},
        provider::OWN,
    },
    flows::{
        App, Cx,
        authorize::{self, SignedIn},
        directory,
        looks::Look,
        passkeys, providers,
        sign_in::{self, Answer, Arrival, Door, Goal, Outcome, Reply, Start},
        sign_up::Named,
    },
    web::{
        authorization::{self, Asked, Prompt, Refusal},
        csrf,
        limits::{self, FormFault},
        parameters::Parameters,
        paths::{self, Place},
        session::{self, Browser},
        way::Way,
    },
};

/// How old a sign-in may be that has led to the page which follows it, in seconds.
const JUST_NOW: u64 = 300;

/// Somebody at the door of a page, of whom nothing has been looked at.
pub struct Guest {
    pub cx: Cx,
    pub session: Session,
    pub language: Language,
    /// They want no passkey for now.
    declines_passkeys: bool,
}

impl FromRequestParts<Arc<App>> for Guest {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let cx = Cx::from_request_parts(parts, app).await?;
        let session = Session::from_request_parts(parts, app).await.map_err(IntoResponse::into_response)?;
        let Ok(language) = Language::from_request_parts(parts, app).await;
        let declines_passkeys = add_passkey::has_declined(&parts.headers);
        Ok(Self { cx, session, language, declines_passkeys })
    }
}

pub struct Visit {
    pub cx: Cx,
    pub language: Language,
    pub asked: Asked,
    /// As it came.
    pub query: String,
    session: Session,
    browser: Browser,
    declines_passkeys: bool,
    look: Arc<Look>,
    /// That the client offers, where the request leaves the choice to the user.
    providers: Vec<String>,
}

impl Visit {
    /// Somebody comes to see a page of those who sign in here.
    pub async fn begin(guest: Guest, query: Option<String>) -> Result<Self, Response> {
        let visit = Self::look(guest, query).await?;
        if visit.offers_own() { Ok(visit) } else { Err(authorization::found(&visit.address(Place::Login))) }
    }

    /// Somebody comes to see how they can sign in. Whoever is to come in through a provider is sent there.
    pub async fn look(guest: Guest, query: Option<String>) -> Result<Self, Response> {
        let Guest { cx, session, language, declines_passkeys } = guest;
        let query = query.unwrap_or_default();
        if let Some(refused) = authorization::too_long(&query) {
            return Err(refused);
        }
        let asked = authorization::read(&cx, &query).await.map_err(|refusal| refusal.respond(&cx.app))?;
        let broken = |error: Error| error::broken(&cx, language, &error);
        let browser = Browser::open(&cx, &session).await.map_err(broken)?;
        let look = directory::look(&cx, &asked.request.client).await.map_err(broken)?;
        if matches!(asked.way, Way::Through(_)) {
            return Err(authorization::found(&paths::local_with(&cx.app.setup, Place::Authorize, &query)));
        }
        let providers = offered(&cx, &asked).await.map_err(broken)?;
        Ok(Self { cx, language, asked, query, session, browser, declines_passkeys, look, providers })
    }

    pub fn providers(&self) -> &[String] {
        &self.providers
    }

    /// The same request, by way of a provider.
    pub fn address_through(&self, provider: &str) -> String {
        // The request has named no provider, but some applications say so with an empty parameter.
        let is_other = |pair: &&str| pair.split('=').next() != Some("identity_provider");
        let asked = self.query.split('&').filter(is_other).collect::<Vec<_>>().join("&");
        let query = format!("{asked}&{}", paths::encode(&[("identity_provider", provider)]));
        paths::local_with(&self.cx.app.setup, Place::Authorize, &query)
    }

    /// Whether the pool's own users may sign in to the client.
    pub fn offers_own(&self) -> bool {
        self.asked.request.client.offers(OWN)
    }

    /// Somebody sends a form: it must be ours, shown to this browser for this very query.
    pub async fn go_on(guest: Guest, request: Request) -> Result<(Self, Parameters), Response> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let (browser, form) = proven(&guest, request, || error::forged(&guest.cx, guest.language, &query)).await?;
        let Guest { cx, session, language, declines_passkeys } = guest;
        let asked = authorization::read(&cx, &query).await.map_err(|refusal| refusal.respond(&cx.app))?;
        let look = directory::look(&cx, &asked.request.client).await;
        let look = look.map_err(|error| error::broken(&cx, language, &error))?;
        // The forms are those of the pool's own users, whom this request may not be for.
        if matches!(asked.way, Way::Through(_)) || !asked.request.client.offers(OWN) {
            return Err(authorization::see_other(&paths::local_with(&cx.app.setup, Place::Authorize, &query)));
        }
        let providers = offered(&cx, &asked).await.map_err(|error| error::broken(&cx, language, &error))?;
        Ok((Self { cx, language, asked, query, session, browser, declines_passkeys, look, providers }, form))
    }

    /// The first step of a sign-in. The machine is on the heap: with the page around it, it is too large for a stack.
    pub async fn identify(&self, start: Start) -> Result<Outcome, Error> {
        let start = Start { levels: self.asked.request.levels.clone(), ..start };
        Box::pin(sign_in::identify(&self.cx, &self.door(), start)).await
    }

    /// The answer to what the session of this user waits for.
    pub async fn answer(&self, (username, session): (&str, &str), answer: Answer) -> Result<Outcome, Error> {
        let session = Some(session.to_owned());
        let reply = Reply { username: username.to_owned(), session, device_key: None, answer };
        Box::pin(sign_in::identify_by(&self.cx, &self.door(), reply)).await
    }

    fn door(&self) -> Door {
        Door {
            pool: Arc::clone(&self.asked.request.pool),
            client: Arc::clone(&self.asked.request.client),
            goal: Goal::Identity,
            metadata: None,
        }
    }

    pub fn form(&self, place: Place) -> Form {
        Form::new(&self.cx.app, place, &self.query, &self.browser.form_secret)
    }

    /// The same request at another page.
    pub fn address(&self, place: Place) -> String {
        paths::local_with(&self.cx.app.setup, place, &self.query)
    }

    pub fn frame(&self) -> Frame {
        Frame::styled(&self.cx.app, self.language, &self.asked.request.pool.id, &self.look)
    }

    pub fn text(&self) -> &'static Text {
        self.language.text
    }

    /// What the one in front of the form reads of a refusal; none for what is ours to repair.
    pub fn words(&self, error: &Error) -> Option<String> {
        error::words(self.language, error)
    }

    /// A page with this form on it.
    pub fn respond(&self, page: &impl Template) -> Response {
        page::respond(StatusCode::OK, page, Some(&self.asked.request.redirect_uri))
    }

    /// The same with the script of passkeys.
    pub fn respond_with_script(&self, page: &impl Template) -> Response {
        page::respond_with_script(page, &self.asked.request.redirect_uri)
    }

    pub fn broken(&self, error: &Error) -> Response {
        error::broken(&self.cx, self.language, error)
    }

    /// A form that no page of ours sends.
    pub fn malformed(&self) -> Response {
        error::plain(&self.cx, self.language, StatusCode::BAD_REQUEST)
    }

    /// Whom an operation of sign-up or recovery means. On the pages nobody learns who exists, whatever the client tells through
    /// the API.
    pub fn named<'a>(&self, username: &'a str, secret_hash: Option<&'a str>) -> Named<'a> {
        let request = &self.asked.request;
        let mut client = Client::clone(&request.client);
        client.settings.prevent_user_existence_errors = Some(ExistenceErrors::Enabled);
        Named { pool: Arc::clone(&request.pool), client: Arc::new(client), username, secret_hash, metadata: None }
    }

    /// Who is signed in to the client's pool here, and still may be. Where the client asks for a new sign-in, or for a young one,
    /// it must be one that may well have led to the page.
    pub async fn signed_in(&self) -> Result<Option<(User, SignedIn)>, Error> {
        let request = &self.asked.request;
        let Some(signed_in) = self.browser.signed_in(&request.pool) else { return Ok(None) };
        let most = match (self.asked.prompt, self.asked.max_age) {
            (Prompt::Always, _) => Some(JUST_NOW),
            (_, max_age) => max_age.map(|seconds| seconds.max(JUST_NOW)),
        };
        if most.is_some_and(|most| self.cx.now().since(signed_in.auth_time).as_secs() > most) {
            return Ok(None);
        }
        let user = authorize::user_of(&self.cx, request, signed_in).await?;
        Ok(user.map(|user| (user, signed_in.clone())))
    }

    /// Whether browsers let the pool's passkeys be used on these pages.
    pub async fn takes_passkeys(&self) -> Result<bool, Error> {
        let relying_party = passkeys::usable_relying_party(&self.cx, &self.asked.request.pool).await?;
        let setup = &self.cx.app.setup;
        Ok(relying_party.is_some_and(|one| paths::is_within(setup, &self.cx.site, one.id())))
    }

    /// Whether somebody is asked to make a passkey: they could use one, have none, and have not said that they want none.
    async fn offers_passkey(&self, user: &User) -> Result<bool, Error> {
        let authorize::Request { pool, client, .. } = &self.asked.request;
        if self.declines_passkeys || !client.allows(Flow::Choice) || !self.takes_passkeys().await? {
            return Ok(false);
        }
        Ok(passkeys::usable(&self.cx, pool, &user.sub).await?.is_empty())
    }

    /// Signed in: the browser remembers it under a new session, and the client gets what it asked for.
    pub async fn finish(self, arrival: Arrival) -> Response {
        match self.enter(arrival).await {
            Ok(response) => response,
            Err((refusal, app)) => refusal.respond(&app),
        }
    }

    async fn enter(self, arrival: Arrival) -> Result<Response, (Refusal, Arc<App>)> {
        let Arrival { user, progress } = arrival;
        let offers_passkey = self
            .offers_passkey(&user)
            .await
            .map_err(|error| (self.asked.fail(&self.cx, &error), Arc::clone(&self.cx.app)))?;
        let add_passkey = offers_passkey.then(|| self.address(Place::AddPasskey));
        let Self { cx, asked, session, browser, .. } = self;
        let refuse = |error: Error| (asked.fail(&cx, &error), Arc::clone(&cx.app));
        let former = browser.signed_in(&asked.request.pool);
        let signed_in =
            authorize::enter(&cx, &asked.request, (&user, progress.assurance), former).await.map_err(refuse)?;
        session::enter(&cx, &session, browser, (&asked.request.pool, signed_in.clone())).await.map_err(refuse)?;
        if let Some(address) = add_passkey {
            return Ok(authorization::found(&address));
        }
        let given = authorize::answer(&cx, &asked.request, &signed_in).await.map_err(refuse)?;
        Ok(asked.grant(&given))
    }
}

/// The providers among which the user may choose.
async fn offered(cx: &Cx, asked: &Asked) -> Result<Vec<String>, Error> {
    match asked.way {
        Way::Any => providers::offered(cx, &asked.request.client).await,
        Way::Own | Way::Through(_) => Ok(Vec::new()),
    }
}

/// The browser that sends a form, and what it sends. `forged` answers a form that is not ours, or was not shown to this browser
/// for this very query.
pub async fn proven(
    guest: &Guest,
    request: Request,
    forged: impl Fn() -> Response,
) -> Result<(Browser, Parameters), Response> {
    let Guest { cx, session, language, .. } = guest;
    let app = &cx.app;
    let plain = |status| error::plain(cx, *language, status);
    let query = request.uri().query().unwrap_or_default().to_owned();
    if let Some(refused) = authorization::too_long(&query) {
        return Err(refused);
    }
    if csrf::is_foreign(&app.setup, &cx.site, request.headers()) {
        return Err(forged());
    }
    let form = limits::form(request).await.map_err(|fault| match fault {
        FormFault::TooLarge => plain(StatusCode::PAYLOAD_TOO_LARGE),
        FormFault::Slow => plain(StatusCode::REQUEST_TIMEOUT),
        FormFault::Encoded => plain(StatusCode::UNSUPPORTED_MEDIA_TYPE),
        FormFault::Malformed => plain(StatusCode::BAD_REQUEST),
    })?;
    let browser = Browser::find(session).await.map_err(|error| error::broken(cx, *language, &error))?;
    let browser = browser.ok_or_else(&forged)?;
    let token = form.get("_csrf").filter(|_| !form.has_repeated()).unwrap_or_default();
    if !csrf::is_token(app, &browser.form_secret, &query, token) {
        return Err(forged());
    }
    Ok((browser, form))
}
