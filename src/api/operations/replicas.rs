//! Replicas of a pool in other regions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    api::Operation,
    domain::{
        Pool, Result,
        replica::{Replica, ReplicaStatus},
    },
    flows::{Cx, directory, replicas},
    kit::ids::{is_region, region_of},
};

/// `UserPoolReplicaType`
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireReplica {
    region_name: String,
    status: &'static str,
    role: &'static str,
    user_pool_arn: String,
}

impl WireReplica {
    fn secondary(cx: &Cx, pool_id: &str, region: &str, status: ReplicaStatus) -> Self {
        let account = &cx.app.setup.account_id;
        Self {
            user_pool_arn: format!("arn:aws:cognito-idp:{region}:{account}:userpool/{pool_id}"),
            region_name: region.to_owned(),
            status: status.name(),
            role: "SECONDARY",
        }
    }

    /// The pool itself. One whose id names no region is at home where the call was answered.
    fn primary(cx: &Cx, pool: &Pool) -> Self {
        let home = Some(region_of(&pool.id)).filter(|region| is_region(region));
        Self {
            region_name: home.unwrap_or(&cx.region).to_owned(),
            status: ReplicaStatus::Active.name(),
            role: "PRIMARY",
            user_pool_arn: pool.arn(&cx.app.setup.account_id),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ReplicaOutput {
    user_pool_replica: WireReplica,
}

impl ReplicaOutput {
    fn of(cx: &Cx, pool_id: &str, region: &str, status: ReplicaStatus) -> Self {
        Self { user_pool_replica: WireReplica::secondary(cx, pool_id, region, status) }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateUserPoolReplica {
    user_pool_id: String,
    region_name: String,
    #[serde(default)]
    user_pool_tags: BTreeMap<String, String>,
}

impl Operation for CreateUserPoolReplica {
    type Output = ReplicaOutput;

    async fn run(self, cx: Cx) -> Result<ReplicaOutput> {
        let made = replicas::create(&cx, &self.user_pool_id, self.region_name, self.user_pool_tags).await?;
        Ok(ReplicaOutput::of(&cx, &made.pool_id, &made.region, made.status))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateUserPoolReplica {
    user_pool_id: String,
    region_name: String,
    status: String,
}

impl Operation for UpdateUserPoolReplica {
    type Output = ReplicaOutput;

    async fn run(self, cx: Cx) -> Result<ReplicaOutput> {
        let status = if self.status == "ACTIVE" { ReplicaStatus::Active } else { ReplicaStatus::Inactive };
        replicas::set_status(&cx, &self.user_pool_id, &self.region_name, status).await?;
        Ok(ReplicaOutput::of(&cx, &self.user_pool_id, &self.region_name, status))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteUserPoolReplica {
    user_pool_id: String,
    region_name: String,
}

impl Operation for DeleteUserPoolReplica {
    type Output = ReplicaOutput;

    async fn run(self, cx: Cx) -> Result<ReplicaOutput> {
        replicas::delete(&cx, &self.user_pool_id, &self.region_name).await?;
        Ok(ReplicaOutput::of(&cx, &self.user_pool_id, &self.region_name, ReplicaStatus::Deleting))
    }
}

/// The pool itself comes first, on the first page.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUserPoolReplicas {
    user_pool_id: String,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUserPoolReplicasOutput {
    user_pool_replicas: Vec<WireReplica>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for ListUserPoolReplicas {
    type Output = ListUserPoolReplicasOutput;

    async fn run(self, cx: Cx) -> Result<ListUserPoolReplicasOutput> {
        let pool = directory::pool(&cx, &self.user_pool_id).await?;
        let page = replicas::list(&cx, &pool.id, self.next_token.as_deref()).await?;
        let primary = self.next_token.is_none().then(|| WireReplica::primary(&cx, &pool));
        let shown = |replica: Replica| WireReplica::secondary(&cx, &pool.id, &replica.region, replica.status);
        Ok(ListUserPoolReplicasOutput {
            user_pool_replicas: primary.into_iter().chain(page.items.into_iter().map(shown)).collect(),
            next_token: page.next,
        })
    }
}
