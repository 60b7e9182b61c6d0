//! `Domain` of an API: a custom domain, and the paths of it that lead to the API's stage.
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-httpapi-httpapidomainconfiguration.html>

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::Value as Json;

use super::{
    super::{
        document::{Map, Node, Value},
        notes::Notes,
        properties::boolean,
        stack::{Resource, Stack},
    },
    as_map, leftovers,
};
use crate::config::{Mistake, Placed};

const TRUST: &str = "MutualTlsAuthentication";
const KNOWN: [&str; 5] = ["BasePath", "CertificateArn", "DomainName", TRUST, "NormalizeBasePath"];

/// Certificates are the server's own, and names are not resolved here.
const MEANINGLESS: [&str; 7] = [
    "AccessAssociation",
    "CertificateArn",
    "EndpointConfiguration",
    "IpAddressType",
    "OwnershipVerificationCertificateArn",
    "Route53",
    "SecurityPolicy",
];

/// Adds a domain with its mappings to the API `name`, which is `api`. APIs of one domain share it.
pub(super) fn add(name: &str, domain: Node, stage: &Node, api: &Resource, stack: &mut Stack, notes: &Notes) {
    let is_rest = api.kind.value == super::REST_API;
    let Some((at, mut members)) = as_map(domain, "`Domain`", notes) else { return };
    let Some(host) = members.remove("DomainName") else {
        return notes.refuse(&at, format!("`Domain` of {name} has no `DomainName`"));
    };
    for meaningless in MEANINGLESS {
        if let Some(node) = members.remove(meaningless) {
            notes.tell(&node.at, format!("`{meaningless}` of a `Domain` means nothing here"));
        }
    }
    let normal = members.remove("NormalizeBasePath").is_none_or(|node| node.as_text().and_then(boolean) != Some(false));
    let paths = match members.remove("BasePath") {
        None => vec![Node::text(&at, "")],
        Some(Node { value: Value::List(paths), .. }) => paths,
        Some(one) => vec![one],
    };
    let (prefix, kind) = if is_rest {
        ("ApiGatewayDomainName", "AWS::ApiGateway::DomainName")
    } else {
        ("ApiGatewayDomainNameV2", "AWS::ApiGatewayV2::DomainName")
    };
    let logical = format!("{prefix}{}", hash(&host));
    let mut properties = Map::from([("DomainName".to_owned(), host)]);
    properties.extend(members.remove(TRUST).map(|node| (TRUST.to_owned(), node)));
    leftovers(members, "Domain", &KNOWN, notes);
    let resource = |kind: &str, properties: Map| {
        let kind = Placed { value: kind.to_owned(), at: api.kind.at.clone() };
        Resource { at: at.clone(), kind, properties, condition: api.condition.clone(), metadata: None }
    };
    if let Some(asked) = properties.get(TRUST)
        && stack.resources.get(&logical).is_some_and(|shared| shared.properties.get(TRUST) != Some(asked))
    {
        notes.refuse(&asked.at, format!("`{TRUST}` of {name} is not what another API says of the same domain"));
    }
    match stack.resources.get_mut(&logical) {
        // It is there as soon as one of its APIs is.
        Some(shared)
            if shared.condition.as_ref().map(|one| &one.value) != api.condition.as_ref().map(|one| &one.value) =>
        {
            shared.condition = None;
        }
        Some(_) => {}
        None => drop(stack.resources.insert(logical.clone(), resource(kind, properties))),
    }
    for path in paths {
        let Some(text) = path.as_text() else {
            notes.refuse(&path.at, format!("`BasePath` of {name} must hold texts, found {}", path.kind()));
            continue;
        };
        let word: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        let key = if is_rest && normal { word.as_str() } else { text.trim_matches('/') };
        let reference = |to: &str| Node::map(&path.at, [("Ref", Node::text(&path.at, to))]);
        let mut members = Map::from([
            ("DomainName".to_owned(), reference(&logical)),
            ("Stage".to_owned(), stage.clone()),
            ((if is_rest { "RestApiId" } else { "ApiId" }).to_owned(), reference(name)),
        ]);
        if !key.is_empty() {
            let property = if is_rest { "BasePath" } else { "ApiMappingKey" };
            members.insert(property.to_owned(), Node::text(&path.at, key));
        }
        let (kind, suffix) = if is_rest {
            ("AWS::ApiGateway::BasePathMapping", "BasePathMapping")
        } else {
            ("AWS::ApiGatewayV2::ApiMapping", "ApiMapping")
        };
        let made = resource(kind, members);
        if stack.resources.insert(format!("{name}{word}{suffix}"), made).is_some() {
            notes.note(Mistake::new(&path.at, format!("`BasePath` of {name} holds {text:?} twice")));
        }
    }
}

/// What the service's own transform tells domains apart by, so that a template may refer to them.
fn hash(host: &Node) -> String {
    let text = host.as_text().map_or_else(|| json(host).to_string(), str::to_owned);
    hex::encode(&digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref()[..5])
}

fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Text(text) => text.as_str().into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(map) => map.iter().map(|(name, node)| (name.clone(), json(node))).collect(),
    }
}
