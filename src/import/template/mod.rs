//! Templates: CloudFormation, the Serverless Application Model, cloud assemblies and OpenAPI become what `poolhouse.toml` would
//! say in their place, with the template's lines as places.
//!
//! So nothing is checked twice: the configuration's own readers judge what comes out. What is told here is what they cannot know:
//! what a template says and this server cannot do (a warning, which stops the start), and what means nothing here (a notice).

mod assembly;
mod base_path;
mod by_call;
mod desired;
mod document;
mod domains;
mod functions;
mod http_api;
mod ids;
mod integration;
mod made;
mod notes;
mod openapi;
mod outputs;
mod pools;
mod properties;
mod rest_api;
mod rest_integration;
mod sam;
mod scope;
mod stack;
mod validation;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use self::by_call::read_openapi;
use self::{
    desired::Desired,
    document::Node,
    notes::Notes,
    properties::Properties,
    scope::Scope,
    stack::{Resource, Stack},
};
use crate::config::{Mistake, Place, Placed, tree::Table};

/// What a template needs to know of the server, and what the user says about the templates.
pub(super) struct Basics {
    pub region: String,
    pub account_id: String,
    pub gateway_port: u16,
    /// Where inline code is written.
    pub code: PathBuf,
    pub files: Vec<Placed<PathBuf>>,
    pub parameters: BTreeMap<String, Placed<String>>,
    /// Logical id → id.
    pub ids: BTreeMap<String, Placed<String>>,
}

/// What the templates say.
pub(super) struct Outcome {
    /// In the words of `poolhouse.toml`.
    pub table: Table,
    pub mistakes: Vec<Mistake>,
    pub warnings: Vec<Mistake>,
    pub notices: Vec<Mistake>,
    pub outputs: Vec<outputs::Output>,
    /// Every file that was read.
    pub read: Vec<PathBuf>,
}

/// All templates, while they are read.
pub(super) struct World<'a> {
    basics: &'a Basics,
    stacks: Vec<Stack>,
    notes: Notes,
    /// How deep the value that is being resolved lies.
    depth: Cell<usize>,
    /// Given parameters that a template has taken.
    used: RefCell<BTreeSet<String>>,
    used_ids: RefCell<BTreeSet<String>>,
}

/// Reads every template.
pub(super) fn read(basics: &Basics) -> Outcome {
    let notes = Notes::default();
    let mut used = BTreeSet::new();
    let (mut stacks, mut documents, mut read) = (Vec::new(), Vec::new(), Vec::new());
    for file in &basics.files {
        for (path, origin) in assembly::templates(file, &notes, &mut read) {
            let Some(root) = parse(&path, &file.at, &notes) else { continue };
            read.push(path);
            if root.get("openapi").is_some() || root.get("swagger").is_some() {
                stacks.push(Stack::of_document(origin, &root.at));
                documents.push((root, stacks.len() - 1));
            } else if root.get("Resources").is_some() {
                if let Some(stack) = Stack::read(root, origin, basics, &mut used, &notes) {
                    read.extend(stack.read.iter().cloned());
                    stacks.push(stack);
                }
            } else {
                notes.refuse(&root.at, "this is no template: it has neither `Resources` nor `openapi`");
            }
        }
    }
    let mut seen: BTreeMap<&str, &Place> = BTreeMap::new();
    for stack in &stacks {
        if let Some(first) = seen.insert(&stack.name, &stack.at) {
            let message =
                format!("two templates are called {}, and ids are derived from it; the other is {first}", stack.name);
            notes.refuse(&stack.at, message);
        }
    }
    let world =
        World { basics, stacks, notes, depth: Cell::new(0), used: RefCell::new(used), used_ids: RefCell::default() };
    let mut desired = Desired::default();
    for (root, index) in &documents {
        let Some(stack) = world.stacks.get(*index) else { continue };
        desired.add_api(openapi::by_itself(Scope { stack, world: &world }, root));
    }
    resources(&world, &mut desired);
    let outputs = outputs::read(&world);
    check_given(&world);
    let whole = basics.files.first().map_or_else(|| Place::whole("template"), |file| file.at.clone());
    let table = desired.finish(&whole);
    let [mistakes, warnings, notices] = world.notes.finish();
    Outcome { table, mistakes, warnings, notices, outputs, read }
}

fn parse(path: &Path, named: &Place, notes: &Notes) -> Option<Node> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            notes.refuse(named, format!("the template {} cannot be read: {error}", path.display()));
            return None;
        }
    };
    match document::parse(&Arc::new(path.to_owned()), &text) {
        Ok(root) => Some(root),
        Err(mistake) => {
            notes.note(mistake);
            None
        }
    }
}

/// Resources in the order in which they need each other.
fn resources(world: &World, desired: &mut Desired) {
    let mut all: Vec<(u8, &Stack, &String, &Resource)> = Vec::new();
    for stack in &world.stacks {
        for (name, resource) in &stack.resources {
            if (Scope { stack, world }).is_wanted(resource) {
                all.push((rank(&resource.kind.value), stack, name, resource));
            }
        }
    }
    all.sort_by_key(|(rank, ..)| *rank);
    for (_, stack, name, resource) in all {
        make(Scope { stack, world }, name, resource, desired);
    }
    desired.apis().iter_mut().for_each(|api| http_api::check_stages(api, &world.notes));
}

fn rank(kind: &str) -> u8 {
    match kind {
        "AWS::Cognito::UserPool" | "AWS::ApiGateway::RestApi" | "AWS::ApiGatewayV2::Api" | "AWS::Lambda::Function" => 0,
        "AWS::Cognito::UserPoolUserToGroupAttachment"
        | "AWS::ApiGateway::BasePathMapping"
        | "AWS::ApiGateway::Method"
        | "AWS::ApiGatewayV2::Route"
        | "AWS::ApiGatewayV2::Stage"
        | "AWS::ApiGatewayV2::ApiMapping" => 2,
        "AWS::ApiGateway::Stage" | "AWS::ApiGatewayV2::ApiGatewayManagedOverrides" => 3,
        // What has a resource of its own goes first.
        "AWS::ApiGateway::Deployment" => 4,
        _ => 1,
    }
}

/// Kinds of resources, or beginnings of their names, that mean nothing without the service's own infrastructure.
const MEANINGLESS: [&str; 14] = [
    "AWS::ApiGateway::Account",
    "AWS::ApiGateway::ClientCertificate",
    "AWS::ApiGateway::DocumentationPart",
    "AWS::ApiGateway::DocumentationVersion",
    "AWS::ApiGateway::Model",
    "AWS::CDK::Metadata",
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::CloudWatch::",
    "AWS::IAM::",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::Logs::",
];

/// What the Serverless Framework calls the bucket that it deploys from, with its policy.
const DEPLOYMENT_BUCKET: &str = "ServerlessDeploymentBucket";

const KNOWN: [&str; 28] = [
    "AWS::ApiGateway::Authorizer",
    "AWS::ApiGateway::BasePathMapping",
    "AWS::ApiGateway::Deployment",
    "AWS::ApiGateway::DomainName",
    "AWS::ApiGateway::GatewayResponse",
    "AWS::ApiGateway::Method",
    "AWS::ApiGateway::RequestValidator",
    "AWS::ApiGateway::Resource",
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGateway::Stage",
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::ApiGatewayManagedOverrides",
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::Deployment",
    "AWS::ApiGatewayV2::DomainName",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Stage",
    "AWS::Cognito::UserPool",
    "AWS::Cognito::UserPoolClient",
    "AWS::Cognito::UserPoolDomain",
    "AWS::Cognito::UserPoolGroup",
    "AWS::Cognito::UserPoolIdentityProvider",
    "AWS::Cognito::UserPoolResourceServer",
    "AWS::Cognito::UserPoolUser",
    "AWS::Cognito::UserPoolUserToGroupAttachment",
    "AWS::Lambda::Function",
];

fn make(scope: Scope, name: &str, resource: &Resource, desired: &mut Desired) {
    let kind = resource.kind.value.as_str();
    let properties = || Properties::new(scope, &resource.at, name, resource.properties.clone());
    match kind {
        "AWS::Cognito::UserPool" => pools::pool(name, resource.metadata.as_ref(), properties(), desired),
        "AWS::Lambda::Function" => {
            let called = scope.function_name(name, resource);
            functions::function(name, resource.metadata.as_ref(), &called, properties(), desired);
        }
        "AWS::ApiGatewayV2::Api" => http_api::api(name, properties(), desired),
        "AWS::ApiGateway::RestApi" => rest_api::api(name, properties(), desired),
        "AWS::ApiGatewayV2::DomainName" | "AWS::ApiGateway::DomainName" => domains::domain(properties(), desired),
        "AWS::ApiGatewayV2::ApiMapping" => domains::mapping(properties(), desired),
        "AWS::ApiGateway::BasePathMapping" => rest_api::mapping(properties(), desired),
        _ if MEANINGLESS.iter().any(|known| kind.starts_with(known)) => {
            scope.notes().tell(&resource.at, format!("{name}: {kind} means nothing here"));
        }
        // It holds code on its way to functions, and nothing that they ask for.
        _ if kind.starts_with("AWS::S3::Bucket") && name.starts_with(DEPLOYMENT_BUCKET) => {
            scope.notes().tell(&resource.at, format!("{name}: the bucket of a deployment means nothing here"));
        }
        _ if !KNOWN.contains(&kind) => {
            let message = format!("{name}: {kind} is not supported");
            scope.notes().warn_of(Mistake::new(&resource.kind.at, message).nearest(kind, KNOWN));
        }
        _ if kind.starts_with("AWS::Cognito::") => pools::member(kind, name, properties(), desired),
        _ if kind.starts_with("AWS::ApiGateway::") => rest_api::part(kind, name, properties(), desired),
        _ => http_api::part(kind, name, properties(), desired),
    }
}

/// Refuses parameters and pins that nobody has taken up.
fn check_given(world: &World) {
    for (name, given) in &world.basics.parameters {
        if !world.used.borrow().contains(name) {
            let known = world.stacks.iter().flat_map(|stack| stack.parameters.keys()).map(String::as_str);
            let message = format!("no template has the parameter {name}");
            world.notes.note(Mistake::new(&given.at, message).nearest(name, known));
        }
    }
    Scope::check_pins(world);
}
