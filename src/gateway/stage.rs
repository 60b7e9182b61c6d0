//! Where in a URL an API begins: its custom domain, its own host, its name or its place as the first; then its stage.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-stages.html>

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{Api, Route, access_log::AccessLog, path, routes::Routes, trust::TrustStore};
use crate::config::api::{self as config, DEFAULT_STAGE};

pub(super) struct Stage {
    pub(super) name: String,
    pub(super) variables: BTreeMap<String, String>,
    /// In the order of the configuration: stage variables make the same route another one in each stage.
    pub(super) routes: Vec<Route>,
    pub(super) matcher: Arc<Routes>,
    pub(super) log_settings: Option<config::AccessLog>,
    pub(super) log: Option<Arc<AccessLog>>,
}

#[derive(Debug)]
pub(super) struct Domain {
    /// Longest key first.
    mappings: Vec<Mapping>,
    /// Whom it serves, where it asks for certificates.
    pub(super) trust: Option<Arc<TrustStore>>,
}

#[derive(Debug)]
pub(super) struct Mapping {
    /// With a slash in front, or empty.
    pub(super) key: String,
    pub(super) api: usize,
    pub(super) stage: usize,
}

impl Domain {
    pub(super) fn new(mut mappings: Vec<Mapping>, trust: Option<Arc<TrustStore>>) -> Self {
        mappings.sort_by_key(|mapping| std::cmp::Reverse(mapping.key.len()));
        Self { mappings, trust }
    }

    /// The longest key that the path begins with, by whole segments.
    pub(super) fn find(&self, path: &str) -> Option<&Mapping> {
        let begins = |key: &str| path.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.mappings.iter().find(|mapping| begins(&mapping.key))
    }
}

pub(super) type Domains = HashMap<String, Domain>;

/// The stage of a path, and how many bytes of it named the stage. A stage's name goes before every route of `$default`.
pub(super) fn find<'g>(api: &'g Api, path: &str) -> Option<(&'g Stage, usize)> {
    let first = path[1..].split('/').next().unwrap_or_default();
    let named = path::decode(first)
        .ok()
        .and_then(|name| api.stages.iter().find(|stage| stage.name == name && stage.name != DEFAULT_STAGE));
    match named {
        Some(stage) => Some((stage, 1 + first.len())),
        None => api.stages.iter().find(|stage| stage.name == DEFAULT_STAGE).map(|stage| (stage, 0)),
    }
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mapping_key_wins_by_whole_segments() {
        let mapping = |key: &str, api| Mapping { key: key.to_owned(), api, stage: 0 };
        let domain = Domain::new(vec![mapping("", 0), mapping("/v1", 1), mapping("/v1/orders", 2)], None);
        for (path, api) in
            [("/", 0), ("/v1", 1), ("/v1/", 1), ("/v1x", 0), ("/v1/orders/7", 2), ("/v1/ordersx", 1), ("/x", 0)]
        {
            assert_eq!(domain.find(path).unwrap().api, api, "{path}");
        }
        assert!(Domain::new(vec![mapping("/a", 0)], None).find("/b").is_none());
    }
}
