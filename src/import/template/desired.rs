//! What templates ask for, in the words of `poolhouse.toml`.

use super::{http_api::Api, made::Made};
use crate::config::{
    Place, Placed,
    tree::{self, Table},
};

/// Pools, APIs, functions and domains of all templates together.
#[derive(Default)]
pub(super) struct Desired {
    pools: Vec<(String, Made)>,
    apis: Vec<Api>,
    /// Ids of APIs of kinds that are not served.
    left_out: Vec<String>,
    pub functions: Made,
    pub domains: Made,
}

impl Desired {
    pub fn add_pool(&mut self, id: String, made: Made) {
        self.pools.push((id, made));
    }

    pub fn pool(&mut self, id: &str) -> Option<&mut Made> {
        self.pools.iter_mut().find(|(known, _)| known == id).map(|(_, made)| made)
    }

    pub fn add_api(&mut self, api: Api) {
        self.apis.push(api);
    }

    /// Parts of such an API mean nothing.
    pub fn leave_out(&mut self, id: String) {
        self.left_out.push(id);
    }

    pub fn is_left_out(&self, id: &str) -> bool {
        self.left_out.iter().any(|known| known == id)
    }

    /// `wanted`, or `generated` where another API has that name: here they are told apart by it, and the service does not mind.
    pub fn name_of_api(&self, wanted: Option<Placed<String>>, generated: Placed<String>) -> Placed<String> {
        let named = |api: &Api| match api.made.0.get("name").map(|node| &node.value) {
            Some(tree::Value::String(name)) => Some(name.clone()),
            _ => None,
        };
        let is_free = |name: &Placed<String>| !self.apis.iter().filter_map(named).any(|other| other == name.value);
        wanted.filter(is_free).unwrap_or(generated)
    }

    pub fn api(&mut self, id: &str) -> Option<&mut Api> {
        self.apis.iter_mut().find(|api| api.id == id)
    }

    pub fn apis(&mut self) -> &mut [Api] {
        &mut self.apis
    }

    /// One table, as if it stood in a file.
    pub fn finish(self, at: &Place) -> Table {
        let mut whole = Made::default();
        for (_, pool) in self.pools {
            whole.push("pool", at, pool);
        }
        for api in self.apis {
            whole.push("api", &api.at.clone(), api.finish());
        }
        whole.0.extend(self.functions.0);
        whole.0.extend(self.domains.0);
        whole.0
    }
}
