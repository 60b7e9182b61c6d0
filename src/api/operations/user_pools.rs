//! User pools and their settings.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    api::{
        Operation,
        shapes::{Empty, Timestamp},
    },
    domain::{
        Error, Pool, Result,
        assurance::Level,
        pool::{Members, named_attributes},
    },
    flows::{Cx, directory, domains, pools, population},
};

/// `UserPoolType`: the settings by the service's names, and what the server knows of the pool.
fn described(cx: &Cx, pool: &Pool, users: i64) -> Result<Value> {
    let unwritable = |error: serde_json::Error| Error::Internal(format!("settings of {}: {error}", pool.id));
    let mut shown = pool.settings.described().map_err(unwritable)?;
    // The request and the answer have different names for the schema.
    let schema = shown.remove("Schema");
    let mut shown = Value::Object(shown);
    shown["SchemaAttributes"] = schema.unwrap_or_default();
    // This has an operation of its own.
    shown.as_object_mut().and_then(|members| members.remove("SessionConfiguration"));
    if !pool.is_lite() {
        let level = |level: Level| (level.key().to_owned(), json!({"AcrValue": pool.level_name(level)}));
        shown["AcrConfiguration"] = Level::ALL.map(level).into_iter().collect();
    }
    shown["Id"] = pool.id.clone().into();
    shown["Name"] = pool.name.clone().into();
    shown["Arn"] = pool.arn(&cx.app.setup.account_id).into();
    shown["EstimatedNumberOfUsers"] = users.into();
    shown["CreationDate"] = json!(Timestamp(pool.created_at));
    shown["LastModifiedDate"] = json!(Timestamp(pool.modified_at));
    Ok(shown)
}

/// Makes a pool. The tag `_custom_id_` gives it its id.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct CreateUserPool(Members);

impl Operation for CreateUserPool {
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value> {
        let pool = pools::create(&cx, self.0).await?;
        Ok(json!({"UserPool": described(&cx, &pool, 0)?}))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeUserPool {
    user_pool_id: String,
}

impl Operation for DescribeUserPool {
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value> {
        let pool = directory::pool(&cx, &self.user_pool_id).await?;
        let users = population::of(&cx, &pool.id).await?;
        let mut shown = described(&cx, &pool, users)?;
        for domain in domains::of_pool(&cx, &pool.id).await? {
            let member = if domain.is_custom() { "CustomDomain" } else { "Domain" };
            shown[member] = domain.name.into();
        }
        Ok(json!({"UserPool": shown}))
    }
}

/// Replaces the settings: what is not named falls back to its default.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateUserPool {
    user_pool_id: String,
    #[serde(flatten)]
    members: Members,
}

impl Operation for UpdateUserPool {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        pools::update(&cx, &self.user_pool_id, self.members).await?;
        Ok(Empty {})
    }
}

/// Deletes a pool that is not protected, with everything in it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteUserPool {
    user_pool_id: String,
}

impl Operation for DeleteUserPool {
    type Output = ();

    async fn run(self, cx: Cx) -> Result<()> {
        pools::delete(&cx, &self.user_pool_id).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUserPools {
    max_results: usize,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUserPoolsOutput {
    user_pools: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for ListUserPools {
    type Output = ListUserPoolsOutput;

    async fn run(self, cx: Cx) -> Result<ListUserPoolsOutput> {
        let page = pools::list(&cx, self.max_results, self.next_token.as_deref()).await?;
        let shown = |pool: Pool| {
            json!({
                "Id": pool.id,
                "Name": pool.name,
                "LambdaConfig": pool.settings.lambda_config,
                "CreationDate": Timestamp(pool.created_at),
                "LastModifiedDate": Timestamp(pool.modified_at),
            })
        };
        Ok(ListUserPoolsOutput { user_pools: page.items.into_iter().map(shown).collect(), next_token: page.next })
    }
}

/// Adds attributes to the schema, for good.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddCustomAttributes {
    user_pool_id: String,
    custom_attributes: Value,
}

impl Operation for AddCustomAttributes {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        directory::pool(&cx, &self.user_pool_id).await?;
        pools::add_custom_attributes(&cx, &self.user_pool_id, named_attributes(self.custom_attributes)?).await?;
        Ok(Empty {})
    }
}

/// What a pool asks for after the first factor.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetUserPoolMfaConfig {
    user_pool_id: String,
}

impl Operation for GetUserPoolMfaConfig {
    type Output = Members;

    async fn run(self, cx: Cx) -> Result<Members> {
        Ok(directory::pool(&cx, &self.user_pool_id).await?.settings.second_factors())
    }
}

/// Changes what is named, and shows the whole.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetUserPoolMfaConfig {
    user_pool_id: String,
    #[serde(flatten)]
    members: Members,
}

impl Operation for SetUserPoolMfaConfig {
    type Output = Members;

    async fn run(self, cx: Cx) -> Result<Members> {
        pools::set_second_factors(&cx, &self.user_pool_id, self.members).await
    }
}
