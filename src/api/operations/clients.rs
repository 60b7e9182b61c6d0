//! App clients.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    api::{Operation, shapes::Timestamp},
    domain::{Client, Error, Result, client::ClientType, pool::Members},
    flows::{Cx, clients, directory},
};

const MOST_CLIENTS: usize = 60;

/// `UserPoolClientType` as the one member of an answer. A client that has a secret shows it to administrators, always.
fn described(client: &Client) -> Result<Value> {
    let unwritable = |error: serde_json::Error| Error::Internal(format!("settings of {}: {error}", client.id));
    let mut shown = serde_json::to_value(&client.settings).map_err(unwritable)?;
    // The first has an operation of its own, the other is none of the service's.
    if let Some(members) = shown.as_object_mut() {
        members.remove("SSOMinutes");
        members.remove("RelyingParty");
    }
    shown["ClientId"] = client.id.clone().into();
    shown["ClientName"] = client.name.clone().into();
    shown["UserPoolId"] = client.pool_id.clone().into();
    shown["CreationDate"] = json!(Timestamp(client.created_at));
    shown["LastModifiedDate"] = json!(Timestamp(client.modified_at));
    if let Some(secret) = client.secrets.first() {
        shown["ClientSecret"] = secret.value.expose().into();
    }
    Ok(json!({"UserPoolClient": shown}))
}

/// Makes a client, with a secret when it is asked for.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateUserPoolClient {
    user_pool_id: String,
    #[serde(flatten)]
    members: Members,
}

impl Operation for CreateUserPoolClient {
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value> {
        described(&clients::create(&cx, &self.user_pool_id, self.members).await?)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeUserPoolClient {
    user_pool_id: String,
    client_id: String,
}

impl Operation for DescribeUserPoolClient {
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value> {
        let (_, client) = directory::client_of(&cx, &self.user_pool_id, &self.client_id).await?;
        described(&client)
    }
}

/// Replaces the settings: what is not named falls back to its default.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateUserPoolClient {
    user_pool_id: String,
    client_id: String,
    #[serde(flatten)]
    members: Members,
}

impl Operation for UpdateUserPoolClient {
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value> {
        described(&clients::update(&cx, &self.user_pool_id, &self.client_id, self.members).await?)
    }
}

/// Deletes the client; its refresh tokens count no more.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteUserPoolClient {
    user_pool_id: String,
    client_id: String,
}

impl Operation for DeleteUserPoolClient {
    type Output = ();

    async fn run(self, cx: Cx) -> Result<()> {
        clients::delete(&cx, &self.user_pool_id, &self.client_id).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUserPoolClients {
    user_pool_id: String,
    max_results: Option<usize>,
    next_token: Option<String>,
    client_type: Option<ClientType>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUserPoolClientsOutput {
    user_pool_clients: Vec<ClientDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ClientDescription {
    client_id: String,
    user_pool_id: String,
    client_name: String,
}

impl Operation for ListUserPoolClients {
    type Output = ListUserPoolClientsOutput;

    async fn run(self, cx: Cx) -> Result<ListUserPoolClientsOutput> {
        let limit = self.max_results.unwrap_or(MOST_CLIENTS);
        let page = clients::list(&cx, &self.user_pool_id, self.client_type, limit, self.next_token.as_deref()).await?;
        let shown = |client: Client| ClientDescription {
            client_id: client.id,
            user_pool_id: client.pool_id,
            client_name: client.name,
        };
        Ok(ListUserPoolClientsOutput {
            user_pool_clients: page.items.into_iter().map(shown).collect(),
            next_token: page.next,
        })
    }
}
