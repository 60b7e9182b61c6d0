//! `[connections]`: how long both listeners wait for their clients.

use std::time::Duration;

use super::reader::Reader;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// For a request's head, and for a connection's first request.
    pub head: Duration,
    /// Between requests; in HTTP/2 twice as long. A balancer in front must hang up before this, or it may send a request to a
    /// connection that has just ended.
    pub idle: Duration,
    /// For any piece of a body, and for any piece of an answer to be taken.
    pub stall: Duration,
}

impl Default for Connections {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { head: seconds(10), idle: seconds(30), stall: seconds(30) }
    }
}

impl Connections {
    pub(super) fn read(mut section: Reader) -> Self {
        let Self { head, idle, stall } = Self::default();
        let mut seconds = |key: &str, usual| section.integer(key, 1..=3600).map_or(usual, Duration::from_secs);
        let connections = Self {
            head: seconds("head_seconds", head),
            idle: seconds("idle_seconds", idle),
            stall: seconds("stall_seconds", stall),
        };
        section.finish();
        connections
    }
}
