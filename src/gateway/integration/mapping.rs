//! Parameter mapping: what the configuration adds to, changes in or takes from requests and answers.
//!
//! All values are read before anything changes. A path that is put together is encoded and judged like any other. Header names
//! that the service reserves cannot be used.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html>

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::HOST};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::{
    config::{
        Place, Placed,
        api::{ForwardedClaim, Route},
    },
    gateway::{
        path,
        refusal::Refusal,
        selection::{SelectionError, Template, View},
    },
};

/// Why a mapping cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    #[error(
        "`{0}` is no parameter to map: write append, overwrite or remove, a colon, and header.NAME or querystring.NAME; or overwrite:path, and for answers overwrite:statuscode"
    )]
    Key(String),
    #[error("the header `{0}` is reserved: no mapping may change it")]
    Reserved(String),
    #[error("a request has one host: overwrite it, or leave it as it is")]
    SecondHost,
    #[error("`{0}` removes, so its value must be ''")]
    RemoveValue(String),
    #[error("`{0}` is not a status code from 200 to 599")]
    Status(String),
    #[error(transparent)]
    Selection(#[from] SelectionError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Append,
    Overwrite,
    Remove,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Header(HeaderName),
    Query(String),
    Path,
    Status,
}

#[derive(Debug)]
struct Rule {
    verb: Verb,
    part: Part,
    value: Template,
}

/// The rules for one direction.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Mapping(Vec<Rule>);

type Failure = (Place, MappingError);

impl Mapping {
    /// Reads rules in the order of their keys; `response` says for which direction.
    pub(in crate::gateway) fn parse(rules: &BTreeMap<String, Placed<String>>, response: bool) -> Result<Self, Failure> {
        let rule = |(key, value): (&String, &Placed<String>)| {
            Rule::parse(key, &value.value, response).map_err(|error| (value.at.clone(), error))
        };
        Ok(Self(rules.iter().map(rule).collect::<Result<_, _>>()?))
    }

    /// Adds a claim of the caller. Without it nothing stands in the header, whatever the client sent.
    fn forward(&mut self, claim: &ForwardedClaim) -> Result<(), Failure> {
        let wrong = |error| (claim.header.at.clone(), error);
        let mut rule = Rule::parse(&format!("overwrite:header.{}", claim.header.value), "", false).map_err(wrong)?;
        rule.value = Template::claim(&claim.claim, claim.format);
        self.0.push(rule);
        Ok(())
    }

    /// The rules of a route for requests.
    pub(in crate::gateway) fn of_request(route: &Route) -> Result<Self, Failure> {
        let mut mapping = Self::parse(&route.request_parameters, false)?;
        route.forward_claims.iter().try_for_each(|claim| mapping.forward(claim))?;
        Ok(mapping)
    }

    pub(in crate::gateway) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in crate::gateway) fn reads_body(&self) -> bool {
        self.0.iter().any(|rule| rule.value.reads_body())
    }

    pub(in crate::gateway) fn reads_response_body(&self) -> bool {
        self.0.iter().any(|rule| rule.value.reads_response_body())
    }

    /// What the rules make of a request.
    pub(in crate::gateway) fn changes(&self, view: &View<'_>) -> Result<Changes, Refusal> {
        let mut changes = Changes::default();
        for rule in &self.0 {
            let value = if rule.part == Part::Path { rule.value.path(view) } else { rule.value.value(view) };
            match (&rule.part, value) {
                (Part::Header(name), value) => changes.headers.extend(header_change(rule.verb, name, value)),
                (Part::Query(name), value) => {
                    let query =
                        changes.query.take().unwrap_or_else(|| view.exchange.query().unwrap_or_default().to_owned());
                    changes.query = Some(changed_query(&query, rule.verb, name, value.as_deref()));
                }
                (Part::Path, Some(value)) => changes.path = Some(absolute_path(&value)?),
                (Part::Path | Part::Status, _) => {}
            }
        }
        Ok(changes)
    }

    /// What the rules make of an answer.
    pub(in crate::gateway) fn apply(&self, view: &View<'_>) -> (HeaderChanges, Option<StatusCode>) {
        let mut changes = HeaderChanges::default();
        let mut status = None;
        for rule in &self.0 {
            let value = rule.value.value(view);
            match &rule.part {
                Part::Header(name) => changes.extend(header_change(rule.verb, name, value)),
                Part::Status => {
                    let code = value.and_then(|text| text.parse().ok()).filter(|code: &u16| (200..600).contains(code));
                    status = code.and_then(|code| StatusCode::from_u16(code).ok()).or(status);
                }
                Part::Query(_) | Part::Path => {}
            }
        }
        (changes, status)
    }
}

impl Rule {
    fn parse(key: &str, value: &str, response: bool) -> Result<Self, MappingError> {
        let wrong = || MappingError::Key(key.to_owned());
        let (verb, part) = key.split_once(':').ok_or_else(wrong)?;
        let verb = match verb {
            "append" => Verb::Append,
            "overwrite" => Verb::Overwrite,
            "remove" => Verb::Remove,
            _ => return Err(wrong()),
        };
        let part = match part.split_once('.') {
            Some(("header", name)) => {
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
                if is_reserved(name.as_str()) {
                    return Err(MappingError::Reserved(name.to_string()));
                }
                if name == HOST && verb == Verb::Append && !response {
                    return Err(MappingError::SecondHost);
                }
                Part::Header(name)
            }
            Some(("querystring", name)) if !response && !name.is_empty() => Part::Query(name.to_owned()),
            None if part == "path" && !response && verb == Verb::Overwrite => Part::Path,
            None if part == "statuscode" && response && verb == Verb::Overwrite => Part::Status,
            _ => return Err(wrong()),
        };
        if verb == Verb::Remove && !matches!(value, "" | "''") {
            return Err(MappingError::RemoveValue(key.to_owned()));
        }
        let fixed = !value.contains('$');
        if part == Part::Status && fixed && !value.parse().is_ok_and(|code: u16| (200..600).contains(&code)) {
            return Err(MappingError::Status(value.to_owned()));
        }
        Ok(Self { verb, part, value: Template::parse(value, response)? })
    }
}

/// The service's list of names that belong to it.
fn is_reserved(name: &str) -> bool {
    let starts = ["access-control-", "apigw-", "x-amz-", "x-amzn-"];
    starts.iter().any(|prefix| name.starts_with(prefix))
        || matches!(
            name,
            "authorization"
                | "connection"
                | "content-encoding"
                | "content-length"
                | "content-location"
                | "forwarded"
                | "keep-alive"
                | "origin"
                | "proxy-authenticate"
                | "proxy-authorization"
                | "te"
                | "trailer"
                | "trailers"
                | "transfer-encoding"
                | "upgrade"
                | "x-forwarded-for"
                | "x-forwarded-host"
                | "x-forwarded-proto"
                | "via"
        )
}

/// What mapping makes of a request, kept beside it until it is sent: the client's own words are judged first.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Changes {
    pub(in crate::gateway) headers: HeaderChanges,
    pub(in crate::gateway) query: Option<String>,
    pub(in crate::gateway) path: Option<String>,
}

/// Changes of headers in their order; no value takes the header away.
#[derive(Debug, Default)]
pub(in crate::gateway) struct HeaderChanges(Vec<(HeaderName, Verb, Option<HeaderValue>)>);

impl HeaderChanges {
    fn extend(&mut self, change: Option<(HeaderName, Verb, Option<HeaderValue>)>) {
        self.0.extend(change);
    }

    pub(in crate::gateway) fn apply(&self, headers: &mut HeaderMap) {
        for (name, verb, value) in &self.0 {
            // A backend that reads `x_sub` as `x-sub` must find ours only.
            let alike: Vec<HeaderName> = headers
                .keys()
                .filter(|other| *other != name && other.as_str().replace('_', "-") == name.as_str().replace('_', "-"))
                .cloned()
                .collect();
            for other in alike {
                headers.remove(other);
            }
            match (verb, value) {
                (Verb::Append, Some(value)) => drop(headers.append(name.clone(), value.clone())),
                (Verb::Append, None) => {}
                (Verb::Overwrite, Some(value)) => drop(headers.insert(name.clone(), value.clone())),
                (Verb::Overwrite | Verb::Remove, _) => drop(headers.remove(name)),
            }
        }
    }
}

/// Overwriting with what is not there takes the header away: a client's own copy must not stand for it.
fn header_change(
    verb: Verb,
    name: &HeaderName,
    value: Option<String>,
) -> Option<(HeaderName, Verb, Option<HeaderValue>)> {
    let value = value.and_then(|text| HeaderValue::from_bytes(text.as_bytes()).ok()).filter(|_| verb != Verb::Remove);
    Some((name.clone(), verb, value))
}

fn changed_query(query: &str, verb: Verb, name: &str, value: Option<&str>) -> String {
    let named = |pair: &&str| {
        !pair.is_empty() && url::form_urlencoded::parse(pair.as_bytes()).next().is_some_and(|(key, _)| key == name)
    };
    let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    if verb != Verb::Append {
        pairs.retain(|pair| !named(pair));
    }
    let added = value
        .filter(|_| verb != Verb::Remove)
        .map(|value| url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish());
    pairs.extend(added.as_deref());
    pairs.join("&")
}

/// What no path may hold as it is.
const PATH: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'?').add(b'\\').add(b'`').add(b'{').add(b'}');

fn absolute_path(value: &str) -> Result<String, Refusal> {
    let slash = if value.starts_with('/') { "" } else { "/" };
    let path = format!("{slash}{}", utf8_percent_encode(value, PATH));
    path::check(&path).map_err(|reason| Refusal::BadRequest(format!("the mapped path: {reason}")))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(key: &str, value: &str, response: bool) -> Result<Rule, MappingError> {
        Rule::parse(key, value, response)
    }

    #[test]
    fn wrong_rules_are_named() {
        for (key, value, response) in [
            ("header.x", "1", false),
            ("add:header.x", "1", false),
            ("append:path", "/x", false),
            ("overwrite:statuscode", "200", false),
            ("overwrite:path", "/x", true),
            ("append:querystring.x", "1", true),
            ("append:querystring.", "1", false),
            ("append:header.a b", "1", false),
        ] {
            assert!(matches!(parse(key, value, response), Err(MappingError::Key(_))), "{key}");
        }
        for name in ["Authorization", "X-Amzn-Trace-Id", "Access-Control-Allow-Origin", "x-forwarded-for", "te"] {
            let key = format!("overwrite:header.{name}");
            assert!(matches!(parse(&key, "1", false), Err(MappingError::Reserved(_))), "{name}");
        }
        assert!(matches!(parse("append:header.Host", "a", false), Err(MappingError::SecondHost)));
        assert!(parse("overwrite:header.host", "a", false).is_ok() && parse("append:header.host", "a", true).is_ok());
        assert!(matches!(parse("remove:header.x", "1", false), Err(MappingError::RemoveValue(_))));
        assert!(parse("remove:header.x", "''", false).is_ok());
        assert!(matches!(parse("overwrite:statuscode", "99", true), Err(MappingError::Status(_))));
        assert!(matches!(parse("append:header.x", "$response.header.a", false), Err(MappingError::Selection(_))));
    }

    #[test]
    fn a_query_keeps_the_bytes_that_no_rule_names() {
        let query = "a=%20&b=1&%62=2&c";
        assert_eq!(changed_query(query, Verb::Append, "b", Some("x y")), "a=%20&b=1&%62=2&c&b=x+y");
        assert_eq!(changed_query(query, Verb::Overwrite, "b", Some("3")), "a=%20&c&b=3");
        assert_eq!(changed_query(query, Verb::Remove, "b", Some("''")), "a=%20&c");
        assert_eq!(changed_query("b=1", Verb::Overwrite, "b", None), "");
    }

    #[test]
    fn a_mapped_path_is_judged_like_any_other() {
        assert_eq!(absolute_path("a b/c%20d").unwrap(), "/a%20b/c%20d");
        for value in ["/a/../b", "//a", "a?b", "a#b", "a\\b", "100%", "a\r\nb"] {
            assert!(absolute_path(value).is_err(), "{value}");
        }
    }

    #[test]
    fn look_alikes_of_a_mapped_header_are_taken_away() {
        let mut headers = HeaderMap::new();
        headers.append("x_auth_sub", HeaderValue::from_static("me"));
        headers.append("x-auth-sub", HeaderValue::from_static("me"));
        let name = HeaderName::from_static("x-auth-sub");
        let mut changes = HeaderChanges::default();
        changes.extend(header_change(Verb::Overwrite, &name, Some("you".into())));
        changes.apply(&mut headers);
        assert_eq!((headers.len(), &headers[&name]), (1, &HeaderValue::from_static("you")));
        let mut changes = HeaderChanges::default();
        changes.extend(header_change(Verb::Overwrite, &name, None));
        changes.apply(&mut headers);
        assert!(headers.is_empty());
    }
}
