//! What a mode demands: development stays on this machine, production refuses every weak setting.

use std::net::SocketAddr;

use url::Url;

use super::{Mode, Place, Placed, reader::Reading};
use crate::kit::{
    reach::{Reach, is_never_asked},
    secret::Secret,
};

/// Secrets that are printed in examples and manuals, and the first guesses of anybody.
const PUBLISHED: &[&str] = &[
    "Admin-1234",
    "Regular-1234",
    "Stranger-1234",
    "example_machine_secret_0123456789",
    "example-admin-secret-0123456789",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "admin",
    "changeme",
    "change-me",
    "changemechangeme",
    "password",
    "Password1!",
    "secret",
    "test",
];

/// The mode, and what goes with it.
pub(super) struct Standards {
    pub mode: Mode,
    /// Where the mode was said: the place of what production misses.
    pub at: Place,
    pub allow_remote: bool,
    pub reach: Reach,
}

impl Standards {
    pub fn production(&self) -> bool {
        self.mode == Mode::Production
    }

    /// Development listens where only this machine can reach it.
    pub fn listener(&self, reading: &Reading, key: &str, listen: &Placed<SocketAddr>) {
        if !self.production() && !self.allow_remote && !listen.value.ip().is_loopback() {
            let message = format!(
                "`{key}` {} can be reached by other machines, and development has no protection against them: \
                 use a loopback address, or set `allow_remote = true`",
                listen.value
            );
            reading.refuse(&listen.at, message);
        }
    }

    /// What stands in the server's own network is asked where it is named.
    pub fn asked(&self, reading: &Reading, key: &str, (at, url): (&Place, &Url)) {
        let host = url.host_str().unwrap_or_default();
        let why = if is_never_asked(url) {
            "is the address of no single machine, and cannot be named in `[outbound] allow` either"
        } else if !self.reach.may_ask_url(url) {
            "is not public, and must be named in `[outbound] allow`"
        } else {
            return;
        };
        reading.refuse(at, format!("`{key}` is not asked: {host} {why}"));
    }

    /// A secret that everybody can look up is none.
    pub fn secret(&self, reading: &Reading, key: &str, secret: &Placed<Secret>) {
        if self.production() && PUBLISHED.contains(&secret.value.expose()) {
            reading.refuse(&secret.at, format!("`{key}` is a published example; production needs a secret of its own"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_of_the_example_is_known_as_published() {
        let example = include_str!("../../poolhouse.toml");
        let mut found = 0;
        for line in example.lines() {
            let line = line.trim_start_matches(['#', ' ']);
            let Some((key, rest)) = line.split_once(" = \"") else { continue };
            if ["password", "secret"].contains(&key.trim()) {
                let secret = rest.split('"').next().unwrap();
                assert!(PUBLISHED.contains(&secret), "{secret}");
                found += 1;
            }
        }
        assert!(found >= 4, "{found}");
    }
}
