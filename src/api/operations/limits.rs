//! Limits of the account: how many calls a second of each category the service would answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    api::Operation,
    domain::{Error, Result, provisioned_limit::ProvisionedLimit},
    flows::{Cx, provisioned_limits},
};

const CATEGORY: &str = "Category";

/// `LimitDefinitionType`
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    limit_class: String,
    attributes: BTreeMap<String, String>,
}

impl Definition {
    fn category(&self) -> Result<&str> {
        let only = self.attributes.get(CATEGORY).filter(|_| self.attributes.len() == 1);
        let text = "Attributes of an API_CATEGORY limit must hold Category and nothing else.";
        only.map(String::as_str).ok_or_else(|| Error::InvalidParameter(text.into()))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireLimit {
    limit_definition: Definition,
    provisioned_limit_value: u32,
    free_limit_value: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LimitOutput {
    limit: WireLimit,
}

impl LimitOutput {
    fn of(limit_definition: Definition, limit: &ProvisionedLimit) -> Self {
        let (provisioned_limit_value, free_limit_value) = (limit.provisioned, limit.free);
        Self { limit: WireLimit { limit_definition, provisioned_limit_value, free_limit_value } }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetProvisionedLimit {
    limit_definition: Definition,
}

impl Operation for GetProvisionedLimit {
    type Output = LimitOutput;

    async fn run(self, cx: Cx) -> Result<LimitOutput> {
        let limit = provisioned_limits::get(&cx, self.limit_definition.category()?).await?;
        Ok(LimitOutput::of(self.limit_definition, &limit))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateProvisionedLimit {
    limit_definition: Definition,
    requested_limit_value: i64,
}

impl Operation for UpdateProvisionedLimit {
    type Output = LimitOutput;

    async fn run(self, cx: Cx) -> Result<LimitOutput> {
        let category = self.limit_definition.category()?;
        let limit = provisioned_limits::set(&cx, category, self.requested_limit_value).await?;
        Ok(LimitOutput::of(self.limit_definition, &limit))
    }
}
