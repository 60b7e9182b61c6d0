//! What the gateway serves at a time, put together from its sources, and its replacement while requests come in.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::{
    config::{api::Api, domain::Domain, gateway as section},
    functions::Functions,
    gateway::{Gateway, GatewayError, Surroundings},
};

/// The part that the configuration's files name.
pub struct FromFile {
    pub apis: Vec<Api>,
    pub domains: Vec<Domain>,
    /// What integrations and authorizers of all APIs run.
    pub functions: Arc<Functions>,
}

/// See [`Poolhouse::served`](super::Poolhouse::served).
pub struct Served {
    gateway: Arc<Gateway>,
    file: Mutex<FromFile>,
}

impl Served {
    pub(super) fn new(file: FromFile, section: &section::Gateway, around: Surroundings) -> Result<Self, GatewayError> {
        let gateway = Arc::new(Gateway::new(&file.apis, &file.domains, section, around)?);
        Ok(Self { gateway, file: Mutex::new(file) })
    }

    pub(super) fn gateway(&self) -> Arc<Gateway> {
        Arc::clone(&self.gateway)
    }

    /// Serves what the files say now, from the next request on. After an error everything stays as it was.
    pub async fn configure(&self, file: FromFile) -> Result<(), GatewayError> {
        let mut now = self.file.lock().await;
        self.gateway.replace(&file.apis, &file.domains, Arc::clone(&file.functions))?;
        *now = file;
        Ok(())
    }
}
