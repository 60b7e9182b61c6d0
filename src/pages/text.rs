//! What the pages say, in every language that they speak, and which of these somebody reads.
//!
//! The words lie in `templates/text/<language>.toml` and are compiled in. Each file becomes a [`Text`]: a key that is missing or
//! unknown fails the tests, one that no page uses the build. A page is written in the language that `lang` asks for, else in
//! that of the cookie of this name, else in what the browser accepts, else in English.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-managed-login.html>

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, LazyLock},
};

use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderValue, header, request::Parts};
use serde::Deserialize;

use crate::{
    flows::App,
    web::{parameters::Parameters, paths},
};

/// How the service names the languages of its pages and of terms. We speak some of them.
const KNOWN: [&str; 12] = ["en", "de", "es", "fr", "id", "it", "ja", "ko", "nl", "pt-BR", "zh-CN", "zh-TW"];
const COOKIE: &str = "lang";

/// Declares the sections of the files and their keys.
macro_rules! texts {
    ($($section:ident: $name:ident { $($key:ident),* $(,)? })*) => {
        $(
            #[derive(Debug, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $name {
                $(pub $key: String,)*
            }
        )*

        /// All that the pages say in one language.
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Text {
            $(pub $section: $name,)*
            /// What the standard attributes are called.
            pub attribute: BTreeMap<String, String>,
        }
    };
}

texts! {
    common: Common { error, password, new_password, password_again, code, new_code, back, terms, privacy }
    name: Name {
        username, email, phone_number, email_or_phone, username_or_email, username_or_phone, username_email_or_phone,
    }
    sign_in: SignIn { title, lead, button, next, forgot, sign_up, or, provider, empty }
    sign_up: SignUp {
        title, lead, button, sign_in, optional, phone_hint, password_optional, done, waits,
    }
    rules: Rules { title, length, uppercase, lowercase, number, symbol }
    confirm: Confirm { title, lead, sent, link, new_link, button, resent, done }
    confirm_link: ConfirmLink { lead, button, refused_title, refused, done_title, done }
    forgot: Forgot { title, lead, button, administrator, reset_title, sent, reset_button, must_reset, done }
    new_password: NewPassword { title, lead, button, expired }
    choose: Choose { title, lead, password, passkey, another, password_title, empty }
    passkey: Passkey {
        title, lead, button, failed, unsupported, no_script, add_title, add_lead, add_button, add_failed, later, too_many, off,
    }
    code: Code { title, sent, app, named_app, button, wrong }
    factor: Factor { title, lead, sms, totp, email }
    setup: Setup { title, lead, picture, open, key, button, wrong, email, email_button }
    feedback: Feedback { title, lead, yes, no, thanks, was_you, was_not_you, refused_title, refused }
    device: Device {
        title, lead, next, wrong, confirm_title, confirm_lead, check, allow, deny, done_title, done, denied_title, denied,
    }
    sign_out: SignOut { title, lead, button, done, close }
    error: Errors {
        title, redirect_mismatch, client_id, redirect_uri, logout_uri, server, invalid, forged, forged_link,
        incorrect, locked, blocked, too_many, temporary_expired, code, compromised, compromised_sign_in, password_used, session, address_taken, name_taken,
        undelivered, hook, passkey, name_form, too_long, not_possible, not_allowed, passwords_differ, sign_up_closed,
        length, edges, uppercase, lowercase, numbers, symbols,
        email_format, phone_format, need_email, need_phone, need_address, no_email, no_phone, attributes, missing_password,
    }
}

/// The languages of the pages, English first.
const FILES: [(&str, &str); 5] = [
    ("en", include_str!("../../templates/text/en.toml")),
    ("de", include_str!("../../templates/text/de.toml")),
    ("es", include_str!("../../templates/text/es.toml")),
    ("fr", include_str!("../../templates/text/fr.toml")),
    ("ja", include_str!("../../templates/text/ja.toml")),
];

static TEXTS: LazyLock<[(&str, Text); 5]> = LazyLock::new(|| FILES.map(|(tag, file)| (tag, parse(file))));

fn parse(file: &str) -> Text {
    toml::from_str(file).expect("tests parse the embedded files")
}

/// The language of a page.
#[derive(Clone, Copy, Debug)]
pub struct Language {
    /// The one that was asked for, among those of the service. The application's terms may speak it even where we do not.
    pub asked: &'static str,
    /// Of `text`.
    pub tag: &'static str,
    pub text: &'static Text,
}

impl Language {
    fn of(asked: &'static str) -> Self {
        let (tag, text) = TEXTS.iter().find(|(tag, _)| *tag == asked).unwrap_or(&TEXTS[0]);
        Self { asked, tag, text }
    }

    fn choose(query: Option<&str>, headers: &HeaderMap) -> Self {
        let asked = query.and_then(asked).or_else(|| kept(headers)).or_else(|| accepted(headers));
        Self::of(asked.unwrap_or(KNOWN[0]))
    }
}

impl<S: Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::choose(parts.uri.query(), &parts.headers))
    }
}

/// Keeps the language that a page was asked for in, for the pages that follow.
pub async fn keep(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let asked = request.uri().query().and_then(asked);
    let wanted = asked.filter(|asked| kept(request.headers()) != Some(asked));
    let mut response = next.run(request).await;
    if let Some(tag) = wanted {
        let secure = if paths::is_https(&app.setup) { "; Secure" } else { "" };
        if let Ok(cookie) = HeaderValue::from_str(&format!("{COOKIE}={tag}; Path=/; HttpOnly; SameSite=Lax{secure}")) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
    response
}

fn known(tag: &str) -> Option<&'static str> {
    KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(tag))
}

fn asked(query: &str) -> Option<&'static str> {
    let parameters = Parameters::parse(query.as_bytes())?;
    parameters.get(COOKIE).filter(|_| !parameters.is_repeated(COOKIE)).and_then(known)
}

fn kept(headers: &HeaderMap) -> Option<&'static str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    pairs
        .flat_map(|value| value.split(';'))
        .find_map(|pair| known(pair.trim().strip_prefix(COOKIE)?.strip_prefix('=')?))
}

/// The first language of the browser's wishes that is known, by their weights.
/// <https://www.rfc-editor.org/rfc/rfc9110#section-12.5.4>
fn accepted(headers: &HeaderMap) -> Option<&'static str> {
    let wishes = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    let mut found: Vec<(f32, &'static str)> = Vec::new();
    for wish in wishes.split(',').take(20) {
        let (tag, parameters) = wish.split_once(';').unwrap_or((wish, ""));
        let weight = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |weight| weight.parse().ok());
        let tag = tag.trim();
        let primary = tag.split('-').next().unwrap_or_default();
        if let Some((known, weight)) =
            known(tag).or_else(|| known(primary)).zip(weight).filter(|(_, weight)| *weight > 0.0)
        {
            found.push((weight, known));
        }
    }
    // Of equals the first one counts.
    found.sort_by(|one, other| other.0.total_cmp(&one.0));
    found.first().map(|(_, tag)| *tag)
}

/// Puts values in place of the `{names}` of a text, in one pass: what a value holds is never looked at.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        filled.push_str(before);
        match behind.split_once('}') {
            Some((name, after)) => {
                let value = values.iter().find(|(own, _)| *own == name);
                filled.push_str(value.map_or("", |(_, value)| value));
                rest = after;
            }
            None => {
                filled.push('{');
                rest = behind;
            }
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The texts of a file by `section.key`, each with the names of its placeholders.
    fn placeholders(file: &str) -> BTreeMap<String, Vec<String>> {
        let sections: BTreeMap<String, BTreeMap<String, String>> = toml::from_str(file).unwrap();
        let names = |text: &str| {
            let mut names: Vec<_> =
                text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap().to_owned()).collect();
            names.sort();
            names
        };
        let texts = sections.iter().flat_map(|(section, texts)| texts.iter().map(move |text| (section, text)));
        texts.map(|(section, (key, text))| (format!("{section}.{key}"), names(text))).collect()
    }

    #[test]
    fn every_language_says_everything_with_the_same_placeholders() {
        let english = placeholders(FILES[0].1);
        for (tag, file) in FILES {
            parse(file);
            assert_eq!(placeholders(file), english, "{tag}");
            let sections: BTreeMap<String, BTreeMap<String, String>> = toml::from_str(file).unwrap();
            let empty = sections.values().flat_map(BTreeMap::iter).find(|(_, text)| text.trim().is_empty());
            assert_eq!(empty, None, "{tag}");
        }
    }

    #[test]
    fn values_are_put_in_once() {
        assert_eq!(fill("to {a} and {b}", &[("a", "{b}"), ("b", "x")]), "to {b} and x");
        assert_eq!(fill("no { end", &[]), "no { end");
    }

    #[test]
    fn a_language_is_asked_for_kept_or_accepted() {
        let headers = |pairs: &[(header::HeaderName, &str)]| -> HeaderMap {
            pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
        };
        let tag = |query: Option<&str>, pairs: &[(header::HeaderName, &str)]| {
            let language = Language::choose(query, &headers(pairs));
            (language.asked, language.tag)
        };
        let wishes = |text| [(header::ACCEPT_LANGUAGE, text)];
        assert_eq!(tag(None, &[]), ("en", "en"));
        assert_eq!(tag(None, &wishes("xx, fr-CA;q=0.8, de;q=0.9, ja;q=0")), ("de", "de"));
        assert_eq!(tag(None, &wishes("es-MX")), ("es", "es"));
        assert_eq!(tag(None, &wishes("*, q, ;q=, de;q=x")), ("en", "en"));
        let cookie = (header::COOKIE, "poolhouse-dev=x; lang=ja");
        assert_eq!(tag(None, &[cookie.clone(), wishes("fr")[0].clone()]), ("ja", "ja"));
        assert_eq!(tag(Some("state=1&lang=es"), std::slice::from_ref(&cookie)), ("es", "es"));
        assert_eq!(tag(Some("lang=DE"), &[]), ("de", "de"));
        // What we do not speak, and what nobody does.
        assert_eq!(tag(Some("lang=it"), &[]), ("it", "en"));
        assert_eq!(tag(Some("lang=nl"), &[]), ("nl", "en"));
        assert_eq!(tag(Some("lang=xx"), std::slice::from_ref(&cookie)), ("ja", "ja"));
        assert_eq!(tag(Some("lang=es&lang=de"), &[cookie]), ("ja", "ja"));
    }
}
