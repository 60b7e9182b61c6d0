//! Accounts that people make for themselves, and passwords that they forgot.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    api::{
        Operation,
        shapes::{Attribute, CodeDeliveryDetails, Empty, attributes_from, validation_data},
    },
    domain::{Result, user::Status},
    flows::{
        Cx, directory, recover,
        sign_in::signed_up,
        sign_up::{self, Named},
    },
    hooks::ClientMetadata,
    kit::secret::Secret,
};

/// Makes an account. It is confirmed with the code that is sent to an address that the pool verifies.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SignUp {
    client_id: String,
    username: String,
    password: Option<Secret>,
    secret_hash: Option<String>,
    #[serde(default)]
    user_attributes: Vec<Attribute>,
    #[serde(default)]
    validation_data: Vec<Attribute>,
    client_metadata: Option<ClientMetadata>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SignUpOutput {
    user_confirmed: bool,
    user_sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code_delivery_details: Option<CodeDeliveryDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
}

impl Operation for SignUp {
    type Output = SignUpOutput;

    async fn run(self, cx: Cx) -> Result<SignUpOutput> {
        let (pool, client) = directory::client(&cx, &self.client_id).await?;
        let given = sign_up::SignUp {
            pool: Arc::clone(&pool),
            client: Arc::clone(&client),
            username: self.username,
            password: self.password,
            attributes: attributes_from(self.user_attributes),
            secret_hash: self.secret_hash,
            validation_data: validation_data(self.validation_data),
            metadata: self.client_metadata,
        };
        let made = sign_up::sign_up(&cx, given).await?;
        Ok(SignUpOutput {
            session: signed_up::begin(&cx, &pool, &client, &made.user)?,
            user_confirmed: made.user.status == Status::Confirmed,
            user_sub: made.user.sub,
            code_delivery_details: made.delivery.map(Into::into),
        })
    }
}

/// Confirms an account with its code.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConfirmSignUp {
    #[serde(flatten)]
    whom: Whom,
    confirmation_code: String,
    #[serde(default)]
    force_alias_creation: bool,
    /// SignUp's.
    session: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConfirmSignUpOutput {
    /// With it InitiateAuth lets the new user in.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
}

impl Operation for ConfirmSignUp {
    type Output = ConfirmSignUpOutput;

    async fn run(self, cx: Cx) -> Result<ConfirmSignUpOutput> {
        let named = self.whom.named(&cx).await?;
        let proof = (self.confirmation_code.as_str(), self.force_alias_creation);
        Ok(ConfirmSignUpOutput { session: signed_up::confirm(&cx, named, proof, self.session.as_deref()).await? })
    }
}

/// Sends the confirmation code once more.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResendConfirmationCode {
    #[serde(flatten)]
    whom: Whom,
}

impl Operation for ResendConfirmationCode {
    type Output = CodeDeliveryOutput;

    async fn run(self, cx: Cx) -> Result<CodeDeliveryOutput> {
        let named = self.whom.named(&cx).await?;
        let delivery = sign_up::resend(&cx, named).await?;
        Ok(CodeDeliveryOutput { code_delivery_details: delivery.into() })
    }
}

/// Sends a code with which a new password can be set.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ForgotPassword {
    #[serde(flatten)]
    whom: Whom,
}

impl Operation for ForgotPassword {
    type Output = CodeDeliveryOutput;

    async fn run(self, cx: Cx) -> Result<CodeDeliveryOutput> {
        let named = self.whom.named(&cx).await?;
        let delivery = recover::forgot(&cx, named).await?;
        Ok(CodeDeliveryOutput { code_delivery_details: delivery.into() })
    }
}

/// Sets a new password with the code that was sent.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConfirmForgotPassword {
    #[serde(flatten)]
    whom: Whom,
    confirmation_code: String,
    password: Secret,
}

impl Operation for ConfirmForgotPassword {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let named = self.whom.named(&cx).await?;
        recover::confirm(&cx, named, &self.confirmation_code, &self.password).await?;
        Ok(Empty {})
    }
}

/// Where a code went.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CodeDeliveryOutput {
    pub code_delivery_details: CodeDeliveryDetails,
}

/// Whom a call means, through which client, and what it tells the triggers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Whom {
    client_id: String,
    username: String,
    secret_hash: Option<String>,
    client_metadata: Option<ClientMetadata>,
}

impl Whom {
    async fn named(&self, cx: &Cx) -> Result<Named<'_>> {
        let (pool, client) = directory::client(cx, &self.client_id).await?;
        let (username, secret_hash) = (&self.username, self.secret_hash.as_deref());
        Ok(Named { pool, client, username, secret_hash, metadata: self.client_metadata.as_ref() })
    }
}
