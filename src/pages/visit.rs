//! One request to a page: the authorization request in its query, the browser's session, and for a POST the proof that the form
//! is ours.

use std::sync::Arc;

use axum::{extract::Request, response::Response};
use http::StatusCode;
use tower_sessions::Session;

use super::{
    error,
    page::{Form, Frame},
};
use crate::{
    domain::{Error, User},
    flows::{
        App, Cx, authorize, directory,
        looks::Look,
        sign_in::{Door, Goal},
    },
    web::{
        authorization::{self, Asked, Refusal},
        csrf,
        limits::{self, FormFault},
        parameters::Parameters,
        paths::Place,
        session::Browser,
    },
};

pub struct Visit {
    pub cx: Cx,
    pub asked: Asked,
    /// As it came.
    pub query: String,
    session: Session,
    browser: Browser,
    look: Arc<Look>,
}

impl Visit {
    /// Somebody comes to see a page.
    pub async fn begin(cx: Cx, session: Session, query: Option<String>) -> Result<Self, Response> {
        let query = query.unwrap_or_default();
        if let Some(refused) = authorization::too_long(&query) {
            return Err(refused);
        }
        let asked = authorization::read(&cx, &query).await.map_err(|refusal| refusal.respond(&cx.app))?;
        let browser = Browser::open(&cx, &session).await.map_err(|error| error::broken(&cx, &error))?;
        let look = directory::look(&cx, &asked.request.client).await.map_err(|error| error::broken(&cx, &error))?;
        Ok(Self { cx, asked, query, session, browser, look })
    }

    /// Somebody sends a form: it must be ours, shown to this browser for this very query.
    pub async fn go_on(cx: Cx, session: Session, request: Request) -> Result<(Self, Parameters), Response> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let (browser, form) = proven(&cx, &session, request, || error::forged(&cx.app, &query)).await?;
        let asked = authorization::read(&cx, &query).await.map_err(|refusal| refusal.respond(&cx.app))?;
        let look = directory::look(&cx, &asked.request.client).await.map_err(|error| error::broken(&cx, &error))?;
        Ok((Self { cx, asked, query, session, browser, look }, form))
    }

    /// The way into the flows of signing in.
    pub fn door(&self) -> Door {
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

    pub fn frame(&self) -> Frame {
        let lang = Parameters::parse(self.query.as_bytes()).and_then(|query| query.get("lang").map(str::to_owned));
        Frame::styled(&self.cx.app, &self.asked.request.pool.id, &self.look, lang.as_deref())
    }

    /// Signed in: the browser remembers it under a new session, and the client gets what it asked for.
    pub async fn finish(self, user: &User) -> Response {
        match self.enter(user).await {
            Ok(response) => response,
            Err((refusal, app)) => refusal.respond(&app),
        }
    }

    async fn enter(self, user: &User) -> Result<Response, (Refusal, Arc<App>)> {
        let Self { cx, asked, session, browser, .. } = self;
        let refuse = |error: Error| (asked.fail(&cx, &error), Arc::clone(&cx.app));
        let former = browser.signed_in(&asked.request.pool).cloned();
        let signed_in = authorize::enter(&cx, &asked.request, user).await.map_err(refuse)?;
        browser.enter(&cx, &session, &asked.request.pool, signed_in.clone()).await.map_err(refuse)?;
        if let Some(former) = former {
            authorize::leave(&cx, &former).await.map_err(refuse)?;
        }
        let given = authorize::answer(&cx, &asked.request, &signed_in).await.map_err(refuse)?;
        Ok(asked.grant(&given))
    }
}

/// The browser that sends a form, and what it sends. `forged` answers a form that is not ours, or was not shown to this browser
/// for this very query.
pub async fn proven(
    cx: &Cx,
    session: &Session,
    request: Request,
    forged: impl Fn() -> Response,
) -> Result<(Browser, Parameters), Response> {
    let app = &cx.app;
    let query = request.uri().query().unwrap_or_default().to_owned();
    if let Some(refused) = authorization::too_long(&query) {
        return Err(refused);
    }
    if csrf::is_foreign(&app.setup, &cx.site, request.headers()) {
        return Err(forged());
    }
    let form = limits::form(request).await.map_err(|fault| match fault {
        FormFault::TooLarge => error::plain(app, StatusCode::PAYLOAD_TOO_LARGE),
        FormFault::Slow => error::plain(app, StatusCode::REQUEST_TIMEOUT),
        FormFault::Encoded => error::plain(app, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        FormFault::Malformed => error::plain(app, StatusCode::BAD_REQUEST),
    })?;
    let browser = Browser::find(session).await.map_err(|error| error::broken(cx, &error))?;
    let browser = browser.ok_or_else(&forged)?;
    let token = form.get("_csrf").filter(|_| !form.has_repeated()).unwrap_or_default();
    if !csrf::is_token(app, &browser.form_secret, &query, token) {
        return Err(forged());
    }
    Ok((browser, form))
}
