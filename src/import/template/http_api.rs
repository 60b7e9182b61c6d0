//! `AWS::ApiGatewayV2::*`: HTTP APIs with their authorizers, integrations, routes and stages.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApiGatewayV2.html>

use std::collections::{BTreeMap, btree_map::Entry};

use super::{
    base_path::Base,
    by_call::Written,
    desired::Desired,
    document::{Map, Node, Value},
    integration,
    made::{Made, text_map},
    openapi,
    properties::Properties,
    scope::Scope,
    validation::Validation,
};
use crate::{
    config::{Mistake, Place, Placed},
    kit::ids,
};

pub(super) const DEFAULT_STAGE: &str = "$default";

/// An API that is being put together.
pub(super) struct Api {
    pub id: String,
    pub at: Place,
    pub is_rest: bool,
    pub made: Made,
    pub authorizers: BTreeMap<String, Authorizer>,
    pub integrations: BTreeMap<String, Made>,
    pub routes: Vec<Route>,
    pub stages: BTreeMap<String, (Place, Made)>,
    /// Stages that a deployment names.
    pub deployed: Vec<Placed<String>>,
    /// What becomes of the base path of its document.
    pub base: Base,
    /// The document as it was written, when a call gives it.
    pub written: Option<Written>,
    /// Of a REST API.
    pub validation: Validation,
}

pub(super) struct Authorizer {
    pub at: Place,
    /// Its `Name`, which it keeps in the configuration unless another of the API has it; routes refer to its logical id.
    pub name: Option<String>,
    pub kind: Kind,
    pub made: Made,
}

/// What an authorizer is in the words of a route's `AuthorizationType`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Jwt,
    Function,
    /// Of a REST API: user pools.
    Pools,
}

pub(super) struct Route {
    pub at: Place,
    pub key: Placed<String>,
    pub authorizer: Option<Placed<String>>,
    pub scopes: Option<Placed<Vec<Placed<String>>>>,
    pub integration: Option<Made>,
    /// Of a REST API: parameters that a request must have.
    pub required: Vec<Placed<String>>,
    /// It cannot be guarded as it asks: nobody passes.
    pub closed: bool,
    /// Quick creation made it, and `ApiGatewayManagedOverrides` may change it.
    pub managed: bool,
}

impl Route {
    pub fn new(key: Placed<String>, demand: Demand, integration: Option<Made>) -> Self {
        let (authorizer, scopes) = demand;
        Self {
            at: key.at.clone(),
            key,
            authorizer,
            scopes,
            integration,
            required: Vec::new(),
            closed: false,
            managed: false,
        }
    }
}

impl Api {
    pub fn new(id: String, at: &Place, is_rest: bool) -> Self {
        let mut made = Made::default();
        made.text("id", &Placed { value: id.clone(), at: at.clone() });
        made.text("protocol_type", &Placed { value: if is_rest { "REST" } else { "HTTP" }.to_owned(), at: at.clone() });
        Self {
            id,
            at: at.clone(),
            is_rest,
            made,
            authorizers: BTreeMap::new(),
            integrations: BTreeMap::new(),
            routes: Vec::new(),
            stages: BTreeMap::new(),
            deployed: Vec::new(),
            base: Base::Ignore,
            written: None,
            validation: Validation::default(),
        }
    }

    /// Notes what the configuration has no words for, when a call gave the document.
    pub fn keep(&mut self, keep: impl FnOnce(&mut Written)) {
        if let Some(written) = &mut self.written {
            keep(written);
        }
    }

    /// Adds what a resource of a template makes. A security scheme of the API's document may have its id.
    pub fn add_authorizer(&mut self, scope: Scope, name: &str, authorizer: Authorizer) {
        match self.authorizers.entry(scope.part_id(name)) {
            Entry::Vacant(place) => drop(place.insert(authorizer)),
            Entry::Occupied(place) => {
                let message = format!("{} is the name of a security scheme of the same API, too", place.key());
                scope.notes().refuse(&authorizer.at, message);
            }
        }
    }

    /// Closes a route that cannot be guarded as it asks: a wider one must not answer for it.
    pub fn close(&mut self, at: &Place, key: Placed<String>) {
        let integration = Some(integration::instead(at, integration::FORBIDDEN));
        self.routes.push(Route { at: at.clone(), closed: true, ..Route::new(key, (None, None), integration) });
    }

    /// The table of the configuration.
    pub fn finish(self) -> Made {
        let mut made = self.made;
        let mut called: BTreeMap<String, String> = BTreeMap::new();
        for (id, authorizer) in &self.authorizers {
            let is_free = |name: &&String| {
                !called.values().any(|other| other == *name) && (*name == id || !self.authorizers.contains_key(*name))
            };
            let name = authorizer.name.as_ref().filter(is_free).unwrap_or(id).clone();
            called.insert(id.clone(), name);
        }
        for (id, authorizer) in self.authorizers {
            made.insert("authorizer", called.get(&id).unwrap_or(&id), &authorizer.at, authorizer.made);
        }
        for route in self.routes {
            let mut table = Made::default();
            table.text("key", &route.key);
            if let Some(authorizer) = route.authorizer {
                let value = called.get(&authorizer.value).cloned().unwrap_or(authorizer.value);
                table.text("authorizer", &Placed { value, at: authorizer.at });
            }
            if let Some(scopes) = route.scopes {
                table.texts("scopes", &scopes.at, scopes.value);
            }
            if !route.required.is_empty() {
                table.texts("required_parameters", &route.at, route.required);
            }
            let integration = route.integration;
            let integration = integration.unwrap_or_else(|| integration::instead(&route.at, integration::BROKEN));
            table.table("integration", &route.at, integration);
            made.push("route", &route.at, table);
        }
        for (name, (at, stage)) in self.stages {
            made.insert("stage", &name, &at, stage);
        }
        made
    }
}

/// Makes an API. The rest of it comes with resources of its own, or stands in its `Body`.
pub(super) fn api(name: &str, mut properties: Properties, desired: &mut Desired) {
    let scope = properties.scope;
    let at = properties.at.clone();
    let mut api = Api::new(scope.api_id(name), &at, false);
    if let Some(protocol) = properties.text("ProtocolType")
        && protocol.value != "HTTP"
    {
        properties.warn(&protocol.at, format!("APIs of the type {} are not supported", protocol.value));
        // With its parts: as an HTTP API it would be open to requests that it was never meant for.
        desired.leave_out(api.id);
        return drop(properties.rest());
    }
    let said = properties.text("Name");
    if let Some(mut cors) = properties.inner("CorsConfiguration") {
        api.made.table("cors_configuration", &cors.at.clone(), self::cors(&mut cors));
        cors.finish();
    }
    properties.copy_word("DisableExecuteApiEndpoint", &mut api.made, "disable_execute_api_endpoint");
    let expression = properties.text("RouteSelectionExpression");
    let only = ["${request.method} ${request.path}", "$request.method $request.path"];
    if let Some(other) = expression.filter(|text| !only.contains(&text.value.as_str())) {
        properties
            .warn(&other.at, "no other `RouteSelectionExpression` than ${request.method} ${request.path} is supported");
    }
    quick_create(name, &mut properties, &mut api);
    let base = properties.text("BasePath");
    api.base = Base::read(&properties, base.as_ref());
    // Here every warning stops the start unless told otherwise.
    properties.take("FailOnWarnings");
    properties.pass_over(&["Description", "DisableSchemaValidation", "IpAddressType", "Tags", "Version"]);
    let mut title = None;
    openapi::guards_must_be_whole(&properties);
    if let Some(body) = properties.take("Body") {
        title = openapi::body(scope, &body, &mut api);
    }
    let generated = Placed { value: scope.generated_name(name), at };
    api.made.text("name", &desired.name_of_api(said.or(title), generated));
    properties.finish();
    desired.add_api(api);
}

/// `Target` makes an integration, a route and a stage in one go.
fn quick_create(name: &str, properties: &mut Properties, api: &mut Api) {
    let key = properties.text("RouteKey");
    properties.pass_over(&["CredentialsArn"]);
    let Some(target) = properties.text("Target") else {
        if let Some(key) = key {
            properties.refuse(&key.at, "`RouteKey` needs a `Target`");
        }
        return;
    };
    let at = target.at.clone();
    let mut integration = Made::default();
    if target.value.starts_with("arn:") {
        let function = integration::function_of(&target.value).to_owned();
        integration.text("function", &Placed { value: function, at: at.clone() });
        integration.word("payload_format", &at, "2.0");
    } else {
        integration.text("http", &target);
    }
    let key = key.unwrap_or_else(|| Placed { value: DEFAULT_STAGE.to_owned(), at: at.clone() });
    api.integrations.insert(name.to_owned(), integration.clone());
    api.routes.push(Route { at: at.clone(), managed: true, ..Route::new(key, (None, None), Some(integration)) });
    api.stages.insert(DEFAULT_STAGE.to_owned(), (at, Made::default()));
}

pub(super) fn cors(properties: &mut Properties) -> Made {
    let mut made = Made::default();
    for (property, key) in [
        ("AllowOrigins", "allow_origins"),
        ("AllowMethods", "allow_methods"),
        ("AllowHeaders", "allow_headers"),
        ("ExposeHeaders", "expose_headers"),
    ] {
        properties.copy_texts(property, &mut made, key);
    }
    properties.copy_word("AllowCredentials", &mut made, "allow_credentials");
    properties.copy_word("MaxAge", &mut made, "max_age");
    made
}

/// Makes a part of an API.
pub(super) fn part(kind: &str, name: &str, mut properties: Properties, desired: &mut Desired) {
    let Some(id) = properties.required("ApiId") else { return drop(properties.rest()) };
    let scope = properties.scope;
    if desired.is_left_out(&id.value) {
        return drop(properties.rest());
    }
    let Some(api) = desired.api(&id.value).filter(|api| !api.is_rest) else {
        scope.notes().refuse(&id.at, format!("no template has the HTTP API {}", id.value));
        return drop(properties.rest());
    };
    match kind {
        "AWS::ApiGatewayV2::Authorizer" => {
            let called = properties.required("Name").map(|text| text.value);
            if let Some(mut authorizer) = authorizer(&mut properties, "AuthorizerType") {
                authorizer.name = called;
                api.add_authorizer(scope, name, authorizer);
            }
        }
        "AWS::ApiGatewayV2::Integration" => {
            let at = properties.at.clone();
            let made = integration::integration(&mut properties);
            let made = made.unwrap_or_else(|| integration::instead(&at, integration::BROKEN));
            api.integrations.insert(scope.part_id(name), made);
        }
        "AWS::ApiGatewayV2::Route" => route(&mut properties, api),
        "AWS::ApiGatewayV2::Stage" => stage(&mut properties, api),
        "AWS::ApiGatewayV2::ApiGatewayManagedOverrides" => managed_overrides(&mut properties, api),
        _ => {
            properties.pass_over(&["Description"]);
            api.deployed.extend(properties.text("StageName"));
        }
    }
    properties.finish();
}

/// An authorizer whose kind stands in the property `kind`. One that cannot be made leaves its routes without any, which is a
/// mistake of theirs, never an open door.
pub(super) fn authorizer(properties: &mut Properties, kind: &str) -> Option<Authorizer> {
    let at = properties.at.clone();
    let said = properties.required(kind)?;
    properties.pass_over(&["AuthorizerCredentialsArn", "AuthorizerCredentials", "IdentityValidationExpression"]);
    properties.must_all_be_whole();
    let mut made = Made::default();
    let kind = match said.value.to_ascii_uppercase().as_str() {
        "JWT" => Kind::Jwt,
        "REQUEST" => Kind::Function,
        other => {
            properties.warn(&said.at, format!("authorizers of the type {other} are not supported"));
            properties.rest();
            return None;
        }
    };
    made.text("type", &Placed { value: said.value.to_ascii_uppercase(), at: said.at });
    let sources = properties.texts("IdentitySource");
    if kind == Kind::Jwt {
        if let Some(sources) = sources {
            match sources.value.as_slice() {
                [source] => made.text("identity_source", source),
                _ => properties.refuse(&sources.at, "`IdentitySource` of a JWT authorizer must hold one source"),
            }
        }
        if let Some(mut jwt) = properties.inner("JwtConfiguration") {
            if let Some(issuer) = jwt.text("Issuer") {
                check_issuer(&jwt, &issuer);
                made.text("issuer", &issuer);
            }
            jwt.copy_texts("Audience", &mut made, "audience");
            jwt.finish();
        }
    } else {
        if let Some(sources) = sources.filter(|sources| !sources.value.is_empty()) {
            made.texts("identity_source", &sources.at, sources.value);
        }
        if let Some(uri) = properties.required("AuthorizerUri") {
            let value = integration::function_of(&uri.value).to_owned();
            made.text("function", &Placed { value, at: uri.at });
        }
        if let Some(format) = properties.text("AuthorizerPayloadFormatVersion") {
            made.text("payload_format", &integration::with_fraction(format));
        }
        properties.copy_word("EnableSimpleResponses", &mut made, "enable_simple_responses");
        properties.copy_word("AuthorizerResultTtlInSeconds", &mut made, "result_ttl_in_seconds");
    }
    Some(Authorizer { at, name: None, kind, made })
}

/// An issuer that no pool can have refuses every token, which is hard to find later.
fn check_issuer(properties: &Properties, issuer: &Placed<String>) {
    let host = issuer.value.strip_prefix("https://cognito-idp.").and_then(|rest| rest.split_once(".amazonaws.com"));
    if let Some((region, _)) = host.filter(|(region, _)| !ids::is_region(region)) {
        let message = format!("the issuer {} names no region: {region:?} is none such as us-east-1", issuer.value);
        properties.warn(&issuer.at, message);
    }
}

fn route(properties: &mut Properties, api: &mut Api) {
    let at = properties.at.clone();
    let key = properties.required("RouteKey");
    let target = properties.text("Target");
    properties.pass_over(&["OperationName"]);
    let demand = demand(properties, api);
    let Some(key) = key else { return };
    let Some(demand) = demand else { return api.close(&at, key) };
    let integration = match &target {
        Some(target) => {
            let id = target.value.strip_prefix("integrations/").unwrap_or(&target.value);
            let found = api.integrations.get(id).cloned();
            if found.is_none() {
                let known = api.integrations.keys().map(String::as_str);
                let message = format!("the route {:?} has no such integration: {id}", key.value);
                properties.scope.notes().note(Mistake::new(&target.at, message).nearest(id, known));
                return;
            }
            found
        }
        None => {
            properties.warn(&at, format!("the route {:?} has no `Target`: it answers 500", key.value));
            None
        }
    };
    api.routes.push(Route { at, ..Route::new(key, demand, integration) });
}

/// The authorizer of a route, and its scopes.
pub(super) type Demand = (Option<Placed<String>>, Option<Placed<Vec<Placed<String>>>>);

/// Who may pass a route. `None` when that cannot be said: then there is no such route.
fn demand(properties: &mut Properties, api: &Api) -> Option<Demand> {
    properties.must_be_whole(&["AuthorizationType", "AuthorizerId", "AuthorizationScopes"]);
    let kind = properties.text("AuthorizationType");
    let id = properties.text("AuthorizerId");
    let scopes = properties.texts("AuthorizationScopes").filter(|scopes| !scopes.value.is_empty());
    let wanted = match kind.as_ref().map_or("NONE", |kind| kind.value.as_str()) {
        "NONE" => {
            if let Some(scopes) = scopes {
                let message = "`AuthorizationScopes` of an open route are not checked by the service either";
                properties.scope.notes().tell(&scopes.at, message);
            }
            if let Some(id) = id {
                properties.refuse(&id.at, "`AuthorizerId` needs an `AuthorizationType` JWT or CUSTOM");
                return None;
            }
            return Some((None, None));
        }
        "JWT" => Kind::Jwt,
        "CUSTOM" => Kind::Function,
        other => {
            let at = kind.as_ref().map_or(&properties.at, |kind| &kind.at);
            properties.warn(at, format!("`AuthorizationType` {other} is not supported; the route is closed"));
            return None;
        }
    };
    let Some(id) = id else {
        properties.refuse(&properties.at, "a route with an `AuthorizationType` needs an `AuthorizerId`");
        return None;
    };
    let found = api.authorizers.get(&id.value);
    if found.is_none_or(|authorizer| authorizer.kind != wanted) {
        let message = match wanted {
            Kind::Jwt => {
                "Invalid authorizer ID specified. Setting the authorization type to JWT requires a valid JWT authorizer."
            }
            Kind::Function | Kind::Pools => {
                "Invalid authorizer ID specified. Setting the authorization type to CUSTOM requires a valid authorizer."
            }
        };
        properties.refuse(&id.at, message);
        return None;
    }
    if wanted == Kind::Function
        && let Some(scopes) = scopes
    {
        properties.scope.notes().tell(&scopes.at, "`AuthorizationScopes` are checked with JWT authorizers only");
        return Some((Some(id), None));
    }
    Some((Some(id), scopes))
}

fn stage(properties: &mut Properties, api: &mut Api) {
    let at = properties.at.clone();
    let Some(name) = properties.required("StageName") else { return };
    let automatic = properties.boolean("AutoDeploy").is_some_and(|said| said.value);
    let deployment = properties.text("DeploymentId");
    let made = stage_settings(properties);
    let is_deployed = api.deployed.iter().any(|named| named.value == name.value);
    if !automatic && deployment.is_none() && !is_deployed {
        let message = format!(
            "the stage {} has neither `DeploymentId` nor `AutoDeploy`, and no deployment names it: the service would answer 404",
            name.value
        );
        return properties.warn(&at, message);
    }
    if api.stages.insert(name.value.clone(), (at, made)).is_some() {
        properties.refuse(&name.at, format!("the API has two stages {}", name.value));
    }
}

fn stage_settings(properties: &mut Properties) -> Made {
    let mut made = Made::default();
    if let Some(variables) = properties.map("StageVariables") {
        made.table("stage_variables", &variables.at, text_map(properties.scope, "StageVariables", variables.value));
    }
    if let Some(mut settings) = properties.inner("DefaultRouteSettings") {
        made.table("default_route_settings", &settings.at.clone(), throttle(&mut settings));
        settings.finish();
    }
    if let Some(routes) = properties.map("RouteSettings") {
        let mut settings = Made::default();
        for (key, node) in routes.value {
            let at = node.at.clone();
            let Value::Map(map) = node.value else {
                properties.refuse(&at, "`RouteSettings` must hold maps");
                continue;
            };
            let mut inner = Properties::new(properties.scope, &at, "RouteSettings", map);
            settings.table(&key, &at, throttle(&mut inner));
            inner.finish();
        }
        made.table("route_settings", &routes.at, settings);
    }
    if let Some(mut log) = properties.inner("AccessLogSettings") {
        let mut settings = Made::default();
        log.copy_text("Format", &mut settings, "format");
        log.pass_over(&["DestinationArn"]);
        made.table("access_log_settings", &log.at.clone(), settings);
        log.finish();
    }
    properties.pass_over(&["Description", "Tags", "ClientCertificateId"]);
    made
}

fn throttle(properties: &mut Properties) -> Made {
    let mut made = Made::default();
    properties.copy_word("ThrottlingRateLimit", &mut made, "throttling_rate_limit");
    properties.copy_word("ThrottlingBurstLimit", &mut made, "throttling_burst_limit");
    properties.pass_over(&["DetailedMetricsEnabled", "DataTraceEnabled", "LoggingLevel"]);
    made
}

/// Changes what quick creation made, and nothing else.
fn managed_overrides(properties: &mut Properties, api: &mut Api) {
    if !api.routes.iter().any(|route| route.managed) {
        properties.refuse(&properties.at, format!("{}: the API was not created by a `Target`", properties.of));
        return drop(properties.rest());
    }
    let is_http = api.routes.iter().any(|route| {
        route.managed && route.integration.as_ref().is_some_and(|integration| integration.0.contains_key("http"))
    });
    if let Some(mut change) = properties.inner("Integration") {
        let mut map = Made::default();
        change.copy_word("TimeoutInMillis", &mut map, "timeout_in_millis");
        integration::override_of(&mut change, is_http, &mut map);
        change.pass_over(&["Description"]);
        change.finish();
        let managed = api.routes.iter_mut().filter(|route| route.managed);
        for integration in managed.filter_map(|route| route.integration.as_mut()) {
            integration.0.extend(map.0.clone());
        }
    }
    if let Some(mut change) = properties.inner("Route") {
        let target = change.text("Target");
        if let Some(target) = target {
            change.warn(&target.at, "another `Target` for the route of quick creation is not supported");
        }
        change.pass_over(&["OperationName"]);
        match demand(&mut change, api) {
            Some((authorizer, scopes)) => {
                for route in api.routes.iter_mut().filter(|route| route.managed) {
                    (route.authorizer, route.scopes) = (authorizer.clone(), scopes.clone());
                }
            }
            None => {
                let (managed, others) = std::mem::take(&mut api.routes).into_iter().partition(|route| route.managed);
                api.routes = others;
                for key in Vec::into_iter(managed).map(|route: Route| route.key) {
                    api.close(&change.at, key);
                }
            }
        }
        change.finish();
    }
    if let Some(mut change) = properties.inner("Stage") {
        change.pass_over(&["AutoDeploy"]);
        let made = stage_settings(&mut change);
        api.stages.insert(DEFAULT_STAGE.to_owned(), (change.at.clone(), made));
        change.finish();
    }
}

/// An API that nobody deployed is nowhere, and a deployment is for a stage that is there.
pub(super) fn check_stages(api: &mut Api, notes: &super::notes::Notes) {
    for named in api.deployed.iter().filter(|named| !api.stages.contains_key(&named.value)) {
        let known = api.stages.keys().map(String::as_str);
        let message = format!("the deployment names no stage of its API: {}", named.value);
        notes.note(Mistake::new(&named.at, message).nearest(&named.value, known));
    }
    if api.stages.is_empty() {
        let message =
            "the API has no stage that is deployed: the service would answer 404; here it is served as $default";
        notes.warn(&api.at, message);
    }
}

/// Members of OpenAPI's extensions under the names that resources have for them.
pub(super) fn capitalised(map: &Map, renamed: &[(&str, &str)]) -> Map {
    map.iter()
        .map(|(name, node)| {
            let other = renamed.iter().find(|(from, _)| from == name).map(|(_, to)| (*to).to_owned());
            let mut letters = name.chars();
            let upper = || letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>());
            (other.or_else(upper).unwrap_or_default(), node.clone())
        })
        .collect::<BTreeMap<String, Node>>()
}
