//! APIs themselves.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Desk, Error, FromFile, Result, no_api, parts};
use crate::{
    domain::http_api::{
        ApiSettings, DEFAULT_ROUTE, DEFAULT_STAGE, Fault, HttpApi, Integration, IntegrationType, MOST_APIS, Route,
        Stage, StageKept, function_of, patched, read,
    },
    store,
};

/// The members with which an API comes with a first route.
const QUICK: [&str; 3] = ["target", "routeKey", "credentialsArn"];

/// `CreateApi`, also with a `target`: then it has an integration, a route and a stage at once.
pub async fn create(desk: &Desk, mut given: Map<String, Value>) -> Result<HttpApi> {
    given.retain(|_, value| !value.is_null());
    match given.remove("protocolType").as_ref().map(Value::as_str) {
        Some(Some("HTTP")) => {}
        Some(Some("WEBSOCKET")) => {
            return Err(Fault::bad("This gateway has no WebSocket APIs: ProtocolType must be HTTP.").into());
        }
        Some(_) => return Err(Fault::bad("Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]").into()),
        None => return Err(Fault::bad("ProtocolType is a required parameter").into()),
    }
    let quick = quick(&mut given)?;
    add(desk, read(given)?, |api, file| match quick {
        Some(quick) => begin(desk, quick, api, file),
        None => Ok(()),
    })
    .await
}

/// Makes an API and fills it before anybody sees it.
pub(super) async fn add(
    desk: &Desk,
    settings: ApiSettings,
    fill: impl FnOnce(&mut HttpApi, &FromFile) -> Result<()> + Send,
) -> Result<HttpApi> {
    settings.check()?;
    let file = desk.serving.file().await;
    let app = &desk.cx.app;
    let mut tx = desk.cx.begin().await?;
    store::http_apis::lock(&mut tx).await?;
    if store::http_apis::all(&mut tx).await?.len() >= MOST_APIS {
        return Err(Fault::TooMany(format!("Maximum number of APIs has been reached: {MOST_APIS}")).into());
    }
    let now = app.clock.now();
    let mut id = app.random.lower_alphanumeric(10);
    while file.apis.iter().any(|api| api.id == id) || store::http_apis::find(&mut tx, &id).await?.is_some() {
        id = app.random.lower_alphanumeric(10);
    }
    let mut api = HttpApi::new(id, now, settings);
    // First of all, since deployments belong to it.
    store::http_apis::insert(&mut tx, &api).await?;
    fill(&mut api, &file)?;
    desk.settle(&mut tx, None, &mut api, &file).await?;
    store::http_apis::update(&mut tx, &api).await?;
    tx.commit().await?;
    desk.serving.changed().await?;
    Ok(api)
}

/// The first route of an API, with its integration and a stage.
fn begin(desk: &Desk, quick: Quick, api: &mut HttpApi, file: &FromFile) -> Result<()> {
    let Quick { target, key, credentials } = quick;
    let now = desk.cx.app.clock.now();
    let (integration, route) = (parts::id(desk), parts::id(desk));
    let made = quick_integration(&target, credentials);
    made.check(&file.functions)?;
    api.routing.integrations.insert(integration.clone(), made);
    let given = json!({"routeKey": key, "target": format!("integrations/{integration}")});
    let mut first: Route = read(given.as_object().cloned().unwrap_or_default())?;
    first.check(&route, api)?;
    first.api_gateway_managed = true;
    api.routing.routes.insert(route, first);
    let given = json!({"stageName": DEFAULT_STAGE, "autoDeploy": true});
    let mut stage: Stage = read(given.as_object().cloned().unwrap_or_default())?;
    stage.api_gateway_managed = true;
    stage.kept = StageKept { created_at: now.millis(), updated_at: now.millis(), authorizer_generation: 0 };
    api.stages.insert(DEFAULT_STAGE.to_owned(), stage);
    Ok(())
}

struct Quick {
    target: String,
    key: String,
    credentials: Option<String>,
}

/// The members of a first route, taken out of the others.
fn quick(given: &mut Map<String, Value>) -> Result<Option<Quick>> {
    let [target, key, credentials] = quick_texts(given)?.map(|text| text.filter(|text| !text.is_empty()));
    match target {
        Some(target) => Ok(Some(Quick { target, key: key.unwrap_or_else(|| DEFAULT_ROUTE.to_owned()), credentials })),
        None if key.is_some() || credentials.is_some() => {
            Err(Fault::bad("RouteKey and CredentialsArn can only be specified with a Target").into())
        }
        None => Ok(None),
    }
}

/// As they are given, each a text.
fn quick_texts(given: &mut Map<String, Value>) -> Result<[Option<String>; 3]> {
    let mut text = |name: &str| match given.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Fault::bad(format!("Invalid request body: {name} must be a string"))),
    };
    let [target, key, credentials] = QUICK;
    Ok([text(target)?, text(key)?, text(credentials)?])
}

fn quick_integration(target: &str, credentials: Option<String>) -> Integration {
    let (kind, method, version) = match function_of(target) {
        Some(_) => (IntegrationType::AwsProxy, "POST", "2.0"),
        None => (IntegrationType::HttpProxy, "ANY", "1.0"),
    };
    Integration {
        integration_type: kind,
        integration_uri: Some(target.to_owned()),
        integration_method: Some(method.to_owned()),
        payload_format_version: Some(version.to_owned()),
        timeout_in_millis: 30_000,
        connection_type: "INTERNET".to_owned(),
        description: None,
        credentials_arn: credentials,
        request_parameters: BTreeMap::new(),
        response_parameters: BTreeMap::new(),
        api_gateway_managed: true,
    }
}

/// `UpdateApi`. A `target` is that of the integration which the API came with.
pub async fn update(desk: &Desk, id: &str, mut given: Map<String, Value>) -> Result<HttpApi> {
    given.retain(|_, value| !value.is_null());
    let [target, key, credentials] = quick_texts(&mut given)?;
    desk.change(id, move |api, file| {
        if given.contains_key("tags") {
            return Err(Fault::bad("Tags are changed by TagResource and UntagResource.").into());
        }
        api.settings = patched(&api.settings, given)?;
        api.settings.check()?;
        if let Some(target) = target {
            let made = managed(api.routing.integrations.iter_mut(), |one| one.api_gateway_managed)?;
            let fresh = quick_integration(&target, None);
            if made.integration_type != fresh.integration_type {
                made.integration_type = fresh.integration_type;
                made.integration_method = fresh.integration_method;
                made.payload_format_version = fresh.payload_format_version;
            }
            made.integration_uri = fresh.integration_uri;
            made.check(&file.functions)?;
        }
        if let Some(credentials) = credentials {
            let made = managed(api.routing.integrations.iter_mut(), |one| one.api_gateway_managed)?;
            made.credentials_arn = Some(credentials).filter(|arn| !arn.is_empty());
        }
        if let Some(key) = key {
            let (id, mut route) = api
                .routing
                .routes
                .iter()
                .find(|(_, route)| route.api_gateway_managed)
                .map(|(id, route)| (id.clone(), route.clone()))
                .ok_or_else(not_quick)?;
            route.route_key = key;
            route.check(&id, api)?;
            api.routing.routes.insert(id, route);
        }
        Ok(api.clone())
    })
    .await
}

fn managed<'a, T: 'a>(
    mut all: impl Iterator<Item = (&'a String, &'a mut T)>,
    is_managed: impl Fn(&T) -> bool,
) -> Result<&'a mut T> {
    all.find(|(_, one)| is_managed(one)).map(|(_, one)| one).ok_or_else(|| Error::Fault(not_quick()))
}

fn not_quick() -> Fault {
    Fault::bad("Target, RouteKey and CredentialsArn belong to APIs that were created with a Target")
}

/// `DeleteCorsConfiguration`
pub async fn delete_cors(desk: &Desk, id: &str) -> Result<()> {
    desk.change(id, |api, _| {
        api.settings.cors_configuration = None;
        Ok(())
    })
    .await
}

/// `DeleteApi`: not while a domain leads to it.
pub async fn delete(desk: &Desk, id: &str) -> Result<()> {
    let file = desk.serving.file().await;
    if let Some(api) = file.apis.iter().find(|api| api.id == id) {
        return Err(super::defined_in(&format!("API {id}"), api.file.as_deref().unwrap_or_default()).into());
    }
    let mut tx = desk.cx.begin().await?;
    store::http_apis::lock(&mut tx).await?;
    if store::http_apis::find(&mut tx, id).await?.is_none() {
        return Err(no_api(&desk.cx, id).into());
    }
    super::domains::refuse_mapped(&mut tx, id, None).await?;
    store::http_apis::delete(&mut tx, id).await?;
    tx.commit().await?;
    Ok(desk.serving.changed().await?)
}

/// Those of the files first, then the others in the order in which they were made.
pub async fn list(desk: &Desk) -> Result<Vec<HttpApi>> {
    let mut apis = desk.serving.file().await.apis;
    let stored = store::http_apis::all(&mut desk.cx.read().await?).await?;
    let own: Vec<_> = stored.into_iter().filter(|api| apis.iter().all(|one| one.id != api.id)).collect();
    apis.extend(own);
    Ok(apis)
}
