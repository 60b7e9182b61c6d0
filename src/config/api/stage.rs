//! `[api.stage.NAME]`: where an API is served, how often it may be called, and what is written down of it.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-stages.html>

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use super::{Authorizer, DEFAULT_STAGE, Place, Placed, Reader, Route};
use crate::config::{Mistake, reader::Reading};

#[derive(Clone, Debug)]
pub struct Stage {
    pub at: Place,
    pub stage_variables: BTreeMap<String, String>,
    /// For each route that has no settings of its own.
    pub default_route_settings: Throttle,
    /// By route key.
    pub route_settings: BTreeMap<String, (Place, Throttle)>,
    pub access_log_settings: Option<AccessLog>,
    /// What a deployment froze. Without one the stage serves what its API has now, as every stage of the file does.
    pub deployed: Option<Arc<Deployed>>,
    /// Another number forgets the answers of authorizers that are kept.
    pub authorizer_generation: u64,
}

/// The routes of a stage that differ from those that its API has now.
#[derive(Clone, Debug, Default)]
pub struct Deployed {
    pub authorizers: BTreeMap<String, Authorizer>,
    pub routes: Vec<Route>,
}

/// A token bucket. What is absent is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Throttle {
    /// Requests per second.
    pub rate_limit: Option<f64>,
    /// Requests at once.
    pub burst_limit: Option<u32>,
}

impl Throttle {
    /// What is limited here, and what is not as it is limited there.
    pub fn or(self, other: Self) -> Self {
        Self { rate_limit: self.rate_limit.or(other.rate_limit), burst_limit: self.burst_limit.or(other.burst_limit) }
    }
}

/// One line for each request.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessLog {
    pub format: Placed<String>,
    /// Without a file the lines go to the server's log.
    pub file: Option<PathBuf>,
}

impl Stage {
    pub fn new(at: Place) -> Self {
        Self {
            at,
            stage_variables: BTreeMap::new(),
            default_route_settings: Throttle::default(),
            route_settings: BTreeMap::new(),
            access_log_settings: None,
            deployed: None,
            authorizer_generation: 0,
        }
    }

    pub(super) fn read(name: &str, mut section: Reader) -> Self {
        let reading = section.reading;
        let mut stage = Self::new(section.at.clone());
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if name != DEFAULT_STAGE && (name.is_empty() || name.len() > 128 || !name.bytes().all(plain)) {
            let message = format!(
                "`api.stage` must be $default or up to 128 letters, digits, hyphens and underscores, found {name:?}"
            );
            reading.refuse(&stage.at, message);
        }
        for (name, text) in section.string_map("stage_variables") {
            if let Err(what) = check_variable(&name, &text.value) {
                let message = format!("`{}.{name}` {what}", section.path("stage_variables"));
                reading.refuse(&text.at, message);
            }
            stage.stage_variables.insert(name, text.value);
        }
        stage.default_route_settings = Throttle::read(section.table("default_route_settings"));
        for (key, table) in section.named_tables("route_settings") {
            stage.route_settings.insert(key, (table.at.clone(), Throttle::read(table)));
        }
        if section.has("access_log_settings") {
            stage.access_log_settings = AccessLog::read(section.table("access_log_settings"));
        }
        section.know("access_log_settings");
        section.finish();
        stage
    }

    pub(super) fn check_routes(&self, reading: &Reading, routes: &[&str]) {
        for (key, (at, _)) in &self.route_settings {
            if !routes.contains(&key.as_str()) {
                let mistake = Mistake::new(at, format!("`api.stage.route_settings` names no route: {key:?}"));
                reading.note(mistake.nearest(key, routes.iter().copied()));
            }
        }
    }
}

/// The service's patterns.
fn check_variable(name: &str, value: &str) -> Result<(), &'static str> {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err("must have a name of letters, digits and underscores");
    }
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#&=,".contains(&b);
    if value.bytes().all(fits) { Ok(()) } else { Err("must hold only letters, digits and -._~:/?#&=,") }
}

impl Throttle {
    pub(in crate::config) fn read(mut section: Reader) -> Self {
        let throttle = Self {
            rate_limit: section.number("throttling_rate_limit", 0.0..=1_000_000.0),
            burst_limit: section.integer("throttling_burst_limit", 0..=1_000_000),
        };
        if throttle.rate_limit.is_some() != throttle.burst_limit.is_some() {
            let message = format!("`{}` goes with both a rate and a burst", section.path("throttling_rate_limit"));
            section.reading.refuse(&section.at, message);
        }
        section.finish();
        throttle
    }
}

impl AccessLog {
    fn read(mut section: Reader) -> Option<Self> {
        let format = section.required("format");
        let file = section.string("file").map(|file| section.reading.resolve(&file.at, &file.value));
        if let Some(format) = &format {
            let wrong = |message: String| section.reading.refuse(&format.at, message);
            let path = section.path("format");
            // The service's rules.
            if format.value.contains(['\n', '\r']) {
                wrong(format!("`{path}` must be one line"));
            }
            if format.value.len() > 3072 {
                wrong(format!("`{path}` must not be longer than 3 KB"));
            }
            if !format.value.contains("$context.requestId") && !format.value.contains("$context.extendedRequestId") {
                wrong(format!("`{path}` must contain $context.requestId"));
            }
        }
        section.finish();
        format.map(|format| Self { format, file })
    }
}
