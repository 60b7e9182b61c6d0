//! The answer to an authorization request, and the ways in which it travels to the application: in the query or the fragment of
//! its address, or as a form that the browser posts.
//! <https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html>
//! <https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html>

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use axum::response::Response;
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderValue, StatusCode, header};

use super::{headers, paths};
use crate::flows::authorize::RedirectUri;

/// The whole script of the page that posts. The policy of the page names its hash: nothing else runs there.
const SEND: &str = "document.forms[0].submit()";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Query,
    Fragment,
    FormPost,
}

impl Mode {
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "query" => Some(Self::Query),
            "fragment" => Some(Self::Fragment),
            "form_post" => Some(Self::FormPost),
            _ => None,
        }
    }
}

/// An application that waits for its answer at an address that it has registered.
#[derive(Clone, Debug)]
pub struct Recipient {
    pub redirect_uri: RedirectUri,
    pub mode: Mode,
    pub state: Option<String>,
    /// Who answers, where the pool says so (RFC 9207).
    pub issuer: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/form_post.html")]
struct FormPost<'a> {
    address: &'a str,
    pairs: &'a [(&'a str, &'a str)],
    send: &'static str,
}

impl Recipient {
    /// The response that carries the pairs, and the state behind them.
    pub fn tell(&self, pairs: &[(&str, &str)]) -> Response {
        let mut pairs = pairs.to_vec();
        pairs.extend(self.state.as_deref().map(|state| ("state", state)));
        pairs.extend(self.issuer.as_deref().map(|issuer| ("iss", issuer)));
        match self.mode {
            Mode::Query => found(&paths::with_answer(&self.redirect_uri, &pairs, false)),
            Mode::Fragment => found(&paths::with_answer(&self.redirect_uri, &pairs, true)),
            Mode::FormPost => self.form(&pairs),
        }
    }

    fn form(&self, pairs: &[(&str, &str)]) -> Response {
        let page = FormPost { address: self.redirect_uri.as_str(), pairs, send: SEND };
        let mut response = Response::default();
        let Ok(html) = page.render() else {
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            return response;
        };
        *response.body_mut() = html.into();
        let script = BASE64_STANDARD.encode(digest(&SHA256, SEND.as_bytes()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::CONTENT_SECURITY_POLICY, headers::posting_policy(&self.redirect_uri, &script));
        response
    }
}

/// `302 Found`. An address that is no header text was never registered through the API; it ends in an error.
pub fn found(location: &str) -> Response {
    let mut response = Response::default();
    match HeaderValue::from_str(location) {
        Ok(location) => {
            *response.status_mut() = StatusCode::FOUND;
            response.headers_mut().insert(header::LOCATION, location);
        }
        Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response
}

/// `303 See Other`: the browser goes on with GET, whatever it came with.
pub fn see_other(location: &str) -> Response {
    let mut response = found(location);
    if response.status() == StatusCode::FOUND {
        *response.status_mut() = StatusCode::SEE_OTHER;
    }
    response
}
