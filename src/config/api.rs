//! `[[api]]`: an HTTP API of the gateway in API Gateway's own words.

use std::collections::BTreeMap;

use aws_lc_rs::digest;

use super::{Place, Placed, form, reader::Reader};

#[derive(Clone, Debug)]
pub struct Api {
    pub at: Place,
    pub name: String,
    /// Ten lower-case alphanumerics. Without one it is derived from the name, so that it stays the same.
    pub id: String,
    pub authorizers: BTreeMap<String, JwtAuthorizer>,
    pub routes: Vec<Route>,
}

/// An authorizer of type `JWT`.
#[derive(Clone, Debug)]
pub struct JwtAuthorizer {
    pub at: Place,
    pub identity_source: IdentitySource,
    pub issuer: Issuer,
    pub issuer_at: Place,
    /// Accepted values of `aud`, or of `client_id` when a token has no `aud`.
    pub audience: Vec<Placed<String>>,
}

/// Where the token stands in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentitySource {
    /// `$request.header.NAME`, lower-cased.
    Header(String),
    /// `$request.querystring.NAME`
    Query(String),
}

/// Who signed the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// `pool:<pool id>`: a pool of this server, whatever form its issuer has.
    Pool(String),
    /// Any issuer URL, exactly as in the `iss` claim.
    Url(String),
}

#[derive(Clone, Debug)]
pub struct Route {
    pub at: Place,
    /// `GET /path`, `ANY /path/{proxy+}` or `$default`.
    pub key: String,
    /// The name of one of the API's authorizers; without one the route is open.
    pub authorizer: Option<Placed<String>>,
    /// A token needs any one of these. Empty: any valid token will do.
    pub scopes: Vec<String>,
    pub integration: Integration,
}

/// What answers an authorised request.
#[derive(Clone, Debug)]
pub enum Integration {
    /// A function of the configuration, called with payload `format`.
    Function {
        name: Placed<String>,
        format: PayloadFormat,
    },
    /// A streaming reverse proxy to this URL.
    Http(Placed<String>),
    Respond {
        status: u16,
        headers: BTreeMap<String, String>,
        body: String,
    },
}

/// The shape of the event that a function integration receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadFormat {
    V1,
    V2,
}

impl Api {
    /// Reads an API. `exposed` allows plain http to addresses that are not loopback.
    pub(super) fn read(mut section: Reader, exposed: bool) -> Self {
        let reading = section.reading;
        let at = section.at.clone();
        let name = section.required("name");
        if let Some(name) = name.as_ref().filter(|name| name.value.contains('/') || name.value.chars().count() > 128) {
            reading
                .refuse(&name.at, format!("`api.name` must be 1 to 128 characters without /, found {:?}", name.value));
        }
        let name = name.map(|name| name.value).unwrap_or_default();
        let id = section.string("id");
        if let Some(id) = &id {
            let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
            if id.value.len() != 10 || !id.value.bytes().all(fits) {
                let message = format!("`api.id` must be ten lower-case letters or digits, found {:?}", id.value);
                reading.refuse(&id.at, message);
            }
        }
        let authorizers = section
            .named_tables("authorizer")
            .into_iter()
            .map(|(name, table)| (name, JwtAuthorizer::read(table, exposed)))
            .collect();
        let routes = section.tables("route").into_iter().map(|table| Route::read(table, exposed)).collect();
        section.finish();
        let id = id.map_or_else(|| derived_id(&name), |id| id.value);
        Self { at, name, id, authorizers, routes }
    }
}

/// Ten characters that always are the same for the same name.
fn derived_id(name: &str) -> String {
    const DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let hash = digest::digest(&digest::SHA256, name.as_bytes());
    hash.as_ref().iter().take(10).map(|byte| char::from(DIGITS[usize::from(*byte) % DIGITS.len()])).collect()
}

impl JwtAuthorizer {
    fn read(mut section: Reader, exposed: bool) -> Self {
        let reading = section.reading;
        let at = section.at.clone();
        if let Some(kind) = section.required("type") {
            match kind.value.as_str() {
                "JWT" => {}
                "REQUEST" => reading.refuse(&kind.at, "`REQUEST` authorizers are not built yet"),
                other => {
                    let message = format!("`{}` must be \"JWT\", found {other:?}", section.path("type"));
                    reading.refuse(&kind.at, message);
                }
            }
        }
        let mut identity_source = IdentitySource::Header("authorization".to_owned());
        if let Some(text) = section.string("identity_source") {
            match read_identity_source(&text.value) {
                Some(source) => identity_source = source,
                None => {
                    let message = format!(
                        "`{}` must be $request.header.NAME or $request.querystring.NAME, found {:?}",
                        section.path("identity_source"),
                        text.value
                    );
                    reading.refuse(&text.at, message);
                }
            }
        }
        let issuer_at = section.place_of("issuer");
        let mut issuer = Issuer::Url(String::new());
        if let Some(text) = section.required("issuer") {
            match text.value.strip_prefix("pool:") {
                Some(pool) => issuer = Issuer::Pool(pool.to_owned()),
                None => {
                    check_url(&section, "issuer", &text, exposed);
                    issuer = Issuer::Url(text.value);
                }
            }
        }
        let said = section.has("audience");
        let audience = section.strings("audience");
        for client in audience.iter().filter(|client| client.value.is_empty()) {
            reading.refuse(&client.at, format!("`{}` must not hold an empty string", section.path("audience")));
        }
        if !said {
            section.missing("audience");
        } else if audience.is_empty() {
            reading.refuse(&at, format!("`{}` must name a client", section.path("audience")));
        }
        section.finish();
        Self { at, identity_source, issuer, issuer_at, audience }
    }
}

fn read_identity_source(text: &str) -> Option<IdentitySource> {
    let (place, name) = text.strip_prefix("$request.")?.split_once('.')?;
    match place {
        "header" => Some(IdentitySource::Header(http::HeaderName::try_from(name).ok()?.as_str().to_owned())),
        "querystring" if !name.is_empty() => Some(IdentitySource::Query(name.to_owned())),
        _ => None,
    }
}

/// Refuses what is no URL, and plain http that leaves this machine unless `exposed`.
fn check_url(section: &Reader, key: &str, text: &Placed<String>, exposed: bool) {
    let (path, value) = (section.path(key), &text.value);
    match form::web_url(value) {
        Err(why) => section.reading.refuse(&text.at, format!("`{path}` {why}: {value:?}")),
        Ok(url) if form::is_exposed(&url) && !exposed => {
            let message = format!("`{path}` must be https, or set `gateway.allow_insecure_issuer = true`: {value:?}");
            section.reading.refuse(&text.at, message);
        }
        Ok(_) => {}
    }
}

impl Route {
    fn read(mut section: Reader, exposed: bool) -> Self {
        let reading = section.reading;
        let at = section.at.clone();
        let key = section.required("key");
        if let Some(key) = &key
            && let Err(why) = form::route_key(&key.value)
        {
            reading.refuse(&key.at, format!("the route key {:?} {why}", key.value));
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
        if !section.has("integration") {
            section.missing("integration");
        }
        let said = section.is_table("integration");
        let integration = Integration::read(section.table("integration"), said, exposed);
        section.finish();
        Self {
            at,
            key: key.map(|key| key.value).unwrap_or_default(),
            authorizer,
            scopes: scopes.into_iter().map(|scope| scope.value).collect(),
            integration,
        }
    }
}

impl Integration {
    /// Reads the table; `said` is false when there is none, which is a mistake that is noted already.
    fn read(mut section: Reader, said: bool, exposed: bool) -> Self {
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
        if let Some(url) = &http {
            check_url(&section, "http", url, exposed);
        }
        let respond = if section.has("respond") {
            Some(read_response(section.table("respond")))
        } else {
            section.know("respond");
            None
        };
        section.finish();
        match (function, http, respond) {
            (Some(name), ..) => {
                let format = format.map_or(PayloadFormat::V2, |format| format.value);
                Self::Function { name, format }
            }
            (_, Some(url), _) => Self::Http(url),
            (.., response) => {
                response.unwrap_or(Self::Respond { status: 200, headers: BTreeMap::new(), body: String::new() })
            }
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
    section.finish();
    Integration::Respond { status, headers, body }
}
