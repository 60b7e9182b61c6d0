//! `[[pool]]` and what it holds: clients, groups, users, resource servers, triggers.

use std::collections::BTreeMap;

use super::{
    Place, Placed, form,
    reader::Reader,
    standards::Standards,
    tree::{Node, Table, Value},
    trigger::{self, Trigger},
};
use crate::kit::secret::Secret;

#[derive(Clone, Debug)]
pub struct Pool {
    pub at: Place,
    pub id: String,
    pub name: String,
    /// CreateUserPool's members by their AWS names.
    pub settings: Settings,
    /// `oidc = "strict"`: OpenID Connect to the letter where Cognito differs.
    pub strict_oidc: bool,
    pub clients: Vec<Client>,
    pub groups: Vec<Group>,
    pub users: Vec<User>,
    pub resource_servers: Vec<ResourceServer>,
    /// By their names in `LambdaConfig`.
    pub triggers: BTreeMap<String, Trigger>,
    /// SetUserPoolMfaConfig's members by their AWS names. Without it second factors stay as they are.
    pub mfa: Option<Settings>,
    pub domains: Vec<Domain>,
    pub identity_providers: Vec<IdentityProvider>,
}

/// `[[pool.domain]]`: where the pool's pages live.
#[derive(Clone, Debug)]
pub struct Domain {
    pub at: Place,
    /// A prefix, or the whole name when there is a certificate.
    pub name: String,
    pub certificate_arn: Option<String>,
    pub security_policy: Option<String>,
    pub managed_login_version: Option<i64>,
}

/// `[[pool.identity_provider]]`: who else vouches for users.
#[derive(Clone, Debug)]
pub struct IdentityProvider {
    pub at: Place,
    pub name: String,
    /// The service's name of the type, such as `OIDC`.
    pub kind: String,
    /// `ProviderDetails` by the service's names.
    pub details: BTreeMap<String, String>,
    /// Attribute of the pool → claim of the provider.
    pub attribute_mapping: BTreeMap<String, String>,
    pub idp_identifiers: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Client {
    pub at: Place,
    pub id: String,
    pub name: String,
    pub secret: Option<Secret>,
    /// Whether a client without a secret is given one when it is made.
    pub generates_secret: bool,
    /// CreateUserPoolClient's members by their AWS names.
    pub settings: Settings,
    /// Members of a client's registration that the service does not know, by their names there.
    pub oidc: Oidc,
}

/// `[pool.client.oidc]`: what a client of a strict pool is beyond the service's settings.
#[derive(Clone, Debug, Default)]
pub struct Oidc {
    pub backchannel_logout_uri: Option<String>,
    pub backchannel_logout_session_required: bool,
    pub device_grant: bool,
    pub dpop_bound_access_tokens: bool,
    /// A JWK set.
    pub jwks: Option<serde_json::Value>,
    pub jwks_uri: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Group {
    pub at: Place,
    pub name: String,
    pub description: Option<String>,
    pub precedence: Option<u32>,
    pub role_arn: Option<String>,
}

#[derive(Clone, Debug)]
pub struct User {
    pub at: Place,
    pub username: String,
    /// A permanent password. A user without one is created in `FORCE_CHANGE_PASSWORD` with a generated temporary password.
    pub password: Option<Secret>,
    pub groups: Vec<Placed<String>>,
    pub attributes: BTreeMap<String, String>,
    /// How a new user is told, by the service's names of the media. Nobody is told where none is named.
    pub invite: Vec<Placed<String>>,
}

#[derive(Clone, Debug)]
pub struct ResourceServer {
    pub at: Place,
    pub identifier: String,
    pub name: String,
    /// Scope name → description.
    pub scopes: BTreeMap<String, String>,
}

/// A table of AWS-named settings, and where each was written.
#[derive(Clone, Debug)]
pub struct Settings {
    pub at: Place,
    pub value: serde_json::Map<String, serde_json::Value>,
    /// Dotted path (`Policies.PasswordPolicy.MinimumLength`; list items by index, `CallbackURLs.0`) → place.
    pub places: BTreeMap<String, Place>,
}

impl Settings {
    /// The place of `path`, or of the nearest table around it.
    pub fn place_of(&self, path: &str) -> &Place {
        let mut path = path;
        loop {
            if let Some(place) = self.places.get(path) {
                return place;
            }
            match path.rsplit_once('.') {
                Some((around, _)) => path = around,
                None => return &self.at,
            }
        }
    }
}

impl Pool {
    pub(super) fn read(mut section: Reader, standards: &Standards) -> Self {
        let reading = section.reading;
        let at = section.at.clone();
        let id = section.required("id");
        if let Some(id) = id.as_ref().filter(|id| !form::is_pool_id(&id.value)) {
            let message = format!(
                "`pool.id` must be a region, one underscore and letters or digits, such as us-east-1_Example01, found {:?}",
                id.value
            );
            reading.refuse(&id.at, message);
        }
        let id = id.map(|id| id.value).unwrap_or_default();
        let name = title(&mut section, &id);
        let strict_oidc = section.choice("oidc", &[("cognito", false), ("strict", true)]);
        let settings = Settings::read(&mut section);
        let clients = section.tables("client").into_iter().map(|entry| Client::read(entry, standards)).collect();
        let groups = section.tables("group").into_iter().map(Group::read).collect();
        let users = section.tables("user").into_iter().map(|entry| User::read(entry, standards)).collect();
        let resource_servers = section.tables("resource_server").into_iter().map(ResourceServer::read).collect();
        let triggers = trigger::read_all(&mut section);
        let mfa = section.has("mfa").then(|| Settings::read_table(&mut section, "mfa"));
        section.know("mfa");
        let domains = section.tables("domain").into_iter().map(Domain::read).collect();
        let identity_providers = section.tables("identity_provider").into_iter().map(IdentityProvider::read).collect();
        section.finish();
        Self {
            at,
            id,
            name,
            settings,
            strict_oidc: strict_oidc.is_some_and(|said| said.value),
            clients,
            groups,
            users,
            resource_servers,
            triggers,
            mfa,
            domains,
            identity_providers,
        }
    }
}

/// The name of a pool or a client; without one it is called by its id.
fn title(section: &mut Reader, id: &str) -> String {
    let Some(name) = section.string("name") else { return id.to_owned() };
    if !form::is_title(&name.value) {
        let message = format!(
            "`{}` must be 1 to 128 letters, digits, spaces or any of _+=,.@-, found {:?}",
            section.path("name"),
            name.value
        );
        section.reading.refuse(&name.at, message);
    }
    name.value
}

/// The name of a user or a group, which must be there.
fn name(section: &mut Reader, key: &str) -> String {
    let Some(name) = section.required(key) else { return String::new() };
    if !form::is_name(&name.value) {
        let message =
            format!("`{}` must be 1 to 128 characters without spaces, found {:?}", section.path(key), name.value);
        section.reading.refuse(&name.at, message);
    }
    name.value
}

impl Client {
    fn read(mut section: Reader, standards: &Standards) -> Self {
        let at = section.at.clone();
        let id = section.required("id");
        if let Some(id) = id.as_ref().filter(|id| !form::is_client_id(&id.value)) {
            let message = format!("`pool.client.id` must be 1 to 128 letters, digits, _ or +, found {:?}", id.value);
            section.reading.refuse(&id.at, message);
        }
        let id = id.map(|id| id.value).unwrap_or_default();
        let name = title(&mut section, &id);
        let secret = section.secret("secret");
        if let Some(secret) = &secret {
            standards.secret(section.reading, "pool.client.secret", secret);
        }
        let generates = section.boolean("generate_secret");
        if let (Some(said), Some(_)) = (generates.as_ref().filter(|said| said.value), &secret) {
            section.reading.refuse(&said.at, "`pool.client.generate_secret` goes without a `secret`");
        }
        let settings = Settings::read(&mut section);
        let oidc = Oidc::read(section.table("oidc"));
        section.finish();
        let generates_secret = generates.is_some_and(|said| said.value);
        Self { at, id, name, secret: secret.map(|secret| secret.value), generates_secret, settings, oidc }
    }
}

impl Oidc {
    fn read(mut section: Reader) -> Self {
        let oidc = Self {
            backchannel_logout_uri: section.string("backchannel_logout_uri").map(|uri| uri.value),
            backchannel_logout_session_required: section
                .boolean("backchannel_logout_session_required")
                .is_some_and(|said| said.value),
            device_grant: section.boolean("device_grant").is_some_and(|said| said.value),
            dpop_bound_access_tokens: section.boolean("dpop_bound_access_tokens").is_some_and(|said| said.value),
            jwks: Settings::read_named(&mut section, "jwks"),
            jwks_uri: section.string("jwks_uri").map(|uri| uri.value),
        };
        section.finish();
        oidc
    }
}

impl Group {
    fn read(mut section: Reader) -> Self {
        let group = Self {
            at: section.at.clone(),
            name: name(&mut section, "name"),
            description: section.string("description").map(|text| text.value),
            precedence: section.integer("precedence", 0..=i64::from(i32::MAX)),
            role_arn: section.string("role_arn").map(|text| text.value),
        };
        section.finish();
        group
    }
}

impl User {
    fn read(mut section: Reader, standards: &Standards) -> Self {
        let at = section.at.clone();
        let username = name(&mut section, "username");
        let password = section.secret("password");
        if let Some(password) = &password {
            standards.secret(section.reading, "pool.user.password", password);
        }
        let groups = section.strings("groups");
        let attributes = section.string_map("attributes").into_iter().map(|(name, text)| (name, text.value)).collect();
        let invite = section.strings("invite");
        for medium in invite.iter().filter(|medium| !["EMAIL", "SMS"].contains(&medium.value.as_str())) {
            let message = format!("`pool.user.invite` must hold \"EMAIL\" or \"SMS\", found {:?}", medium.value);
            section.reading.refuse(&medium.at, message);
        }
        section.finish();
        Self { at, username, password: password.map(|password| password.value), groups, attributes, invite }
    }
}

impl Domain {
    fn read(mut section: Reader) -> Self {
        let domain = Self {
            at: section.at.clone(),
            name: section.required("name").map(|text| text.value).unwrap_or_default(),
            certificate_arn: section.string("certificate_arn").map(|text| text.value),
            security_policy: section.string("security_policy").map(|text| text.value),
            managed_login_version: section.integer("managed_login_version", 1..=2),
        };
        if domain.certificate_arn.is_none() && domain.security_policy.is_some() {
            section.reading.refuse(&domain.at, "`pool.domain.security_policy` belongs to a domain with a certificate");
        }
        section.finish();
        domain
    }
}

impl IdentityProvider {
    fn read(mut section: Reader) -> Self {
        let at = section.at.clone();
        let name = section.required("name").map(|text| text.value).unwrap_or_default();
        let kinds =
            ["SAML", "Facebook", "Google", "LoginWithAmazon", "SignInWithApple", "OIDC"].map(|kind| (kind, kind));
        if !section.has("type") {
            section.missing("type");
        }
        let kind = section.choice("type", &kinds).map_or(String::new(), |kind| kind.value.to_owned());
        let mut table = section.table("details");
        let mut details = BTreeMap::new();
        // What others must not read may stand in a file of its own.
        for key in ["client_secret", "private_key"] {
            if let Some(secret) = table.secret(key) {
                details.insert(key.to_owned(), secret.value.expose().to_owned());
            }
        }
        details.extend(table.all_strings().into_iter().map(|(key, text)| (key, text.value)));
        let mapping = section.string_map("attribute_mapping").into_iter().map(|(name, text)| (name, text.value));
        let attribute_mapping = mapping.collect();
        let idp_identifiers = section.strings("idp_identifiers").into_iter().map(|text| text.value).collect();
        section.finish();
        Self { at, name, kind, details, attribute_mapping, idp_identifiers }
    }
}

impl ResourceServer {
    fn read(mut section: Reader) -> Self {
        let reading = section.reading;
        let at = section.at.clone();
        let identifier = section.required("identifier");
        if let Some(identifier) = identifier.as_ref().filter(|text| !form::is_scope_text(&text.value, false)) {
            let message =
                format!("`pool.resource_server.identifier` has a forbidden character: {:?}", identifier.value);
            reading.refuse(&identifier.at, message);
        }
        let identifier = identifier.map(|text| text.value).unwrap_or_default();
        let name = section.string("name").map_or_else(|| identifier.clone(), |text| text.value);
        let mut scopes = BTreeMap::new();
        for (scope, description) in section.string_map("scopes") {
            if !form::is_scope_text(&scope, true) {
                reading.refuse(&description.at, format!("the scope {scope:?} has a forbidden character"));
            }
            scopes.insert(scope, description.value);
        }
        section.finish();
        Self { at, identifier, name, scopes }
    }
}

impl Settings {
    fn read(section: &mut Reader) -> Self {
        Self::read_table(section, "settings")
    }

    /// A table of any members, as JSON.
    fn read_named(section: &mut Reader, key: &str) -> Option<serde_json::Value> {
        section.is_table(key).then(|| serde_json::Value::Object(Self::read_table(section, key).value))
    }

    pub(super) fn read_table(section: &mut Reader, key: &str) -> Self {
        let reading = section.reading;
        let at = section.place_of(key);
        let name = section.path(key);
        let mut settings = Self { at, value: serde_json::Map::new(), places: BTreeMap::new() };
        for (key, node) in section.table(key).into_names() {
            match settings.json(&key, node) {
                Ok(value) => {
                    settings.value.insert(key, value);
                }
                Err((at, kind)) => reading.refuse(&at, format!("`{name}.{key}` holds {kind}, which no setting can be")),
            }
        }
        settings
    }

    /// The node as JSON; its places are kept under `path`.
    fn json(&mut self, path: &str, node: Node) -> Result<serde_json::Value, (Place, &'static str)> {
        self.places.insert(path.to_owned(), node.at.clone());
        let kind = node.value.kind();
        Ok(match node.value {
            Value::String(text) | Value::Word(text) => text.into(),
            Value::Integer(integer) => integer.into(),
            Value::Float(float) => float.into(),
            Value::Boolean(boolean) => boolean.into(),
            Value::Date => return Err((node.at, kind)),
            Value::List(items) => {
                let items = items.into_iter().enumerate();
                items.map(|(index, item)| self.json(&format!("{path}.{index}"), item)).collect::<Result<_, _>>()?
            }
            Value::Table(table) => serde_json::Value::Object(self.object(path, table)?),
        })
    }

    fn object(
        &mut self,
        path: &str,
        table: Table,
    ) -> Result<serde_json::Map<String, serde_json::Value>, (Place, &'static str)> {
        table.into_iter().map(|(key, node)| Ok((key.clone(), self.json(&format!("{path}.{key}"), node)?))).collect()
    }
}
