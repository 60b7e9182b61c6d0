//! What the service checks of each object by itself and against its API. What only the gateway can judge, such as a format of an
//! access log, it is asked about when the whole API is tried.

use super::{
    ApiMapping, ApiSettings, AuthorizationType, Authorizer, AuthorizerType, Cors, DEFAULT_ROUTE, DEFAULT_STAGE,
    DomainSettings, Fault, HttpApi, Integration, IntegrationType, JwtConfiguration, Result, Route, Stage, Tags,
    function_of,
};

const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY"];
const MOST_AUDIENCES: usize = 50;
const MOST_SCOPES: usize = 10;
const MOST_TAGS: usize = 50;
const MOST_VARIABLES: usize = 100;
const LONGEST_KEY: usize = 300;

fn ensure(holds: bool, text: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(Fault::BadRequest(text())) }
}

fn length(what: &str, text: &str, most: usize) -> Result<()> {
    let length = text.chars().count();
    ensure((1..=most).contains(&length), || format!("{what} must be 1 to {most} characters long."))
}

fn short(what: &str, text: Option<&String>, most: usize) -> Result<()> {
    text.map_or(Ok(()), |text| length(what, text, most))
}

fn check_tags(tags: &Tags) -> Result<()> {
    ensure(tags.len() <= MOST_TAGS, || format!("A resource has at most {MOST_TAGS} tags."))?;
    let fits = |(key, value): (&String, &String)| {
        (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256 && !key.starts_with("aws:")
    };
    ensure(tags.iter().all(fits), || "Invalid tag specified".to_owned())
}

impl ApiSettings {
    pub fn check(&self) -> Result<()> {
        length("Name", &self.name, 128)?;
        short("Description", self.description.as_ref(), 1024)?;
        short("Version", self.version.as_ref(), 64)?;
        let route = super::route_selection();
        // Terraform writes it without braces, which the service takes for the same.
        let same = [&*route, "$request.method $request.path"];
        ensure(same.contains(&&*self.route_selection_expression), || {
            format!("RouteSelectionExpression must be {route} for HTTP APIs.")
        })?;
        let key = super::key_selection();
        ensure(self.api_key_selection_expression == key, || {
            "ApiKeySelectionExpression belongs to WebSocket APIs.".to_owned()
        })?;
        ensure(self.ip_address_type == "ipv4", || {
            format!("IpAddressType {} cannot be asked for: the listener's address decides.", self.ip_address_type)
        })?;
        self.cors_configuration.as_ref().map_or(Ok(()), Cors::check)?;
        check_tags(&self.tags)
    }
}

impl Cors {
    fn check(&self) -> Result<()> {
        let star = self.allow_origins.iter().any(|origin| origin == "*");
        ensure(!(star && self.allow_credentials == Some(true)), || {
            "Allow-Credentials is not supported for wildcard origins.".to_owned()
        })?;
        let origin = |origin: &&String| {
            let origin = origin.as_str();
            matches!(origin, "*" | "http://*" | "https://*")
                || origin.split_once("://").is_some_and(|(scheme, host)| {
                    !scheme.is_empty() && !host.is_empty() && !host.contains(['/', '*', '@', ' ', '?', '#'])
                })
        };
        if let Some(wrong) = self.allow_origins.iter().find(|one| !origin(one)) {
            return Err(Fault::bad(format!("Invalid origin specified: {wrong}")));
        }
        let words = self.allow_headers.iter().chain(&self.expose_headers).chain(&self.allow_methods);
        let token = |word: &&String| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
        };
        if let Some(wrong) = words.into_iter().find(|word| !token(word)) {
            return Err(Fault::bad(format!("Invalid header or method specified: {wrong}")));
        }
        if let Some(wrong) =
            self.allow_methods.iter().find(|method| *method != "*" && !METHODS[..7].contains(&method.as_str()))
        {
            return Err(Fault::bad(format!("Invalid HTTP method specified: {wrong}")));
        }
        let age = self.max_age.is_none_or(|age| (-1..=86_400).contains(&age));
        ensure(age, || "Max age must be between -1 and 86400.".to_owned())
    }
}

impl Route {
    /// Two keys of one identity match the same requests: names of parameters do not count.
    pub fn identity(&self) -> String {
        let mut identity = String::new();
        for part in self.route_key.split_inclusive('/') {
            let (segment, slash) = part.strip_suffix('/').map_or((part, ""), |segment| (segment, "/"));
            match segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) {
                Some(inner) => identity += if inner.ends_with('+') { "{+}" } else { "{}" },
                None => identity += segment,
            }
            identity += slash;
        }
        identity
    }

    /// Against the API that it is, or comes, into as `id`.
    pub fn check(&mut self, id: &str, api: &HttpApi) -> Result<()> {
        let key = &self.route_key;
        let form = key == DEFAULT_ROUTE
            || key.split_once(' ').is_some_and(|(method, path)| METHODS.contains(&method) && path.starts_with('/'));
        ensure(form, || {
            "The provided route key is not formatted properly for HTTP protocol. Format should be \"<HTTP METHOD> /<RESOURCE \
             PATH>\" or \"$default\""
                .to_owned()
        })?;
        ensure(!self.api_key_required, || "API keys belong to WebSocket and REST APIs.".to_owned())?;
        short("OperationName", self.operation_name.as_ref(), 64)?;
        let identity = self.identity();
        if api.routing.routes.iter().any(|(other, route)| other != id && route.identity() == identity) {
            return Err(Fault::Conflict(format!("Route with key {key} already exists for this API")));
        }
        if let Some(target) = &self.target {
            let known =
                target.strip_prefix("integrations/").is_some_and(|id| api.routing.integrations.contains_key(id));
            ensure(known, || format!("Invalid target specified: {target} is no integration of this API"))?;
        }
        self.check_authorization(api)
    }

    fn check_authorization(&mut self, api: &HttpApi) -> Result<()> {
        let authorizer = self.authorizer_id.as_ref().and_then(|id| api.routing.authorizers.get(id));
        let kind = authorizer.map(|authorizer| authorizer.authorizer_type);
        match self.authorization_type {
            AuthorizationType::AwsIam => {
                return Err(Fault::bad("Authorization type AWS_IAM is not supported by this gateway."));
            }
            AuthorizationType::None => {
                // Nobody is asked, so nothing of it stays behind.
                self.authorizer_id = None;
                self.authorization_scopes.clear();
            }
            AuthorizationType::Jwt => ensure(kind == Some(AuthorizerType::Jwt), || {
                "Invalid authorizer ID specified. Setting the authorization type to JWT requires a valid JWT authorizer."
                    .to_owned()
            })?,
            AuthorizationType::Custom => {
                ensure(kind == Some(AuthorizerType::Request), || {
                    "Invalid authorizer ID specified. Setting the authorization type to CUSTOM requires a valid REQUEST \
                     authorizer."
                        .to_owned()
                })?;
                ensure(self.authorization_scopes.is_empty(), || {
                    "Authorization scopes are only supported for JWT authorizers.".to_owned()
                })?;
            }
        }
        ensure(self.authorization_scopes.len() <= MOST_SCOPES, || {
            format!("A route has at most {MOST_SCOPES} authorization scopes.")
        })?;
        let scope = |scope: &String| (1..=64).contains(&scope.chars().count()) && !scope.contains(char::is_whitespace);
        ensure(self.authorization_scopes.iter().all(scope), || "Invalid authorization scope specified".to_owned())
    }
}

impl Integration {
    /// `functions` are the names of those that are there.
    pub fn check(&self, functions: &[String]) -> Result<()> {
        short("Description", self.description.as_ref(), 1024)?;
        ensure((50..=30_000).contains(&self.timeout_in_millis), || {
            "Timeout should be between 50 ms and 30000 ms".to_owned()
        })?;
        ensure(self.connection_type == "INTERNET", || {
            format!("ConnectionType {} is not supported by this gateway: it has no VPC links.", self.connection_type)
        })?;
        if let Some(wrong) = self.response_parameters.keys().find(|key| !is_status(key)) {
            return Err(Fault::bad(format!(
                "Invalid response parameters key specified: {wrong}. It must be a status code from 200 to 599"
            )));
        }
        let version = self.payload_format_version.as_deref();
        let uri = self.integration_uri.as_deref().unwrap_or_default();
        match self.integration_type {
            IntegrationType::AwsProxy => {
                let name = function_of(uri).ok_or_else(|| {
                    Fault::bad("Integration Uri should be a valid Lambda function ARN or the API Gateway path to one")
                })?;
                check_function(name, functions)?;
                let method = self.integration_method.as_deref();
                ensure(method.is_none_or(|method| method == "POST"), || {
                    "Integration method of a Lambda integration must be POST".to_owned()
                })?;
                ensure(version.is_some(), || {
                    "PayloadFormatVersion is a required parameter for integration".to_owned()
                })?;
                ensure(matches!(version, Some("1.0" | "2.0")), || {
                    "Invalid PayloadFormatVersion specified. Supported versions are: [1.0, 2.0]".to_owned()
                })
            }
            IntegrationType::HttpProxy => {
                ensure(uri.starts_with("http://") || uri.starts_with("https://"), || {
                    "Invalid HTTP endpoint specified for URI".to_owned()
                })?;
                let method = self.integration_method.as_deref();
                ensure(method.is_some_and(|method| METHODS.contains(&method)), || {
                    "HTTP proxy integrations must specify a valid IntegrationMethod".to_owned()
                })?;
                ensure(version.is_none_or(|version| version == "1.0"), || {
                    "PayloadFormatVersion of an HTTP integration must be 1.0".to_owned()
                })
            }
            IntegrationType::Aws | IntegrationType::Http | IntegrationType::Mock => Err(Fault::bad(
                "IntegrationType AWS, HTTP and MOCK are not supported for HTTP APIs: use AWS_PROXY or HTTP_PROXY",
            )),
        }
    }
}

fn is_status(key: &str) -> bool {
    key.len() == 3 && key.parse::<u16>().is_ok_and(|status| (200..=599).contains(&status))
}

/// A name with a stage variable is known when it is deployed.
fn check_function(name: &str, functions: &[String]) -> Result<()> {
    ensure(name.contains("${") || functions.iter().any(|known| known == name), || {
        let known = if functions.is_empty() { "none".to_owned() } else { functions.join(", ") };
        format!("There is no function {name} on this server; its functions are: {known}")
    })
}

impl Authorizer {
    /// Against the API that it is, or comes, into as `id`.
    pub fn check(&mut self, id: &str, api: &HttpApi, functions: &[String]) -> Result<()> {
        length("Name", &self.name, 128)?;
        if api.routing.authorizers.iter().any(|(other, one)| other != id && one.name == self.name) {
            return Err(Fault::Conflict(format!(
                "Authorizer name must be unique. Authorizer {} already exists in this API.",
                self.name
            )));
        }
        match self.authorizer_type {
            AuthorizerType::Jwt => self.check_jwt(),
            AuthorizerType::Request => self.check_request(functions),
        }
    }

    fn check_jwt(&self) -> Result<()> {
        for (name, given) in [
            ("AuthorizerUri", self.authorizer_uri.is_some()),
            ("AuthorizerPayloadFormatVersion", self.authorizer_payload_format_version.is_some()),
            ("AuthorizerResultTtlInSeconds", self.authorizer_result_ttl_in_seconds.is_some_and(|ttl| ttl > 0)),
            ("EnableSimpleResponses", self.enable_simple_responses == Some(true)),
            ("AuthorizerCredentialsArn", self.authorizer_credentials_arn.is_some()),
        ] {
            ensure(!given, || format!("{name} is not valid for JWT authorizers"))?;
        }
        let source = |source: &String| {
            ["$request.header.", "$request.querystring."]
                .iter()
                .any(|form| source.strip_prefix(form).is_some_and(|name| !name.is_empty()))
        };
        ensure(self.identity_source.len() == 1 && self.identity_source.iter().all(source), || {
            "Identity source of a JWT authorizer must be one $request.header.<name> or $request.querystring.<name>"
                .to_owned()
        })?;
        let JwtConfiguration { audience, issuer } = self
            .jwt_configuration
            .as_ref()
            .ok_or_else(|| Fault::bad("JwtConfiguration is required for JWT authorizers"))?;
        ensure((1..=2048).contains(&issuer.chars().count()), || "Issuer is required for JWT authorizers".to_owned())?;
        ensure(!audience.is_empty(), || "Audience is required for JWT authorizers".to_owned())?;
        ensure(audience.iter().all(|one| !one.is_empty()), || "Audience must not hold an empty text".to_owned())?;
        ensure(audience.len() <= MOST_AUDIENCES, || format!("An authorizer has at most {MOST_AUDIENCES} audiences"))
    }

    fn check_request(&mut self, functions: &[String]) -> Result<()> {
        ensure(self.jwt_configuration.is_none(), || {
            "JwtConfiguration is not valid for REQUEST authorizers".to_owned()
        })?;
        let uri = self.authorizer_uri.as_deref().unwrap_or_default();
        let name = function_of(uri).ok_or_else(|| {
            Fault::bad("Authorizer Uri should be a valid Lambda function ARN or the API Gateway path to one")
        })?;
        ensure(!name.contains("${"), || "Authorizer Uri cannot hold a stage variable here".to_owned())?;
        check_function(name, functions)?;
        let version = self.authorizer_payload_format_version.as_deref();
        ensure(version.is_some(), || {
            "AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer".to_owned()
        })?;
        ensure(matches!(version, Some("1.0" | "2.0")), || {
            "Invalid AuthorizerPayloadFormatVersion specified. Supported versions are: [1.0, 2.0]".to_owned()
        })?;
        ensure(self.enable_simple_responses != Some(true) || version == Some("2.0"), || {
            "EnableSimpleResponses is only supported with AuthorizerPayloadFormatVersion 2.0".to_owned()
        })?;
        // 300 where there is something to remember answers by.
        let usual = if self.identity_source.is_empty() { 0 } else { 300 };
        let ttl = *self.authorizer_result_ttl_in_seconds.get_or_insert(usual);
        ensure(ttl <= 3600, || "AuthorizerResultTtlInSeconds must be between 0 and 3600".to_owned())?;
        ensure(ttl == 0 || !self.identity_source.is_empty(), || {
            "Identity source must be set if authorizer caching is enabled (TTL is greater than 0)".to_owned()
        })?;
        let forms = ["$request.header.", "$request.querystring.", "$context.", "$stageVariables."];
        let source =
            |source: &String| forms.iter().any(|form| source.strip_prefix(form).is_some_and(|name| !name.is_empty()));
        ensure(self.identity_source.iter().all(source), || "Invalid identity source specified".to_owned())
    }
}

impl Stage {
    /// Of the API that it belongs to.
    pub fn check(&self, api: &HttpApi) -> Result<()> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let name = &self.stage_name;
        ensure(name == DEFAULT_STAGE || ((1..=128).contains(&name.len()) && name.bytes().all(plain)), || {
            "Stage name only allows a-zA-Z0-9_- and $default".to_owned()
        })?;
        short("Description", self.description.as_ref(), 1024)?;
        ensure(self.stage_variables.len() <= MOST_VARIABLES, || {
            format!("A stage has at most {MOST_VARIABLES} variables.")
        })?;
        for (name, value) in &self.stage_variables {
            let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#&=,".contains(&b);
            ensure(named, || {
                format!("Invalid stage variable name: {name}. Only alphanumeric characters and _ are allowed.")
            })?;
            ensure(!value.is_empty() && value.bytes().all(fits), || {
                format!("Invalid stage variable value for {name}: it must match [A-Za-z0-9-._~:/?#&=,]+")
            })?;
        }
        let limits = std::iter::once(&self.default_route_settings).chain(self.route_settings.values());
        let fits = limits.into_iter().all(|one| {
            one.throttling_rate_limit.is_none_or(|rate| (0.0..=10_000.0).contains(&rate))
                && one.throttling_burst_limit.is_none_or(|burst| burst <= 5_000)
        });
        ensure(fits, || "Throttling limits must not be above the account's: rate 10000, burst 5000".to_owned())?;
        if let Some(key) =
            self.route_settings.keys().find(|key| !api.routing.routes.values().any(|route| route.route_key == **key))
        {
            return Err(Fault::NotFound(format!(
                "Unable to find Route by key {key} within the provided RouteSettings"
            )));
        }
        if let Some(log) = &self.access_log_settings {
            let format = log.format.as_deref().unwrap_or_default();
            ensure(!format.is_empty(), || "Access log format is required".to_owned())?;
            ensure(log.destination_arn.is_some(), || "Access log destination ARN is required".to_owned())?;
            ensure(!format.contains(['\n', '\r']), || "Access log format must be single line".to_owned())?;
            ensure(format.chars().count() <= 1024, || {
                "Access log format must not be longer than 1024 characters".to_owned()
            })?;
            let id = format.contains("$context.requestId") || format.contains("$context.extendedRequestId");
            ensure(id, || "Access log format must have a $context.requestId or $context.extendedRequestId".to_owned())?;
        }
        check_tags(&self.tags)
    }
}

impl DomainSettings {
    pub fn check(&self) -> Result<()> {
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        let name = &self.domain_name;
        ensure(!name.contains('*'), || "Wildcard domain names are not supported by this gateway.".to_owned())?;
        ensure(name.len() <= 253 && name.contains('.') && name.split('.').all(label), || {
            "Invalid domain name specified".to_owned()
        })?;
        ensure(self.routing_mode == "API_MAPPING_ONLY", || {
            format!("RoutingMode {} is not supported by this gateway: it has no routing rules.", self.routing_mode)
        })?;
        ensure(self.domain_name_configurations.len() == 1, || {
            "Exactly one domain name configuration must be specified".to_owned()
        })?;
        if let Some(mutual) = &self.mutual_tls_authentication {
            let uri = &mutual.truststore_uri;
            ensure(uri.starts_with('/') || uri.contains(':'), || {
                format!("Invalid truststoreUri specified: {uri:?} is neither a URI nor the absolute path of a file.")
            })?;
            short("TruststoreVersion", mutual.truststore_version.as_ref(), 64)?;
        }
        for one in &self.domain_name_configurations {
            ensure(one.endpoint_type == "REGIONAL", || {
                "Only REGIONAL endpoints are supported for HTTP APIs.".to_owned()
            })?;
            ensure(one.security_policy == "TLS_1_2", || "Only TLS_1_2 is supported for HTTP APIs.".to_owned())?;
            ensure(one.ip_address_type == "ipv4", || {
                format!("IpAddressType {} cannot be asked for: the listener's address decides.", one.ip_address_type)
            })?;
        }
        check_tags(&self.tags)
    }
}

impl ApiMapping {
    pub fn check(&self) -> Result<()> {
        let key = &self.api_mapping_key;
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"$-_.+!*'()/".contains(&b);
        let parts = || key.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
        ensure(key.len() <= LONGEST_KEY && key.bytes().all(fits) && (key.is_empty() || parts()), || {
            "API mapping key should be 0 to 300 letters, digits and $-_.+!*'()/, without a slash at either end"
                .to_owned()
        })
    }
}

/// Tags that are added to those of a resource.
pub fn add_tags(tags: &mut Tags, more: Tags) -> Result<()> {
    tags.extend(more);
    check_tags(tags)
}
