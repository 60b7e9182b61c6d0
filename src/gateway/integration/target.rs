//! Where a backend is: a URL with places for what the route's parameters captured.
//!
//! Scheme, host and port are fixed when the configuration is read, so that no request can lead elsewhere. Captured values go in
//! undecoded, exactly as they were matched.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-http.html>

use bytes::Bytes;
use http::{
    Uri,
    uri::{Authority, PathAndQuery, Scheme},
};

use crate::gateway::{
    authorizer::{UrlError, check_url},
    routes::Key,
};

/// Why an integration's URL cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    #[error("`{url}` is not a backend that can be used: {reason}")]
    Url { url: String, reason: UrlError },
    #[error("`{0}`: parameters may stand in the path and the query only, each as `{{name}}`")]
    Placement(String),
    #[error("`{url}` uses `{{{name}}}`, which the route does not capture")]
    Unknown { url: String, name: String },
}

#[derive(Debug)]
pub(in crate::gateway) struct Target {
    scheme: Scheme,
    authority: Authority,
    path: Vec<Part>,
    query: Option<Vec<Part>>,
    /// The path of the request follows the path of the URL: the rule of `$default`.
    appends: bool,
    /// What is asked for where nothing of the request has a place in it.
    fixed: Option<Uri>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Captured(usize),
}

impl Target {
    pub(in crate::gateway) fn parse(url: &str, route: &Key, insecure: bool) -> Result<Self, TargetError> {
        let wrong = |reason| TargetError::Url { url: url.to_owned(), reason };
        let after_scheme = url.find("://").map(|at| at + 3).ok_or_else(|| wrong(UrlError::Form))?;
        let path_at = url[after_scheme..].find(['/', '?']).map_or(url.len(), |at| after_scheme + at);
        let (origin, rest) = url.split_at(path_at);
        if origin.contains(['{', '}']) {
            return Err(TargetError::Placement(url.to_owned()));
        }
        check_url(origin, insecure).map_err(wrong)?;
        let origin: Uri = origin.parse().map_err(|_| wrong(UrlError::Form))?;
        let (Some(scheme), Some(authority)) = (origin.scheme(), origin.authority()) else {
            return Err(wrong(UrlError::Host));
        };
        if rest.contains('#') {
            return Err(wrong(UrlError::Fragment));
        }
        let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
        let names: Vec<&str> = route.parameters().collect();
        let parse = |text| parts(text, url, &names);
        let mut target = Self {
            scheme: scheme.clone(),
            authority: authority.clone(),
            path: parse(path)?,
            query: query.map(parse).transpose()?,
            appends: route.is_default(),
            fixed: None,
        };
        // What is fixed in the URL must itself be a valid path; a captured value stood in one already.
        let sample = vec!["x"; names.len()];
        let uri = target.uri(&sample, "/", None).ok_or_else(|| wrong(UrlError::Form))?;
        let mut parts = target.path.iter().chain(target.query.iter().flatten());
        if !target.appends && parts.all(|part| matches!(part, Part::Text(_))) {
            target.fixed = Some(uri);
        }
        Ok(target)
    }

    pub(super) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Where connections lead.
    pub(super) fn origin(&self) -> (Scheme, Authority) {
        (self.scheme.clone(), self.authority.clone())
    }

    /// What is asked for there, with another path than the configured one.
    pub(super) fn uri_at(&self, path: &str, captured: &[&str], query: Option<&str>) -> Option<Uri> {
        self.with_query(path.to_owned(), captured, query)
    }

    /// What is asked for there. `None` only for a path that no request could have had.
    pub(super) fn uri(&self, captured: &[&str], path: &str, query: Option<&str>) -> Option<Uri> {
        if let (Some(fixed), None) = (&self.fixed, query) {
            return Some(fixed.clone());
        }
        let mut text = String::with_capacity(128);
        write(&mut text, &self.path, captured)?;
        if self.appends {
            text.truncate(text.trim_end_matches('/').len());
            text.push_str(path);
        }
        if text.is_empty() {
            text.push('/');
        }
        self.with_query(text, captured, query)
    }

    fn with_query(&self, mut text: String, captured: &[&str], query: Option<&str>) -> Option<Uri> {
        let mut mark = '?';
        if let Some(own) = &self.query {
            text.push(mark);
            write(&mut text, own, captured)?;
            mark = '&';
        }
        if let Some(query) = query {
            text.push(mark);
            text.push_str(query);
        }
        PathAndQuery::from_maybe_shared(Bytes::from(text)).ok().map(Uri::from)
    }
}

fn write(text: &mut String, parts: &[Part], captured: &[&str]) -> Option<()> {
    for part in parts {
        text.push_str(match part {
            Part::Text(fixed) => fixed,
            Part::Captured(index) => captured.get(*index)?,
        });
    }
    Some(())
}

/// `{name}`, or `{name+}` as the route key has it.
fn parts(text: &str, url: &str, names: &[&str]) -> Result<Vec<Part>, TargetError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((fixed, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or_else(|| TargetError::Placement(url.to_owned()))?;
        let name = name.strip_suffix('+').unwrap_or(name);
        let index = names.iter().position(|known| *known == name);
        let index = index.ok_or_else(|| TargetError::Unknown { url: url.to_owned(), name: name.to_owned() })?;
        parts.push(Part::Text(fixed.to_owned()));
        parts.push(Part::Captured(index));
        rest = after;
    }
    if rest.contains('}') {
        return Err(TargetError::Placement(url.to_owned()));
    }
    parts.push(Part::Text(rest.to_owned()));
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str, key: &str) -> Result<Target, TargetError> {
        Target::parse(url, &Key::parse(key).unwrap(), false)
    }

    fn uri(url: &str, key: &str, captured: &[&str], path: &str, query: Option<&str>) -> String {
        let target = target(url, key).unwrap();
        let (scheme, authority) = target.origin();
        format!("{scheme}://{authority}{}", target.uri(captured, path, query).unwrap())
    }

    #[test]
    fn captured_values_are_put_in_undecoded() {
        assert_eq!(
            uri(
                "http://localhost:1/v1/{id}/x/{rest}",
                "GET /{id}/{rest+}",
                &["a%20b", "c/d"],
                "/a%20b/c/d",
                Some("q=1")
            ),
            "http://localhost:1/v1/a%20b/x/c/d?q=1"
        );
    }

    #[test]
    fn the_default_route_appends_the_path() {
        assert_eq!(uri("http://localhost:1", "$default", &[], "/a/b", None), "http://localhost:1/a/b");
        assert_eq!(uri("http://localhost:1/base/", "$default", &[], "/a", Some("x")), "http://localhost:1/base/a?x");
        assert_eq!(uri("http://localhost:1/fixed", "GET /a", &[], "/a", None), "http://localhost:1/fixed");
        assert_eq!(uri("http://localhost:1", "GET /a", &[], "/a", None), "http://localhost:1/");
    }

    #[test]
    fn both_queries_are_sent() {
        assert_eq!(
            uri("http://localhost:1/?id={id}", "GET /{id}", &["7"], "/7", Some("b=2")),
            "http://localhost:1/?id=7&b=2"
        );
    }

    #[test]
    fn no_value_can_change_the_host() {
        assert!(matches!(target("http://localhost{p}/", "GET /{p+}"), Err(TargetError::Placement(_))));
        assert!(matches!(target("http://localhost:{p}", "GET /{p+}"), Err(TargetError::Placement(_))));
        let target = target("http://localhost:1/{p}", "GET /{p+}").unwrap();
        for value in ["@evil.example/", "//evil.example", ":80@evil", "http://evil.example"] {
            let uri = target.uri(&[value], "/", None).unwrap();
            assert_eq!(uri.authority(), None, "{value}");
            assert_eq!(uri.path(), format!("/{value}"));
        }
    }

    #[test]
    fn wrong_urls_are_named() {
        for url in [
            "localhost:1",
            "http://backend.example/",
            "ftp://localhost/",
            "http://localhost/#a",
            "http://u:p@localhost/",
        ] {
            assert!(matches!(target(url, "GET /a"), Err(TargetError::Url { .. })), "{url}");
        }
        let error = target("http://localhost/{x}", "GET /{y}").unwrap_err();
        assert_eq!(error.to_string(), "`http://localhost/{x}` uses `{x}`, which the route does not capture");
    }
}
