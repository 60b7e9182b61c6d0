//! `/changePassword`: a password of one's own in place of a temporary one, and what else the pool requires.

use askama::Template;
use axum::{extract::Request, response::Response};
use http::StatusCode;
use tower_sessions::Session;

use super::{
    error,
    page::{self, Form, Frame},
    sign_in::{self as sign_in_page, Words},
    step,
    visit::Visit,
};
use crate::{
    domain::{Error, user::Attributes},
    flows::{
        Cx,
        sign_in::{self, Answer, Reply},
    },
    kit::secret::Secret,
    web::paths::Place,
};

/// What the names of the fields for attributes begin with.
const ATTRIBUTE: &str = "attribute.";

#[derive(Template)]
#[template(path = "pages/new_password.html")]
struct NewPassword<'a> {
    frame: Frame,
    form: Form,
    username: &'a str,
    session: &'a str,
    required: Vec<Field<'a>>,
    error: Option<&'a str>,
}

struct Field<'a> {
    name: &'a str,
    label: String,
}

pub fn show(visit: &Visit, username: &str, session: &str, required: &[String], error: Option<&str>) -> Response {
    let page = NewPassword {
        frame: visit.frame(),
        form: visit.form(Place::ChangePassword),
        username,
        session,
        required: required.iter().map(|name| Field { name, label: label(name) }).collect(),
        error,
    };
    page::respond(StatusCode::OK, &page, Some(&visit.asked.request.redirect_uri))
}

pub async fn submit(cx: Cx, session: Session, request: Request) -> Response {
    let (visit, form) = match Visit::go_on(cx, session, request).await {
        Ok(come) => come,
        Err(response) => return response,
    };
    let text = |name| form.get(name).unwrap_or_default();
    let (username, session, password) = (text("username"), text("session"), text("new_password"));
    let attributes: Attributes =
        form.behind(ATTRIBUTE).map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    let required: Vec<String> = attributes.keys().cloned().collect();
    if password != text("confirm_password") {
        return show(&visit, username, session, &required, Some("The two passwords differ."));
    }
    let reply = Reply {
        username: username.to_owned(),
        session: Some(session.to_owned()),
        device_key: None,
        answer: Answer::NewPassword { password: Secret::from(password), attributes },
    };
    match sign_in::identify_by(&visit.cx, &visit.door(), reply).await {
        Ok(outcome) => step::go_on(visit, outcome).await,
        Err(Error::Session(_)) => {
            let error = Some("That took too long. Sign in with your temporary password again.");
            sign_in_page::render(&visit, Words { username, error, notice: None })
        }
        Err(other) => match error::words(&other) {
            Some(text) => show(&visit, username, session, &required, Some(&text)),
            None => error::broken(&visit.cx, &other),
        },
    }
}

/// `given_name` as `Given name`.
fn label(attribute: &str) -> String {
    let plain = attribute.trim_start_matches("custom:").replace('_', " ");
    let mut letters = plain.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn labels_are_words() {
        assert_eq!(super::label("given_name"), "Given name");
        assert_eq!(super::label("custom:team"), "Team");
    }
}
