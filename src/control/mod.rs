//! The door of the control plane: `apigatewayv2` in REST and JSON below `/v2`. It speaks the protocol and decides nothing.
//!
//! Every operation stands on the one screen of [`dispatch`]. Administrators only, as at the user-pools API; signatures are for
//! the service `apigateway`. <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/resources.html>

mod openapi;
mod protocol;
mod shapes;
mod yaml;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    response::Response,
    routing::any,
};
use http::Method;
use serde_json::{Map, Value, json};

use crate::{
    domain::http_api::{Authorizer, Deployment, Fault, Integration, Route},
    flows::{
        App, Cx,
        http_apis::{Desk, Error, Serving, apis, deployments, documents::Reader, domains, parts, stages, tags},
    },
    web::signature::Gate,
};
use protocol::{Call, Failure, Reply};

const SERVICE: &str = "apigateway";

/// Everything below `/v2`.
pub fn router(app: Arc<App>, serving: Arc<dyn Serving>, reader: Reader) -> Router {
    Router::new().route("/v2/{*path}", any(answer)).with_state((app, serving, reader))
}

type House = (Arc<App>, Arc<dyn Serving>, Reader);

async fn answer(State((app, serving, reader)): State<House>, request: Request) -> Response {
    let request_id = app.random.uuid();
    let (head, body) = request.into_parts();
    let outcome = async {
        let body = protocol::body(body).await?;
        let setup = &app.setup;
        let gate = Gate { mode: setup.mode, keys: &setup.admin_keys, now: app.clock.now(), service: SERVICE };
        let administrator = gate.administrator(&head, &body)?;
        let cx = Cx::new(Arc::clone(&app), &administrator.region, request_id.clone());
        let call = Call::read(&head, &body)?;
        tracing::debug!(request_id, method = %head.method, path = head.uri.path(), "control plane call");
        dispatch(&Desk { cx, serving: Arc::clone(&serving), reader }, &head.method, call).await
    };
    match outcome.await {
        Ok(reply) => protocol::success(&request_id, reply),
        Err(failure) => protocol::refusal(&request_id, &failure),
    }
}

/// The operations.
async fn dispatch(desk: &Desk, method: &Method, mut call: Call) -> Result<Reply, Failure> {
    let segments = std::mem::take(&mut call.segments);
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let body = |call: Call| call.body;
    Ok(match (method.as_str(), &path[..]) {
        ("POST", ["apis"]) => Reply::made(shapes::api(desk, &apis::create(desk, body(call)).await?)),
        ("GET", ["apis"]) => {
            let all = apis::list(desk).await?;
            call.page(desk, "apis", all, |api| in_turn(api.created_at, &api.id), |api| shapes::api(desk, &api))?
        }
        ("PUT", ["apis"]) => openapi::import(desk, None, &mut call).await?,
        ("PUT", ["apis", id]) => openapi::import(desk, Some(id), &mut call).await?,
        ("GET", ["apis", id, "exports", specification]) => openapi::export(desk, id, specification, &call).await?,
        ("GET", ["apis", id]) => Reply::ok(shapes::api(desk, &desk.api(id).await?)),
        ("PATCH", ["apis", id]) => Reply::ok(shapes::api(desk, &apis::update(desk, id, body(call)).await?)),
        ("DELETE", ["apis", id]) => Reply::gone(apis::delete(desk, id).await?),
        ("DELETE", ["apis", id, "cors"]) => Reply::gone(apis::delete_cors(desk, id).await?),

        (_, ["apis", id, "routes", rest @ ..]) => part::<Route>(desk, method, id, rest, call, "routeId").await?,
        (_, ["apis", id, "integrations", rest @ ..]) => {
            part::<Integration>(desk, method, id, rest, call, "integrationId").await?
        }
        (_, ["apis", id, "authorizers", rest @ ..]) => {
            part::<Authorizer>(desk, method, id, rest, call, "authorizerId").await?
        }
        (_, ["apis", _, "models", ..]) => return Err(not_built("Models belong to WebSocket APIs")),

        ("POST", ["apis", id, "stages"]) => Reply::made(shapes::stage(&stages::create(desk, id, body(call)).await?)),
        ("GET", ["apis", id, "stages"]) => {
            let all = stages::list(desk, id).await?;
            call.page(desk, &format!("stages:{id}"), all, |one| one.stage_name.clone(), |one| shapes::stage(&one))?
        }
        ("GET", ["apis", id, "stages", name]) => Reply::ok(shapes::stage(&stages::get(desk, id, name).await?)),
        ("PATCH", ["apis", id, "stages", name]) => {
            Reply::ok(shapes::stage(&stages::update(desk, id, name, body(call)).await?))
        }
        ("DELETE", ["apis", id, "stages", name]) => Reply::gone(stages::delete(desk, id, name).await?),
        ("DELETE", ["apis", id, "stages", name, "routesettings", key @ ..]) => {
            Reply::gone(stages::delete_route_settings(desk, id, name, key.join("/")).await?)
        }
        ("DELETE", ["apis", id, "stages", name, "accesslogsettings"]) => {
            Reply::gone(stages::delete_access_log(desk, id, name).await?)
        }
        ("DELETE", ["apis", id, "stages", name, "cache", "authorizers"]) => {
            Reply::gone(stages::forget_answers(desk, id, name).await?)
        }

        ("POST", ["apis", id, "deployments"]) => {
            Reply::made(shapes::deployment(&deployments::create(desk, id, body(call)).await?))
        }
        ("GET", ["apis", id, "deployments"]) => {
            let all = deployments::list(desk, id).await?;
            let list = format!("deployments:{id}");
            // Newest first.
            let key = |one: &Deployment| in_turn(i64::MAX - one.created_at, &one.id);
            call.page(desk, &list, all, key, |one| shapes::deployment(&one))?
        }
        ("GET", ["apis", id, "deployments", one]) => {
            Reply::ok(shapes::deployment(&deployments::get(desk, id, one).await?))
        }
        ("PATCH", ["apis", id, "deployments", one]) => {
            Reply::ok(shapes::deployment(&deployments::update(desk, id, one, body(call)).await?))
        }
        ("DELETE", ["apis", id, "deployments", one]) => Reply::gone(deployments::delete(desk, id, one).await?),

        ("POST", ["domainnames"]) => Reply::made(shapes::domain(desk, &domains::create(desk, body(call)).await?)),
        ("GET", ["domainnames"]) => {
            let all = domains::list(desk).await?;
            let key = |one: &crate::domain::http_api::GatewayDomain| one.settings.domain_name.clone();
            call.page(desk, "domainnames", all, key, |one| shapes::domain(desk, &one))?
        }
        ("GET", ["domainnames", name]) => Reply::ok(shapes::domain(desk, &domains::get(desk, name).await?)),
        ("PATCH", ["domainnames", name]) => {
            Reply::ok(shapes::domain(desk, &domains::update(desk, name, body(call)).await?))
        }
        ("DELETE", ["domainnames", name]) => Reply::gone(domains::delete(desk, name).await?),
        (_, ["domainnames", _, "routingrules", ..]) => return Err(not_built("This gateway has no routing rules")),
        ("POST", ["domainnames", name, "apimappings"]) => {
            let (id, made) = domains::create_mapping(desk, name, body(call)).await?;
            Reply::made(shapes::with_id(&made, "apiMappingId", &id))
        }
        ("GET", ["domainnames", name, "apimappings"]) => {
            let all: Vec<_> = domains::get(desk, name).await?.mappings.into_iter().collect();
            let list = format!("apimappings:{name}");
            call.page(desk, &list, all, |(id, _)| id.clone(), |(id, one)| shapes::with_id(&one, "apiMappingId", &id))?
        }
        ("GET", ["domainnames", name, "apimappings", id]) => {
            Reply::ok(shapes::with_id(&domains::mapping(desk, name, id).await?, "apiMappingId", id))
        }
        ("PATCH", ["domainnames", name, "apimappings", id]) => {
            let (id, changed) = domains::update_mapping(desk, name, id, body(call)).await?;
            Reply::ok(shapes::with_id(&changed, "apiMappingId", &id))
        }
        ("DELETE", ["domainnames", name, "apimappings", id]) => {
            Reply::gone(domains::delete_mapping(desk, name, id).await?)
        }

        ("GET", ["tags", arn @ ..]) => Reply::ok(json!({"tags": tags::get(desk, &arn.join("/")).await?})),
        ("POST", ["tags", arn @ ..]) => {
            tags::add(desk, &arn.join("/"), call.tags()?).await?;
            Reply::made(json!({}))
        }
        ("DELETE", ["tags", arn @ ..]) => Reply::gone(tags::remove(desk, &arn.join("/"), call.all("tagKeys")).await?),

        (_, ["vpclinks", ..]) => return Err(not_built("This gateway has no VPC links")),
        _ => return Err(Failure::Unknown),
    })
}

/// The five operations of what an API has many of.
async fn part<T: parts::Part>(
    desk: &Desk,
    method: &Method,
    api: &str,
    rest: &[&str],
    call: Call,
    id_member: &str,
) -> Result<Reply, Failure> {
    let shown = |id: &str, part: &T| shapes::with_id(part, id_member, id);
    Ok(match (method.as_str(), rest) {
        ("POST", []) => {
            let (id, made) = parts::create::<T>(desk, api, call.body).await?;
            Reply::made(shown(&id, &made))
        }
        ("GET", []) => {
            let all = parts::list::<T>(desk, api).await?;
            let list = format!("{id_member}:{api}");
            call.page(desk, &list, all, |(id, _)| id.clone(), |(id, one)| shown(&id, &one))?
        }
        ("GET", [id]) => Reply::ok(shown(id, &parts::get::<T>(desk, api, id).await?)),
        ("PATCH", [id]) => Reply::ok(shown(id, &parts::update::<T>(desk, api, id, call.body).await?)),
        ("DELETE", [id]) => Reply::gone(parts::delete::<T>(desk, api, id).await?),
        (_, [_, "routeresponses" | "integrationresponses" | "requestparameters", ..]) => {
            return Err(not_built("Responses and request parameters of routes belong to WebSocket APIs"));
        }
        _ => return Err(Failure::Unknown),
    })
}

/// The key of what is listed by a time. What the files define is of no time, and goes first.
fn in_turn(time: i64, id: &str) -> String {
    format!("{time:020} {id}")
}

/// Named, so that nobody believes that it was done.
fn not_built(what: &str) -> Failure {
    Failure::Flow(Error::Fault(Fault::BadRequest(format!("{what}."))))
}

/// The JSON object of a call.
type Members = Map<String, Value>;
