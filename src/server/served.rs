//! What the gateway serves at a time: the APIs of the configuration's files and those of the control plane, put together anew
//! whenever one of the two has changed.
//!
//! A file goes first: an API or a domain of the database that has the id or name of one in a file is not served, and the log
//! says so. An API of the database that the gateway cannot serve any more, for instance under another setting, is left out in
//! the same way; it takes nothing else down.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{api::Api, domain::Domain, gateway as section},
    domain::http_api::DomainSettings,
    flows::{
        App,
        http_apis::{
            self, Serving, compile, compile_domain, compile_settings, deployments_of, shown_api, shown_domain,
        },
    },
    functions::Functions,
    gateway::{Gateway, GatewayError, Surroundings},
    store::{self, StoreError, Tx},
};

/// How often a shared database is asked for changes of other instances. They are seen within a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often the database is read in one look while others go on changing it.
const MOST_READS: usize = 5;

/// The part that the configuration's files name.
#[derive(Clone)]
pub struct FromFile {
    pub apis: Vec<Api>,
    pub domains: Vec<Domain>,
    /// What integrations and authorizers of all APIs run.
    pub functions: Arc<Functions>,
}

/// See [`Poolhouse::served`](super::Poolhouse::served).
pub struct Served {
    app: Arc<App>,
    gateway: Arc<Gateway>,
    /// Where the gateway is reached.
    address: String,
    state: Mutex<State>,
}

struct State {
    file: FromFile,
    stored: Stored,
    /// The change that cannot be served, which is told of once.
    failed: Option<i64>,
}

/// What the database holds.
#[derive(Default)]
struct Stored {
    revision: i64,
    apis: Vec<(
        crate::domain::http_api::HttpApi,
        std::collections::BTreeMap<String, crate::domain::http_api::Deployment>,
    )>,
    domains: Vec<crate::domain::http_api::GatewayDomain>,
}

impl Stored {
    async fn read(tx: &mut Tx, revision: i64) -> Result<Self, StoreError> {
        let mut stored = Self { revision, ..Self::default() };
        for api in store::http_apis::all(tx).await? {
            let deployments = deployments_of(tx, &api).await?;
            stored.apis.push((api, deployments));
        }
        stored.domains = store::http_apis::domains(tx).await?;
        Ok(stored)
    }

    /// Whether every deployment is there that a stage names.
    fn is_whole(&self) -> bool {
        self.apis.iter().all(|(api, deployments)| api.deployed().all(|id| deployments.contains_key(id)))
    }
}

impl Served {
    /// Serves the files alone, until [`Served::look`].
    pub(super) fn new(
        app: Arc<App>,
        address: String,
        file: FromFile,
        section: &section::Gateway,
        around: Surroundings,
    ) -> Result<Self, GatewayError> {
        let gateway = Arc::new(Gateway::new(&file.apis, &file.domains, section, around)?);
        Ok(Self { app, gateway, address, state: Mutex::new(State { file, stored: Stored::default(), failed: None }) })
    }

    pub(super) fn gateway(&self) -> Arc<Gateway> {
        Arc::clone(&self.gateway)
    }

    /// Whether [`configure`](Self::configure) would take these files. Changes nothing.
    pub async fn try_out(&self, file: &FromFile) -> Result<(), GatewayError> {
        let state = self.state.lock().await;
        let (apis, domains) = self.together(file, &state.stored);
        self.gateway.try_out_all(&apis, &domains, Some(&file.functions))
    }

    /// Serves what the files say now, from the next request on. After an error everything stays as it was.
    pub async fn configure(&self, file: FromFile) -> Result<(), GatewayError> {
        let mut state = self.state.lock().await;
        self.serve(&file, &state.stored)?;
        state.file = file;
        Ok(())
    }

    /// Serves what the database says now, if that is something else.
    pub(super) async fn look(&self) -> Result<(), StoreError> {
        let mut state = self.state.lock().await;
        let before = state.stored.revision;
        let mut reads = 0;
        let stored = loop {
            let mut tx = self.app.store.read().await?;
            let revision = store::http_apis::revision(&mut tx).await?;
            if revision == before {
                return Ok(());
            }
            let stored = Stored::read(&mut tx, revision).await?;
            drop(tx);
            // Statements of one transaction may see different states, so only an equal number says that this was one.
            let last = store::http_apis::revision(&mut self.app.store.read().await?).await?;
            reads += 1;
            if last == revision {
                break stored;
            }
            if reads >= MOST_READS {
                // Each API is whole all the same unless a deployment was taken away under it. Whatever has changed meanwhile
                // has a later number, and is looked at next.
                if stored.is_whole() {
                    break stored;
                }
                tracing::warn!("APIs change faster than they are read; the next look tries again");
                return Ok(());
            }
        };
        // The number is kept only of what is served, so that the next look tries again.
        let revision = match self.serve(&state.file, &stored) {
            Ok(()) => stored.revision,
            Err(error) => {
                if state.failed.replace(stored.revision) != Some(stored.revision) {
                    tracing::error!(%error, "what the control plane has changed is not served");
                }
                before
            }
        };
        state.stored = Stored { revision, ..stored };
        Ok(())
    }

    /// Goes on looking, where other instances may change something.
    pub(super) async fn watch(self: Arc<Self>, shutdown: CancellationToken) {
        if !self.app.store.is_shared() {
            return;
        }
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = ticks.tick() => {}
            }
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "changes of APIs by other instances are not seen; the next look tries again");
            }
        }
    }

    fn serve(&self, file: &FromFile, stored: &Stored) -> Result<(), GatewayError> {
        let (apis, domains) = self.together(file, stored);
        self.gateway.replace(&apis, &domains, Arc::clone(&file.functions))
    }

    /// The APIs and domains of both.
    fn together(&self, file: &FromFile, stored: &Stored) -> (Vec<Api>, Vec<Domain>) {
        let functions: Vec<String> = file.functions.names().map(str::to_owned).collect();
        let mut apis = file.apis.clone();
        for (api, deployments) in &stored.apis {
            if apis.iter().any(|one| one.id == api.id || one.name == api.id) {
                tracing::warn!(
                    api = api.id,
                    "a file defines an API of this id: the one of the control plane is not served"
                );
                continue;
            }
            let compiled = compile(api, deployments, &functions).api;
            match self.gateway.try_out(&compiled, Some(&file.functions)) {
                Ok(()) => apis.push(compiled),
                Err(error) => tracing::error!(api = api.id, %error, "an API of the control plane cannot be served"),
            }
        }
        let mut domains = file.domains.clone();
        for domain in &stored.domains {
            let compiled = compile_domain(domain, |id, stage| {
                let api = apis.iter().find(|api| api.id == id)?;
                api.stages.contains_key(stage).then(|| api.name.clone())
            });
            if domains.iter().any(|one| one.name == compiled.name) {
                tracing::warn!(
                    domain = compiled.name,
                    "a file defines this domain: the one of the control plane is not served"
                );
                continue;
            }
            match self.gateway.try_domain(&compiled) {
                Ok(()) => domains.push(compiled),
                Err(error) => {
                    tracing::error!(domain = compiled.name, %error, "a domain of the control plane cannot be served");
                    // Closed, and not open to whoever has no certificate.
                    domains.push(Domain { mutual_tls: None, mappings: Vec::new(), dead: Vec::new(), ..compiled });
                }
            }
        }
        (apis, domains)
    }
}

/// The place is where the caller stands already.
fn told(error: &GatewayError) -> String {
    let error = error.to_string();
    let plain = error.strip_prefix(http_apis::SOURCE).and_then(|rest| rest.strip_prefix(": "));
    plain.unwrap_or(&error).to_owned()
}

#[async_trait]
impl Serving for Served {
    async fn objection(&self, api: &Api) -> Option<String> {
        Some(told(&self.gateway.try_out(api, None).err()?))
    }

    async fn objection_to_domain(&self, settings: &DomainSettings) -> Option<String> {
        Some(told(&self.gateway.try_domain(&compile_settings(settings)).err()?))
    }

    fn trust_warnings(&self, domain: &str) -> Vec<String> {
        self.gateway.trust_warnings(domain)
    }

    async fn changed(&self) -> Result<(), StoreError> {
        self.look().await
    }

    async fn file(&self) -> http_apis::FromFile {
        let state = self.state.lock().await;
        let FromFile { apis, domains, functions } = &state.file;
        let setup = &self.app.setup;
        let id = |name: &str| apis.iter().find(|api| api.name == name).map(|api| api.id.clone());
        http_apis::FromFile {
            apis: apis.iter().filter_map(|api| shown_api(api, &setup.account_id, &setup.region)).collect(),
            domains: domains.iter().map(|domain| shown_domain(domain, id)).collect(),
            functions: functions.names().map(str::to_owned).collect(),
        }
    }

    fn address(&self) -> &str {
        &self.address
    }
}
