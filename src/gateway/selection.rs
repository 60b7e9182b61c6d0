//! Selection expressions: how a configuration names a part of a request, of an answer, or of what the gateway knows.
//!
//! `$request.header.x`, `$request.querystring.x`, `$request.path`, `$request.path.x`, `$request.body.a.b`, `$context.x`,
//! `$stageVariables.x`, and in answers `$response.header.x` and `$response.body.a`. Text around them needs braces:
//! `id-${context.requestId}`.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-parameter-mapping.html>

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};
use serde_json::Value;

use super::{context, exchange::Exchange, path};
use crate::config::api::ClaimFormat;

/// What a log keeps of one value, in bytes: more than the head of any request has. What functions answer may be far longer.
const LONGEST_LOGGED: usize = 16 * 1024;

/// Of a body only this much is looked at.
pub(super) const BODY_LIMIT: usize = 100 * 1024;

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    #[error("`{0}` names no part of a request")]
    Unknown(String),
    #[error("`{0}` names no $context variable")]
    Context(String),
    #[error("`{0}`: only an answer's parameters can name the response")]
    Response(String),
    #[error("`{0}` is not a path into JSON: write members with dots and elements as [0]")]
    JsonPath(String),
    #[error("`{0}` has an opening brace without a closing one")]
    Brace(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    Header(HeaderName),
    Query(String),
    Path,
    Captured(String),
    Body(Vec<Step>),
    Context(String),
    /// Of the configuration's own, not an expression of the service.
    Claim(String, ClaimFormat),
    Stage(String),
    ResponseHeader(HeaderName),
    ResponseBody(Vec<Step>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Member(String),
    Element(usize),
}

/// What expressions can see at one moment.
pub(super) struct View<'v> {
    pub(super) exchange: &'v Exchange<'v>,
    /// Where it was read.
    pub(super) body: Option<&'v [u8]>,
    pub(super) response: Option<(&'v HeaderMap, Option<&'v [u8]>)>,
}

impl<'v> View<'v> {
    pub(super) fn of(exchange: &'v Exchange<'v>) -> Self {
        Self { exchange, body: None, response: None }
    }
}

impl Variable {
    /// `text` is without braces, with or without the dollar. `response` allows the parts of an answer.
    pub(super) fn parse(text: &str, response: bool) -> Result<Self, SelectionError> {
        let unknown = || SelectionError::Unknown(text.to_owned());
        let bare = text.strip_prefix('$').unwrap_or(text);
        let (root, rest) = bare.split_once('.').ok_or_else(unknown)?;
        let header = |name: &str| HeaderName::from_bytes(name.as_bytes()).map_err(|_| unknown());
        let body = |rest: &str| steps(rest).ok_or_else(|| SelectionError::JsonPath(text.to_owned()));
        let (part, name) = rest.split_once('.').unwrap_or((rest, ""));
        match root {
            "context" if context::is_known(rest) => Ok(Self::Context(rest.to_owned())),
            "context" => Err(SelectionError::Context(text.to_owned())),
            "stageVariables" if !rest.is_empty() => Ok(Self::Stage(rest.to_owned())),
            "response" if !response => Err(SelectionError::Response(text.to_owned())),
            "response" if part == "header" => Ok(Self::ResponseHeader(header(name)?)),
            "response" if rest.starts_with("body") => Ok(Self::ResponseBody(body(&rest[4..])?)),
            "request" if rest == "path" => Ok(Self::Path),
            "request" if rest.starts_with("body") => Ok(Self::Body(body(&rest[4..])?)),
            "request" if name.is_empty() => Err(unknown()),
            "request" => match part {
                "header" => Ok(Self::Header(header(name)?)),
                "querystring" => Ok(Self::Query(name.to_owned())),
                "path" => Ok(Self::Captured(name.to_owned())),
                _ => Err(unknown()),
            },
            _ => Err(unknown()),
        }
    }

    /// `None` where the request has no such part. Several values of one name are joined with commas.
    pub(super) fn value<'v>(&self, view: &View<'v>) -> Option<Cow<'v, str>> {
        let exchange = view.exchange;
        match self {
            Self::Header(name) => joined(&exchange.head.headers, name),
            Self::Query(name) => {
                let pairs = url::form_urlencoded::parse(exchange.query().unwrap_or_default().as_bytes());
                let mut values = pairs.filter(|(key, _)| key == name.as_str()).map(|(_, value)| value);
                let first = values.next()?;
                let more: Vec<Cow<'_, str>> = values.collect();
                Some(if more.is_empty() { first } else { Cow::Owned(format!("{first},{}", more.join(","))) })
            }
            Self::Path => Some(Cow::Borrowed(exchange.path())),
            Self::Captured(name) => path::decode(captured(exchange, name)?).ok(),
            Self::Body(steps) => inside(view.body?, steps).map(Cow::Owned),
            Self::Context(name) => context::value(exchange, name).map(Cow::Owned),
            Self::Claim(name, format) => context::claim(exchange, name, *format).map(Cow::Owned),
            Self::Stage(name) => exchange.stage?.variables.get(name).map(|value| Cow::Borrowed(value.as_str())),
            Self::ResponseHeader(name) => joined(view.response?.0, name),
            Self::ResponseBody(steps) => inside(view.response?.1?, steps).map(Cow::Owned),
        }
    }
}

/// What a route's parameter took of the path, as the client wrote it.
fn captured<'v>(exchange: &'v Exchange<'_>, name: &str) -> Option<&'v str> {
    let at = exchange.route?.parsed.parameters().position(|known| known == name)?;
    exchange.captured().nth(at)
}

fn joined<'v>(headers: &'v HeaderMap, name: &HeaderName) -> Option<Cow<'v, str>> {
    let mut values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    let first = values.next()?;
    let more: Vec<Cow<'_, str>> = values.collect();
    Some(if more.is_empty() { first } else { Cow::Owned(format!("{first},{}", more.join(","))) })
}

/// `.a.b[0]['c d']`
fn steps(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let name = &after[..end];
            // Recursive descent and wildcards are not part of it.
            if name.is_empty() || name.contains(['*', '?', '(', ')', '@']) {
                return None;
            }
            steps.push(Step::Member(name.to_owned()));
            rest = &after[end..];
        } else {
            let (inner, after) = rest.strip_prefix('[')?.split_once(']')?;
            let quoted = inner.strip_prefix(['\'', '"']).and_then(|text| text.strip_suffix(['\'', '"']));
            steps.push(match quoted {
                Some(name) => Step::Member(name.to_owned()),
                None => Step::Element(inner.parse().ok()?),
            });
            rest = after;
        }
    }
    Some(steps)
}

/// The part of a JSON body as text: strings as they are, anything else as JSON. The whole body needs not be JSON.
fn inside(body: &[u8], steps: &[Step]) -> Option<String> {
    let body = body.get(..BODY_LIMIT).unwrap_or(body);
    if steps.is_empty() {
        return String::from_utf8(body.to_vec()).ok();
    }
    let whole: Value = serde_json::from_slice(body).ok()?;
    let found = steps.iter().try_fold(&whole, |value, step| match step {
        Step::Member(name) => value.get(name),
        Step::Element(index) => value.get(index),
    })?;
    match found {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Text with expressions in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Variable(Variable),
}

impl Template {
    /// One expression that starts with a dollar, or text with expressions in braces.
    pub(super) fn parse(text: &str, response: bool) -> Result<Self, SelectionError> {
        if text.starts_with('$') && !text.starts_with("${") {
            return Ok(Self(vec![Piece::Variable(Variable::parse(text, response)?)]));
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (inner, after) = after.split_once('}').ok_or_else(|| SelectionError::Brace(text.to_owned()))?;
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Variable(Variable::parse(inner, response)?));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
        Ok(Self(pieces))
    }

    /// Text and `$context` variables without braces, as the formats of access logs are written.
    pub(super) fn parse_log(text: &str) -> Result<Self, SelectionError> {
        const MARK: &str = "$context.";
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(MARK) {
            pieces.push(Piece::Text(before.to_owned()));
            // Names of claims have colons and hyphens too.
            let extra = if after.starts_with("authorizer.") { ":-_" } else { "" };
            let end = after
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || extra.contains(c)))
                .unwrap_or(after.len());
            let name = after[..end].trim_end_matches(['.', ':', '-', '_']);
            pieces.push(Piece::Variable(Variable::parse(&format!("{MARK}{name}"), false)?));
            rest = &after[name.len()..];
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }

    pub(super) fn claim(name: &str, format: ClaimFormat) -> Self {
        Self(vec![Piece::Variable(Variable::Claim(name.to_owned(), format))])
    }

    /// A text without expressions.
    pub(super) fn fixed(text: &str) -> Self {
        Self(vec![Piece::Text(text.to_owned())])
    }

    /// Text and variables without braces, as gateway responses of REST APIs are written: `$context.x`, `$stageVariables.x` and
    /// `$method.request.header.x`.
    pub(super) fn parse_response(text: &str) -> Result<Self, SelectionError> {
        const MARKS: [(&str, &str); 5] = [
            ("$context.", "$context."),
            ("$stageVariables.", "$stageVariables."),
            ("$method.request.header.", "$request.header."),
            ("$method.request.querystring.", "$request.querystring."),
            ("$method.request.path.", "$request.path."),
        ];
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            let (before, after) = rest.split_at(at);
            pieces.push(Piece::Text(before.to_owned()));
            let Some((mark, own)) = MARKS.iter().find(|(mark, _)| after.starts_with(mark)) else {
                pieces.push(Piece::Text("$".to_owned()));
                rest = &after[1..];
                continue;
            };
            let name = &after[mark.len()..];
            let extra = if after.starts_with("$context.authorizer.") { ".:-_" } else { ".-_" };
            let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || extra.contains(c))).unwrap_or(name.len());
            let name = name[..end].trim_end_matches(['.', ':', '-', '_']);
            pieces.push(Piece::Variable(Variable::parse(&format!("{own}{name}"), false)?));
            rest = &after[mark.len() + name.len()..];
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }

    pub(super) fn reads_body(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Variable(Variable::Body(_))))
    }

    pub(super) fn reads_response_body(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Variable(Variable::ResponseBody(_))))
    }

    /// With nothing in the place of what is not there.
    pub(super) fn written(&self, view: &View<'_>) -> String {
        self.put_together(|variable| variable.value(view))
    }

    fn put_together<'v>(&self, value: impl Fn(&Variable) -> Option<Cow<'v, str>>) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(fixed) => text.push_str(fixed),
                Piece::Variable(variable) => text.push_str(value(variable).as_deref().unwrap_or_default()),
            }
        }
        text
    }

    /// The same as [`value`](Self::value) for a path. What a parameter took of the client's path stays encoded: it was judged, and
    /// routed, as it is.
    pub(super) fn path(&self, view: &View<'_>) -> Option<String> {
        self.value(view)?;
        Some(self.put_together(|variable| match variable {
            Variable::Captured(name) => captured(view.exchange, name).map(Cow::Borrowed),
            other => other.value(view),
        }))
    }

    /// As a log has it: a hyphen where nothing is, and of each value no more than is of use to a reader.
    pub(super) fn logged(&self, view: &View<'_>) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(fixed) => text.push_str(fixed),
                Piece::Variable(variable) => match variable.value(view) {
                    Some(value) => text.push_str(&value[..value.floor_char_boundary(LONGEST_LOGGED)]),
                    None => text.push('-'),
                },
            }
        }
        text
    }

    /// `None` when it is nothing but expressions that are not there.
    pub(super) fn value(&self, view: &View<'_>) -> Option<String> {
        let only_absent = !self.0.is_empty()
            && self.0.iter().all(|piece| matches!(piece, Piece::Variable(one) if one.value(view).is_none()));
        (!only_absent).then(|| self.written(view))
    }
}

/// `${stageVariables.x}` in a URL or a name, filled in when the configuration is read. The error is the name without a value.
pub(super) fn with_stage_variables(
    text: &str,
    variables: &std::collections::BTreeMap<String, String>,
) -> Result<String, String> {
    const MARK: &str = "${stageVariables.";
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(MARK) {
        let (name, after) = after.split_once('}').ok_or_else(|| after.to_owned())?;
        filled.push_str(before);
        filled.push_str(variables.get(name).ok_or_else(|| name.to_owned())?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_name_parts_of_requests_and_answers() {
        let header = |name: &'static str| HeaderName::from_static(name);
        for (text, expected) in [
            ("$request.header.X-A", Variable::Header(header("x-a"))),
            ("request.querystring.Q.r", Variable::Query("Q.r".into())),
            ("$request.path", Variable::Path),
            ("$request.path.id", Variable::Captured("id".into())),
            ("$stageVariables.x", Variable::Stage("x".into())),
            ("$context.authorizer.claims.cognito:groups", Variable::Context("authorizer.claims.cognito:groups".into())),
            ("$request.body", Variable::Body(Vec::new())),
            (
                "$request.body.a[1]['b c']",
                Variable::Body(vec![Step::Member("a".into()), Step::Element(1), Step::Member("b c".into())]),
            ),
            ("$response.header.x", Variable::ResponseHeader(header("x"))),
        ] {
            assert_eq!(Variable::parse(text, true), Ok(expected), "{text}");
        }
        for text in
            ["$request", "$request.header", "$request.header.", "$request.cookie.a", "$context.nope", "x", "$a.b"]
        {
            assert!(Variable::parse(text, true).is_err(), "{text}");
        }
        for text in
            ["$request.body..a", "$request.body.*", "$request.body[x]", "$request.body.a[?(@.b)]", "$request.bodyx"]
        {
            assert!(matches!(Variable::parse(text, true), Err(SelectionError::JsonPath(_))), "{text}");
        }
        assert!(matches!(Variable::parse("$response.header.x", false), Err(SelectionError::Response(_))));
    }

    #[test]
    fn parts_of_a_body_are_text() {
        let body = br#"{"a":[{"b":"x"},2],"n":null}"#;
        let part = |text: &str| inside(body, &steps(text).unwrap());
        assert_eq!(part(".a[0].b").as_deref(), Some("x"));
        assert_eq!(part(".a[0]").as_deref(), Some(r#"{"b":"x"}"#));
        assert_eq!(part(".a[1]").as_deref(), Some("2"));
        assert_eq!((part(".n"), part(".z")), (None, None));
        assert_eq!(inside(b"no json", &[]).as_deref(), Some("no json"));
        // What is longer than the service looks at is cut off, and no JSON.
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(BODY_LIMIT));
        assert_eq!(inside(long.as_bytes(), &[]).map(|text| text.len()), Some(BODY_LIMIT));
        assert_eq!(inside(long.as_bytes(), &steps(".a").unwrap()), None);
    }

    #[test]
    fn gateway_responses_have_variables_without_braces() {
        let text =
            "{\"a\":$context.error.messageString,\"b\":\"$method.request.header.X-Id\", \"$5\": $stageVariables.v}";
        let piece = |text: &str| Piece::Text(text.to_owned());
        let expected = vec![
            piece("{\"a\":"),
            Piece::Variable(Variable::Context("error.messageString".into())),
            piece(",\"b\":\""),
            Piece::Variable(Variable::Header(HeaderName::from_static("x-id"))),
            piece("\", \""),
            piece("$"),
            piece("5\": "),
            Piece::Variable(Variable::Stage("v".into())),
            piece("}"),
        ];
        assert_eq!(Template::parse_response(text), Ok(Template(expected)));
        assert!(Template::parse_response("$context.eror.message").is_err());
    }

    #[test]
    fn a_log_format_ends_its_names_where_they_end() {
        let format =
            Template::parse_log("$context.requestId. $context.authorizer.claims.cognito:groups: $context.status-x");
        let context = |name: &str| Piece::Variable(Variable::Context(name.to_owned()));
        let text = |text: &str| Piece::Text(text.to_owned());
        let expected = vec![
            text(""),
            context("requestId"),
            text(". "),
            context("authorizer.claims.cognito:groups"),
            text(": "),
            context("status"),
            text("-x"),
        ];
        assert_eq!(format, Ok(Template(expected)));
        assert!(Template::parse_log("$context.reqestId").is_err());
    }
}
