//! `[limits]`: what one client address may do within ten minutes. An IPv6 address counts with its whole /64.

use std::net::IpAddr;

use super::{form, reader::Reader, standards::Standards};
use crate::kit::network::Block;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Sign-ins that fail, whoever they are for. Zero is no limit.
    pub failed_sign_ins: u32,
    /// Calls that may have a code sent. Zero is no limit.
    pub codes: u32,
    /// Clients that register themselves without a token. Zero is no limit.
    pub registrations: u32,
    /// Whoever calls from here is not limited: servers that sign others in.
    pub exempt: Vec<Block>,
}

impl Limits {
    /// An office behind one address stays below it, a list of stolen names does not get far.
    const PRODUCTION: u32 = 100;
    const REGISTRATIONS: u32 = 10;

    /// Development has no limits, so that test suites may fail on purpose as often as they like.
    pub(super) fn read(mut section: Reader, standards: &Standards) -> Self {
        let default = if standards.production() { Self::PRODUCTION } else { 0 };
        let exempt = section.strings("exempt").into_iter().filter_map(|network| {
            let block = Block::parse(&network.value).filter(|_| form::is_network(&network.value));
            if block.is_none() {
                let message = format!("`limits.exempt` must hold addresses or CIDR blocks, found {:?}", network.value);
                section.reading.refuse(&network.at, message);
            }
            block
        });
        let exempt = exempt.collect();
        let limits = Self {
            failed_sign_ins: section.integer("failed_sign_ins", 0..=1_000_000).unwrap_or(default),
            codes: section.integer("codes", 0..=1_000_000).unwrap_or(default),
            registrations: section.integer("registrations", 0..=1_000_000).unwrap_or(default.min(Self::REGISTRATIONS)),
            exempt,
        };
        section.finish();
        limits
    }

    pub fn spares(&self, address: IpAddr) -> bool {
        self.exempt.iter().any(|block| block.holds(address))
    }
}
