//! The settings of a client as they are asked for: the service's defaults, and the rules that hold between members, the pool
//! and its resource servers.
//! <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPoolClient.html>

use std::time::Duration;

use serde_json::Value;

use super::{Client, ClientSettings, Flow, MACHINE_FLOW, RotationFeature, urls};
use crate::domain::{
    attribute::NEVER_WRITABLE,
    error::{Error, Result},
    pool::{Members, Pool, beyond_lite, read},
    provider,
    resource_server::{REGISTER_SCOPE, ResourceServer},
};

/// Members of the calls that are no settings.
const NO_SETTINGS: [&str; 5] = ["UserPoolId", "ClientId", "ClientName", "GenerateSecret", "ClientSecret"];
const DEFAULT_REFRESH_VALIDITY: u32 = 30;
const DEFAULT_SESSION_MINUTES: u32 = 3;
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

fn invalid<T>(text: impl Into<String>) -> Result<T> {
    Err(Error::InvalidParameter(text.into()))
}

impl ClientSettings {
    /// The settings that a call or a file asks for, with the defaults of what it omits. [`Client::check`] holds them against
    /// the pool.
    pub fn requested(mut members: Members) -> Result<Self> {
        members.retain(|name, _| !NO_SETTINGS.contains(&name.as_str()));
        let mut settings: Self = read(Value::Object(members))?;
        // Zero and nothing mean the same.
        settings.refresh_token_validity =
            settings.refresh_token_validity.filter(|amount| *amount > 0).or(Some(DEFAULT_REFRESH_VALIDITY));
        settings.explicit_auth_flows = settings.explicit_auth_flows.filter(|flows| !flows.is_empty());
        settings.allowed_oauth_flows_user_pool_client.get_or_insert(false);
        settings.enable_token_revocation.get_or_insert(true);
        settings.enable_propagate_additional_user_context_data.get_or_insert(false);
        settings.auth_session_validity.get_or_insert(DEFAULT_SESSION_MINUTES);
        Ok(settings)
    }

    /// The settings in place of `former` ones, less what a call that replaces them does not touch.
    #[must_use]
    pub fn replacing(self, former: &Self) -> Self {
        Self {
            sso_minutes: former.sso_minutes,
            client_type: former.client_type,
            relying_party: former.relying_party.clone(),
            ..self
        }
    }
}

impl Client {
    /// Whether the settings hold together, fit the pool, and ask only for scopes that are there.
    pub fn check(&self, pool: &Pool, resource_servers: &[ResourceServer]) -> Result<()> {
        self.check_sign_in_flows()?;
        if self.allows(Flow::Choice) && pool.is_lite() {
            return beyond_lite("ALLOW_USER_AUTH");
        }
        self.check_lifetimes()?;
        self.check_urls()?;
        self.check_oauth(pool, resource_servers)?;
        self.check_attributes(pool)?;
        self.check_relying_party(pool)?;
        if self.settings.enable_propagate_additional_user_context_data == Some(true) && self.is_public() {
            return invalid("EnablePropagateAdditionalUserContextData can only be set for a client with a secret.");
        }
        Ok(())
    }

    /// Whether every provider of the client is one of the pool's, or the pool itself.
    pub fn check_providers(&self, present: &[String]) -> Result<()> {
        let is_there = |name: &&String| *name == provider::OWN || present.contains(name);
        match self.settings.supported_identity_providers.iter().find(|name| !is_there(name)) {
            Some(unknown) => invalid(format!("The provider {unknown} does not exist for User Pool {}.", self.pool_id)),
            None => Ok(()),
        }
    }

    fn check_sign_in_flows(&self) -> Result<()> {
        let flows = self.settings.explicit_auth_flows.as_deref().unwrap_or_default();
        let named = |name: &str| flows.iter().any(|flow| flow == name);
        if named(MACHINE_FLOW) {
            if flows.len() > 1 {
                return invalid(format!("{MACHINE_FLOW} cannot be combined with other ExplicitAuthFlows."));
            }
            if self.is_public() {
                return invalid(format!("{MACHINE_FLOW} can only be set for a client with a secret."));
            }
        }
        let modern = flows.iter().filter(|flow| flow.starts_with("ALLOW_")).count();
        if modern > 0 && modern < flows.len() {
            return invalid(
                "ExplicitAuthFlows cannot mix values that begin with ALLOW_ with ADMIN_NO_SRP_AUTH, \
                 CUSTOM_AUTH_FLOW_ONLY or USER_PASSWORD_AUTH.",
            );
        }
        let rotation = self.settings.refresh_token_rotation;
        if rotation.is_some_and(|rotation| rotation.feature == RotationFeature::Enabled) {
            if named("ALLOW_REFRESH_TOKEN_AUTH") {
                return invalid("Refresh token rotation cannot be enabled together with ALLOW_REFRESH_TOKEN_AUTH.");
            }
            if !self.can_revoke() {
                return invalid("Refresh token rotation requires EnableTokenRevocation.");
            }
        }
        Ok(())
    }

    fn check_lifetimes(&self) -> Result<()> {
        let refresh = self.refresh_token_lifetime();
        let short = [self.access_token_lifetime(), self.id_token_lifetime()];
        let is_short_valid = |lifetime: &Duration| (5 * MINUTE..=DAY).contains(lifetime) && *lifetime <= refresh;
        if short.iter().all(is_short_valid) && (60 * MINUTE..=3_650 * DAY).contains(&refresh) {
            return Ok(());
        }
        invalid("Invalid range for token validity.")
    }

    fn check_urls(&self) -> Result<()> {
        let settings = &self.settings;
        for url in settings.callback_urls.iter().chain(&settings.logout_urls) {
            urls::check(url)?;
        }
        match &settings.default_redirect_uri {
            Some(default) if !settings.callback_urls.contains(default) => {
                invalid("DefaultRedirectURI must be one of the CallbackURLs.")
            }
            _ => Ok(()),
        }
    }

    fn check_oauth(&self, pool: &Pool, resource_servers: &[ResourceServer]) -> Result<()> {
        let settings = &self.settings;
        let (flows, scopes) = (&settings.allowed_oauth_flows, &settings.allowed_oauth_scopes);
        let named = |name: &str| flows.iter().any(|flow| flow == name);
        let is_on = settings.allowed_oauth_flows_user_pool_client == Some(true);
        if is_on && (flows.is_empty() || scopes.is_empty()) {
            return invalid(
                "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows.",
            );
        }
        let is_interactive = named("code") || named("implicit");
        if named("client_credentials") {
            let refuse = |text: &str| Err(Error::InvalidOAuthFlow(text.to_owned()));
            if is_interactive {
                return refuse("client_credentials flow can not be selected along with code flow or implicit flow.");
            }
            if self.is_public() {
                return refuse("client_credentials flow can not be selected if client does not have a client secret.");
            }
            if scopes.iter().all(|scope| pool.knows_scope(scope)) {
                return refuse("client_credentials flow can not be selected without a custom scope.");
            }
        }
        if is_on && is_interactive && settings.callback_urls.is_empty() {
            return invalid("At least one CallbackURL is required for the code flow and the implicit flow.");
        }
        let is_known = |scope: &String| {
            pool.knows_scope(scope)
                || scope == REGISTER_SCOPE
                || resource_servers.iter().any(|server| server.has_scope(scope))
        };
        match scopes.iter().find(|scope| !is_known(scope)) {
            Some(unknown) => Err(Error::NoSuchScope(unknown.clone())),
            None => Ok(()),
        }
    }

    fn check_attributes(&self, pool: &Pool) -> Result<()> {
        let schema = &pool.settings.schema;
        let is_known =
            |name: &String| !name.starts_with("dev:") && schema.iter().any(|attribute| attribute.name == *name);
        if let Some(names) = &self.settings.read_attributes
            && !names.iter().all(is_known)
        {
            return invalid("Invalid read attributes specified while creating a client");
        }
        let Some(names) = &self.settings.write_attributes else { return Ok(()) };
        if !names.iter().all(|name| is_known(name) && !NEVER_WRITABLE.contains(&name.as_str())) {
            return invalid("Invalid write attributes specified while creating a client");
        }
        let mut required = schema.iter().filter(|attribute| attribute.is_required() && attribute.name != "sub");
        match required.find(|attribute| !names.contains(&attribute.name)) {
            Some(_) => invalid("Invalid write attributes specified while creating a client"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
