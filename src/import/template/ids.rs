//! Ids and names of resources: the same for the same stack and logical id, so that tokens and settings outlive a restart.

use aws_lc_rs::digest;

use super::{
    scope::{DIGITS, Scope},
    stack::{Resource, Stack},
};
use crate::{
    config::{Mistake, Place},
    kit::ids,
};

const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE32: &[u8] = b"0123456789abcdefghijklmnopqrstuv";

/// Characters of a function's name.
const LONGEST_FUNCTION: usize = 64;

/// Up to 32 characters of `alphabet` that stand for `text`.
pub(super) fn derived(text: &str, length: usize, alphabet: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    hash.as_ref().iter().take(length).map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect()
}

impl Scope<'_> {
    fn pinned(&self, name: &str) -> Option<String> {
        let Some(pinned) = self.world.basics.ids.get(name) else { return self.stack.ids.get(name).cloned() };
        self.world.used_ids.borrow_mut().insert(name.to_owned());
        Some(pinned.value.clone())
    }

    pub fn pool_id(&self, name: &str) -> String {
        let made = || format!("{}_{}", self.world.basics.region, self.derived(name, 9, ALPHANUMERIC));
        self.pinned(name).unwrap_or_else(made)
    }

    pub fn client_id(&self, name: &str) -> String {
        self.pinned(name).unwrap_or_else(|| self.derived(name, 26, BASE32))
    }

    pub fn api_id(&self, name: &str) -> String {
        self.pinned(name).unwrap_or_else(|| self.derived(name, 10, DIGITS))
    }

    /// The id of a part of an API. Templates may add to one API, and call what they add by one name.
    pub fn part_id(&self, name: &str) -> String {
        let is_called_so = |stack: &&Stack| stack.resources.contains_key(name);
        match self.world.stacks.iter().filter(is_called_so).count() {
            0 | 1 => name.to_owned(),
            _ => format!("{name}.{}", self.stack.name),
        }
    }

    /// The resource whose id that is.
    pub fn part(&self, id: &str) -> Option<(Self, &Resource)> {
        self.world.stacks.iter().find_map(|stack| {
            let scope = Scope { stack, world: self.world };
            let name = id.strip_suffix(&stack.name).and_then(|rest| rest.strip_suffix('.')).unwrap_or(id);
            let resource = stack.resources.get(name)?;
            (scope.part_id(name) == id).then_some((scope, resource))
        })
    }

    /// What the service would call a resource that has no name of its own.
    pub fn generated_name(&self, name: &str) -> String {
        format!("{}-{name}", self.stack.name)
    }

    fn named(&self, name: &str, resource: &Resource, property: &str) -> String {
        let said = resource.properties.get(property).and_then(|node| self.resolve(node));
        said.and_then(|node| node.as_text().map(str::to_owned)).unwrap_or_else(|| self.generated_name(name))
    }

    /// A name that is made is cut where it is longer than a function's may be, as the service cuts it.
    pub fn function_name(&self, name: &str, resource: &Resource) -> String {
        let made = self.named(name, resource, "FunctionName");
        if resource.properties.contains_key("FunctionName") || made.chars().count() <= LONGEST_FUNCTION {
            return made;
        }
        let kept: String = made.chars().take(LONGEST_FUNCTION - 13).collect();
        format!("{kept}-{}", derived(&made, 12, ALPHANUMERIC))
    }

    fn function_arn(&self, function: &str) -> String {
        let basics = self.world.basics;
        format!("arn:aws:lambda:{}:{}:function:{function}", basics.region, basics.account_id)
    }

    /// What `Ref` (without an attribute) or `Fn::GetAtt` gives.
    pub fn attribute(&self, at: &Place, name: &str, resource: &Resource, attribute: Option<&str>) -> Option<String> {
        let basics = self.world.basics;
        let (region, account) = (&basics.region, &basics.account_id);
        let kind = resource.kind.value.as_str();
        let value = match (kind, attribute) {
            ("AWS::Cognito::UserPool", None | Some("UserPoolId")) => self.pool_id(name),
            ("AWS::Cognito::UserPool", Some("Arn")) => {
                format!("arn:aws:cognito-idp:{region}:{account}:userpool/{}", self.pool_id(name))
            }
            ("AWS::Cognito::UserPool", Some("ProviderName")) => {
                format!("cognito-idp.{region}.amazonaws.com/{}", self.pool_id(name))
            }
            ("AWS::Cognito::UserPool", Some("ProviderURL")) => {
                format!("https://cognito-idp.{region}.amazonaws.com/{}", self.pool_id(name))
            }
            ("AWS::Cognito::UserPoolClient", None | Some("ClientId")) => self.client_id(name),
            ("AWS::Cognito::UserPoolClient", Some("Name")) => self.named(name, resource, "ClientName"),
            ("AWS::Cognito::UserPoolClient", Some("ClientSecret")) => {
                let message =
                    format!("the secret of the client {name} is made when the client is, and is not known before");
                self.notes().warn(at, message);
                return None;
            }
            ("AWS::Cognito::UserPoolGroup", None) => self.named(name, resource, "GroupName"),
            ("AWS::Cognito::UserPoolUser", None) => self.named(name, resource, "Username"),
            ("AWS::Cognito::UserPoolDomain", None) => self.named(name, resource, "Domain"),
            ("AWS::Cognito::UserPoolResourceServer", None) => self.named(name, resource, "Identifier"),
            ("AWS::Cognito::UserPoolIdentityProvider", None) => self.named(name, resource, "ProviderName"),
            ("AWS::Lambda::Function", None) => self.function_name(name, resource),
            ("AWS::Lambda::Function", Some("Arn")) => self.function_arn(&self.function_name(name, resource)),
            ("AWS::Lambda::Version" | "AWS::Lambda::Alias", None | Some("FunctionArn" | "AliasArn")) => {
                let function = resource.properties.get("FunctionName").and_then(|node| self.resolve(node))?;
                let version =
                    if kind.ends_with("Version") { "1".to_owned() } else { self.named(name, resource, "Name") };
                format!("{}:{version}", self.function_arn(ids::function_name(function.as_text()?)))
            }
            ("AWS::Lambda::Version", Some("Version")) => "1".to_owned(),
            ("AWS::ApiGatewayV2::Api", None | Some("ApiId"))
            | ("AWS::ApiGateway::RestApi", None | Some("RestApiId")) => self.api_id(name),
            ("AWS::ApiGatewayV2::Api", Some("ApiEndpoint")) => {
                format!("http://{}.execute-api.localhost:{}", self.api_id(name), basics.gateway_port)
            }
            ("AWS::ApiGateway::RestApi", Some("RootResourceId")) => format!("{name}/"),
            ("AWS::ApiGatewayV2::Stage", None) | ("AWS::ApiGateway::Stage", None) => {
                self.named(name, resource, "StageName")
            }
            ("AWS::ApiGatewayV2::DomainName" | "AWS::ApiGateway::DomainName", None) => {
                self.named(name, resource, "DomainName")
            }
            ("AWS::ApiGatewayV2::Authorizer" | "AWS::ApiGateway::Authorizer", None | Some("AuthorizerId"))
            | ("AWS::ApiGatewayV2::Integration", None | Some("IntegrationId"))
            | ("AWS::ApiGatewayV2::Route", None | Some("RouteId"))
            | ("AWS::ApiGatewayV2::Deployment" | "AWS::ApiGateway::Deployment", None | Some("DeploymentId"))
            | ("AWS::ApiGateway::RequestValidator", None | Some("RequestValidatorId"))
            | ("AWS::ApiGateway::Resource", None | Some("ResourceId")) => self.part_id(name),
            ("AWS::IAM::Role", Some("Arn")) => {
                format!("arn:aws:iam::{account}:role/{}", self.named(name, resource, "RoleName"))
            }
            ("AWS::Logs::LogGroup", None) => self.named(name, resource, "LogGroupName"),
            ("AWS::Logs::LogGroup", Some("Arn")) => {
                let group = self.named(name, resource, "LogGroupName");
                format!("arn:aws:logs:{region}:{account}:log-group:{group}:*")
            }
            (_, None) => self.generated_name(name),
            (_, Some(attribute)) => {
                self.notes().warn(at, format!("`{attribute}` of {name}, an {kind}, has no value here"));
                return None;
            }
        };
        Some(value)
    }

    /// Refuses pins that no template has taken up.
    pub fn check_pins(world: &super::World) {
        for (name, pinned) in &world.basics.ids {
            if world.used_ids.borrow().contains(name) {
                continue;
            }
            let known = world.stacks.iter().flat_map(|stack| stack.resources.keys()).map(String::as_str);
            let message = format!("no pool, client or API has the logical id {name}");
            world.notes.note(Mistake::new(&pinned.at, message).nearest(name, known));
        }
    }
}
