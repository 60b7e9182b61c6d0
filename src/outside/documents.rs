//! Public documents of others, kept for a while: descriptions of issuers, and their keys.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;

use crate::kit::clock::Time;

/// More than a server has providers. Beyond it everything is forgotten and asked for anew.
const MOST: usize = 1_000;

/// By address.
#[derive(Default)]
pub(super) struct Documents(Mutex<HashMap<String, (Time, Arc<Value>)>>);

impl Documents {
    /// None for one that is not at hand, or older than `age`.
    pub(super) fn get(&self, url: &str, (now, age): (Time, Duration)) -> Option<Arc<Value>> {
        let held = self.held();
        let (since, document) = held.get(url)?;
        (now < since.plus(age)).then(|| Arc::clone(document))
    }

    pub(super) fn put(&self, url: &str, document: (Time, Arc<Value>)) {
        let mut held = self.held();
        if held.len() >= MOST {
            held.clear();
        }
        held.insert(url.to_owned(), document);
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Time, Arc<Value>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
