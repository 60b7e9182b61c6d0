//! `/changePassword`: a password of one's own in place of a temporary one, and what else the pool requires.

use askama::Template;
use axum::{extract::Request, response::Response};

use super::{
    fields::{self, Field, Rules},
    page::{Form, Frame},
    sign_in::{self as sign_in_page, Words},
    step,
    visit::{Guest, Visit},
};
use crate::{
    domain::{Error, user::Attributes},
    flows::sign_in::Answer,
    web::paths::Place,
};

#[derive(Template)]
#[template(path = "pages/new_password.html")]
struct NewPassword<'a> {
    frame: Frame,
    form: Form,
    name: &'a str,
    username: &'a str,
    session: &'a str,
    fields: Vec<Field>,
    rules: Rules,
    error: Option<&'a str>,
}

pub fn show(visit: &Visit, username: &str, session: &str, required: &[String], error: Option<&str>) -> Response {
    let pool = &visit.asked.request.pool;
    let page = NewPassword {
        frame: visit.frame(),
        form: visit.form(Place::ChangePassword),
        name: fields::sign_in_name(visit.text(), pool),
        username,
        session,
        fields: fields::of_names(visit.text(), pool, required),
        rules: Rules::new(visit.text(), &pool.settings.policies.password_policy),
        error,
    };
    visit.respond(&page)
}

pub async fn submit(guest: Guest, request: Request) -> Response {
    let (visit, form) = match Visit::go_on(guest, request).await {
        Ok(come) => come,
        Err(response) => return response,
    };
    let text = |name| form.get(name).unwrap_or_default();
    let (username, session) = (text("username"), text("session"));
    let attributes: Attributes =
        form.behind(fields::ATTRIBUTE).map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    let required: Vec<String> = attributes.keys().cloned().collect();
    let password = match fields::chosen(visit.text(), &form, "new_password") {
        Ok(password) => password,
        Err(text) => return show(&visit, username, session, &required, Some(text)),
    };
    match visit.answer((username, session), Answer::NewPassword { password, attributes }).await {
        Ok(outcome) => step::go_on(visit, username, outcome).await,
        Err(Error::Session(_)) => {
            let error = Some(visit.text().new_password.expired.as_str());
            sign_in_page::render(&visit, Words { username, error, notice: None })
        }
        Err(other) => match visit.words(&other) {
            Some(text) => show(&visit, username, session, &required, Some(&text)),
            None => visit.broken(&other),
        },
    }
}
