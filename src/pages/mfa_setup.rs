//! `/mfaSetup`: a second factor that the pool requires and the user does not have yet.

use askama::Template;
use axum::{extract::Request, response::Response};
use qrcode::{QrCode, render::svg};
use url::form_urlencoded;

use super::{
    page::{Form, Frame},
    sign_in::{self as sign_in_page, Words},
    step,
    visit::{Guest, Visit},
};
use crate::{
    domain::{Error, mfa::Factor},
    flows::sign_in::{Answer, mfa_setup},
    web::paths::Place,
};

/// The side of a QR code, in pixels.
const SIDE: u32 = 200;

#[derive(Template)]
#[template(path = "pages/mfa_setup.html")]
struct Page<'a> {
    frame: Frame,
    form: Form,
    username: &'a str,
    session: &'a str,
    app: Option<Key<'a>>,
    /// Whether e-mail would do, too.
    email: bool,
    error: Option<&'a str>,
}

/// What an authenticator app is told.
struct Key<'a> {
    secret: &'a str,
    link: String,
    /// SVG of our own making.
    picture: String,
}

impl<'a> Key<'a> {
    /// <https://github.com/google/google-authenticator/wiki/Key-Uri-Format>
    fn new(visit: &Visit, username: &str, secret: &'a str) -> Self {
        let encode =
            |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
        let issuer = encode(&visit.asked.request.pool.name);
        let link = format!("otpauth://totp/{issuer}:{}?secret={secret}&issuer={issuer}", encode(username));
        let picture = QrCode::new(&link)
            .map(|code| code.render::<svg::Color<'_>>().min_dimensions(SIDE, SIDE).build())
            .unwrap_or_default();
        // An XML declaration has no place within a page.
        let picture = picture.split_once("?>").map_or(picture.as_str(), |(_, svg)| svg).to_owned();
        Self { secret, link, picture }
    }
}

/// Shows a new key where an app can be set up, and asks for an address where e-mail can.
pub async fn show(visit: &Visit, (username, session): (&str, &str), among: &[Factor]) -> Response {
    let email = among.contains(&Factor::Email);
    if !among.contains(&Factor::Totp) {
        return render(visit, (username, session), (None, email), None);
    }
    match mfa_setup::associate(&visit.cx, session).await {
        Ok((secret, session)) => render(visit, (username, &session), (Some(&secret), email), None),
        Err(error) => refused(visit, username, &error),
    }
}

fn render(
    visit: &Visit,
    (username, session): (&str, &str),
    (secret, email): (Option<&str>, bool),
    error: Option<&str>,
) -> Response {
    let app = secret.map(|secret| Key::new(visit, username, secret));
    let page = Page { frame: visit.frame(), form: visit.form(Place::MfaSetup), username, session, app, email, error };
    visit.respond(&page)
}

fn refused(visit: &Visit, username: &str, error: &Error) -> Response {
    match visit.words(error) {
        Some(text) => sign_in_page::render(visit, Words { username, error: Some(&text), ..Words::default() }),
        None => visit.broken(error),
    }
}

pub async fn submit(guest: Guest, request: Request) -> Response {
    let (visit, form) = match Visit::go_on(guest, request).await {
        Ok(come) => come,
        Err(response) => return response,
    };
    let text = |name| form.get(name).unwrap_or_default();
    let username = text("username");
    let email = form.get("email").map(|email| email.trim().to_owned());
    let session = if email.is_some() {
        text("session").to_owned()
    } else {
        match mfa_setup::verify(&visit.cx, text("session"), (text("code").trim(), None)).await {
            Ok(session) => session,
            Err(Error::SecondFactor(_)) => {
                let again = (Some(text("secret")).filter(|secret| is_key(secret)), text("email_offered") == "true");
                return render(&visit, (username, text("session")), again, Some(&visit.text().setup.wrong));
            }
            Err(other) => return refused(&visit, username, &other),
        }
    };
    match visit.answer((username, &session), Answer::MfaSetup { email }).await {
        Ok(outcome) => step::go_on(visit, username, outcome).await,
        Err(error @ Error::InvalidParameter(_)) => {
            render(&visit, (username, &session), (None, true), visit.words(&error).as_deref())
        }
        Err(other) => refused(&visit, username, &other),
    }
}

/// Whether a form brings back a key as we show them.
fn is_key(text: &str) -> bool {
    text.len() == 52 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}
