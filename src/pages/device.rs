//! `/device`: somebody types the code that their device shows, signs in, and says whether they meant it.
//!
//! The last step shows the application and the code once more and takes a press of a button, also for whoever came with the
//! code in the address: a stranger who sends such an address around gains nothing from a page that was only opened.
//! <https://www.rfc-editor.org/rfc/rfc8628#section-3.3>

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{RawQuery, Request},
    response::Response,
};
use http::StatusCode;

use super::{
    error,
    page::{self, Form, Frame},
    text::{Language, fill},
    visit::{self, Guest},
};
use crate::{
    domain::{Client, Error, Pool, User, device_request::UserCode},
    flows::{
        Cx,
        authorize::{self, SignedIn},
        device_grant, directory,
    },
    web::{
        authorization,
        parameters::Parameters,
        paths::{self, Place},
        session::Browser,
    },
};

#[derive(Template)]
#[template(path = "pages/device.html")]
struct Page<'a> {
    frame: Frame,
    step: Step<'a>,
}

enum Step<'a> {
    /// The code is typed.
    Ask {
        form: Form,
        code: &'a str,
        error: Option<&'a str>,
    },
    Confirm {
        form: Form,
        lead: String,
        code: String,
    },
    Done {
        is_allowed: bool,
    },
}

impl Page<'_> {
    fn title(&self) -> &str {
        let text = &self.frame.text.device;
        match self.step {
            Step::Ask { .. } => &text.title,
            Step::Confirm { .. } => &text.confirm_title,
            Step::Done { is_allowed: true } => &text.done_title,
            Step::Done { is_allowed: false } => &text.denied_title,
        }
    }

    fn has_error(&self) -> bool {
        matches!(self.step, Step::Ask { error: Some(_), .. })
    }
}

/// Somebody at the page, with the code of the address if there is one.
struct Caller {
    cx: Cx,
    language: Language,
    browser: Browser,
    query: String,
}

/// A device that waits, and whoever is signed in to its pool.
struct Meeting {
    pool: Arc<Pool>,
    client: Arc<Client>,
    here: Option<(User, SignedIn)>,
}

pub async fn show(guest: Guest, RawQuery(query): RawQuery) -> Response {
    let Guest { cx, session, language, .. } = guest;
    let query = query.unwrap_or_default();
    if let Some(refused) = authorization::too_long(&query) {
        return refused;
    }
    let browser = match Browser::open(&cx, &session).await {
        Ok(browser) => browser,
        Err(error) => return error::broken(&cx, language, &error),
    };
    let caller = Caller { cx, language, browser, query };
    let Some(code) = caller.code() else { return caller.ask("", None) };
    match caller.meet(&code).await {
        Ok(Some(Meeting { pool, client, here: Some((user, _)) })) => caller.confirm(&pool, &client, &user, &code).await,
        // Whoever came with a code sees it before they sign in for it.
        Ok(Some(_)) => caller.ask(&code.to_string(), None),
        Ok(None) => caller.ask("", Some(&language.text.device.wrong)),
        Err(error) => caller.refuse(&error),
    }
}

pub async fn submit(guest: Guest, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let forged = || error::forged_link(&guest.cx, guest.language);
    let (browser, form) = match visit::proven(&guest, request, forged).await {
        Ok(proven) => proven,
        Err(response) => return response,
    };
    let Guest { cx, language, .. } = guest;
    let caller = Caller { cx, language, browser, query };
    match (form.get("answer"), caller.code()) {
        (Some(answer), Some(code)) => caller.answer(answer, &code).await,
        (Some(_), None) => error::plain(&caller.cx, language, StatusCode::BAD_REQUEST),
        (None, _) => caller.typed(form.get("user_code").unwrap_or_default()).await,
    }
}

impl Caller {
    fn code(&self) -> Option<UserCode> {
        let parameters = Parameters::parse(self.query.as_bytes()).filter(|parameters| !parameters.has_repeated())?;
        UserCode::read(parameters.filled("user_code")?)
    }

    async fn meet(&self, code: &UserCode) -> Result<Option<Meeting>, Error> {
        let Some((pool, client)) = device_grant::waiting(&self.cx, code).await? else { return Ok(None) };
        let here = match self.browser.signed_in(&pool) {
            Some(signed_in) => {
                let user = authorize::user_at(&self.cx, &pool, &client, signed_in).await?;
                user.map(|user| (user, signed_in.clone()))
            }
            None => None,
        };
        Ok(Some(Meeting { pool, client, here }))
    }

    /// The code was typed: whoever is not signed in does so now, and comes back.
    async fn typed(&self, typed: &str) -> Response {
        let wrong = Some(&*self.language.text.device.wrong);
        let Some(code) = UserCode::read(typed) else { return self.ask(typed, wrong) };
        match device_grant::waiting(&self.cx, &code).await {
            Ok(Some((_, client))) => {
                let code = code.to_string();
                let pairs = [("client_id", &*client.id), ("response_type", "device"), ("user_code", &code)];
                let query = paths::encode(&pairs);
                authorization::see_other(&paths::local_with(&self.cx.app.setup, Place::Authorize, &query))
            }
            Ok(None) => self.ask(typed, wrong),
            Err(error) => self.refuse(&error),
        }
    }

    async fn answer(&self, answer: &str, code: &UserCode) -> Response {
        let outcome = async {
            let Some(Meeting { here: Some((_, signed_in)), .. }) = self.meet(code).await? else { return Ok(None) };
            let is_allowed = answer == "allow";
            let is_done = if is_allowed {
                device_grant::approve(&self.cx, code, &signed_in).await?
            } else {
                device_grant::deny(&self.cx, code).await?
            };
            Ok(is_done.then_some(is_allowed))
        };
        match outcome.await {
            Ok(Some(is_allowed)) => {
                self.respond(StatusCode::OK, Frame::new(&self.cx.app, self.language), Step::Done { is_allowed })
            }
            Ok(None) => self.ask("", Some(&self.language.text.device.wrong)),
            Err(error) => self.refuse(&error),
        }
    }

    fn ask(&self, code: &str, error: Option<&str>) -> Response {
        let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        let form = Form::new(&self.cx.app, Place::Device, &self.query, &self.browser.form_secret);
        self.respond(status, Frame::new(&self.cx.app, self.language), Step::Ask { form, code, error })
    }

    async fn confirm(&self, pool: &Pool, client: &Client, user: &User, code: &UserCode) -> Response {
        let look = match directory::look(&self.cx, client).await {
            Ok(look) => look,
            Err(error) => return error::broken(&self.cx, self.language, &error),
        };
        let values = [("application", &*client.name), ("name", &*user.username)];
        let lead = fill(&self.language.text.device.confirm_lead, &values);
        let form = Form::new(&self.cx.app, Place::Device, &self.query, &self.browser.form_secret);
        let frame = Frame::styled(&self.cx.app, self.language, &pool.id, &look);
        self.respond(StatusCode::OK, frame, Step::Confirm { form, lead, code: code.to_string() })
    }

    fn refuse(&self, error: &Error) -> Response {
        match error::words(self.language, error) {
            Some(text) => self.ask("", Some(&text)),
            None => error::broken(&self.cx, self.language, error),
        }
    }

    fn respond(&self, status: StatusCode, frame: Frame, step: Step<'_>) -> Response {
        page::respond(status, &Page { frame, step }, None)
    }
}
