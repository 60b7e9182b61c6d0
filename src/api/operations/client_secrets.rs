//! The secrets of an app client: two at most, so that one can replace the other without an outage.

use serde::{Deserialize, Serialize};

use crate::{
    api::{
        Operation,
        shapes::{Empty, Timestamp},
    },
    domain::{Result, client::ClientSecret},
    flows::{Cx, clients, directory},
    kit::secret::Secret,
};

/// `ClientSecretDescriptorType`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Descriptor {
    client_secret_id: String,
    /// Only once, and only when it was made here.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_value: Option<Secret>,
    client_secret_create_date: Timestamp,
}

impl From<ClientSecret> for Descriptor {
    fn from(secret: ClientSecret) -> Self {
        Self {
            client_secret_id: secret.id,
            client_secret_value: None,
            client_secret_create_date: secret.created_at.into(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddUserPoolClientSecret {
    user_pool_id: String,
    client_id: String,
    client_secret: Option<Secret>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AddUserPoolClientSecretOutput {
    client_secret_descriptor: Descriptor,
}

impl Operation for AddUserPoolClientSecret {
    type Output = AddUserPoolClientSecretOutput;

    async fn run(self, cx: Cx) -> Result<AddUserPoolClientSecretOutput> {
        let is_generated = self.client_secret.is_none();
        let secret = clients::add_secret(&cx, &self.user_pool_id, &self.client_id, self.client_secret).await?;
        let value = is_generated.then(|| secret.value.clone());
        let client_secret_descriptor = Descriptor { client_secret_value: value, ..secret.into() };
        Ok(AddUserPoolClientSecretOutput { client_secret_descriptor })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUserPoolClientSecrets {
    user_pool_id: String,
    client_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUserPoolClientSecretsOutput {
    client_secrets: Vec<Descriptor>,
}

impl Operation for ListUserPoolClientSecrets {
    type Output = ListUserPoolClientSecretsOutput;

    async fn run(self, cx: Cx) -> Result<ListUserPoolClientSecretsOutput> {
        let (_, client) = directory::client_of(&cx, &self.user_pool_id, &self.client_id).await?;
        Ok(ListUserPoolClientSecretsOutput { client_secrets: client.secrets.iter().cloned().map(Into::into).collect() })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteUserPoolClientSecret {
    user_pool_id: String,
    client_id: String,
    client_secret_id: String,
}

impl Operation for DeleteUserPoolClientSecret {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        clients::delete_secret(&cx, &self.user_pool_id, &self.client_id, &self.client_secret_id).await?;
        Ok(Empty {})
    }
}
