//! OpenAPI documents that a call of the control plane gives: the same reader as for files, and out of it the members of the
//! service's own calls, so that what is imported is judged and kept like what is made part by part.
//! <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/apis.html#ImportApi>

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
};

use serde_json::{Value as Json, json};

use super::{
    Basics, World,
    base_path::Base,
    document::{self, Map, Node, Value},
    http_api::{Api, Route},
    integration::with_fraction,
    notes::Notes,
    openapi,
    properties::boolean,
    scope::Scope,
    stack::{Origin, Stack},
};
use crate::{
    config::{Mistake, Placed},
    flows::http_apis::documents::{Asked, Document, Guard, Operation},
};

type Members = serde_json::Map<String, Json>;

/// Members of a document that the configuration has no words for, or other ones.
#[derive(Default)]
pub(super) struct Written {
    pub description: Option<Placed<String>>,
    pub version: Option<Placed<String>>,
    pub cors: Option<Map>,
    pub tags: Option<Node>,
    /// Under the names that resources have for their members, by the names of their security schemes.
    pub authorizers: BTreeMap<String, Map>,
    /// The same of integrations, by the keys of their routes.
    pub integrations: BTreeMap<String, Map>,
    /// By the keys of their routes.
    pub operations: BTreeMap<String, Option<Placed<String>>>,
}

/// Members of calls. What else a document has was told of by the reader.
const OF_AN_INTEGRATION: [&str; 10] = [
    "connectionType",
    "credentialsArn",
    "description",
    "integrationMethod",
    "integrationType",
    "integrationUri",
    "payloadFormatVersion",
    "requestParameters",
    "responseParameters",
    "timeoutInMillis",
];
const OF_AN_AUTHORIZER: [&str; 8] = [
    "authorizerCredentials",
    "authorizerPayloadFormatVersion",
    "authorizerResultTtlInSeconds",
    "authorizerType",
    "authorizerUri",
    "enableSimpleResponses",
    "identitySource",
    "jwtConfiguration",
];
const TAG_VALUE: &str = "x-amazon-apigateway-tag-value";

/// Reads a document, or tells every mistake in it.
///
/// # Errors
/// One sentence for each mistake.
pub fn read_openapi(asked: &Asked) -> Result<Document, Vec<String>> {
    let source = Arc::new(PathBuf::from("body"));
    let root = document::parse(&source, asked.text).map_err(|mistake| vec![told(mistake)])?;
    let base = Base::named(asked.base_path.unwrap_or("ignore"))
        .ok_or_else(|| vec![format!("Invalid basepath specified. Must be one of [{}]", Base::NAMES.join(", "))])?;
    let basics = Basics {
        region: asked.region.to_owned(),
        account_id: asked.account_id.to_owned(),
        gateway_port: 0,
        code: PathBuf::new(),
        files: Vec::new(),
        parameters: BTreeMap::new(),
        ids: BTreeMap::new(),
    };
    let origin = Origin { name: "import".to_owned(), folder: PathBuf::new(), assets: BTreeMap::new() };
    let world = World {
        basics: &basics,
        stacks: vec![Stack::of_document(origin, &root.at)],
        notes: Notes::default(),
        depth: Cell::new(0),
        used: RefCell::default(),
        used_ids: RefCell::default(),
    };
    let mut api = Api::new("import".to_owned(), &root.at, false);
    (api.base, api.written) = (base, Some(Written::default()));
    let title = world.stacks.first().and_then(|stack| {
        let scope = Scope { stack, world: &world };
        openapi::body(scope, &root, &mut api)
    });
    let [mistakes, warnings, notices] = world.notes.finish();
    let [mistakes, warnings, notices] = [mistakes, warnings, notices].map(|all| all.into_iter().map(told).collect());
    let document = described(api, title, warnings, notices);
    if mistakes.is_empty() { Ok(document) } else { Err(mistakes) }
}

fn told(mistake: Mistake) -> String {
    let Mistake { at, message, suggestion } = mistake;
    let line = if at.line > 0 { format!(" (line {})", at.line) } else { String::new() };
    let meant = suggestion.map(|name| format!("; did you mean {name}?")).unwrap_or_default();
    format!("{message}{meant}{line}")
}

fn described(api: Api, title: Option<Placed<String>>, warnings: Vec<String>, infos: Vec<String>) -> Document {
    let mut written = api.written.unwrap_or_default();
    let mut settings = Members::new();
    for (name, text) in [("name", title), ("description", written.description), ("version", written.version)] {
        settings.extend(text.map(|text| (name.to_owned(), text.value.into())));
    }
    settings.extend(written.cors.as_ref().map(|cors| ("corsConfiguration".to_owned(), of_map(cors).into())));
    let tag = |node: &Node| Some((node.get("name")?.as_text()?.to_owned(), json!(node.get(TAG_VALUE)?.as_text()?)));
    let tags: Members =
        written.tags.as_ref().and_then(Node::as_list).unwrap_or_default().iter().filter_map(tag).collect();
    if !tags.is_empty() {
        settings.insert("tags".to_owned(), tags.into());
    }
    if let Some(node) = api.made.0.get("disable_execute_api_endpoint") {
        let said = matches!(&node.value, crate::config::tree::Value::Word(word) if boolean(word) == Some(true));
        settings.insert("disableExecuteApiEndpoint".to_owned(), said.into());
    }
    let mut authorizers = BTreeMap::new();
    for name in api.authorizers.keys() {
        let Some(members) = written.authorizers.remove(name) else { continue };
        authorizers.insert(name.clone(), authorizer(name, &members));
    }
    let operation = |route: Route| {
        let key = route.key.value;
        let scopes = route.scopes.map(|scopes| scopes.value).unwrap_or_default();
        Operation {
            guard: match route.authorizer {
                _ if route.closed => Guard::Closed,
                Some(name) => Guard::Authorizer(name.value),
                None => Guard::Open,
            },
            scopes: scopes.into_iter().map(|scope| scope.value).collect(),
            name: written.operations.remove(&key).flatten().map(|name| name.value),
            integration: written.integrations.get(&key).map(integration),
            key,
        }
    };
    Document { settings, authorizers, operations: api.routes.into_iter().map(operation).collect(), warnings, infos }
}

fn integration(written: &Map) -> Members {
    members(written, &OF_AN_INTEGRATION)
}

fn authorizer(name: &str, written: &Map) -> Members {
    let mut members = members(written, &OF_AN_AUTHORIZER);
    members.insert("name".to_owned(), name.into());
    if let Some(arn) = members.remove("authorizerCredentials") {
        members.insert("authorizerCredentialsArn".to_owned(), arn);
    }
    members
}

fn members(written: &Map, known: &[&str]) -> Members {
    of_map(written).into_iter().filter(|(name, _)| known.contains(&name.as_str())).collect()
}

/// Members under the names that calls have for them.
fn of_map(map: &Map) -> Members {
    let entry = |(name, node): (&String, &Node)| {
        let mut letters = name.chars();
        let lower = letters.next().map(|first| first.to_lowercase().chain(letters).collect::<String>());
        let name = lower.unwrap_or_default();
        let json = json_of(&name, node);
        (name, json)
    };
    map.iter().map(entry).collect()
}

/// Scalars of a document are texts until it is known what they stand for.
fn json_of(member: &str, node: &Node) -> Json {
    match (&node.value, member) {
        (Value::Null, _) => Json::Null,
        (Value::List(items), _) => items.iter().map(|item| json_of("", item)).collect(),
        (Value::Map(map), "jwtConfiguration" | "corsConfiguration") => of_map(map).into(),
        (Value::Map(map), _) => map.iter().map(|(name, node)| (name.clone(), json_of("", node))).collect(),
        (Value::Text(text), "identitySource") => {
            text.split(',').map(str::trim).filter(|source| !source.is_empty()).collect()
        }
        // One text is a list of it.
        (Value::Text(text), "allowHeaders" | "allowMethods" | "allowOrigins" | "audience" | "exposeHeaders") => {
            json!([text])
        }
        (Value::Text(text), "authorizerType" | "integrationType") => text.to_ascii_uppercase().into(),
        (Value::Text(text), "allowCredentials" | "enableSimpleResponses") => {
            boolean(text).map_or_else(|| json!(text), Json::from)
        }
        (Value::Text(text), "authorizerResultTtlInSeconds" | "maxAge" | "timeoutInMillis") => {
            text.parse::<i64>().map_or_else(|_| json!(text), Json::from)
        }
        // YAML and JSON write the version as a number.
        (Value::Text(text), "authorizerPayloadFormatVersion" | "payloadFormatVersion") => {
            with_fraction(Placed { value: text.clone(), at: node.at.clone() }).value.into()
        }
        (Value::Text(text), _) => json!(text),
    }
}
