//! Tags, by the ARN of what bears them: an API, a stage or a domain name.

use super::{Desk, Result, domains};
use crate::domain::http_api::{Fault, HttpApi, Tags, add_tags};

/// What an ARN names.
enum Bearer {
    Api(String),
    Stage(String, String),
    Domain(String),
}

fn bearer(arn: &str) -> Result<Bearer> {
    let wrong = || Fault::bad(format!("Invalid resource ARN specified: {arn}"));
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, "apigateway", _region, _, path] = parts[..] else { return Err(wrong().into()) };
    if !partition.starts_with("aws") {
        return Err(wrong().into());
    }
    match path.split('/').collect::<Vec<_>>()[..] {
        ["", "apis", api] => Ok(Bearer::Api(api.to_owned())),
        ["", "apis", api, "stages", stage] => Ok(Bearer::Stage(api.to_owned(), stage.to_owned())),
        ["", "domainnames", name] => Ok(Bearer::Domain(name.to_owned())),
        _ => Err(wrong().into()),
    }
}

pub async fn get(desk: &Desk, arn: &str) -> Result<Tags> {
    Ok(match bearer(arn)? {
        Bearer::Api(id) => desk.api(&id).await?.settings.tags,
        Bearer::Stage(id, name) => desk.api(&id).await?.stage(&name)?.tags.clone(),
        Bearer::Domain(name) => domains::get(desk, &name).await?.settings.tags,
    })
}

async fn change(
    desk: &Desk,
    arn: &str,
    change: impl FnOnce(&mut Tags) -> std::result::Result<(), Fault> + Send,
) -> Result<()> {
    match bearer(arn)? {
        Bearer::Api(id) => desk.change(&id, |api, _| Ok(change(&mut api.settings.tags)?)).await,
        Bearer::Stage(id, name) => {
            desk.change(&id, move |api: &mut HttpApi, _| Ok(change(&mut api.stage_mut(&name)?.tags)?)).await
        }
        Bearer::Domain(name) => {
            domains::change(desk, &name, async |domain, _| Ok(change(&mut domain.settings.tags)?)).await
        }
    }
}

pub async fn add(desk: &Desk, arn: &str, more: Tags) -> Result<()> {
    change(desk, arn, move |tags| add_tags(tags, more)).await
}

pub async fn remove(desk: &Desk, arn: &str, keys: Vec<String>) -> Result<()> {
    change(desk, arn, move |tags| {
        tags.retain(|key, _| !keys.contains(key));
        Ok(())
    })
    .await
}
