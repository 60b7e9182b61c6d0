//! OpenAPI documents: an API that is made of one, and an API whose routing one replaces.
//!
//! What a document asks for arrives in the members of calls, so it is judged by the same rules. Parts that are as before keep their
//! ids, so that a document which changes nothing changes no id either.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-open-api.html>

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Desk, FromFile, Result, apis, parts};
use crate::domain::http_api::{
    ApiSettings, AuthorizationType, Authorizer, AuthorizerType, Fault, HttpApi, Integration, MOST_AUTHORIZERS,
    MOST_INTEGRATIONS, MOST_ROUTES, Route, Routing, read,
};

/// Reads documents. One sentence for each mistake that makes one useless.
pub type Reader = fn(&Asked) -> std::result::Result<Document, Vec<String>>;

/// A document and what is to become of it.
pub struct Asked<'a> {
    pub text: &'a str,
    /// What becomes of the base path: `ignore` (without an answer), `prepend` or `split`.
    pub base_path: Option<&'a str>,
    pub fail_on_warnings: bool,
    /// What stands for `${AWS::Region}` and `${AWS::AccountId}`.
    pub region: &'a str,
    pub account_id: &'a str,
}

/// What a document asks for.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// Members of `CreateApi`.
    pub settings: Map<String, Value>,
    /// Members of `CreateAuthorizer`, by name.
    pub authorizers: BTreeMap<String, Map<String, Value>>,
    pub operations: Vec<Operation>,
    /// What was left out or closed.
    pub warnings: Vec<String>,
    /// What means nothing here.
    pub infos: Vec<String>,
}

/// Who passes a route.
#[derive(Clone, Debug)]
pub enum Guard {
    Open,
    /// Whom the authorizer of this name lets in.
    Authorizer(String),
    /// Nobody: it asks for what cannot be checked here. Without the route a wider one would answer in its place.
    Closed,
}

/// A route in a document.
#[derive(Clone, Debug)]
pub struct Operation {
    pub key: String,
    pub guard: Guard,
    pub scopes: Vec<String>,
    pub name: Option<String>,
    /// Members of `CreateIntegration`.
    pub integration: Option<Map<String, Value>>,
}

/// What came of a document.
pub struct Imported {
    pub api: HttpApi,
    pub warnings: Vec<String>,
    pub infos: Vec<String>,
}

/// `ImportApi`. The API has no stage yet.
pub async fn import(desk: &Desk, asked: &Asked<'_>) -> Result<Imported> {
    let document = open(desk, asked).await?;
    let settings: ApiSettings = read(document.settings.clone())?;
    let api = apis::add(desk, settings, |api, file| {
        api.routing = routing(desk, api, &document, file)?;
        Ok(())
    })
    .await?;
    Ok(Imported { api, warnings: document.warnings, infos: document.infos })
}

/// `ReimportApi`: what the API had is replaced, but for its stages; its tags and whether its own endpoint answers stay as they are
/// where the document does not say.
pub async fn reimport(desk: &Desk, id: &str, asked: &Asked<'_>) -> Result<Imported> {
    desk.api(id).await?;
    let document = open(desk, asked).await?;
    let settings: ApiSettings = read(document.settings.clone())?;
    let Document { warnings, infos, .. } = document.clone();
    let api = desk
        .change(id, move |api, file| {
            let before = std::mem::replace(&mut api.settings, settings);
            if !document.settings.contains_key("tags") {
                api.settings.tags = before.tags;
            }
            if !document.settings.contains_key("disableExecuteApiEndpoint") {
                api.settings.disable_execute_api_endpoint = before.disable_execute_api_endpoint;
            }
            // No document says it, and there are two spellings.
            api.settings.route_selection_expression = before.route_selection_expression;
            api.settings.check()?;
            api.routing = routing(desk, api, &document, file)?;
            Ok(api.clone())
        })
        .await?;
    Ok(Imported { api, warnings, infos })
}

async fn open(desk: &Desk, asked: &Asked<'_>) -> Result<Document> {
    let found = |what: &str, all: &[String]| Fault::bad(format!("{what} found during import:\n\t{}", all.join("\n\t")));
    let document = (desk.reader)(asked).map_err(|mistakes| found("Errors", &mistakes))?;
    if asked.fail_on_warnings && !document.warnings.is_empty() {
        return Err(found("Warnings", &document.warnings).into());
    }
    for members in document.authorizers.values() {
        parts::check_issuer(desk, <Authorizer as parts::Part>::issuer(members)).await?;
    }
    Ok(document)
}

/// The whole routing that the document asks for.
fn routing(desk: &Desk, before: &HttpApi, document: &Document, file: &FromFile) -> Result<Routing> {
    for (what, count, most) in [
        ("Authorizer", document.authorizers.len(), MOST_AUTHORIZERS),
        ("Route", document.operations.len(), MOST_ROUTES),
        ("Integration", document.operations.len(), MOST_INTEGRATIONS),
    ] {
        if count > most {
            return Err(
                Fault::TooMany(format!("Maximum number of {what}s for this API has been reached: {most}")).into()
            );
        }
    }
    let mut api = HttpApi { routing: Routing::default(), ..before.clone() };
    let mut named = BTreeMap::new();
    for (name, members) in &document.authorizers {
        let known = before.routing.authorizers.iter().find(|(_, one)| one.name == *name);
        let id = known.map_or_else(|| parts::id(desk), |(id, _)| id.clone());
        let made = read::<Authorizer>(members.clone()).and_then(|mut one| {
            one.check(&id, &api, &file.functions)?;
            Ok(one)
        });
        let made = made.map_err(|fault| told(&format!("authorizer {name}"), &fault))?;
        named.insert(name.as_str(), (id.clone(), made.authorizer_type));
        api.routing.authorizers.insert(id, made);
    }
    for operation in &document.operations {
        let of_route = |fault: Fault| told(&operation.key, &fault);
        let known = before.routing.routes.iter().find(|(_, route)| route.route_key == operation.key);
        let target = match &operation.integration {
            Some(members) => {
                let made: Integration = read(members.clone()).map_err(of_route)?;
                made.check(&file.functions).map_err(of_route)?;
                let id = integration_id(desk, before, &api, known.map(|(_, route)| route), &made);
                api.routing.integrations.insert(id.clone(), made);
                Some(format!("integrations/{id}"))
            }
            None => None,
        };
        let (authorization_type, authorizer_id) = match &operation.guard {
            Guard::Open | Guard::Closed => (AuthorizationType::None, None),
            Guard::Authorizer(name) => match named.get(name.as_str()) {
                Some((id, AuthorizerType::Jwt)) => (AuthorizationType::Jwt, Some(id.clone())),
                Some((id, AuthorizerType::Request)) => (AuthorizationType::Custom, Some(id.clone())),
                None => return Err(told(&operation.key, &Fault::bad(format!("there is no authorizer {name}"))).into()),
            },
        };
        let mut route = Route {
            route_key: operation.key.clone(),
            target,
            authorization_type,
            authorizer_id,
            authorization_scopes: operation.scopes.clone(),
            operation_name: operation.name.clone(),
            api_key_required: false,
            api_gateway_managed: false,
        };
        let id = known.map_or_else(|| parts::id(desk), |(id, _)| id.clone());
        route.check(&id, &api).map_err(of_route)?;
        if matches!(operation.guard, Guard::Closed) {
            // No call can set it, and none can keep it in a change: the next one that touches the route says who passes.
            route.authorization_type = AuthorizationType::AwsIam;
        }
        api.routing.routes.insert(id, route);
    }
    Ok(api.routing)
}

/// That which the route had before, unless what another route has there by now is different.
fn integration_id(desk: &Desk, before: &HttpApi, now: &HttpApi, route: Option<&Route>, made: &Integration) -> String {
    let old = route.and_then(|route| route.target.as_deref()?.strip_prefix("integrations/"));
    let is_free = |id: &&str| match now.routing.integrations.get(*id) {
        Some(taken) => taken == made,
        None => {
            let target = format!("integrations/{id}");
            let users = before.routing.routes.values().filter(|one| one.target.as_ref() == Some(&target)).count();
            users < 2 || before.routing.integrations.get(*id) == Some(made)
        }
    };
    old.filter(is_free).map_or_else(|| parts::id(desk), str::to_owned)
}

/// Whatever it is, it is the document that must be mended.
fn told(what: &str, fault: &Fault) -> Fault {
    Fault::bad(format!("Errors found during import:\n\t{what}: {fault}"))
}
