//! Deployments: what an API was at one time.

use serde_json::{Map, Value};

use super::{Desk, Error, Result};
use crate::{
    domain::http_api::{Deployment, Fault},
    store,
};

fn missing() -> Fault {
    Fault::NotFound("Invalid deployment identifier specified".to_owned())
}

/// Reads the only members that a call may have.
fn members(mut given: Map<String, Value>, known: &[&str]) -> Result<Vec<Option<String>>> {
    let mut read = Vec::new();
    for name in known {
        read.push(match given.remove(*name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(_) => return Err(Fault::bad(format!("Invalid request body: {name} must be a string")).into()),
        });
    }
    match given.keys().next() {
        None => Ok(read),
        Some(name) => Err(Fault::bad(format!("Invalid request body: unknown field `{name}`")).into()),
    }
}

/// Freezes what there is now, and serves it in a stage if one is named.
pub async fn create(desk: &Desk, id: &str, given: Map<String, Value>) -> Result<Deployment> {
    let mut given = members(given, &["description", "stageName"])?;
    let stage = given.pop().flatten().filter(|name| !name.is_empty());
    let description = given.pop().flatten().filter(|text| !text.is_empty());
    let app = &desk.cx.app;
    let now = app.clock.now();
    // The API in its turn, so that what is frozen was there at one time.
    let file = desk.serving.file().await;
    if file.apis.iter().any(|api| api.id == id) {
        return desk.change(id, |_, _| Err(missing().into())).await;
    }
    let mut tx = desk.cx.begin().await?;
    store::http_apis::lock(&mut tx).await?;
    let before = store::http_apis::find(&mut tx, id).await?.ok_or_else(|| super::no_api(&desk.cx, id))?;
    if before.routing.routes.is_empty() {
        return Err(Fault::bad("At least one route is required before deploying the Api.").into());
    }
    let deployment = Deployment {
        id: app.random.lower_alphanumeric(6),
        created_at: now.millis(),
        auto_deployed: false,
        description,
        routing: before.routing.clone(),
    };
    store::http_apis::put_deployment(&mut tx, id, &deployment).await?;
    let mut api = before.clone();
    if let Some(name) = stage {
        let stage = api.stage_mut(&name)?;
        if stage.auto_deploy {
            return Err(Fault::bad("Deployments cannot be made to a stage with autoDeploy enabled").into());
        }
        stage.deploy(&deployment.id, now);
    }
    desk.settle(&mut tx, Some(&before), &mut api, &file).await?;
    store::http_apis::update(&mut tx, &api).await?;
    tx.commit().await?;
    desk.serving.changed().await?;
    Ok(deployment)
}

pub async fn get(desk: &Desk, api: &str, id: &str) -> Result<Deployment> {
    let api = desk.api(api).await?;
    let found = store::http_apis::deployment(&mut desk.cx.read().await?, &api.id, id).await?;
    found.ok_or_else(|| Error::Fault(missing()))
}

/// Newest first.
pub async fn list(desk: &Desk, api: &str) -> Result<Vec<Deployment>> {
    let api = desk.api(api).await?;
    Ok(store::http_apis::deployments(&mut desk.cx.read().await?, &api.id).await?)
}

pub async fn update(desk: &Desk, api: &str, id: &str, given: Map<String, Value>) -> Result<Deployment> {
    let description = members(given, &["description"])?.pop().flatten();
    let api = desk.api(api).await?.id;
    let mut tx = desk.cx.begin().await?;
    store::http_apis::lock(&mut tx).await?;
    let mut found = store::http_apis::deployment(&mut tx, &api, id).await?.ok_or_else(missing)?;
    if let Some(description) = description {
        found.description = Some(description).filter(|text| !text.is_empty());
    }
    store::http_apis::put_deployment(&mut tx, &api, &found).await?;
    tx.commit().await?;
    Ok(found)
}

/// Not while a stage serves it.
pub async fn delete(desk: &Desk, api: &str, id: &str) -> Result<()> {
    let api = desk.api(api).await?.id;
    let mut tx = desk.cx.begin().await?;
    store::http_apis::lock(&mut tx).await?;
    let found = store::http_apis::find(&mut tx, &api).await?.ok_or_else(|| super::no_api(&desk.cx, &api))?;
    if found.deployed().any(|deployed| deployed == id) {
        return Err(Fault::bad("Active stages pointing to this deployment must be moved or deleted").into());
    }
    store::http_apis::deployment(&mut tx, &api, id).await?.ok_or_else(missing)?;
    store::http_apis::delete_deployment(&mut tx, &api, id).await?;
    Ok(tx.commit().await?)
}
