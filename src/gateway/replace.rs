//! A set of APIs takes another's place while the gateway serves.
//!
//! A request keeps the set that it began with, to its end. What did not change goes on in the next set: throttles keep their
//! level, Lambda authorizers what they were told, JWT authorizers the tokens that they know, foreign issuers their keys, access
//! logs their files, and connections to backends stay open. A set that cannot be made changes nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use http::{Request, Response};

use super::{
    Apis,
    authorizer::Authorizer,
    body::Body,
    connection::Caller,
    load::{GatewayError, Loader, Surroundings},
    stage::Stage,
    workers,
};
use crate::{
    config::{api as config, domain::Domain, gateway as section},
    functions::Functions,
    web::upload::Upload,
};

/// The listener's APIs. [`Gateway::replace`] gives it others.
pub struct Gateway {
    serving: RwLock<Arc<Apis>>,
    loader: Mutex<Loader>,
    /// For connections.
    pub(super) threads: usize,
}

impl Gateway {
    /// `domains` name APIs of `apis` and their stages.
    pub fn new(
        apis: &[config::Api],
        domains: &[Domain],
        section: &section::Gateway,
        around: Surroundings,
    ) -> Result<Self, GatewayError> {
        let functions = Arc::clone(&around.functions);
        let mut loader = Loader::new(section, around)?;
        let apis = loader.load(apis, domains, functions, None)?;
        let threads = workers::count(section.threads);
        Ok(Self { serving: RwLock::new(Arc::new(apis)), loader: Mutex::new(loader), threads })
    }

    /// Serves these APIs, and no others, from the next request on. After an error everything stays as it was.
    pub fn replace(
        &self,
        apis: &[config::Api],
        domains: &[Domain],
        functions: Arc<Functions>,
    ) -> Result<(), GatewayError> {
        // Held to the end, so that sets follow one another in the order in which they are made.
        let mut loader = self.loader.lock().unwrap_or_else(PoisonError::into_inner);
        let now = loader.functions();
        let next = loader.load(apis, domains, functions, Some(&self.serving()));
        let next = Arc::new(next.inspect_err(|_| loader.put_back(now))?);
        let before = std::mem::replace(&mut *self.serving.write().unwrap_or_else(PoisonError::into_inner), next);
        drop(before);
        Ok(())
    }

    /// Whether an API could be served beside others, with these functions or those that there are now. Changes nothing.
    pub fn try_out(&self, api: &config::Api, functions: Option<&Arc<Functions>>) -> Result<(), GatewayError> {
        self.try_out_all(std::slice::from_ref(api), &[], functions)
    }

    /// Whether [`replace`](Self::replace) would take these. Changes nothing.
    pub fn try_out_all(
        &self,
        apis: &[config::Api],
        domains: &[Domain],
        functions: Option<&Arc<Functions>>,
    ) -> Result<(), GatewayError> {
        let mut loader = self.loader.lock().unwrap_or_else(PoisonError::into_inner);
        let now = loader.functions();
        let functions = functions.map_or_else(|| Arc::clone(&now), Arc::clone);
        let tried = loader.load(apis, domains, functions, Some(&self.serving()));
        loader.put_back(now);
        tried.map(drop)
    }

    /// Whether a domain could be served beside others, whatever it leads to. Changes nothing.
    pub fn try_domain(&self, domain: &Domain) -> Result<(), GatewayError> {
        let mut loader = self.loader.lock().unwrap_or_else(PoisonError::into_inner);
        let now = loader.functions();
        let alone = Domain { mappings: Vec::new(), dead: Vec::new(), ..domain.clone() };
        loader.load(&[], &[alone], now, Some(&self.serving())).map(drop)
    }

    /// What the trust store of a domain that is served holds in vain.
    pub fn trust_warnings(&self, domain: &str) -> Vec<String> {
        let apis = self.serving();
        let store = apis.tls.as_ref().and_then(|tls| tls.trust(domain));
        store.map(|store| store.warnings(apis.clock.now())).unwrap_or_default()
    }

    /// Answers one request. A refusal is an answer too: this never fails.
    pub fn handle(
        &self,
        request: Request<Upload>,
        caller: Caller,
    ) -> impl Future<Output = Response<Body>> + Send + use<> {
        self.serving().handle(request, caller)
    }

    pub(super) fn serving(&self) -> Arc<Apis> {
        Arc::clone(&self.serving.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// By the API's id and the authorizer's name; stages may have several under one name.
pub(super) type Authorizers = HashMap<(String, String), Vec<Made>>;

/// Since when authorizers remember. Stages that were never told to forget share what they know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Memory(Option<(String, String, u64)>);

impl Memory {
    pub(super) fn of(api_id: &str, stage: &str, generation: u64) -> Self {
        Self((generation > 0).then(|| (api_id.to_owned(), stage.to_owned(), generation)))
    }
}

#[derive(Clone)]
pub(super) struct Made {
    pub(super) memory: Memory,
    pub(super) config: config::Authorizer,
    pub(super) authorizer: Arc<Authorizer>,
}

/// What the set before has, and the authorizers of the one that is made.
pub(super) struct Kept<'b> {
    before: Option<&'b Apis>,
    pub(super) authorizers: Authorizers,
}

impl<'b> Kept<'b> {
    pub(super) fn of(before: Option<&'b Apis>) -> Self {
        Self { before, authorizers: Authorizers::new() }
    }

    pub(super) fn stage(&self, api_id: &str, name: &str) -> Option<&'b Stage> {
        let before = self.before?;
        let api = before.apis.get(*before.by_id.get(api_id)?)?;
        api.stages.iter().find(|stage| stage.name == name)
    }

    /// The same authorizer of this set or the one before, if it asks the function that has this name now.
    pub(super) fn authorizer(
        &self,
        (api_id, name): (&str, &str),
        memory: &Memory,
        config: &config::Authorizer,
        functions: &Functions,
    ) -> Option<Arc<Authorizer>> {
        let key = (api_id.to_owned(), name.to_owned());
        let before = self.before.and_then(|before| before.authorizers.get(&key));
        let made = self.authorizers.get(&key).into_iter().chain(before).flatten();
        made.filter(|made| made.memory == *memory && made.config == *config)
            .find(|made| match (&*made.authorizer, config) {
                (Authorizer::Lambda(lambda), config::Authorizer::Lambda(config)) => {
                    functions.get(&config.function.value).is_some_and(|function| lambda.asks(&function))
                }
                _ => true,
            })
            .map(|made| Arc::clone(&made.authorizer))
    }

    pub(super) fn keep(&mut self, api_id: &str, name: &str, made: Made) {
        self.authorizers.entry((api_id.to_owned(), name.to_owned())).or_default().push(made);
    }
}
