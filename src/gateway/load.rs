//! From the configuration to a gateway. Every mistake that can be seen without a request is found here and named with its place.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use http::HeaderName;
use regex::Regex;

use super::{
    Api, Apis, Route,
    access_log::{AccessLog, AccessLogError, Meters},
    authorizer::{
        Authorizer, Fetcher, ForeignIssuer, JwtAuthorizer, LambdaAuthorizer, LambdaKind, Lasting, LocalIssuers, Policy,
        PolicyError, PoolsAuthorizer, RestJwtAuthorizer, Source, UrlError, api_arn, check_url,
    },
    cors::Cors,
    decisions::Decisions,
    gateway_response::{GatewayResponses, ResponseError},
    integration::{
        Connections, FixedResponse, FunctionIntegration, HttpIntegration, Integration, Mapping, MappingError,
        Place as EventPlace, RespondError, Target, TargetError, connector,
    },
    media::BinaryTypes,
    replace::{Kept, Made, Memory},
    routes::{Key, RouteError, Routes},
    secure::Tls,
    selection::{SelectionError, Variable, with_stage_variables},
    stage::{Domain, Domains, Mapping as ApiMapping, Stage},
    throttle::Bucket,
    trust::TrustError,
    workers,
};
use crate::{
    config::{Place, Placed, api as config, domain, gateway as section},
    functions::Functions,
    kit::{clock::Clock, random::Random, text::nearest},
    outside::Client,
    web::tls::TlsError,
};

/// Why a gateway cannot be made of a configuration.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    #[error("{at}: {what} `{name}` is defined twice")]
    Twice { at: Place, what: &'static str, name: String },
    #[error("{at}: {source}")]
    Route { at: Place, source: RouteError },
    #[error("{at}: there is no {what} `{name}`{}", hint(.near.as_deref()))]
    Unknown { at: Place, what: &'static str, name: String, near: Option<String> },
    #[error("{at}: authorizer `{name}` has no audience")]
    NoAudience { at: Place, name: String },
    #[error("{at}: authorizer `{name}` accepts an empty audience")]
    EmptyAudience { at: Place, name: String },
    #[error("{at}: `{name}` is not the name of a header")]
    Header { at: Place, name: String },
    #[error("{at}: the issuer `{issuer}` cannot be used: {reason}")]
    Issuer { at: Place, issuer: String, reason: UrlError },
    #[error("{at}: the issuer `{issuer}` cannot be used: it must not have a query")]
    IssuerQuery { at: Place, issuer: String },
    #[error("{at}: route `{key}` asks for scopes but has no authorizer")]
    ScopesWithoutAuthorizer { at: Place, key: String },
    #[error("{at}: {source}")]
    Target { at: Place, source: TargetError },
    #[error("{at}: {source}")]
    Respond { at: Place, source: RespondError },
    #[error("{at}: {source}")]
    Policy { at: Place, source: PolicyError },
    #[error("{at}: {source}")]
    Response { at: Place, source: ResponseError },
    #[error("{at}: {source}")]
    Mapping { at: Place, source: MappingError },
    #[error("{at}: {source}")]
    AccessLog { at: Place, source: AccessLogError },
    #[error("{at}: the stage `{stage}` has no variable `{name}`")]
    StageVariable { at: Place, stage: String, name: String },
    #[error("{at}: {source}")]
    Selection { at: Place, source: SelectionError },
    #[error("{at}: {source}")]
    Expression { at: Place, source: Box<regex::Error> },
    #[error("{at}: {source}")]
    Certificate { at: Place, source: TlsError },
    #[error("{at}: {source}")]
    Trust { at: Place, source: TrustError },
    #[error("{at}: {reason}")]
    TrustUri { at: Place, reason: String },
    #[error("{at}: mutual TLS of the domain `{name}` needs `[gateway] tls`: the listener is in clear text")]
    ClearText { at: Place, name: String },
    #[error("TLS towards backends cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// What a gateway needs beside its own sections.
#[derive(Clone)]
pub struct Surroundings {
    pub functions: Arc<Functions>,
    pub issuers: Arc<dyn LocalIssuers>,
    pub clock: Clock,
    pub random: Random,
    /// Told to functions.
    pub account_id: String,
    pub region: String,
    /// The public name of this server, for a certificate that is made at start.
    pub host: String,
    /// Asks foreign issuers for their keys. Backends are believed to be what its authorities vouch for, and asked wherever they are.
    pub client: Client,
}

/// Makes sets of APIs one after the other. What is dear to make and did not change goes from each set to the next.
pub(super) struct Loader {
    section: section::Gateway,
    around: Surroundings,
    fetcher: Arc<Fetcher>,
    backends: Arc<Connections>,
    account: Option<Arc<Bucket>>,
    /// Authorizers of one issuer share its keys, until their stage is told to forget.
    foreign: HashMap<(String, Memory), Arc<ForeignIssuer>>,
}

impl Loader {
    pub(super) fn new(section: &section::Gateway, around: Surroundings) -> Result<Self, GatewayError> {
        let backends = Arc::new(Connections::new(workers::count(section.threads), connector(around.client.trust())?));
        let fetcher = Arc::new(Fetcher::new(&around.client, section.allow_insecure_issuer));
        let account = Bucket::new(section.account_throttle, around.clock.now()).map(Arc::new);
        Ok(Self { section: section.clone(), around, fetcher, backends, account, foreign: HashMap::new() })
    }

    pub(super) fn functions(&self) -> Arc<Functions> {
        Arc::clone(&self.around.functions)
    }

    /// After a set that was made only to see whether it can be.
    pub(super) fn put_back(&mut self, functions: Arc<Functions>) {
        self.around.functions = functions;
    }

    /// `domains` name APIs of `apis` and their stages. `before` is the set that is served now.
    pub(super) fn load(
        &mut self,
        apis: &[config::Api],
        domains: &[domain::Domain],
        functions: Arc<Functions>,
        before: Option<&Apis>,
    ) -> Result<Apis, GatewayError> {
        self.around.functions = functions;
        let mut kept = Kept::of(before);
        let (mut by_name, mut by_id) = (HashMap::new(), HashMap::new());
        let mut loaded = Vec::with_capacity(apis.len());
        for (index, api) in apis.iter().enumerate() {
            let twice = |what, name: &str| GatewayError::Twice { at: api.at.clone(), what, name: name.to_owned() };
            if by_name.insert(api.name.clone(), index).is_some() {
                return Err(twice("API", &api.name));
            }
            if by_id.insert(api.id.to_ascii_lowercase(), index).is_some() {
                return Err(twice("API id", &api.id));
            }
            loaded.push(self.api(api, &mut kept)?);
        }
        let before = before.and_then(|before| before.tls.as_ref());
        let tls = Tls::load(&self.section, &self.around.host, domains, before)?;
        let domains = load_domains(domains, &loaded, tls.as_ref())?;
        // Only the set that is left knows the others, with the keys that they fetched.
        self.foreign.retain(|_, issuer| Arc::strong_count(issuer) > 1);
        let Surroundings { clock, random, .. } = &self.around;
        Ok(Apis {
            apis: loaded,
            by_name,
            by_id,
            domains,
            tls,
            authorizers: kept.authorizers,
            decisions: self.section.decisions.as_ref().map(Decisions::new),
            rfc_challenges: self.section.rfc_challenges,
            account: self.account.clone(),
            clock: clock.clone(),
            random: random.clone(),
            unrouted: Meters::new("-", "-", "-"),
        })
    }
}

/// With a slash in front, unless it is empty.
fn from_root(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("/{key}") }
}

fn load_domains(domains: &[domain::Domain], apis: &[Api], tls: Option<&Tls>) -> Result<Domains, GatewayError> {
    let mut loaded = Domains::new();
    for domain in domains {
        let mut mappings = Vec::with_capacity(domain.mappings.len());
        for mapping in &domain.mappings {
            let unknown = |what, name: &Placed<String>| GatewayError::Unknown {
                at: name.at.clone(),
                what,
                name: name.value.clone(),
                near: None,
            };
            let api = apis.iter().position(|api| api.name == mapping.api.value);
            let api = api.ok_or_else(|| unknown("API", &mapping.api))?;
            let stage = apis[api].stages.iter().position(|stage| stage.name == mapping.stage.value);
            let stage = stage.ok_or_else(|| unknown("stage", &mapping.stage))?;
            mappings.push(ApiMapping { key: from_root(&mapping.key), leads: Some((api, stage)) });
        }
        mappings.extend(domain.dead.iter().map(|key| ApiMapping { key: from_root(key), leads: None }));
        let trust = tls.and_then(|tls| tls.trust(&domain.name));
        loaded.insert(domain.name.clone(), Domain::new(mappings, trust));
    }
    Ok(loaded)
}

impl Loader {
    fn api(&mut self, api: &config::Api, kept: &mut Kept<'_>) -> Result<Api, GatewayError> {
        let mut stages = Vec::with_capacity(api.stages.len());
        let mut own = None;
        for (name, stage) in &api.stages {
            let (routes, authorizers) = match stage.deployed.as_deref() {
                Some(deployed) => (&deployed.routes, &deployed.authorizers),
                None => (&api.routes, &api.authorizers),
            };
            let matcher = match (&stage.deployed, &own) {
                (None, Some(matcher)) => Arc::clone(matcher),
                (Some(_), _) => matcher(api, routes)?,
                (None, None) => Arc::clone(own.insert(matcher(api, routes)?)),
            };
            let memory = Memory::of(&api.id, name, stage.authorizer_generation);
            let mut made = BTreeMap::new();
            for (name, config) in authorizers {
                let authorizer = match kept.authorizer((&api.id, name), &memory, config, &self.around.functions) {
                    Some(authorizer) => authorizer,
                    None => Arc::new(self.authorizer((name, &memory), config)?),
                };
                let (memory, config) = (memory.clone(), config.clone());
                kept.keep(&api.id, name, Made { memory, config, authorizer: Arc::clone(&authorizer) });
                made.insert(name.as_str(), authorizer);
            }
            let before = kept.stage(&api.id, name);
            stages.push(self.stage(api, name, stage, routes, &made, matcher, before)?);
        }
        let place = EventPlace {
            account_id: self.around.account_id.clone(),
            api_id: api.id.clone(),
            region: self.around.region.clone(),
        };
        let policy = api.policy.as_ref().map(|policy| {
            Policy::parse_of_api(&policy.value, &api_arn(&place))
                .map_err(|source| GatewayError::Policy { at: policy.at.clone(), source })
        });
        Ok(Api {
            name: api.name.clone(),
            rest: api.protocol == config::Protocol::Rest,
            policy: policy.transpose()?,
            place,
            disabled: api.disable_execute_api_endpoint,
            cors: api.cors.as_ref().map(Cors::new),
            binary: BinaryTypes::new(&api.binary_media_types),
            responses: GatewayResponses::parse(&api.gateway_responses)
                .map_err(|(at, source)| GatewayError::Response { at, source })?,
            stages,
        })
    }

    #[expect(clippy::too_many_arguments, reason = "one call: what a stage has of its own, and what stands around it")]
    fn stage(
        &self,
        api: &config::Api,
        name: &str,
        settings: &config::Stage,
        configured: &[config::Route],
        authorizers: &BTreeMap<&str, Arc<Authorizer>>,
        matcher: Arc<Routes>,
        before: Option<&Stage>,
    ) -> Result<Stage, GatewayError> {
        let mut routes = Vec::with_capacity(configured.len());
        for route in configured {
            let mut route = StageRoute { api, stage: name, settings, route }.load(self, authorizers)?;
            let own = settings.route_settings.get(&route.key).map(|(_, throttle)| *throttle);
            let throttle = own.unwrap_or_default().or(settings.default_route_settings);
            let filled = before.and_then(|stage| stage.routes.iter().find(|old| old.key == route.key));
            let filled = filled.and_then(|old| old.bucket.clone()).filter(|bucket| bucket.is_of(throttle));
            route.bucket = filled.or_else(|| Bucket::new(throttle, self.around.clock.now()).map(Arc::new));
            routes.push(route);
        }
        let log_settings = settings.access_log_settings.clone();
        let open = before.filter(|old| old.log_settings == log_settings).and_then(|old| old.log.clone());
        let log = match (&log_settings, open) {
            (Some(_), Some(open)) => Some(open),
            (Some(settings), None) => {
                let wrong = |source| GatewayError::AccessLog { at: settings.format.at.clone(), source };
                Some(Arc::new(AccessLog::new(settings).map_err(wrong)?))
            }
            (None, _) => None,
        };
        let variables = settings.stage_variables.clone();
        Ok(Stage { name: name.to_owned(), variables, routes, matcher, log_settings, log })
    }

    fn authorizer(
        &mut self,
        (name, memory): (&str, &Memory),
        config: &config::Authorizer,
    ) -> Result<Authorizer, GatewayError> {
        Ok(match config {
            config::Authorizer::Jwt(config) => Authorizer::Jwt(self.jwt((name, memory), config)?),
            config::Authorizer::Lambda(config) => Authorizer::Lambda(self.lambda(config)?),
            config::Authorizer::Pools(config) => Authorizer::Pools(self.pools(config)?),
            config::Authorizer::RestJwt(config) => Authorizer::RestJwt(self.rest_jwt(memory, config)?),
        })
    }

    fn rest_jwt(
        &mut self,
        memory: &Memory,
        config: &config::RestJwtAuthorizer,
    ) -> Result<RestJwtAuthorizer, GatewayError> {
        let wrong = |_| GatewayError::Header { at: config.at.clone(), name: config.header.clone() };
        let header = HeaderName::from_bytes(config.header.as_bytes()).map_err(wrong)?;
        let (local, skew) = (Arc::clone(&self.around.issuers), self.skew());
        let mut made = RestJwtAuthorizer::new(header, config.algorithms.clone(), local, skew);
        for issuer in &config.issuers {
            made.trust(issuer, |url| self.foreign_issuer((url, memory), &issuer.issuer.at))?;
        }
        Ok(made)
    }

    fn pools(&self, config: &config::PoolsAuthorizer) -> Result<PoolsAuthorizer, GatewayError> {
        let wrong = |_| GatewayError::Header { at: config.at.clone(), name: config.header.clone() };
        Ok(PoolsAuthorizer {
            pools: config.pools.iter().map(|pool| pool.value.clone()).collect(),
            header: HeaderName::from_bytes(config.header.as_bytes()).map_err(wrong)?,
            validation: config.validation.as_ref().map(expression).transpose()?,
            issuers: Arc::clone(&self.around.issuers),
            skew: self.skew(),
        })
    }

    fn skew(&self) -> Duration {
        Duration::from_secs(self.section.clock_skew_seconds.into())
    }

    fn lambda(&self, config: &config::LambdaAuthorizer) -> Result<LambdaAuthorizer, GatewayError> {
        let functions = &self.around.functions;
        let function = functions.get(&config.function.value).ok_or_else(|| GatewayError::Unknown {
            at: config.function.at.clone(),
            what: "function",
            name: config.function.value.clone(),
            near: nearest(&config.function.value, functions.names()).map(str::to_owned),
        })?;
        let kind = match &config.kind {
            config::LambdaKind::Http { format, simple_responses } => {
                LambdaKind::Http { format: *format, simple: *simple_responses }
            }
            config::LambdaKind::RestToken { validation } => {
                LambdaKind::RestToken { validation: validation.as_ref().map(expression).transpose()? }
            }
            config::LambdaKind::RestRequest => LambdaKind::RestRequest,
        };
        let source = |text: &Placed<String>| {
            let wrong = |source| GatewayError::Selection { at: text.at.clone(), source };
            Variable::parse(&text.value, false).map_err(wrong)
        };
        let sources = config.identity_source.iter().map(source).collect::<Result<Vec<_>, _>>()?;
        let ttl = Duration::from_secs(config.result_ttl_in_seconds.into());
        let lasts = Lasting { ttl, ends_with_token: config.result_ttl_ends_with_token };
        Ok(LambdaAuthorizer::new(function, kind, sources, lasts))
    }

    fn jwt(
        &mut self,
        (name, memory): (&str, &Memory),
        config: &config::JwtAuthorizer,
    ) -> Result<JwtAuthorizer, GatewayError> {
        if config.audience.is_empty() {
            return Err(GatewayError::NoAudience { at: config.at.clone(), name: name.to_owned() });
        }
        if let Some(empty) = config.audience.iter().find(|audience| audience.value.is_empty()) {
            return Err(GatewayError::EmptyAudience { at: empty.at.clone(), name: name.to_owned() });
        }
        let source = Source::new(&config.identity_source).map_err(|_| {
            let (config::IdentitySource::Header(name) | config::IdentitySource::Query(name)) = &config.identity_source;
            GatewayError::Header { at: config.at.clone(), name: name.clone() }
        })?;
        let skew = self.skew();
        let issuers = Arc::clone(&self.around.issuers);
        JwtAuthorizer::new(config, source, issuers, skew, |issuer| {
            self.foreign_issuer((issuer, memory), &config.issuer_at)
        })
    }

    fn foreign_issuer(
        &mut self,
        (issuer, memory): (&str, &Memory),
        at: &Place,
    ) -> Result<Arc<ForeignIssuer>, GatewayError> {
        let url = check_url(issuer, self.section.allow_insecure_issuer).map_err(|reason| GatewayError::Issuer {
            at: at.clone(),
            issuer: issuer.to_owned(),
            reason,
        })?;
        if url.query().is_some() {
            return Err(GatewayError::IssuerQuery { at: at.clone(), issuer: issuer.to_owned() });
        }
        let (fetcher, stale) = (&self.fetcher, Duration::from_secs(self.section.stale_keys_seconds.into()));
        let make = || Arc::new(ForeignIssuer::new(issuer, Arc::clone(fetcher), stale));
        Ok(Arc::clone(self.foreign.entry((issuer.to_owned(), memory.clone())).or_insert_with(make)))
    }
}

fn matcher(api: &config::Api, routes: &[config::Route]) -> Result<Arc<Routes>, GatewayError> {
    let built = Routes::build_for(api.protocol, routes.iter().map(|route| route.key.as_str()));
    built.map(Arc::new).map_err(|source| {
        let key = match &source {
            RouteError::Conflict { key, .. } => key.as_str(),
            _ => "",
        };
        // The later one of two routes that conflict.
        let at = routes.iter().rfind(|route| route.key == key).map_or(&api.at, |route| &route.at);
        GatewayError::Route { at: at.clone(), source }
    })
}

/// A route as one stage has it.
struct StageRoute<'c> {
    api: &'c config::Api,
    stage: &'c str,
    settings: &'c config::Stage,
    route: &'c config::Route,
}

impl StageRoute<'_> {
    fn load(&self, loader: &Loader, authorizers: &BTreeMap<&str, Arc<Authorizer>>) -> Result<Route, GatewayError> {
        let route = self.route;
        let parsed = Key::parse(&route.key).map_err(|source| GatewayError::Route { at: route.at.clone(), source })?;
        let authorizer = match &route.authorizer {
            None if !route.scopes.is_empty() => {
                return Err(GatewayError::ScopesWithoutAuthorizer { at: route.at.clone(), key: route.key.clone() });
            }
            None => None,
            Some(name) => Some(authorizers.get(name.value.as_str()).cloned().ok_or_else(|| GatewayError::Unknown {
                at: name.at.clone(),
                what: "authorizer",
                name: name.value.clone(),
                near: nearest(&name.value, authorizers.keys().copied()).map(str::to_owned),
            })?),
        };
        let wrong = |(at, source)| GatewayError::Mapping { at, source };
        let mut responses = BTreeMap::new();
        for (code, rules) in &route.response_parameters {
            responses.insert(*code, Mapping::parse(rules, true).map_err(wrong)?);
        }
        let part = |text: &Placed<String>| {
            let wrong = |source| GatewayError::Selection { at: text.at.clone(), source };
            let name = text.value.split_once('.').map_or(text.value.as_str(), |(_, name)| name);
            let part = Variable::parse(&format!("$request.{}", text.value), false).map_err(wrong)?;
            Ok((name.to_owned(), part))
        };
        let required = route.required_parameters.iter().map(part).collect::<Result<_, GatewayError>>()?;
        Ok(Route {
            encoded_slashes: route.allow_encoded_slash,
            required,
            integration: self.integration(loader, &parsed)?,
            key: route.key.clone(),
            parsed,
            authorizer,
            scopes: route.scopes.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect(),
            bucket: None,
            timeout: Duration::from_millis(route.timeout_in_millis.into()),
            request: Mapping::of_request(route).map_err(wrong)?,
            responses,
            meters: Meters::new(&self.api.name, self.stage, &route.key),
        })
    }

    fn integration(&self, loader: &Loader, key: &Key) -> Result<Integration, GatewayError> {
        Ok(match &self.route.integration {
            config::Integration::Function { name, format } => {
                let filled = self.filled(name)?;
                let functions = &loader.around.functions;
                let function = functions.get(&filled).ok_or_else(|| GatewayError::Unknown {
                    at: name.at.clone(),
                    what: "function",
                    near: nearest(&filled, functions.names()).map(str::to_owned),
                    name: filled,
                })?;
                Integration::Function(FunctionIntegration {
                    function,
                    format: *format,
                    claims_json: self.route.claims_json,
                    rest: self.api.protocol == config::Protocol::Rest,
                })
            }
            config::Integration::Http { url, method } => {
                let target = Target::parse(&self.filled(url)?, key, loader.section.allow_insecure_issuer)
                    .map_err(|source| GatewayError::Target { at: url.at.clone(), source })?;
                let method = method.as_ref().and_then(|method| method.parse().ok());
                Integration::Http(HttpIntegration::new(&loader.backends, target, method))
            }
            config::Integration::Respond { status, headers, body, allow_origins } => Integration::Respond(
                FixedResponse::new(*status, headers, body)
                    .and_then(|fixed| fixed.for_origins(allow_origins))
                    .map_err(|source| GatewayError::Respond { at: self.route.at.clone(), source })?,
            ),
        })
    }

    /// With the stage's variables in their places.
    fn filled(&self, text: &Placed<String>) -> Result<String, GatewayError> {
        with_stage_variables(&text.value, &self.settings.stage_variables).map_err(|name| GatewayError::StageVariable {
            at: text.at.clone(),
            stage: self.stage.to_owned(),
            name,
        })
    }
}

/// A validation expression must match the whole text.
fn expression(text: &Placed<String>) -> Result<Regex, GatewayError> {
    Regex::new(&format!("^(?:{})$", text.value))
        .map_err(|source| GatewayError::Expression { at: text.at.clone(), source: Box::new(source) })
}

fn hint(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}
