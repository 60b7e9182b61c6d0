//! `/passkeys/add`: a passkey for somebody who has signed in. They come here after a sign-in as long as they have none, or by a
//! link of the application, and go on to the application in any case.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/managed-login-endpoints.html>

use askama::Template;
use axum::{
    extract::{RawQuery, Request},
    response::Response,
};
use http::{HeaderMap, HeaderValue, header};
use serde_json::Value;

use super::{
    error,
    page::{Form, Frame},
    visit::{Guest, Visit},
};
use crate::{
    domain::{Error, User},
    flows::{
        authorize::{self, SignedIn},
        passkeys::{self, Owner},
    },
    web::{
        authorization,
        paths::{self, Place},
    },
};

/// Remembers that somebody wants no passkey for now.
const DECLINED: &str = "passkey-later";
/// Thirty days, in seconds.
const DECLINED_FOR: u32 = 2_592_000;

#[derive(Template)]
#[template(path = "pages/add_passkey.html")]
struct Page<'a> {
    frame: Frame,
    form: Form,
    options: String,
    error: Option<&'a str>,
}

/// Whether the browser was told not to be asked again so soon.
pub fn has_declined(headers: &HeaderMap) -> bool {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    pairs.flat_map(|value| value.split(';')).any(|pair| pair.trim().split('=').next() == Some(DECLINED))
}

pub async fn show(guest: Guest, RawQuery(query): RawQuery) -> Response {
    let visit = match Visit::begin(guest, query).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    match visit.signed_in().await {
        Ok(Some((user, _))) => render(&visit, &user, None).await,
        Ok(None) => authorization::found(&visit.address(Place::Login)),
        Err(error) => visit.broken(&error),
    }
}

pub async fn submit(guest: Guest, request: Request) -> Response {
    let (visit, form) = match Visit::go_on(guest, request).await {
        Ok(come) => come,
        Err(response) => return response,
    };
    let (user, signed_in) = match visit.signed_in().await {
        Ok(Some(found)) => found,
        Ok(None) => return authorization::found(&visit.address(Place::Login)),
        Err(error) => return visit.broken(&error),
    };
    if form.get("later").is_some() {
        return decline(&visit, &signed_in).await;
    }
    let Ok(credential) = serde_json::from_str::<Value>(form.get("credential").unwrap_or_default()) else {
        return render(&visit, &user, Some(&visit.text().passkey.add_failed)).await;
    };
    match passkeys::complete(&visit.cx, owner(&visit, &user), &credential).await {
        Ok(()) => leave(&visit, &signed_in).await,
        Err(Error::WebAuthn(_) | Error::InvalidParameter(_)) => {
            render(&visit, &user, Some(&visit.text().passkey.add_failed)).await
        }
        Err(error) => refused(&visit, &error),
    }
}

/// On to the application, which gets what it asked for.
async fn leave(visit: &Visit, signed_in: &SignedIn) -> Response {
    let asked = &visit.asked;
    match authorize::answer(&visit.cx, &asked.request, signed_in).await {
        Ok(given) => asked.grant(&given),
        Err(error) => asked.fail(&visit.cx, &error).respond(&visit.cx.app),
    }
}

async fn decline(visit: &Visit, signed_in: &SignedIn) -> Response {
    let mut response = leave(visit, signed_in).await;
    let secure = if paths::is_https(&visit.cx.app.setup) { "; Secure" } else { "" };
    let cookie = format!("{DECLINED}=1; Path=/; Max-Age={DECLINED_FOR}; HttpOnly; SameSite=Lax{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

async fn render(visit: &Visit, user: &User, error: Option<&str>) -> Response {
    let options = match passkeys::start(&visit.cx, owner(visit, user)).await {
        Ok(options) => options,
        Err(refusal) => return refused(visit, &refusal),
    };
    let page = Page {
        frame: visit.frame().with_passkeys(&visit.cx.app),
        form: visit.form(Place::AddPasskey),
        options: options.to_string(),
        error,
    };
    visit.respond_with_script(&page)
}

fn refused(visit: &Visit, error: &Error) -> Response {
    let text = match error {
        Error::LimitExceeded(_) => &visit.text().passkey.too_many,
        Error::WebAuthn(_) => &visit.text().passkey.off,
        other => return visit.broken(other),
    };
    error::closed(&visit.cx, visit.language, text, &visit.query)
}

fn owner<'a>(visit: &'a Visit, user: &'a User) -> Owner<'a> {
    let request = &visit.asked.request;
    Owner { pool: &request.pool, client: &request.client, user }
}
