//! `[[api.route]]`: a route key, what it asks for, and what answers.

use std::collections::BTreeMap;

use super::{Place, Placed, Protocol, Reader, check_url, form};
use crate::config::reader::Reading;

#[derive(Clone, Debug)]
pub struct Route {
    pub at: Place,
    /// `GET /path`, `ANY /path/{proxy+}` or `$default`.
    pub key: String,
    /// The name of one of the API's authorizers; without one the route is open.
    pub authorizer: Option<Placed<String>>,
    /// A token needs any one of these. Empty: any valid token will do.
    pub scopes: Vec<String>,
    /// Whether a path may have an encoded slash, as a part of a segment.
    pub allow_encoded_slash: bool,
    /// Of a REST API: what a request must have, and not blank: `header.NAME`, `querystring.NAME` or `path.NAME`.
    pub required_parameters: Vec<Placed<String>>,
    pub integration: Integration,
    /// How long the integration may take, in milliseconds.
    pub timeout_in_millis: u32,
    /// Parameter mappings of the request: `append:header.x`, `overwrite:path`, … and their values.
    pub request_parameters: BTreeMap<String, Placed<String>>,
    /// Claims of the caller that a backend gets as headers.
    pub forward_claims: Vec<ForwardedClaim>,
    /// Gives a function the claims as JSON as well, which tells lists and numbers from texts.
    pub claims_json: bool,
    /// Parameter mappings of the answer, by its status code.
    pub response_parameters: BTreeMap<u16, BTreeMap<String, Placed<String>>>,
}

/// A claim for a backend, in a header that no client can set.
#[derive(Clone, Debug)]
pub struct ForwardedClaim {
    pub claim: String,
    pub header: Placed<String>,
    pub format: ClaimFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimFormat {
    /// As events and logs have it.
    Text,
    /// A list with commas.
    Csv,
    Json,
}

/// What answers an authorised request.
#[derive(Clone, Debug)]
pub enum Integration {
    /// A function of the configuration, called with payload `format`.
    Function { name: Placed<String>, format: PayloadFormat },
    /// A streaming reverse proxy to this URL.
    Http {
        url: Placed<String>,
        /// Instead of the request's own.
        method: Option<String>,
    },
    Respond {
        status: u16,
        headers: BTreeMap<String, String>,
        body: String,
        /// Where one of these asks, `access-control-allow-origin` names it. `*` stands for any characters.
        allow_origins: Vec<String>,
    },
}

/// The shape of the event that a function integration receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadFormat {
    V1,
    V2,
}

impl Route {
    /// The service's limit, and its default.
    const TIMEOUT: u32 = 30_000;
    const REST_TIMEOUT: u32 = 29_000;

    /// An open route.
    pub fn new(at: Place, key: &str, integration: Integration) -> Self {
        Self {
            at,
            key: key.to_owned(),
            authorizer: None,
            scopes: Vec::new(),
            allow_encoded_slash: false,
            required_parameters: Vec::new(),
            integration,
            timeout_in_millis: Self::TIMEOUT,
            request_parameters: BTreeMap::new(),
            forward_claims: Vec::new(),
            claims_json: false,
            response_parameters: BTreeMap::new(),
        }
    }

    pub(super) fn read(mut section: Reader, protocol: Protocol, exposed: bool) -> Self {
        let reading = section.reading;
        let at = section.at.clone();
        let key = section.required("key");
        if let Some(key) = &key
            && let Err(why) = form::route_key(&key.value)
        {
            reading.refuse(&key.at, format!("the route key {:?} {why}", key.value));
        }
        if let (Some(key), Protocol::Rest) = (&key, protocol)
            && key.value == "$default"
        {
            reading.refuse(&key.at, "a REST API has no route `$default`: write `ANY /{proxy+}`");
        }
        let authorizer = section.string("authorizer");
        let scopes_at = section.place_of("scopes");
        let scopes = section.strings("scopes");
        if authorizer.is_none() && !scopes.is_empty() && !section.said("authorizer") {
            reading.refuse(&scopes_at, "`api.route.scopes` needs an `authorizer`: without one the route is open");
        }
        for scope in &scopes {
            if scope.value.is_empty() || scope.value.contains(char::is_whitespace) {
                reading.refuse(
                    &scope.at,
                    format!("`api.route.scopes` must hold one scope per string, found {:?}", scope.value),
                );
            }
        }
        let allow_encoded_slash = section.boolean("allow_encoded_slash").is_some_and(|said| said.value);
        let required_parameters = section.strings("required_parameters");
        for part in &required_parameters {
            let named = part.value.split_once('.').filter(|(_, name)| !name.is_empty());
            if protocol == Protocol::Http {
                reading.refuse(&part.at, "`api.route.required_parameters` belongs to REST APIs");
            } else if named.is_none_or(|(place, _)| !["header", "querystring", "path"].contains(&place)) {
                let message = format!(
                    "`api.route.required_parameters` must hold header.NAME, querystring.NAME or path.NAME, found {:?}",
                    part.value
                );
                reading.refuse(&part.at, message);
            }
        }
        if !section.has("integration") {
            section.missing("integration");
        }
        let said = section.is_table("integration");
        let mut table = section.table("integration");
        let longest = match protocol {
            Protocol::Http => Self::TIMEOUT,
            Protocol::Rest => Self::REST_TIMEOUT,
        };
        for key in ["response_parameters", "payload_format"] {
            if protocol == Protocol::Rest && table.has(key) {
                let message = format!("`{}` belongs to HTTP APIs", table.path(key));
                reading.refuse(&table.place_of(key), message);
            }
        }
        let timeout_in_millis = table.integer("timeout_in_millis", 50..=longest.into()).unwrap_or(longest);
        let given = table.string_map("request_parameters");
        let (request_parameters, renamed) = match protocol {
            Protocol::Http => (given, Vec::new()),
            Protocol::Rest => rest_parameters(reading, given),
        };
        let forward_at = table.place_of("forward_claims");
        if !table.has("http") && table.has("forward_claims") {
            reading.refuse(&forward_at, format!("`{}` belongs to `http`", table.path("forward_claims")));
        }
        let forward_claims = forwarded(table.table("forward_claims"));
        let claims_json = table.boolean("claims_json");
        if let Some(said) = claims_json.as_ref().filter(|_| !table.has("function")) {
            reading.refuse(&said.at, format!("`{}` belongs to `function`", table.path("claims_json")));
        }
        let mut response_parameters = BTreeMap::new();
        for (status, mut table) in table.named_tables("response_parameters") {
            match status.parse() {
                Ok(code @ 200..=599) => drop(response_parameters.insert(code, table.all_strings())),
                _ => {
                    let message = format!(
                        "`api.route.integration.response_parameters` goes by status codes from 200 to 599, found {status:?}"
                    );
                    reading.refuse(&table.at, message);
                    table.all_strings();
                }
            }
        }
        let mut integration = Integration::read(table, said, protocol, exposed);
        if let Integration::Http { url, .. } = &mut integration {
            url.value = with_names(&url.value, &renamed);
        }
        section.finish();
        Self {
            timeout_in_millis,
            request_parameters,
            forward_claims,
            claims_json: claims_json.is_some_and(|said| said.value),
            response_parameters,
            at,
            key: key.map(|key| key.value).unwrap_or_default(),
            authorizer,
            scopes: scopes.into_iter().map(|scope| scope.value).collect(),
            allow_encoded_slash,
            required_parameters,
            integration,
        }
    }
}

/// The same URL with other names in its braces: of each pair the second for the first.
fn with_names(url: &str, renamed: &[(String, String)]) -> String {
    let (mut text, mut rest) = (String::new(), url);
    while let Some((before, name, after)) =
        rest.split_once('{').and_then(|(before, from)| from.split_once('}').map(|(name, after)| (before, name, after)))
    {
        let other = renamed.iter().find(|(inside, _)| inside == name).map_or(name, |(_, captured)| captured);
        text.push_str(&format!("{before}{{{other}}}"));
        rest = after;
    }
    text + rest
}

/// A header for each claim, or a table with the header and a format.
fn forwarded(mut section: Reader) -> Vec<ForwardedClaim> {
    let formats = [("text", ClaimFormat::Text), ("csv", ClaimFormat::Csv), ("json", ClaimFormat::Json)];
    let mut claims = Vec::new();
    for claim in section.keys() {
        let (header, format) = if section.is_table(&claim) {
            let mut table = section.table(&claim);
            let (header, format) = (table.required("header"), table.choice("format", &formats));
            table.finish();
            (header, format.map_or(ClaimFormat::Text, |format| format.value))
        } else {
            (section.required(&claim), ClaimFormat::Text)
        };
        claims.extend(header.map(|header| ForwardedClaim { claim, header, format }));
    }
    section.finish();
    claims
}

type Parameters = BTreeMap<String, Placed<String>>;

/// The parameters of a REST API's integration in the words of HTTP APIs; apart from them, what captures are called in its URL.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/request-response-data-mappings.html>
fn rest_parameters(reading: &Reading, given: Parameters) -> (Parameters, Vec<(String, String)>) {
    let (mut parameters, mut renamed) = (BTreeMap::new(), Vec::new());
    for (key, Placed { value, at }) in given {
        let part = key.strip_prefix("integration.request.").and_then(|part| part.split_once('.'));
        let asked = value.strip_prefix("method.request.").and_then(|part| part.split_once('.'));
        let read = match (asked, value.strip_prefix('\'').and_then(|text| text.strip_suffix('\''))) {
            (Some((place @ ("header" | "querystring" | "path"), name)), _) => Some(format!("$request.{place}.{name}")),
            (None, Some(fixed)) if !fixed.contains("${") => Some(fixed.to_owned()),
            (None, None) if value.starts_with("context.") || value.starts_with("stageVariables.") => {
                Some(format!("${value}"))
            }
            _ => None,
        };
        match (part, asked, read) {
            // It goes along as it came; credentials may do so, and no mapping may change them.
            (Some((place @ ("header" | "querystring"), name)), Some((from, same)), _)
                if place == from && name.eq_ignore_ascii_case(same) => {}
            (Some(("path", inside)), Some(("path", captured)), _) => {
                renamed.push((inside.to_owned(), captured.to_owned()));
            }
            (Some((place @ ("header" | "querystring"), name)), _, Some(read)) => {
                parameters.insert(format!("overwrite:{place}.{name}"), Placed { value: read, at });
            }
            _ => {
                let message = format!(
                    "`api.route.integration.request_parameters` of a REST API map `integration.request.header.NAME` and \
                     the like to `method.request.header.NAME`, a quoted text, `context.NAME` or `stageVariables.NAME`, \
                     found {key:?} = {value:?}"
                );
                reading.refuse(&at, message);
            }
        }
    }
    (parameters, renamed)
}

impl Integration {
    /// The same answer for everybody.
    pub fn fixed(status: u16, headers: BTreeMap<String, String>, body: String) -> Self {
        Self::Respond { status, headers, body, allow_origins: Vec::new() }
    }

    /// Reads the table; `said` is false when there is none, which is a mistake that is noted already.
    fn read(mut section: Reader, said: bool, protocol: Protocol, exposed: bool) -> Self {
        let reading = section.reading;
        let ways = ["function", "http", "respond"];
        let given = ways.iter().filter(|way| section.has(way)).count();
        if said && given != 1 {
            reading.refuse(&section.at, "`api.route.integration` must hold one of `function`, `http` and `respond`");
        }
        let with_function = section.has("function");
        let format_at = section.place_of("payload_format");
        let formats = [("1.0", PayloadFormat::V1), ("2.0", PayloadFormat::V2)];
        let format = section.choice("payload_format", &formats);
        if section.said("payload_format") && !with_function {
            reading.refuse(&format_at, "`api.route.integration.payload_format` belongs to `function`");
        }
        let function = section.string("function");
        let http = section.string("http");
        // What a stage variable stands in is checked when it is known. A query is sent along.
        if let Some(url) = http.as_ref().filter(|url| !url.value.contains("${")) {
            let before_query = url.value.split('?').next().unwrap_or_default().to_owned();
            check_url(&section, "http", &Placed { value: before_query, at: url.at.clone() }, exposed);
        }
        let methods = form::METHODS.map(|method| (method, method));
        let method = section.choice("method", &methods);
        if let (Some(method), None) = (&method, &http) {
            reading.refuse(&method.at, "`api.route.integration.method` belongs to `http`");
        }
        let method = method.map(|method| method.value.to_owned()).filter(|method| method != "ANY");
        let respond = if section.has("respond") {
            Some(read_response(section.table("respond")))
        } else {
            section.know("respond");
            None
        };
        section.finish();
        match (function, http, respond) {
            (Some(name), ..) => {
                let usual = if protocol == Protocol::Rest { PayloadFormat::V1 } else { PayloadFormat::V2 };
                let format = format.map_or(usual, |format| format.value);
                Self::Function { name, format }
            }
            (_, Some(url), _) => Self::Http { url, method },
            (.., response) => response.unwrap_or_else(|| Self::fixed(200, BTreeMap::new(), String::new())),
        }
    }
}

fn read_response(mut section: Reader) -> Integration {
    let status = section.integer("status", 200..=599).unwrap_or(200);
    let body = section.string("body").map(|text| text.value).unwrap_or_default();
    let mut headers = BTreeMap::new();
    for (name, text) in section.string_map("headers") {
        if http::HeaderName::try_from(name.as_str()).is_err() || http::HeaderValue::try_from(&text.value).is_err() {
            section.reading.refuse(&text.at, format!("`{}` is no valid header: {name:?}", section.path("headers")));
        }
        headers.insert(name, text.value);
    }
    let mut allow_origins = Vec::new();
    for origin in section.strings("allow_origins") {
        if origin.value.is_empty() || origin.value.contains(char::is_whitespace) {
            let message = format!("`{}` must hold origins, found {:?}", section.path("allow_origins"), origin.value);
            section.reading.refuse(&origin.at, message);
        }
        allow_origins.push(origin.value);
    }
    section.finish();
    Integration::Respond { status, headers, body, allow_origins }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_take_each_others_places() {
        let pairs = [("a", "b"), ("b", "a")].map(|(inside, captured)| (inside.to_owned(), captured.to_owned()));
        for (url, named) in [
            ("http://x/{a}/{b}", "http://x/{b}/{a}"),
            ("http://x/{a}-{c}?q={b}", "http://x/{b}-{c}?q={a}"),
            ("http://x/", "http://x/"),
            ("http://x/{a", "http://x/{a"),
        ] {
            assert_eq!(with_names(url, &pairs), named);
        }
    }
}
