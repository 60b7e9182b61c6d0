//! Headers that every answer carries, and those of pages.
//! <https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html>

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::paths;
use crate::flows::{App, authorize::RedirectUri};

const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Puts the headers that protect an answer on it, where it does not say otherwise itself.
pub async fn protect(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let is_https = paths::is_https(&app.setup);
    complete(response.headers_mut(), is_https);
    response
}

fn complete(headers: &mut HeaderMap, is_https: bool) {
    const ALWAYS: [(HeaderName, &str); 5] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
    ];
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if is_https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}

/// The policy of a page whose one script, of this SHA-256 in base64, posts a form to `target`.
pub fn posting_policy(target: &RedirectUri, script: &str) -> HeaderValue {
    let schemes = schemes(Some(target));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{script}'; frame-ancestors 'none'; base-uri 'none'; form-action{schemes}"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"))
}

/// Whether a page has a script. If so, it is a file of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    None,
    Own,
}

/// The content security policy of a page whose form ends at `target`.
///
/// Browsers hold `form-action` against every redirect that follows a form, also those that the application makes after it has
/// its code; the policy therefore names the scheme of the application's address rather than its host. What it is there for
/// stays: no `javascript:` target, and no plain `http:` one where the application itself is on https.
pub fn page_policy(target: Option<&RedirectUri>, script: Script) -> HeaderValue {
    let schemes = schemes(target);
    let script = match script {
        Script::None => "",
        Script::Own => "; script-src 'self'",
    };
    let policy = format!("{PAGE_POLICY}{script}; form-action 'self'{schemes}");
    // A registered address that is no header text cannot be redirected to either.
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"))
}

/// What a form may end at besides this site, each behind a space.
fn schemes(target: Option<&RedirectUri>) -> String {
    let scheme = target.and_then(|uri| uri.as_str().split_once(':')).map(|(scheme, _)| scheme);
    match scheme {
        None => String::new(),
        Some("https") => " https:".to_owned(),
        Some("http") => " http: https:".to_owned(),
        Some(own) => format!(" {own}:"),
    }
}
