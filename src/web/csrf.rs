//! Against forged forms: a token bound to the browser's session and to the very request, and a look at where a POST comes from.
//!
//! Our pages send `Referrer-Policy: no-referrer`, and browsers then write `Origin: null` on our own forms; `Sec-Fetch-Site` tells
//! those from foreign ones, and where neither header says anything the token decides.
//! <https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html>

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, header};

use super::paths;
use crate::{
    flows::{App, Setup, site::Site},
    keys::{same, seal::Purpose},
};

/// The token of a form. `secret` is the session's, `query` the request that the form stands for: a form cannot be sent for
/// another request than the one that its page showed.
pub fn token(app: &App, secret: &str, query: &str) -> String {
    let mac = app.sealer.mac(Purpose::Cookie, format!("form\0{secret}\0{query}").as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(mac)
}

pub fn is_token(app: &App, secret: &str, query: &str, given: &str) -> bool {
    same(token(app, secret, query).as_bytes(), given.as_bytes())
}

/// Whether the headers say that another site has sent this POST, which came to `own`.
pub fn is_foreign(setup: &Setup, own: &Site, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value: &http::HeaderValue| value.to_str().unwrap_or_default());
    let site = text(http::HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| site != "same-origin") {
        return true;
    }
    match text(header::ORIGIN) {
        None => false,
        Some("null") => false,
        Some(origin) => site.is_none() && origin != paths::origin(setup, own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Mode, limits::Limits, server::Issuer};

    fn foreign(pairs: &[(&'static str, &'static str)]) -> bool {
        foreign_to(&Site::Everywhere, pairs)
    }

    fn foreign_to(own: &Site, pairs: &[(&'static str, &'static str)]) -> bool {
        let setup = Setup {
            mode: Mode::Development,
            account_id: String::new(),
            region: String::new(),
            public_url: "https://id.example:8443/auth".into(),
            issuer: Issuer::Local,
            admin_keys: Vec::new(),
            limits: Limits::default(),
        };
        let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        is_foreign(&setup, own, &headers.collect())
    }

    #[test]
    fn only_our_own_origin_may_send_forms() {
        assert!(!foreign(&[]));
        assert!(!foreign(&[("origin", "https://id.example:8443")]));
        assert!(!foreign(&[("origin", "null"), ("sec-fetch-site", "same-origin")]));
        assert!(foreign(&[("origin", "https://id.example")]));
        assert!(foreign(&[("origin", "https://evil.example")]));
        assert!(foreign(&[("origin", "https://id.example:8443"), ("sec-fetch-site", "cross-site")]));
        assert!(foreign(&[("origin", "null"), ("sec-fetch-site", "same-site")]));
        assert!(foreign(&[("sec-fetch-site", "none")]));
    }

    #[test]
    fn at_a_pools_domain_its_own_origin_may() {
        let own = Site::Pool { id: "us-east-1_A".into(), authority: "app.auth.localhost:8443".into() };
        assert!(!foreign_to(&own, &[("origin", "https://app.auth.localhost:8443")]));
        for other in ["http://app.auth.localhost:8443", "https://app.auth.localhost", "https://id.example:8443"] {
            assert!(foreign_to(&own, &[("origin", other)]), "{other}");
        }
    }
}
