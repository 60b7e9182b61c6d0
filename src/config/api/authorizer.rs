//! `[api.authorizer.NAME]`: who may pass.

use std::collections::BTreeMap;

use super::{Place, Placed, Protocol, Reader, check_url, rest_jwt::RestJwtAuthorizer, route::PayloadFormat};

#[derive(Clone, Debug)]
pub enum Authorizer {
    Jwt(JwtAuthorizer),
    Lambda(LambdaAuthorizer),
    Pools(PoolsAuthorizer),
    RestJwt(RestJwtAuthorizer),
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
    pub beyond: Beyond,
}

/// What a JWT authorizer can do here and not at the service. By default nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beyond {
    /// Others whose tokens are as good.
    pub additional_issuers: Vec<Placed<Issuer>>,
    /// 503 instead of 401 while the keys of an issuer cannot be had: the caller's token may be good.
    pub unavailable_is_503: bool,
    /// The value that `token_use` must have.
    pub require_token_use: Option<String>,
    /// Claims that must be there, each with one of these values; without values any will do.
    pub required_claims: BTreeMap<String, Vec<String>>,
}

/// An authorizer of type `REQUEST`, or of a REST API's type `TOKEN`: a function decides.
#[derive(Clone, Debug)]
pub struct LambdaAuthorizer {
    pub at: Place,
    pub function: Placed<String>,
    pub kind: LambdaKind,
    /// Expressions as the gateway's selection expressions are written.
    pub identity_source: Vec<Placed<String>>,
    /// How long an answer counts for the same identity. Zero asks each time.
    pub result_ttl_in_seconds: u32,
    /// An answer counts no longer than a token among the identity's values. The service does not look into them.
    pub result_ttl_ends_with_token: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum LambdaKind {
    Http { format: PayloadFormat, simple_responses: bool },
    RestToken { validation: Option<Placed<String>> },
    RestRequest,
}

/// A REST API's authorizer of type `COGNITO_USER_POOLS`.
#[derive(Clone, Debug)]
pub struct PoolsAuthorizer {
    pub at: Place,
    /// Ids of pools of this server.
    pub pools: Vec<Placed<String>>,
    /// The name of a header, lower-cased.
    pub header: String,
    /// Tested against `aud`.
    pub validation: Option<Placed<String>>,
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

const HTTP_TYPES: [(&str, Kind); 2] = [("JWT", Kind::Jwt), ("REQUEST", Kind::Request)];
const REST_TYPES: [(&str, Kind); 4] =
    [("TOKEN", Kind::Token), ("REQUEST", Kind::Request), ("COGNITO_USER_POOLS", Kind::Pools), ("JWT", Kind::Jwt)];

#[derive(Clone, Copy)]
enum Kind {
    Jwt,
    Request,
    Token,
    Pools,
}

impl Authorizer {
    pub(super) fn read(mut section: Reader, protocol: Protocol, exposed: bool) -> Self {
        if !section.has("type") {
            section.missing("type");
        }
        let kind = match protocol {
            Protocol::Http => section.choice("type", &HTTP_TYPES),
            Protocol::Rest => section.choice("type", &REST_TYPES),
        };
        match (kind.map(|kind| kind.value), protocol) {
            (Some(Kind::Jwt), Protocol::Rest) => Self::RestJwt(RestJwtAuthorizer::read(section, exposed)),
            (Some(Kind::Jwt) | None, _) => Self::Jwt(JwtAuthorizer::read(section, exposed)),
            (Some(Kind::Request), Protocol::Http) => Self::Lambda(LambdaAuthorizer::read_http(section)),
            (Some(Kind::Request), Protocol::Rest) => Self::Lambda(LambdaAuthorizer::read_rest_request(section)),
            (Some(Kind::Token), _) => Self::Lambda(LambdaAuthorizer::read_rest_token(section)),
            (Some(Kind::Pools), _) => Self::Pools(PoolsAuthorizer::read(section)),
        }
    }
}

/// Authorizers are the same that decide the same, wherever they were written down.
impl PartialEq for Authorizer {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Jwt(a), Self::Jwt(b)) => {
                let JwtAuthorizer { at: _, identity_source, issuer, issuer_at: _, audience, beyond } = a;
                identity_source == &b.identity_source
                    && issuer == &b.issuer
                    && audience == &b.audience
                    && beyond == &b.beyond
            }
            (Self::Lambda(a), Self::Lambda(b)) => {
                let LambdaAuthorizer {
                    at: _,
                    function,
                    kind,
                    identity_source,
                    result_ttl_in_seconds,
                    result_ttl_ends_with_token,
                } = a;
                function == &b.function
                    && kind == &b.kind
                    && identity_source == &b.identity_source
                    && result_ttl_in_seconds == &b.result_ttl_in_seconds
                    && result_ttl_ends_with_token == &b.result_ttl_ends_with_token
            }
            (Self::Pools(a), Self::Pools(b)) => {
                let PoolsAuthorizer { at: _, pools, header, validation } = a;
                pools == &b.pools && header == &b.header && validation == &b.validation
            }
            (Self::RestJwt(a), Self::RestJwt(b)) => a == b,
            (Self::Jwt(_) | Self::Lambda(_) | Self::Pools(_) | Self::RestJwt(_), _) => false,
        }
    }
}

impl LambdaAuthorizer {
    fn read_http(mut section: Reader) -> Self {
        let formats = [("1.0", PayloadFormat::V1), ("2.0", PayloadFormat::V2)];
        if !section.has("payload_format") {
            let path = section.path("payload_format");
            // The service's own rule for AuthorizerPayloadFormatVersion.
            section.reading.refuse(&section.at, format!("`{path}` is required for REQUEST authorizers"));
        }
        let format = section.choice("payload_format", &formats).map_or(PayloadFormat::V2, |format| format.value);
        let simple = section.boolean("enable_simple_responses");
        if let (Some(said), PayloadFormat::V1) = (&simple, format)
            && said.value
        {
            let path = section.path("enable_simple_responses");
            section.reading.refuse(&said.at, format!("`{path}` goes with payload_format 2.0 only"));
        }
        let kind = LambdaKind::Http { format, simple_responses: simple.is_some_and(|said| said.value) };
        let allowed = ["$request.header.", "$request.querystring.", "$context.", "$stageVariables."];
        let sources = sources(&mut section, &allowed, str::to_owned);
        Self::read(section, kind, sources)
    }

    fn read_rest_request(mut section: Reader) -> Self {
        let allowed = ["method.request.header.", "method.request.querystring.", "stageVariables.", "context."];
        let sources = sources(&mut section, &allowed, from_rest);
        Self::read(section, LambdaKind::RestRequest, sources)
    }

    fn read_rest_token(mut section: Reader) -> Self {
        let at = section.place_of("identity_source");
        let sources = sources(&mut section, &["method.request.header."], from_rest);
        if sources.len() != 1 {
            let message = format!("`{}` of a TOKEN authorizer must name one header", section.path("identity_source"));
            section.reading.refuse(&at, message);
        }
        let validation = regex(&mut section, "identity_validation_expression");
        Self::read(section, LambdaKind::RestToken { validation }, sources)
    }

    /// The service remembers for five minutes where it can tell callers apart, and not at all where it cannot.
    fn read(mut section: Reader, kind: LambdaKind, identity_source: Vec<Placed<String>>) -> Self {
        let at = section.at.clone();
        let function = section.required("function").unwrap_or_else(|| Placed { value: String::new(), at: at.clone() });
        let ttl_at = section.place_of("result_ttl_in_seconds");
        let ttl = section.integer("result_ttl_in_seconds", 0..=3600);
        if identity_source.is_empty() && ttl.is_some_and(|ttl: u32| ttl > 0) {
            let message = format!("`{}` needs an `identity_source`", section.path("result_ttl_in_seconds"));
            section.reading.refuse(&ttl_at, message);
        }
        let result_ttl_in_seconds = ttl.unwrap_or(if identity_source.is_empty() { 0 } else { 300 });
        let ends_with_token = section.boolean("result_ttl_ends_with_token");
        section.finish();
        let result_ttl_ends_with_token = ends_with_token.is_some_and(|said| said.value);
        Self { at, function, kind, identity_source, result_ttl_in_seconds, result_ttl_ends_with_token }
    }
}

impl PoolsAuthorizer {
    fn read(mut section: Reader) -> Self {
        let at = section.at.clone();
        let said = section.has("pools");
        let pools = section.strings("pools");
        if !said {
            section.missing("pools");
        } else if pools.is_empty() {
            section.reading.refuse(&at, format!("`{}` must name a pool", section.path("pools")));
        }
        let sources = sources(&mut section, &["method.request.header."], from_rest);
        let named = sources.first().and_then(|source| source.value.strip_prefix("$request.header."));
        let header = named.unwrap_or("authorization").to_ascii_lowercase();
        let validation = regex(&mut section, "identity_validation_expression");
        section.finish();
        Self { at, pools, header, validation }
    }
}

/// `identity_source`: one expression or a list of them, or with commas between them as REST APIs write it.
fn sources(section: &mut Reader, allowed: &[&str], rewrite: fn(&str) -> String) -> Vec<Placed<String>> {
    let path = section.path("identity_source");
    let mut sources = Vec::new();
    for text in section.string_or_strings("identity_source") {
        for one in text.value.split(',').map(str::trim) {
            if !allowed.iter().any(|start| one.strip_prefix(start).is_some_and(|name| !name.is_empty())) {
                let forms = allowed.iter().map(|start| format!("{start}NAME")).collect::<Vec<_>>().join(", ");
                section.reading.refuse(&text.at, format!("`{path}` must be one of {forms}, found {one:?}"));
                continue;
            }
            sources.push(Placed { value: rewrite(one), at: text.at.clone() });
        }
    }
    sources
}

/// Headers as REST APIs name them.
pub(super) fn sources_of_rest(section: &mut Reader) -> Vec<Placed<String>> {
    sources(section, &["method.request.header."], from_rest)
}

/// REST APIs name the same parts of a request in other words.
fn from_rest(text: &str) -> String {
    match text.strip_prefix("method.") {
        Some(request) => format!("${request}"),
        None => format!("${text}"),
    }
}

fn regex(section: &mut Reader, key: &str) -> Option<Placed<String>> {
    let text = section.string(key)?;
    if let Err(error) = regex::Regex::new(&text.value) {
        let why = error.to_string().lines().last().unwrap_or_default().to_owned();
        section.reading.refuse(&text.at, format!("`{}` is no regular expression: {why}", section.path(key)));
        return None;
    }
    Some(text)
}

impl JwtAuthorizer {
    fn read(mut section: Reader, exposed: bool) -> Self {
        let reading = section.reading;
        let at = section.at.clone();
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
        let issuer = section.required("issuer").map(|text| Issuer::read(&section, "issuer", text, exposed));
        let issuer = issuer.unwrap_or_else(|| Issuer::Url(String::new()));
        let beyond = Beyond::read(&mut section, exposed);
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
        Self { at, identity_source, issuer, issuer_at, audience, beyond }
    }
}

impl Issuer {
    pub(super) fn read(section: &Reader, key: &str, text: Placed<String>, exposed: bool) -> Self {
        if let Some(pool) = text.value.strip_prefix("pool:") {
            return Self::Pool(pool.to_owned());
        }
        check_url(section, key, &text, exposed);
        Self::Url(text.value)
    }
}

impl Beyond {
    fn read(section: &mut Reader, exposed: bool) -> Self {
        let issuers = section.strings("additional_issuers");
        let issuer = |text: Placed<String>| {
            let at = text.at.clone();
            Placed { value: Issuer::read(section, "additional_issuers", text, exposed), at }
        };
        let additional_issuers = issuers.into_iter().map(issuer).collect();
        let at = section.place_of("on_jwks_unavailable");
        let status = section.integer::<u16>("on_jwks_unavailable", 401..=503);
        if let Some(other) = status.filter(|status| ![401, 503].contains(status)) {
            let path = section.path("on_jwks_unavailable");
            section.reading.refuse(&at, format!("`{path}` must be 401 or 503, found {other}"));
        }
        let uses = [("access", "access"), ("id", "id")];
        let mut required_claims = BTreeMap::new();
        let mut claims = section.table("required_claims");
        for name in claims.keys() {
            let values = claims.string_or_strings(&name);
            required_claims.insert(name, values.into_iter().map(|text| text.value).collect());
        }
        claims.finish();
        Self {
            additional_issuers,
            unavailable_is_503: status == Some(503),
            require_token_use: section.choice("require_token_use", &uses).map(|said| said.value.to_owned()),
            required_claims,
        }
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
