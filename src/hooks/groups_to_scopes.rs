//! The built-in rule: each group becomes the scope `<group>-<client id>` of the ID token.
//!
//! It does what the walkthrough's JavaScript does, without any code to write.

use async_trait::async_trait;

use super::{ClaimsOverride, Event, Hook, PreTokenGeneration, PreTokenGenerationResponse};

/// The name by which a pool asks for the rule.
pub const NAME: &str = "groups-to-scopes";

pub struct GroupsToScopes;

#[async_trait]
impl Hook<PreTokenGeneration> for GroupsToScopes {
    async fn call(&self, event: &Event<PreTokenGeneration>) -> Result<PreTokenGenerationResponse, String> {
        let client = &event.caller_context.client_id;
        let groups = &event.request.group_configuration.groups_to_override;
        let scope = groups.iter().map(|group| format!("{group}-{client}")).collect::<Vec<_>>().join(" ");
        Ok(PreTokenGenerationResponse {
            claims_override_details: Some(ClaimsOverride {
                claims_to_add_or_override: Some([("scope".to_owned(), scope)].into()),
                ..ClaimsOverride::default()
            }),
        })
    }
}
