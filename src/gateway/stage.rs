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
    /// The API and its stage. `None`: not found.
    pub(super) leads: Option<(usize, usize)>,
}

impl Domain {
    pub(super) fn new(mut mappings: Vec<Mapping>, trust: Option<Arc<TrustStore>>) -> Self {
        mappings.sort_by_key(|mapping| std::cmp::Reverse(mapping.key.len()));
        Self { mappings, trust }
    }

    /// The longest key that the path begins with, by whole segments, and how many bytes of the path spell it.
    pub(super) fn find(&self, path: &str) -> Option<(&Mapping, usize)> {
        self.mappings.iter().find_map(|mapping| Some((mapping, spelled(path, &mapping.key)?)))
    }
}

/// How many bytes at the beginning of a path mean this key. `None` where it begins with something else.
fn spelled(path: &str, key: &str) -> Option<usize> {
    let mut rest = path;
    for segment in key.split('/').skip(1) {
        let (first, after) = rest.strip_prefix('/').map(|rest| rest.split_at(rest.find('/').unwrap_or(rest.len())))?;
        if path::decode(first).ok()? != segment {
            return None;
        }
        rest = after;
    }
    Some(path.len() - rest.len())
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
        let mapping = |key: &str, api| Mapping { key: key.to_owned(), leads: Some((api, 0)) };
        let domain = Domain::new(vec![mapping("", 0), mapping("/v1", 1), mapping("/v1/orders", 2)], None);
        for (path, api) in
            [("/", 0), ("/v1", 1), ("/v1/", 1), ("/v1x", 0), ("/v1/orders/7", 2), ("/v1/ordersx", 1), ("/x", 0)]
        {
            assert_eq!(domain.find(path).unwrap().0.leads, Some((api, 0)), "{path}");
        }
        for (path, api, length) in [("/%76%31/a", 1, 7), ("/v1/%6frders", 2, 12), ("/v1", 1, 3), ("/", 0, 0)] {
            let (mapping, spelled) = domain.find(path).unwrap();
            assert_eq!((mapping.leads, spelled), (Some((api, 0)), length), "{path}");
        }
        assert!(Domain::new(vec![mapping("/a", 0)], None).find("/b").is_none());
        let dead = Mapping { key: "/v1".to_owned(), leads: None };
        let domain = Domain::new(vec![mapping("", 0), dead], None);
        assert_eq!(domain.find("/v1/x").map(|(found, _)| found.leads), Some(None));
    }
}
