//! Answers: an object with its id, its times, and what only the server knows.

use serde::Serialize;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use crate::{
    domain::http_api::{Deployment, GatewayDomain, HttpApi, Stage},
    flows::http_apis::Desk,
};

const ISO_8601: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

fn date(millis: i64) -> Value {
    let moment = OffsetDateTime::from_unix_timestamp(millis / 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(ISO_8601).unwrap_or_default().into()
}

fn object(value: &impl Serialize) -> Value {
    // Only maps with keys that are no texts have no JSON, and there are none.
    serde_json::to_value(value).unwrap_or_default()
}

pub(super) fn with_id(value: &impl Serialize, member: &str, id: &str) -> Value {
    let mut shown = object(value);
    shown[member] = id.into();
    shown
}

/// `apiEndpoint` is an address that works here.
pub(super) fn api(desk: &Desk, api: &HttpApi) -> Value {
    let mut shown = with_id(&api.settings, "apiId", &api.id);
    shown["protocolType"] = "HTTP".into();
    shown["apiEndpoint"] = format!("{}/_apis/{}", desk.serving.address(), api.id).into();
    shown["createdDate"] = date(api.created_at);
    if api.stages.values().any(|stage| stage.api_gateway_managed) {
        // Of the parts that came with it, not of the API.
        shown["apiGatewayManaged"] = false.into();
    }
    shown
}

pub(super) fn stage(stage: &Stage) -> Value {
    let mut shown = object(stage);
    if let Some(members) = shown.as_object_mut() {
        members.remove("kept");
    }
    shown["createdDate"] = date(stage.kept.created_at);
    shown["lastUpdatedDate"] = date(stage.kept.updated_at);
    shown
}

pub(super) fn deployment(deployment: &Deployment) -> Value {
    let mut shown = json!({
        "deploymentId": deployment.id,
        "autoDeployed": deployment.auto_deployed,
        "createdDate": date(deployment.created_at),
        "deploymentStatus": "DEPLOYED",
    });
    if let Some(description) = &deployment.description {
        shown["description"] = description.as_str().into();
    }
    shown
}

pub(super) fn domain(desk: &Desk, domain: &GatewayDomain) -> Value {
    let mut shown = object(&domain.settings);
    let name = &domain.settings.domain_name;
    shown["apiMappingSelectionExpression"] = "$request.basepath".into();
    let setup = &desk.cx.app.setup;
    shown["domainNameArn"] = format!("arn:aws:apigateway:{}::/domainnames/{name}", setup.region).into();
    if let Some(mutual) = shown.get_mut("mutualTlsAuthentication") {
        let warnings = desk.serving.trust_warnings(name);
        if !warnings.is_empty() {
            mutual["truststoreWarnings"] = warnings.into();
        }
    }
    if let Some(configurations) = shown["domainNameConfigurations"].as_array_mut() {
        for one in configurations {
            one["domainNameStatus"] = "AVAILABLE".into();
            // The gateway serves the domain under its own name.
            one["apiGatewayDomainName"] = name.as_str().into();
            one["hostedZoneId"] = "Z1UJRXOUMOOFQ8".into();
        }
    }
    shown
}
