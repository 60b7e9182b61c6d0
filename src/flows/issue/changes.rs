//! What groups and the PreTokenGeneration trigger say about tokens, asked before anything is written, and applied when claims
//! are put together.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html>

use serde_json::{Map, Value};

use super::{Issue, Machine, attribute_claim};
use crate::{
    domain::{Pool, Result, group::Membership, token},
    flows::{Cx, triggers},
    hooks::{
        ClaimsOverride, GroupConfiguration, GroupOverride, PreTokenGeneration, PreTokenGenerationV2, TokenOverride,
        TokenSource, TokenVersion,
    },
    store,
};

/// A user may be in so many groups; one page is all of them.
const ALL_GROUPS: i64 = 200;
/// What the service calls the user of a machine's event.
const MACHINE: &str = "ClientCredentials";

/// What is different from the tokens that the user and the client alone would make.
#[derive(Default)]
pub struct Changes {
    pub(super) groups: Membership,
    pub(super) id_token: ClaimChanges,
    pub(super) access_token: ClaimChanges,
    scopes_to_add: Vec<String>,
    scopes_to_suppress: Vec<String>,
    /// Whether a function of version 2 or 3 was asked.
    pub(super) is_versioned: bool,
}

/// Suppression wins over adding.
#[derive(Default)]
pub(super) struct ClaimChanges {
    add: Map<String, Value>,
    suppress: Vec<String>,
}

impl Changes {
    pub async fn ask(cx: &Cx, issue: &Issue) -> Result<Self> {
        let groups = {
            let mut tx = cx.read().await?;
            let (pool_id, sub) = (&issue.pool.id, &issue.user.sub);
            Membership::of(store::groups::of_user(&mut tx, pool_id, sub, "", ALL_GROUPS).await?)
        };
        if !cx.app.hooks.is_set::<PreTokenGeneration>(&issue.pool) {
            return Ok(Self { groups, ..Self::default() });
        }
        let request = PreTokenGeneration {
            source: issue.trigger,
            user_attributes: triggers::user_attributes(cx, &issue.pool, &issue.user).await?,
            group_configuration: GroupConfiguration {
                groups_to_override: Some(groups.names.clone()),
                iam_roles_to_override: Some(groups.roles.clone()),
                preferred_role: groups.preferred_role.clone(),
            },
            client_metadata: issue.client_metadata.clone(),
        };
        let (pool, client, username) = (&issue.pool, Some(issue.client.id.as_str()), &issue.user.username);
        let version = version_of(pool);
        if version > TokenVersion::V1 {
            let request = PreTokenGenerationV2 { common: request, scopes: issue.scopes.clone(), version };
            return Self::asked_v2(cx, pool, (client, username), groups, request).await;
        }
        let answer = cx.ask(pool, client, username, request).await?;
        let mut details = answer.claims_override_details.unwrap_or_default();
        let groups = with_override(groups, details.group_override_details.take());
        Ok(Self { groups, id_token: details.into(), ..Self::default() })
    }

    /// Machines are asked about in version 3 only.
    pub(super) async fn ask_for_machine(cx: &Cx, machine: &Machine) -> Result<Self> {
        let pool = &machine.pool;
        if version_of(pool) < TokenVersion::V3 || !cx.app.hooks.is_set::<PreTokenGenerationV2>(pool) {
            return Ok(Self::default());
        }
        let common = PreTokenGeneration {
            source: TokenSource::ClientCredentials,
            user_attributes: [].into(),
            group_configuration: GroupConfiguration::default(),
            client_metadata: machine.metadata.clone(),
        };
        let request = PreTokenGenerationV2 { common, scopes: machine.scopes.clone(), version: TokenVersion::V3 };
        let about = (Some(machine.client.id.as_str()), MACHINE);
        Self::asked_v2(cx, pool, about, Membership::default(), request).await
    }

    async fn asked_v2(
        cx: &Cx,
        pool: &Pool,
        (client, username): (Option<&str>, &str),
        groups: Membership,
        request: PreTokenGenerationV2,
    ) -> Result<Self> {
        let answer = cx.ask(pool, client, username, request).await?;
        let details = answer.claims_and_scope_override_details.unwrap_or_default();
        let access_token = details.access_token_generation.unwrap_or_default();
        Ok(Self {
            groups: with_override(groups, details.group_override_details),
            id_token: details.id_token_generation.unwrap_or_default().into(),
            access_token: access_token.claims.into(),
            scopes_to_add: access_token.scopes_to_add.unwrap_or_default(),
            scopes_to_suppress: access_token.scopes_to_suppress.unwrap_or_default(),
            is_versioned: true,
        })
    }

    /// The scopes of the access token, where those of the grant are `granted`.
    pub(super) fn scopes(&self, granted: &[String]) -> String {
        let mut scopes: Vec<&str> = granted.iter().map(String::as_str).collect();
        for added in &self.scopes_to_add {
            // With a blank inside it would be two scopes.
            let is_one = !added.is_empty() && !added.contains(char::is_whitespace);
            if is_one && !scopes.contains(&added.as_str()) {
                scopes.push(added);
            }
        }
        scopes.retain(|scope| !self.scopes_to_suppress.iter().any(|suppressed| suppressed == scope));
        scopes.join(" ")
    }
}

fn version_of(pool: &Pool) -> TokenVersion {
    TokenVersion::named(pool.settings.lambda_config.token_version())
}

fn with_override(mut groups: Membership, replaced: Option<GroupOverride>) -> Membership {
    if let Some(replaced) = replaced {
        groups.names = replaced.groups_to_override.unwrap_or(groups.names);
        groups.roles = replaced.iam_roles_to_override.unwrap_or(groups.roles);
        groups.preferred_role = replaced.preferred_role.or(groups.preferred_role);
    }
    groups
}

impl From<ClaimsOverride> for ClaimChanges {
    fn from(details: ClaimsOverride) -> Self {
        let texts = details.claims_to_add_or_override.into_iter().flatten();
        Self {
            add: texts.map(|(name, text)| (name, Value::String(text))).collect(),
            suppress: details.claims_to_suppress.unwrap_or_default(),
        }
    }
}

impl From<TokenOverride> for ClaimChanges {
    fn from(details: TokenOverride) -> Self {
        Self {
            add: details.claims_to_add_or_override.unwrap_or_default(),
            suppress: details.claims_to_suppress.unwrap_or_default(),
        }
    }
}

impl ClaimChanges {
    /// Protected claims are out of reach, but for an access token's `aud`, which may be said to be the client.
    pub(super) fn apply(&self, claims: &mut Map<String, Value>) {
        for (name, value) in &self.add {
            let names_client = name == "aud" && claims.get("client_id") == Some(value);
            if token::is_protected(name) && !names_client {
                continue;
            }
            if let Some(value) = typed(name, value) {
                claims.insert(name.clone(), value);
            }
        }
        for name in self.suppress.iter().filter(|name| !token::is_protected(name)) {
            claims.remove(name);
            if name == "cognito:groups" {
                claims.remove("cognito:roles");
                claims.remove("cognito:preferred_role");
            }
        }
    }
}

/// A few claims keep their type whoever sets them. Text is read as an attribute's would be; what fits neither changes nothing.
fn typed(name: &str, value: &Value) -> Option<Value> {
    let fits = match name {
        "email_verified" | "phone_number_verified" => Value::is_boolean,
        "updated_at" => Value::is_number,
        "address" => Value::is_object,
        _ => return Some(value.clone()),
    };
    match value {
        Value::String(text) => Some(attribute_claim(name, text)).filter(fits),
        other => Some(other.clone()).filter(fits),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn applied(add: Value, suppress: &[&str], claims: Value) -> Value {
        let Value::Object(add) = add else { panic!("no object") };
        let suppress = suppress.iter().map(|name| (*name).to_owned()).collect();
        let Value::Object(mut claims) = claims else { panic!("no object") };
        ClaimChanges { add, suppress }.apply(&mut claims);
        Value::Object(claims)
    }

    #[test]
    fn no_protected_claim_can_be_set_or_suppressed() {
        let names = token::PROTECTED_CLAIMS.iter().chain(&["dev:custom:a", "cognito:other"]);
        for name in names {
            let with = json!({ *name: "before" });
            assert_eq!(applied(json!({ *name: "after" }), &[], with.clone()), with);
            assert_eq!(applied(json!({ *name: "after" }), &[], json!({})), json!({}));
            assert_eq!(applied(json!({}), &[*name], with.clone()), with);
        }
    }

    #[test]
    fn typed_claims_keep_their_type() {
        let text = json!({ "email_verified": "true", "updated_at": "17", "address": "here" });
        let typed = json!({ "email_verified": true, "updated_at": 17, "address": { "formatted": "here" } });
        assert_eq!(applied(text, &[], json!({})), typed);
        assert_eq!(applied(typed.clone(), &[], json!({})), typed);
        let wrong = json!({ "email_verified": 1, "phone_number_verified": [], "updated_at": "soon", "address": true });
        assert_eq!(applied(wrong, &[], typed.clone()), typed);
        let any = json!({ "a": 1, "b": [1, { "c": null }], "d": false, "custom:e": { "f": 1.5 } });
        assert_eq!(applied(any.clone(), &[], json!({})), any);
    }

    #[test]
    fn suppression_wins_and_takes_the_roles_with_the_groups() {
        let claims =
            json!({ "cognito:groups": ["a"], "cognito:roles": ["r"], "cognito:preferred_role": "r", "kept": 1 });
        assert_eq!(applied(json!({ "gone": 1 }), &["gone", "cognito:groups"], claims), json!({ "kept": 1 }));
    }

    #[test]
    fn the_audience_of_an_access_token_may_be_its_client() {
        let claims = json!({ "client_id": "c" });
        assert_eq!(applied(json!({ "aud": "c" }), &[], claims.clone()), json!({ "client_id": "c", "aud": "c" }));
        assert_eq!(applied(json!({ "aud": "d" }), &[], claims.clone()), claims);
    }

    #[test]
    fn scopes_are_added_once_and_suppressed_last() {
        let list = |scopes: &[&str]| scopes.iter().map(|scope| (*scope).to_owned()).collect::<Vec<_>>();
        let changes = Changes {
            scopes_to_add: list(&["rs/read", "openid", "two words", "", "gone"]),
            scopes_to_suppress: list(&["email", "gone"]),
            ..Changes::default()
        };
        assert_eq!(changes.scopes(&list(&["openid", "email"])), "openid rs/read");
    }
}
