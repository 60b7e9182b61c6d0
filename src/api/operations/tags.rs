//! Tags of user pools, which are named by their ARN.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    api::{Operation, shapes::Empty},
    domain::Result,
    flows::{Cx, pools},
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagResource {
    resource_arn: String,
    tags: BTreeMap<String, Option<String>>,
}

impl Operation for TagResource {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let tags = self.tags.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        pools::tag(&cx, &self.resource_arn, tags).await?;
        Ok(Empty {})
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UntagResource {
    resource_arn: String,
    tag_keys: Vec<String>,
}

impl Operation for UntagResource {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        pools::untag(&cx, &self.resource_arn, &self.tag_keys).await?;
        Ok(Empty {})
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagsForResource {
    resource_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTagsForResourceOutput {
    tags: BTreeMap<String, String>,
}

impl Operation for ListTagsForResource {
    type Output = ListTagsForResourceOutput;

    async fn run(self, cx: Cx) -> Result<ListTagsForResourceOutput> {
        Ok(ListTagsForResourceOutput { tags: pools::tags(&cx, &self.resource_arn).await? })
    }
}
