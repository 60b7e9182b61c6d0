//! A head of HTTP/2 in the words of HTTP/1.1, which everything behind speaks: the authority is the host, and cookies are one line.
//! What has no place in HTTP/2 (headers of a connection, pseudo-headers twice or in the wrong place) has been refused before.
//! <https://www.rfc-editor.org/rfc/rfc9113#section-8.3>

use http::{HeaderMap, HeaderValue, header, request::Parts};

use super::{refusal::Refusal, serve::HEAD_LIMIT};

/// Whether the head fits is measured as HTTP/1.1 would write it. An authority and a host that differ are found later, with those
/// of HTTP/1.1.
pub(super) fn translate(head: &mut Parts) -> Result<(), Refusal> {
    let bad = |reason: &str| Refusal::BadRequest(reason.to_owned());
    if let Some(authority) = head.uri.authority() {
        if authority.as_str().contains('@') {
            return Err(bad("the authority names a user"));
        }
        if !head.headers.contains_key(header::HOST) {
            let host = HeaderValue::from_str(authority.as_str()).map_err(|_| bad("the authority is no host"))?;
            head.headers.insert(header::HOST, host);
        }
    }
    join_cookies(&mut head.headers);
    if length(head) > HEAD_LIMIT {
        return Err(Refusal::LongHead);
    }
    Ok(())
}

/// <https://www.rfc-editor.org/rfc/rfc9113#section-8.2.3>
fn join_cookies(headers: &mut HeaderMap) {
    let mut crumbs = headers.get_all(header::COOKIE).iter();
    if crumbs.next().is_none() || crumbs.next().is_none() {
        return;
    }
    let crumbs: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(line) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(header::COOKIE, line);
    }
}

/// Bytes of the request line, the headers and the empty line.
fn length(head: &Parts) -> usize {
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let line = head.method.as_str().len() + target + "  HTTP/1.1\r\n".len();
    head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum::<usize>()
        + line
        + 2
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn translated(build: impl FnOnce(http::request::Builder) -> http::request::Builder) -> Result<Parts, Refusal> {
        let mut head = build(Request::get("https://api.example:8443/a?b")).body(()).unwrap().into_parts().0;
        translate(&mut head).map(|()| head)
    }

    #[test]
    fn the_authority_becomes_the_host_and_cookies_one_line() {
        let head = translated(|request| request.header("cookie", "a=1").header("cookie", "b=2; c=3")).unwrap();
        assert_eq!(head.headers["host"], "api.example:8443");
        assert_eq!(head.headers.get_all("cookie").iter().collect::<Vec<_>>(), ["a=1; b=2; c=3"]);
        let head = translated(|request| request.header("host", "other")).unwrap();
        assert_eq!(head.headers["host"], "other");
        let user = translated(|request| request.uri("https://user@api.example/"));
        assert!(matches!(user, Err(Refusal::BadRequest(_))));
    }

    #[test]
    fn a_head_is_as_long_as_http_1_writes_it() {
        let written = "GET /a?b HTTP/1.1\r\nx: \r\nhost: api.example:8443\r\n\r\n".len();
        assert!(translated(|request| request.header("x", "y".repeat(HEAD_LIMIT - written))).is_ok());
        let long = translated(|request| request.header("x", "y".repeat(HEAD_LIMIT - written + 1)));
        assert!(matches!(long, Err(Refusal::LongHead)));
    }
}
