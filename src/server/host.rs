//! Every request says which host it means, once and in order: whoever stands in front of this server and whoever reads the name
//! behind it must not read two. <https://www.rfc-editor.org/rfc/rfc9112#section-3.2>

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, Uri, Version, header};

use crate::kit::host::is_host;

pub(super) async fn named_once(request: Request, next: Next) -> Response {
    // HTTP/2 names the host in a field of its own, and HTTP/1.0 did not have to name any.
    let may_be_missing = request.version() != Version::HTTP_11;
    if is_in_order(request.headers(), may_be_missing) && is_the_targets(request.uri(), request.headers()) {
        next.run(request).await
    } else {
        StatusCode::BAD_REQUEST.into_response()
    }
}

fn is_in_order(headers: &HeaderMap, may_be_missing: bool) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => may_be_missing,
        (Some(only), None) => is_host(only.as_bytes()),
        (Some(_), Some(_)) => false,
    }
}

/// A target that names a host itself names the same one.
fn is_the_targets(target: &Uri, headers: &HeaderMap) -> bool {
    let (Some(named), Some(host)) = (target.authority(), headers.get(header::HOST)) else { return true };
    named.as_str().as_bytes().eq_ignore_ascii_case(host.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_one_host_in_order() {
        let named = |hosts: &[&str]| hosts.iter().map(|host| (header::HOST, host.parse().unwrap())).collect();
        for host in
            ["localhost", "localhost:9229", "id.example.", "127.0.0.1:80", "[::1]", "[::1]:9229", "a_b.internal"]
        {
            assert!(is_in_order(&named(&[host]), false), "{host}");
        }
        for host in
            ["", " ", "a b", "user@localhost", "localhost:", "localhost:99999", "localhost:x", "a/b", "a,b", "[::1"]
        {
            assert!(!is_in_order(&named(&[host]), true), "{host}");
        }
        for twice in [["localhost", "evil.example"], ["localhost", "localhost"]] {
            assert!(!is_in_order(&named(&twice), true));
        }
        assert!(is_in_order(&HeaderMap::new(), true) && !is_in_order(&HeaderMap::new(), false));
    }

    #[test]
    fn a_target_with_a_host_names_the_same_one() {
        let named = |target: &'static str, host: &str| {
            is_the_targets(&Uri::from_static(target), &HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]))
        };
        assert!(named("/a", "localhost") && named("http://LOCALHOST:9229/a", "localhost:9229"));
        assert!(!named("http://evil.example/a", "localhost") && !named("http://localhost/a", "localhost:9229"));
        assert!(is_the_targets(&Uri::from_static("http://localhost/a"), &HeaderMap::new()));
    }
}
