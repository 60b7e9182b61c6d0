//! HTTP APIs and custom domains, changed call by call.
//!
//! A change takes its turn, reads the whole API, is judged against it, tried by the gateway, written and served before it is
//! answered. What the configuration's files define can be read here like everything else, and changed only there.

pub mod apis;
mod compile;
pub mod deployments;
pub mod documents;
pub mod domains;
pub mod extras;
mod from_file;
pub mod parts;
pub mod stages;
pub mod tags;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;

pub use self::{
    compile::{Compiled, SOURCE, compile, compile_domain, compile_settings},
    from_file::{shown_api, shown_domain},
};
use super::Cx;
use crate::{
    config::api as config,
    domain::{
        self,
        http_api::{Deployment, DomainSettings, Fault, GatewayDomain, HttpApi},
    },
    store::{self, StoreError, Tx},
};

/// Why a call comes to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the caller can read and mend.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// What only we can.
    #[error(transparent)]
    Inner(#[from] domain::Error),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Inner(error.into())
    }
}

pub type Result<T> = std::result::Result<T, Error>;

/// The gateway, as far as the control plane needs it.
#[async_trait]
pub trait Serving: Send + Sync {
    /// Why the gateway could not serve this API.
    async fn objection(&self, api: &config::Api) -> Option<String>;

    /// Why the gateway could not serve this domain.
    async fn objection_to_domain(&self, settings: &DomainSettings) -> Option<String>;

    /// What the trust store of a domain that is served holds in vain, one sentence each.
    fn trust_warnings(&self, domain: &str) -> Vec<String>;

    /// The database holds something else: serves it before this returns.
    async fn changed(&self) -> std::result::Result<(), StoreError>;

    /// What the files define now.
    async fn file(&self) -> FromFile;

    /// Where the gateway is reached, such as `http://localhost:9230`.
    fn address(&self) -> &str;
}

/// APIs, domains and functions of the configuration's files.
#[derive(Clone, Debug, Default)]
pub struct FromFile {
    pub apis: Vec<HttpApi>,
    pub domains: Vec<GatewayDomain>,
    /// Names.
    pub functions: Vec<String>,
}

/// One call: the server, and the gateway that it changes.
#[derive(Clone)]
pub struct Desk {
    pub cx: Cx,
    pub serving: Arc<dyn Serving>,
    pub reader: documents::Reader,
}

/// A change that has its turn.
struct Turn {
    tx: Tx,
    before: HttpApi,
    file: FromFile,
}

/// The API `id` does not exist, as the service says it.
fn no_api(cx: &Cx, id: &str) -> Fault {
    Fault::NotFound(format!("Invalid API identifier specified {}:{id}", cx.app.setup.account_id))
}

fn defined_in(what: &str, file: &str) -> Fault {
    Fault::Conflict(format!("{what} is defined in {file}: change it there."))
}

impl Desk {
    /// An API of the database or of a file.
    pub async fn api(&self, id: &str) -> Result<HttpApi> {
        if let Some(api) = self.serving.file().await.apis.into_iter().find(|api| api.id == id) {
            return Ok(api);
        }
        let found = store::http_apis::find(&mut self.cx.read().await?, id).await?;
        Ok(found.ok_or_else(|| no_api(&self.cx, id))?)
    }

    /// Changes an API, and answers once the gateway serves it as it is then.
    pub async fn change<T: Send>(
        &self,
        id: &str,
        change: impl FnOnce(&mut HttpApi, &FromFile) -> Result<T> + Send,
    ) -> Result<T> {
        let turn = self.turn(id).await?;
        self.change_in(turn, change).await
    }

    /// The turn of one change, so that more can be asked before it which must hold until its end.
    async fn turn(&self, id: &str) -> Result<Turn> {
        let file = self.serving.file().await;
        if let Some(api) = file.apis.iter().find(|api| api.id == id) {
            let source = api.file.as_deref().unwrap_or_default();
            return Err(defined_in(&format!("API {id}"), source).into());
        }
        let mut tx = self.cx.begin().await?;
        store::http_apis::lock(&mut tx).await?;
        let before = store::http_apis::find(&mut tx, id).await?.ok_or_else(|| no_api(&self.cx, id))?;
        Ok(Turn { tx, before, file })
    }

    async fn change_in<T: Send>(
        &self,
        turn: Turn,
        change: impl FnOnce(&mut HttpApi, &FromFile) -> Result<T> + Send,
    ) -> Result<T> {
        let Turn { mut tx, before, file } = turn;
        let mut api = before.clone();
        let answer = change(&mut api, &file)?;
        self.settle(&mut tx, Some(&before), &mut api, &file).await?;
        store::http_apis::update(&mut tx, &api).await?;
        tx.commit().await?;
        self.serving.changed().await?;
        Ok(answer)
    }

    /// Deploys to the stages that want it, and asks the gateway whether it could serve the API.
    async fn settle(&self, tx: &mut Tx, before: Option<&HttpApi>, api: &mut HttpApi, file: &FromFile) -> Result<()> {
        let automatic = |api: &HttpApi| api.stages.values().filter(|stage| stage.auto_deploy).count();
        let moved = before.is_none_or(|before| before.routing != api.routing || automatic(before) < automatic(api));
        if moved {
            let id = self.cx.app.random.lower_alphanumeric(6);
            if let Some(deployment) = api.deploy_automatically(&id, self.cx.app.clock.now()) {
                store::http_apis::put_deployment(tx, &api.id, &deployment).await?;
                self.forget_automatic(tx, before, api).await?;
            }
        }
        let deployments = deployments_of(tx, api).await?;
        if let Some(gone) = api.deployed().find(|id| !deployments.contains_key(*id)) {
            return Err(Fault::bad(format!("Deployment ID {gone} does not exist")).into());
        }
        let compiled = compile(api, &deployments, &file.functions);
        match self.serving.objection(&compiled.tried()).await {
            Some(why) => Err(Fault::BadRequest(why).into()),
            None => Ok(()),
        }
    }

    /// Automatic deployments that nothing serves any more: each change makes one.
    async fn forget_automatic(&self, tx: &mut Tx, before: Option<&HttpApi>, api: &HttpApi) -> Result<()> {
        for old in before.into_iter().flat_map(HttpApi::deployed) {
            if api.deployed().any(|id| id == old) {
                continue;
            }
            if store::http_apis::deployment(tx, &api.id, old).await?.is_some_and(|old| old.auto_deployed) {
                store::http_apis::delete_deployment(tx, &api.id, old).await?;
            }
        }
        Ok(())
    }
}

/// The deployments that the stages of an API serve, by id.
pub async fn deployments_of(
    tx: &mut Tx,
    api: &HttpApi,
) -> std::result::Result<BTreeMap<String, Deployment>, StoreError> {
    let mut deployments = BTreeMap::new();
    for id in api.deployed() {
        if !deployments.contains_key(id)
            && let Some(deployment) = store::http_apis::deployment(tx, &api.id, id).await?
        {
            deployments.insert(id.to_owned(), deployment);
        }
    }
    Ok(deployments)
}
