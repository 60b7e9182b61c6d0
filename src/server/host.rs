//! Every request says which host it means, once and in order: whoever stands in front of this server and whoever reads the name
//! behind it must not read two. <https://www.rfc-editor.org/rfc/rfc9112#section-3.2>

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, Version, header, uri::Authority};

pub(super) async fn named_once(request: Request, next: Next) -> Response {
    // HTTP/2 names the host in a field of its own, and HTTP/1.0 did not have to name any.
    let may_be_missing = request.version() != Version::HTTP_11;
    if is_in_order(request.headers(), may_be_missing) {
        next.run(request).await
    } else {
        StatusCode::BAD_REQUEST.into_response()
    }
}

fn is_in_order(headers: &HeaderMap, may_be_missing: bool) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => may_be_missing,
        (Some(only), None) => only.to_str().is_ok_and(is_host),
        (Some(_), Some(_)) => false,
    }
}

/// A host with or without a port, and nothing before or behind it. A comma may stand in a name by the grammar of addresses, but
/// what comes with one are two lines that somebody has joined.
fn is_host(text: &str) -> bool {
    if text.contains(',') {
        return false;
    }
    let Ok(authority) = text.parse::<Authority>() else { return false };
    let port = text.strip_prefix(authority.host()).and_then(|rest| rest.strip_prefix(':'));
    !authority.host().is_empty() && (authority.host() == text || port.is_some_and(|port| port.parse::<u16>().is_ok()))
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
}
