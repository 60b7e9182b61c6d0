//! Resource servers and their scopes.

use serde::{Deserialize, Serialize};

use crate::{
    api::Operation,
    domain::{ResourceServer, Result},
    flows::{Cx, resource_servers},
};

const MOST_SERVERS: usize = 50;

/// `ResourceServerType`, and the requests that hold the same members.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Server {
    user_pool_id: String,
    identifier: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<Scope>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Scope {
    scope_name: String,
    scope_description: String,
}

impl From<ResourceServer> for Server {
    fn from(server: ResourceServer) -> Self {
        let shown = |(name, description)| Scope { scope_name: name, scope_description: description };
        let scopes: Vec<_> = server.scopes.into_iter().map(shown).collect();
        Self {
            user_pool_id: server.pool_id,
            identifier: server.identifier,
            name: server.name,
            scopes: (!scopes.is_empty()).then_some(scopes),
        }
    }
}

impl From<Server> for ResourceServer {
    fn from(server: Server) -> Self {
        let scopes = server.scopes.unwrap_or_default();
        Self {
            pool_id: server.user_pool_id,
            identifier: server.identifier,
            name: server.name,
            scopes: scopes.into_iter().map(|scope| (scope.scope_name, scope.scope_description)).collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServerOutput {
    resource_server: Server,
}

impl From<ResourceServer> for ServerOutput {
    fn from(server: ResourceServer) -> Self {
        Self { resource_server: server.into() }
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
pub struct CreateResourceServer(Server);

impl Operation for CreateResourceServer {
    type Output = ServerOutput;

    async fn run(self, cx: Cx) -> Result<ServerOutput> {
        resource_servers::create(&cx, self.0.into()).await.map(Into::into)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeResourceServer {
    user_pool_id: String,
    identifier: String,
}

impl Operation for DescribeResourceServer {
    type Output = ServerOutput;

    async fn run(self, cx: Cx) -> Result<ServerOutput> {
        resource_servers::get(&cx, &self.user_pool_id, &self.identifier).await.map(Into::into)
    }
}

/// Replaces name and scopes.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct UpdateResourceServer(Server);

impl Operation for UpdateResourceServer {
    type Output = ServerOutput;

    async fn run(self, cx: Cx) -> Result<ServerOutput> {
        resource_servers::update(&cx, self.0.into()).await.map(Into::into)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteResourceServer {
    user_pool_id: String,
    identifier: String,
}

impl Operation for DeleteResourceServer {
    type Output = ();

    async fn run(self, cx: Cx) -> Result<()> {
        resource_servers::delete(&cx, &self.user_pool_id, &self.identifier).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListResourceServers {
    user_pool_id: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListResourceServersOutput {
    resource_servers: Vec<Server>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for ListResourceServers {
    type Output = ListResourceServersOutput;

    async fn run(self, cx: Cx) -> Result<ListResourceServersOutput> {
        let limit = self.max_results.unwrap_or(MOST_SERVERS);
        let page = resource_servers::list(&cx, &self.user_pool_id, limit, self.next_token.as_deref()).await?;
        Ok(ListResourceServersOutput {
            resource_servers: page.items.into_iter().map(Into::into).collect(),
            next_token: page.next,
        })
    }
}
