//! Which URLs a client may register to be sent to after signing in or out.
//!
//! They are compared byte by byte later, so no pattern matches anything here; this only keeps out what a browser would run or
//! read instead of visit, and plain HTTP to another machine. RFC 6749 section 3.1.2, RFC 8252 sections 7 and 8.

use crate::domain::error::{Error, Result};

/// Schemes that run a script or read what is on the machine of the one who follows them.
const REFUSED: [&str; 9] =
    ["javascript", "data", "vbscript", "file", "blob", "about", "view-source", "filesystem", "jar"];

/// Refuses a URL that is no safe place to send a browser to.
pub fn check(text: &str) -> Result<()> {
    match objection(text) {
        Some(objection) => Err(Error::InvalidParameter(format!("{text} {objection}"))),
        None => Ok(()),
    }
}

/// Whether a URL is such a place.
pub fn is_safe(text: &str) -> bool {
    objection(text).is_none()
}

fn objection(text: &str) -> Option<&'static str> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
        return Some("cannot contain spaces, control characters or backslashes.");
    }
    if text.contains('#') {
        return Some("cannot contain a fragment.");
    }
    let Some((scheme, rest)) = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)) else {
        return Some("is not an absolute URL.");
    };
    let scheme = scheme.to_ascii_lowercase();
    if REFUSED.contains(&scheme.as_str()) {
        return Some("uses a scheme that is not allowed.");
    }
    if scheme != "http" && scheme != "https" {
        return rest.is_empty().then_some("is not an absolute URL.");
    }
    let authority = rest.strip_prefix("//").map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
    let Some(authority) = authority.filter(|authority| !authority.is_empty() && url::Url::parse(text).is_ok()) else {
        return Some("is not an absolute URL.");
    };
    if authority.contains('@') {
        return Some("cannot contain a user name or a password.");
    }
    (scheme == "http" && !is_loopback(authority)).then_some("cannot use the HTTP protocol.")
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn is_loopback(authority: &str) -> bool {
    let authority = authority.to_ascii_lowercase();
    ["localhost", "127.0.0.1", "[::1]"].iter().any(|host| {
        authority.strip_prefix(host).is_some_and(|port| {
            port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_to_visit_are_taken() {
        for url in [
            "https://app.example.com/cb",
            "https://app.example.com",
            "https://app.example.com/cb?tenant=1",
            "https://app.example.com/*",
            "http://localhost:3000/cb",
            "http://localhost",
            "http://127.0.0.1:8080/",
            "http://[::1]:8080/cb",
            "myapp://",
            "com.example.app:/oauth",
            "exp://127.0.0.1:19000",
        ] {
            assert!(check(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn what_runs_reads_or_travels_in_the_clear_is_refused() {
        for url in [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://a/b",
            "http://app.example.com/cb",
            "http://localhost.evil.com/cb",
            "http://localhost@evil.com/",
            "http://127.0.0.1.evil.com",
            "https://user@app/cb",
            "https://app/cb#x",
            "/cb",
            "app.example.com/cb",
            "https:///cb",
            "https:app/cb",
            "https://",
            "myapp:",
            "https://app/c b",
            "https://app\\cb",
        ] {
            assert!(check(url).is_err(), "{url}");
        }
        assert_eq!(
            check("http://a.example/cb").unwrap_err().to_string(),
            "http://a.example/cb cannot use the HTTP protocol."
        );
    }
}
