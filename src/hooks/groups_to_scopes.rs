//! The built-in rule: each group becomes the scope `<group>-<client id>`.
//!
//! It does what the walkthrough's JavaScript does, without any code to write: the ID token's `scope` claim. Where the pool asks in
//! version 2 or 3, the access token has the scopes too.

use async_trait::async_trait;

use super::{
    AccessTokenOverride, ClaimsAndScopeOverride, ClaimsOverride, Event, GroupConfiguration, Hook, PreTokenGeneration,
    PreTokenGenerationResponse, PreTokenGenerationV2, PreTokenGenerationV2Response, TokenOverride,
};

/// The name by which a pool asks for the rule.
pub const NAME: &str = "groups-to-scopes";

pub struct GroupsToScopes;

fn scopes(groups: &GroupConfiguration, client: &str) -> Vec<String> {
    groups.groups_to_override.iter().flatten().map(|group| format!("{group}-{client}")).collect()
}

#[async_trait]
impl Hook<PreTokenGeneration> for GroupsToScopes {
    async fn call(&self, event: &Event<PreTokenGeneration>) -> Result<PreTokenGenerationResponse, String> {
        let scope = scopes(&event.request.group_configuration, &event.caller_context.client_id).join(" ");
        Ok(PreTokenGenerationResponse {
            claims_override_details: Some(ClaimsOverride {
                claims_to_add_or_override: Some([("scope".to_owned(), scope)].into()),
                ..ClaimsOverride::default()
            }),
        })
    }
}

#[async_trait]
impl Hook<PreTokenGenerationV2> for GroupsToScopes {
    async fn call(&self, event: &Event<PreTokenGenerationV2>) -> Result<PreTokenGenerationV2Response, String> {
        let scopes = scopes(&event.request.common.group_configuration, &event.caller_context.client_id);
        let claims = [("scope".to_owned(), scopes.join(" ").into())].into_iter().collect();
        let id_token = TokenOverride { claims_to_add_or_override: Some(claims), ..TokenOverride::default() };
        let access_token = AccessTokenOverride { scopes_to_add: Some(scopes), ..AccessTokenOverride::default() };
        Ok(PreTokenGenerationV2Response {
            claims_and_scope_override_details: Some(ClaimsAndScopeOverride {
                id_token_generation: Some(id_token),
                access_token_generation: Some(access_token),
                group_override_details: None,
            }),
        })
    }
}
