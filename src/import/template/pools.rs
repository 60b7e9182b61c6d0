//! `AWS::Cognito::*`: pools, and what is in them.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Cognito.html>

use super::{
    desired::Desired,
    document::{Map, Node, Value},
    made::{self, Made},
    properties::{Properties, boolean},
};
use crate::config::{Mistake, Place, Placed, tree};

/// Makes a pool. What belongs into it comes with resources of its own.
///
/// `Metadata.Poolhouse.oidc` says what no property does: whether the pool is strict.
pub(super) fn pool(name: &str, metadata: Option<&Node>, mut properties: Properties, desired: &mut Desired) {
    let scope = properties.scope;
    let at = properties.at.clone();
    let id = scope.pool_id(name);
    let mut made = Made::default();
    made.text("id", &Placed { value: id.clone(), at: at.clone() });
    let pool_name = properties.text("UserPoolName");
    let pool_name = pool_name.unwrap_or_else(|| Placed { value: scope.generated_name(name), at: at.clone() });
    made.text("name", &pool_name);
    if let Some(oidc) = metadata.and_then(|metadata| metadata.get("Poolhouse")?.get("oidc")) {
        made.text("oidc", &Placed { value: oidc.as_text().unwrap_or_default().to_owned(), at: oidc.at.clone() });
    }
    if let Some(factors) = second_factors(&mut properties) {
        made.table("mfa", &at, factors);
    }
    let of = properties.of.clone();
    let rest = resolved(&mut properties);
    made.table("settings", &at, made::settings(scope, "CreateUserPoolRequest", &of, &at, rest));
    properties.finish();
    desired.add_pool(id, made);
}

/// The rest of the properties without functions.
fn resolved(properties: &mut Properties) -> Map {
    let scope = properties.scope;
    let rest = properties.rest().into_iter();
    let entry = |(name, node): (String, Node)| Some((name, scope.resolve(&node)?));
    rest.filter_map(entry).filter(|(_, node)| node.value != Value::Null).collect()
}

/// What SetUserPoolMfaConfig sets, out of the properties that say the same in other words.
fn second_factors(properties: &mut Properties) -> Option<Made> {
    let mut made = Made::default();
    let on = |key: &str, at: &Place, value: bool| {
        let mut inner = Made::default();
        inner.put(key, at, tree::Value::Boolean(value));
        inner
    };
    let enabled = properties.texts("EnabledMfas");
    let (message, subject) =
        (properties.text("EmailAuthenticationMessage"), properties.text("EmailAuthenticationSubject"));
    // Without a list of factors the mode stays among the settings, where a configuration of SMS goes with it.
    if let Some(enabled) = &enabled {
        let at = &enabled.at;
        if let Some(mode) = properties.text("MfaConfiguration") {
            made.text("MfaConfiguration", &mode);
        }
        let has = |factor: &str| enabled.value.iter().any(|one| one.value == factor);
        for factor in &enabled.value {
            let known = ["SMS_MFA", "SOFTWARE_TOKEN_MFA", "EMAIL_OTP"];
            if !known.contains(&factor.value.as_str()) {
                let message = format!("`EnabledMfas` knows {}, found {:?}", known.join(", "), factor.value);
                properties.scope.notes().note(Mistake::new(&factor.at, message).nearest(&factor.value, known));
            }
        }
        if has("SOFTWARE_TOKEN_MFA") {
            made.table("SoftwareTokenMfaConfiguration", at, on("Enabled", at, true));
        }
        if has("EMAIL_OTP") {
            let mut email = Made::default();
            for (key, text) in [("Message", &message), ("Subject", &subject)] {
                if let Some(text) = text {
                    email.text(key, text);
                }
            }
            made.table("EmailMfaConfiguration", at, email);
        }
    }
    if let Some(text) = message.or(subject).filter(|_| !made.0.contains_key("EmailMfaConfiguration")) {
        properties.warn(&text.at, "a message of e-mail authentication needs EMAIL_OTP among `EnabledMfas`");
    }
    let mut passkeys = Made::default();
    properties.copy_text("WebAuthnRelyingPartyID", &mut passkeys, "RelyingPartyId");
    properties.copy_text("WebAuthnUserVerification", &mut passkeys, "UserVerification");
    properties.copy_text("WebAuthnFactorConfiguration", &mut passkeys, "FactorConfiguration");
    if !passkeys.0.is_empty() {
        made.table("WebAuthnConfiguration", &properties.at, passkeys);
    }
    (!made.0.is_empty()).then_some(made)
}

/// Makes what belongs to a pool; false when this is no resource of a pool.
pub(super) fn member(kind: &str, name: &str, properties: Properties, desired: &mut Desired) {
    let mut properties = properties;
    let Some(pool) = properties.required("UserPoolId") else { return drop(properties.rest()) };
    let (key, made) = match kind {
        "AWS::Cognito::UserPoolClient" => ("client", client(name, &mut properties)),
        "AWS::Cognito::UserPoolGroup" => ("group", group(name, &mut properties)),
        "AWS::Cognito::UserPoolUser" => ("user", user(&mut properties)),
        "AWS::Cognito::UserPoolResourceServer" => ("resource_server", resource_server(&mut properties)),
        "AWS::Cognito::UserPoolDomain" => ("domain", domain(&mut properties)),
        "AWS::Cognito::UserPoolIdentityProvider" => ("identity_provider", provider(&mut properties)),
        _ => {
            attach(&pool, &mut properties, desired);
            return properties.finish();
        }
    };
    let at = properties.at.clone();
    let scope = properties.scope;
    properties.finish();
    match desired.pool(&pool.value) {
        Some(found) => found.push(key, &at, made),
        None => scope.notes().refuse(&pool.at, format!("no template has the pool {}", pool.value)),
    }
}

fn client(name: &str, properties: &mut Properties) -> Made {
    let (scope, at) = (properties.scope, properties.at.clone());
    let mut made = Made::default();
    made.text("id", &Placed { value: scope.client_id(name), at: at.clone() });
    let client_name = properties.text("ClientName");
    made.text("name", &client_name.unwrap_or_else(|| Placed { value: scope.generated_name(name), at: at.clone() }));
    properties.copy_word("GenerateSecret", &mut made, "generate_secret");
    let of = properties.of.clone();
    let rest = resolved(properties);
    made.table("settings", &at, made::settings(scope, "CreateUserPoolClientRequest", &of, &at, rest));
    made
}

fn group(name: &str, properties: &mut Properties) -> Made {
    let mut made = Made::default();
    let said = properties.text("GroupName");
    let generated = || Placed { value: properties.scope.generated_name(name), at: properties.at.clone() };
    made.text("name", &said.unwrap_or_else(generated));
    properties.copy_text("Description", &mut made, "description");
    properties.copy_word("Precedence", &mut made, "precedence");
    properties.copy_text("RoleArn", &mut made, "role_arn");
    made
}

fn user(properties: &mut Properties) -> Made {
    let mut made = Made::default();
    if let Some(name) = properties.required("Username") {
        made.text("username", &name);
    }
    let mut attributes = Made::default();
    for item in properties.list("UserAttributes").map(|list| list.value).unwrap_or_default() {
        let Value::Map(map) = item.value else {
            properties.refuse(&item.at, "`UserAttributes` must hold maps of `Name` and `Value`");
            continue;
        };
        let of = format!("UserAttributes of {}", properties.of);
        let mut pair = Properties::new(properties.scope, &item.at, of, map);
        if let (Some(name), Some(value)) = (pair.required("Name"), pair.required("Value")) {
            attributes.text(&name.value, &value);
        }
        pair.finish();
    }
    made.table("attributes", &properties.at, attributes);
    // The service tells new users unless it is asked not to: by SMS, when nobody says how.
    let media = properties.texts("DesiredDeliveryMediums");
    let action = properties.text("MessageAction");
    if action.is_none_or(|action| action.value != "SUPPRESS") {
        let sms = || Placed { value: "SMS".to_owned(), at: properties.at.clone() };
        let media = media.unwrap_or_else(|| Placed { value: vec![sms()], at: properties.at.clone() });
        made.texts("invite", &media.at, media.value);
    }
    made
}

fn resource_server(properties: &mut Properties) -> Made {
    let mut made = Made::default();
    properties.copy_text("Identifier", &mut made, "identifier");
    properties.copy_text("Name", &mut made, "name");
    let mut scopes = Made::default();
    let list = properties.list("Scopes");
    let at = list.as_ref().map_or_else(|| properties.at.clone(), |list| list.at.clone());
    for item in list.map(|list| list.value).unwrap_or_default() {
        let Value::Map(map) = item.value else {
            properties.refuse(&item.at, "`Scopes` must hold maps of `ScopeName` and `ScopeDescription`");
            continue;
        };
        let mut scope = Properties::new(properties.scope, &item.at, format!("Scopes of {}", properties.of), map);
        if let (Some(name), Some(description)) = (scope.required("ScopeName"), scope.required("ScopeDescription")) {
            scopes.text(&name.value, &description);
        }
        scope.finish();
    }
    made.table("scopes", &at, scopes);
    made
}

fn domain(properties: &mut Properties) -> Made {
    let mut made = Made::default();
    if let Some(name) = properties.required("Domain") {
        made.text("name", &name);
    }
    properties.copy_word("ManagedLoginVersion", &mut made, "managed_login_version");
    if let Some(mut custom) = properties.inner("CustomDomainConfig") {
        custom.copy_text("CertificateArn", &mut made, "certificate_arn");
        custom.copy_text("SecurityPolicy", &mut made, "security_policy");
        custom.finish();
    }
    made
}

fn provider(properties: &mut Properties) -> Made {
    let mut made = Made::default();
    for (property, key) in [("ProviderName", "name"), ("ProviderType", "type")] {
        if let Some(text) = properties.required(property) {
            made.text(key, &text);
        }
    }
    for (property, key) in [("ProviderDetails", "details"), ("AttributeMapping", "attribute_mapping")] {
        if let Some(map) = properties.map(property) {
            let mut inner = made::text_map(properties.scope, property, map.value);
            // The service takes text only, and templates hold booleans.
            for node in inner.0.values_mut() {
                if let tree::Value::String(text) = &mut node.value
                    && let Some(value) = boolean(text)
                {
                    *text = value.to_string();
                }
            }
            made.table(key, &map.at, inner);
        }
    }
    properties.copy_texts("IdpIdentifiers", &mut made, "idp_identifiers");
    made
}

/// A user in a group.
fn attach(pool: &Placed<String>, properties: &mut Properties, desired: &mut Desired) {
    let (Some(user), Some(group)) = (properties.required("Username"), properties.required("GroupName")) else { return };
    let Some(found) = desired.pool(&pool.value) else {
        return properties.refuse(&pool.at, format!("no template has the pool {}", pool.value));
    };
    let users = match found.0.get_mut("user").map(|node| &mut node.value) {
        Some(tree::Value::List(users)) => users.as_mut_slice(),
        _ => &mut [],
    };
    let is_named = |node: &&mut tree::Node| match &node.value {
        tree::Value::Table(table) => matches!(
            table.get("username").map(|node| &node.value),
            Some(tree::Value::String(name)) if *name == user.value
        ),
        _ => false,
    };
    let Some(tree::Node { value: tree::Value::Table(table), .. }) = users.iter_mut().find(is_named) else {
        return properties.refuse(&user.at, format!("no template has the user {} of that pool", user.value));
    };
    let item = tree::Node { at: group.at.clone(), value: tree::Value::String(group.value) };
    match table.get_mut("groups").map(|node| &mut node.value) {
        Some(tree::Value::List(groups)) => groups.push(item),
        _ => drop(table.insert("groups".into(), tree::Node { at: group.at, value: tree::Value::List(vec![item]) })),
    }
}
