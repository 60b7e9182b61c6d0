//! Pools and what is in them, but for their users.

use serde_json::{Map, Value, json};

use super::{Template, object};
use crate::{
    domain::{
        Client, Pool, Provider, Result,
        attribute::{SchemaAttribute, standard_schema},
        mfa::Mode,
    },
    flows::{Cx, clients, directory, domains, groups, providers, resource_servers},
    kit::ids,
    model::MODEL,
};

/// The most that one page of a list holds.
const PAGE: usize = 60;
const SECRETS: [&str; 2] = ["client_secret", "private_key"];

pub(super) async fn pool(cx: &Cx, id: &str, template: &mut Template) -> Result<()> {
    let pool = directory::pool(cx, id).await?;
    let members = settings(&pool, template)?;
    let logical = template.add("Pool", &pool.name, "AWS::Cognito::UserPool", members);
    template.ids.insert(logical.clone(), json!(id));
    template.known.insert(id.to_owned(), logical.clone());
    if pool.strict_oidc {
        template.resources[&logical]["Metadata"] = json!({"Poolhouse": {"oidc": "strict"}});
    }
    let within = |members: Map<String, Value>| {
        let mut all = object([("UserPoolId", Some(json!({"Ref": logical})))]);
        all.extend(members);
        all
    };
    let mut cursor = None;
    loop {
        let page = groups::list(cx, id, PAGE, cursor.as_deref()).await?;
        for group in page.items {
            let members = object([
                ("GroupName", Some(json!(group.name))),
                ("Description", group.description.map(Value::from)),
                ("Precedence", group.precedence.map(Value::from)),
                ("RoleArn", group.role_arn.map(Value::from)),
            ]);
            template.add(&format!("{logical}Group"), &group.name, "AWS::Cognito::UserPoolGroup", within(members));
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let servers = resource_servers::list(cx, id, PAGE, None).await?;
    for server in servers.items {
        let scope = |(name, description)| json!({"ScopeName": name, "ScopeDescription": description});
        let scopes: Vec<Value> = server.scopes.iter().map(scope).collect();
        let members = object([
            ("Identifier", Some(json!(server.identifier))),
            ("Name", Some(json!(server.name))),
            ("Scopes", (!scopes.is_empty()).then(|| scopes.into())),
        ]);
        let kind = format!("{logical}ResourceServer");
        template.add(&kind, &server.identifier, "AWS::Cognito::UserPoolResourceServer", within(members));
    }
    for domain in domains::of_pool(cx, id).await? {
        let custom = domain.settings.custom_domain_config.as_ref();
        let members = object([
            ("Domain", Some(json!(domain.name))),
            ("ManagedLoginVersion", Some(domain.settings.managed_login_version.into())),
            ("CustomDomainConfig", custom.map(|custom| json!(custom))),
        ]);
        template.add(&format!("{logical}Domain"), &domain.name, "AWS::Cognito::UserPoolDomain", within(members));
    }
    let mut cursor = None;
    loop {
        let page = providers::list(cx, id, PAGE, cursor.as_deref()).await?;
        for line in page.items {
            let provider = providers::get(cx, id, &line.name).await?;
            let members = within(provider_members(&provider, &logical, template));
            let kind = format!("{logical}Provider");
            template.add(&kind, &provider.name, "AWS::Cognito::UserPoolIdentityProvider", members);
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    for client_id in clients::all_ids(cx, id).await? {
        let (_, client) = directory::client_of(cx, id, &client_id).await?;
        if client.is_registered() {
            template.left_out.push(format!("the client {client_id} has registered itself"));
            continue;
        }
        let members = within(client_members(&client, template)?);
        let kind = format!("{logical}Client");
        let own = template.add(&kind, &client.name, "AWS::Cognito::UserPoolClient", members);
        template.ids.insert(own.clone(), json!(client_id));
        template.known.insert(client_id, own);
    }
    Ok(())
}

/// The properties of a pool: members of CreateUserPool, and second factors in CloudFormation's own words.
fn settings(pool: &Pool, template: &Template) -> Result<Map<String, Value>> {
    let described = pool.settings.described().map_err(internal)?;
    let mut members = MODEL.pruned("CreateUserPoolRequest", described);
    members.remove("Schema");
    members.insert("UserPoolName".to_owned(), json!(pool.name));
    let schema: Vec<Value> = pool.settings.schema.iter().filter_map(own_attribute).collect();
    if !schema.is_empty() {
        members.insert("Schema".to_owned(), schema.into());
    }
    // An attribute of the pool's own rule is written by the one name that the import takes.
    if let Some(config) = members.get_mut("AdminCreateUserConfig").and_then(Value::as_object_mut) {
        config.remove("UnusedAccountValidityDays");
    }
    let factors = pool.settings.second_factors();
    if pool.settings.mfa_configuration != Mode::Off {
        let mut enabled = Vec::new();
        let has = |name: &str| factors.contains_key(name);
        if has("SmsMfaConfiguration") {
            enabled.push("SMS_MFA");
        }
        if pool.settings.takes_apps() {
            enabled.push("SOFTWARE_TOKEN_MFA");
        }
        if let Some(email) = factors.get("EmailMfaConfiguration") {
            enabled.push("EMAIL_OTP");
            for (from, to) in [("Message", "EmailAuthenticationMessage"), ("Subject", "EmailAuthenticationSubject")] {
                if let Some(text) = email.get(from) {
                    members.insert(to.to_owned(), text.clone());
                }
            }
        }
        members.insert("EnabledMfas".to_owned(), json!(enabled));
    }
    for (from, to) in [
        ("RelyingPartyId", "WebAuthnRelyingPartyID"),
        ("UserVerification", "WebAuthnUserVerification"),
        ("FactorConfiguration", "WebAuthnFactorConfiguration"),
    ] {
        if let Some(value) = factors.get("WebAuthnConfiguration").and_then(|passkeys| passkeys.get(from)) {
            members.insert(to.to_owned(), value.clone());
        }
    }
    if let Some(triggers) = members.get_mut("LambdaConfig") {
        refer_to_functions(triggers, template);
    }
    Ok(without_empty(members))
}

/// ARNs of functions that the template holds become references.
fn refer_to_functions(value: &mut Value, template: &Template) {
    match value {
        Value::String(arn) if arn.starts_with("arn:aws:lambda:") => {
            if let Some(logical) = template.known.get(&format!("function:{}", ids::function_name(arn))) {
                *value = json!({"Fn::GetAtt": [logical, "Arn"]});
            }
        }
        Value::Object(map) => map.values_mut().for_each(|value| refer_to_functions(value, template)),
        _ => {}
    }
}

/// Maps and lists that say nothing are left out.
fn without_empty(members: Map<String, Value>) -> Map<String, Value> {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    members.into_iter().filter(|(_, value)| !is_empty(value)).collect()
}

/// An attribute of the schema that every pool does not have in this form.
fn own_attribute(attribute: &SchemaAttribute) -> Option<Value> {
    if standard_schema().contains(attribute) {
        return None;
    }
    let mut attribute = attribute.clone();
    for before in ["custom:", "dev:"] {
        if let Some(name) = attribute.name.strip_prefix(before) {
            attribute.name = name.to_owned();
        }
    }
    serde_json::to_value(attribute).ok()
}

fn client_members(client: &Client, template: &mut Template) -> Result<Map<String, Value>> {
    let Value::Object(described) = serde_json::to_value(&client.settings).map_err(internal)? else {
        return Ok(Map::new());
    };
    if !client.settings.relying_party.is_empty() {
        template.left_out.push(format!("what the client {} is besides, in `[pool.client.oidc]`", client.id));
    }
    let mut members = without_empty(MODEL.pruned("CreateUserPoolClientRequest", described));
    members.insert("ClientName".to_owned(), json!(client.name));
    if !client.secrets.is_empty() {
        members.insert("GenerateSecret".to_owned(), json!(true));
        template.left_out.push(format!("the secret of the client {}: another one is made", client.id));
    }
    Ok(members)
}

fn provider_members(provider: &Provider, pool: &str, template: &mut Template) -> Map<String, Value> {
    let mut details = Map::new();
    for (key, value) in &provider.details {
        if !SECRETS.contains(&key.as_str()) {
            details.insert(key.clone(), json!(value));
            continue;
        }
        let parameter: String =
            format!("{pool}{}{key}", provider.name).chars().filter(char::is_ascii_alphanumeric).collect();
        let about = json!({"Type": "String", "NoEcho": true, "Description": format!("{key} of {}", provider.name)});
        template.parameters.insert(parameter.clone(), about);
        details.insert(key.clone(), json!({"Ref": parameter}));
    }
    let settings = &provider.settings;
    if !settings.acr_mapping.is_empty() {
        template.left_out.push(format!("the acr mapping of the provider {}", provider.name));
    }
    object([
        ("ProviderName", Some(json!(provider.name))),
        ("ProviderType", Some(json!(provider.kind.name()))),
        ("ProviderDetails", Some(Value::Object(details))),
        ("AttributeMapping", (!settings.attribute_mapping.is_empty()).then(|| json!(settings.attribute_mapping))),
        ("IdpIdentifiers", (!settings.idp_identifiers.is_empty()).then(|| json!(settings.idp_identifiers))),
    ])
}

fn internal(error: serde_json::Error) -> crate::domain::Error {
    crate::domain::Error::Internal(error.to_string())
}
