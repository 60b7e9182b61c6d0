//! Domains of pools. Tools ask for one until it is active, and after its end until it is gone; here both are at once.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use crate::{
    api::{Operation, shapes::Empty},
    domain::{PoolDomain, Result, pool_domain::CustomDomain},
    flows::{
        Cx,
        domains::{self, Wanted},
    },
    kit::{clock::Time, ids},
};

const VERSION: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day][hour][minute][second]");

/// What creation and change take.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Members {
    domain: String,
    user_pool_id: String,
    managed_login_version: Option<i64>,
    custom_domain_config: Option<CustomDomain>,
    routing: Option<Value>,
}

impl From<Members> for Wanted {
    fn from(members: Members) -> Self {
        Self {
            name: members.domain,
            pool_id: members.user_pool_id,
            custom: members.custom_domain_config,
            managed_login_version: members.managed_login_version,
            routing: members.routing,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DomainOutput {
    managed_login_version: i64,
    /// Of custom domains only.
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_front_domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    routing: Option<Value>,
}

impl From<PoolDomain> for DomainOutput {
    fn from(domain: PoolDomain) -> Self {
        Self {
            managed_login_version: domain.settings.managed_login_version,
            cloud_front_domain: domain.is_custom().then_some(domain.settings.distribution),
            routing: domain.settings.routing,
        }
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
pub struct CreateUserPoolDomain(Members);

impl Operation for CreateUserPoolDomain {
    type Output = DomainOutput;

    async fn run(self, cx: Cx) -> Result<DomainOutput> {
        domains::create(&cx, self.0.into()).await.map(Into::into)
    }
}

/// A domain that nobody has is described by nothing, and is no error.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeUserPoolDomain {
    domain: String,
}

impl Operation for DescribeUserPoolDomain {
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value> {
        let description = match domains::find(&cx, &self.domain).await? {
            Some(domain) => described(&cx, domain),
            None => json!({}),
        };
        Ok(json!({"DomainDescription": description}))
    }
}

/// `DomainDescriptionType`. A prefix has an empty `CustomDomainConfig`.
fn described(cx: &Cx, domain: PoolDomain) -> Value {
    let PoolDomain { name, pool_id, settings, modified_at } = domain;
    let mut shown = json!({
        "AWSAccountId": cx.app.setup.account_id,
        "Domain": name,
        "S3Bucket": format!("aws-cognito-prod-{}-assets", ids::region_of(&pool_id)),
        "CloudFrontDistribution": settings.distribution,
        "Version": version(modified_at),
        "Status": "ACTIVE",
        "CustomDomainConfig": settings.custom_domain_config.map_or_else(|| json!({}), |config| json!(config)),
        "ManagedLoginVersion": settings.managed_login_version,
    });
    shown["UserPoolId"] = pool_id.into();
    if let Some(routing) = settings.routing {
        shown["Routing"] = routing;
    }
    shown
}

/// The moment of the last change, in digits.
fn version(at: Time) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(at.seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(VERSION).unwrap_or_default()
}

/// Changes what is named; a prefix stays one.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct UpdateUserPoolDomain(Members);

impl Operation for UpdateUserPoolDomain {
    type Output = DomainOutput;

    async fn run(self, cx: Cx) -> Result<DomainOutput> {
        domains::update(&cx, self.0.into()).await.map(Into::into)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteUserPoolDomain {
    domain: String,
    user_pool_id: String,
}

impl Operation for DeleteUserPoolDomain {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        domains::delete(&cx, &self.user_pool_id, &self.domain).await?;
        Ok(Empty {})
    }
}
