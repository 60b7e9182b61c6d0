//! Stages of an API.

use serde_json::{Map, Value};

use super::{Desk, Result};
use crate::{
    domain::http_api::{Fault, HttpApi, MOST_STAGES, Stage, StageKept, patched, read},
    store,
};

pub async fn create(desk: &Desk, id: &str, given: Map<String, Value>) -> Result<Stage> {
    let stage: Stage = read(given)?;
    let wanted = stage.deployment_id.clone();
    known(desk, id, wanted.as_deref()).await?;
    let now = desk.cx.app.clock.now();
    let name = stage.stage_name.clone();
    desk.change(id, move |api, _| {
        let mut stage = stage;
        stage.check(api)?;
        deploys(&stage, wanted.as_deref())?;
        if api.stages.contains_key(&stage.stage_name) {
            return Err(Fault::Conflict("Stage already exists".to_owned()).into());
        }
        if api.stages.len() >= MOST_STAGES {
            let text = format!("Maximum number of Stages for this API has been reached: {MOST_STAGES}");
            return Err(Fault::TooMany(text).into());
        }
        stage.kept = StageKept { created_at: now.millis(), updated_at: now.millis(), authorizer_generation: 0 };
        if let Some(deployment) = &wanted {
            stage.deploy(deployment, now);
        }
        api.stages.insert(stage.stage_name.clone(), stage);
        Ok(())
    })
    .await?;
    get(desk, id, &name).await
}

/// A stage that deploys by itself takes no deployment.
fn deploys(stage: &Stage, wanted: Option<&str>) -> Result<()> {
    match wanted {
        Some(_) if stage.auto_deploy => {
            Err(Fault::bad("Cannot set deploymentId when autoDeploy is enabled for the stage").into())
        }
        _ => Ok(()),
    }
}

async fn known(desk: &Desk, api: &str, deployment: Option<&str>) -> Result<()> {
    let api = desk.api(api).await?;
    let Some(id) = deployment else { return Ok(()) };
    let found = store::http_apis::deployment(&mut desk.cx.read().await?, &api.id, id).await?;
    match found {
        Some(_) => Ok(()),
        None => Err(Fault::bad(format!("Deployment ID {id} does not exist")).into()),
    }
}

pub async fn get(desk: &Desk, id: &str, name: &str) -> Result<Stage> {
    Ok(desk.api(id).await?.stage(name)?.clone())
}

pub async fn list(desk: &Desk, id: &str) -> Result<Vec<Stage>> {
    Ok(desk.api(id).await?.stages.into_values().collect())
}

pub async fn update(desk: &Desk, id: &str, name: &str, given: Map<String, Value>) -> Result<Stage> {
    let wanted = given.get("deploymentId").and_then(Value::as_str).map(str::to_owned);
    known(desk, id, wanted.as_deref().filter(|id| !id.is_empty())).await?;
    if given.contains_key("stageName") {
        return Err(Fault::bad("A stage keeps its name.").into());
    }
    if given.contains_key("tags") {
        return Err(Fault::bad("Tags are changed by TagResource and UntagResource.").into());
    }
    change(desk, id, name, move |stage, api, now| {
        *stage = patched(stage, given)?;
        stage.check(api)?;
        if let Some(wanted) = wanted {
            deploys(stage, Some(&wanted))?;
            if !wanted.is_empty() {
                stage.deploy(&wanted, now);
            }
        }
        Ok(())
    })
    .await?;
    get(desk, id, name).await
}

/// Changes a stage; the API is shown as it was before.
async fn change(
    desk: &Desk,
    id: &str,
    name: &str,
    change: impl FnOnce(&mut Stage, &HttpApi, crate::kit::clock::Time) -> Result<()> + Send,
) -> Result<()> {
    let now = desk.cx.app.clock.now();
    let name = name.to_owned();
    desk.change(id, move |api, _| {
        let before = api.clone();
        let stage = api.stage_mut(&name)?;
        change(stage, &before, now)?;
        stage.kept.updated_at = now.millis();
        Ok(())
    })
    .await
}

/// Not while a domain leads to it.
pub async fn delete(desk: &Desk, id: &str, name: &str) -> Result<()> {
    let mut turn = desk.turn(id).await?;
    super::domains::refuse_mapped(&mut turn.tx, id, Some(name)).await?;
    let name = name.to_owned();
    desk.change_in(turn, move |api, _| {
        api.stage(&name)?;
        api.stages.remove(&name);
        Ok(())
    })
    .await
}

/// `DeleteRouteSettings`
pub async fn delete_route_settings(desk: &Desk, id: &str, name: &str, key: String) -> Result<()> {
    change(desk, id, name, move |stage, _, _| match stage.route_settings.remove(&key) {
        Some(_) => Ok(()),
        None => {
            Err(Fault::NotFound(format!("Unable to find Route by key {key} within the provided RouteSettings")).into())
        }
    })
    .await
}

/// `DeleteAccessLogSettings`
pub async fn delete_access_log(desk: &Desk, id: &str, name: &str) -> Result<()> {
    change(desk, id, name, |stage, _, _| {
        stage.access_log_settings = None;
        Ok(())
    })
    .await
}

/// `ResetAuthorizersCache`: every instance forgets what authorizers of the stage have answered.
pub async fn forget_answers(desk: &Desk, id: &str, name: &str) -> Result<()> {
    change(desk, id, name, |stage, _, _| {
        stage.kept.authorizer_generation += 1;
        Ok(())
    })
    .await
}
