//! What signed-in users do to their own accounts, with an access token.

use serde::{Deserialize, Serialize};

use super::sign_up::CodeDeliveryOutput;
use crate::{
    api::{
        Operation,
        shapes::{Attribute, CodeDeliveryDetails, Empty, FullMfaSettings, attributes_from, listed},
    },
    domain::{Result, message::Occasion, token},
    flows::{
        Cx,
        attributes::{self, Change, Writer},
        bearer, factors,
        messages::About,
        revoke, users,
    },
    hooks::ClientMetadata,
    kit::secret::Secret,
};

/// The signed-in user, with the attributes that the client may read.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetUser {
    access_token: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetUserOutput {
    username: String,
    user_attributes: Vec<Attribute>,
    #[serde(flatten)]
    mfa: FullMfaSettings,
}

impl Operation for GetUser {
    type Output = GetUserOutput;

    async fn run(self, cx: Cx) -> Result<GetUserOutput> {
        let mut bearer = bearer::self_service(&cx, &self.access_token).await?;
        bearer.user.attributes.retain(|name, _| token::is_readable(&bearer.client, name));
        Ok(GetUserOutput {
            mfa: FullMfaSettings::of(&factors::preference(&cx, &bearer.user).await?),
            user_attributes: listed(&bearer.user.sub, &bearer.user.attributes),
            username: bearer.user.username,
        })
    }
}

/// Writes attributes. An address that changes is unverified until its code comes back.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateUserAttributes {
    access_token: String,
    user_attributes: Vec<Attribute>,
    client_metadata: Option<ClientMetadata>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateUserAttributesOutput {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    code_delivery_details_list: Vec<CodeDeliveryDetails>,
}

impl Operation for UpdateUserAttributes {
    type Output = UpdateUserAttributesOutput;

    async fn run(self, cx: Cx) -> Result<UpdateUserAttributesOutput> {
        let bearer = bearer::self_service(&cx, &self.access_token).await?;
        let given = attributes_from(self.user_attributes);
        let change = Change::new(given, Writer::Client(&bearer.client)).told(self.client_metadata.as_ref());
        let deliveries = attributes::update(&cx, &bearer.pool, &bearer.user, change).await?;
        let details = |(attribute, delivery)| CodeDeliveryDetails::new(delivery, attribute);
        Ok(UpdateUserAttributesOutput { code_delivery_details_list: deliveries.into_iter().map(details).collect() })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteUserAttributes {
    access_token: String,
    user_attribute_names: Vec<String>,
}

impl Operation for DeleteUserAttributes {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let bearer = bearer::self_service(&cx, &self.access_token).await?;
        let writer = Writer::Client(&bearer.client);
        attributes::delete(&cx, &bearer.pool, &bearer.user, &self.user_attribute_names, writer).await?;
        Ok(Empty {})
    }
}

/// Sends a code to one of the user's addresses.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetUserAttributeVerificationCode {
    access_token: String,
    attribute_name: String,
    client_metadata: Option<ClientMetadata>,
}

impl Operation for GetUserAttributeVerificationCode {
    type Output = CodeDeliveryOutput;

    async fn run(self, cx: Cx) -> Result<CodeDeliveryOutput> {
        let bearer = bearer::self_service(&cx, &self.access_token).await?;
        let about = About {
            pool: &bearer.pool,
            user: &bearer.user,
            occasion: Occasion::VerifyUserAttribute,
            client_id: Some(&bearer.client.id),
            metadata: self.client_metadata.as_ref(),
        };
        let delivery = attributes::send_verification(&cx, &about, &self.attribute_name).await?;
        Ok(CodeDeliveryOutput { code_delivery_details: delivery.into() })
    }
}

/// Proves an address with its code.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VerifyUserAttribute {
    access_token: String,
    attribute_name: String,
    code: String,
}

impl Operation for VerifyUserAttribute {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let bearer = bearer::self_service(&cx, &self.access_token).await?;
        attributes::verify(&cx, &bearer.pool, &bearer.user, &self.attribute_name, &self.code).await?;
        Ok(Empty {})
    }
}

/// Changes the password. Tokens that were given out stay valid.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChangePassword {
    access_token: String,
    previous_password: Option<Secret>,
    proposed_password: Secret,
}

impl Operation for ChangePassword {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let bearer = bearer::self_service(&cx, &self.access_token).await?;
        let previous = self.previous_password.as_ref();
        users::change_password(&cx, &bearer, previous, &self.proposed_password).await?;
        Ok(Empty {})
    }
}

/// Ends every sign-in of the user, this one too. Of a user who is gone they have ended: the service declares no
/// UserNotFoundException here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GlobalSignOut {
    access_token: String,
}

impl Operation for GlobalSignOut {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let bearer = bearer::present(&cx, &self.access_token).await?;
        revoke::everything_of(&cx, &bearer.user).await?;
        Ok(Empty {})
    }
}

/// Deletes the account of the signed-in user.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteUser {
    access_token: String,
}

impl Operation for DeleteUser {
    type Output = ();

    async fn run(self, cx: Cx) -> Result<()> {
        let bearer = bearer::self_service(&cx, &self.access_token).await?;
        users::delete(&cx, &bearer.user).await
    }
}
