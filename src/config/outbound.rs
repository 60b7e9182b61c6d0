//! `[outbound]`: which servers are asked, at whoever's wish: webhooks, identity providers, keys and descriptions.

use super::{Mode, form, reader::Reader};
use crate::kit::{
    network::Block,
    reach::{Reach, is_nobodys_block},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// As the mode has it, and with the blocks of `allow`.
    pub reach: Reach,
}

impl Outbound {
    pub(super) fn read(mut section: Reader, mode: Mode) -> Self {
        let allow = section.strings("allow").into_iter().filter_map(|network| {
            let block = Block::parse(&network.value).filter(|_| form::is_network(&network.value));
            let wrong = match &block {
                None => "must hold addresses or CIDR blocks, found",
                Some(block) if is_nobodys_block(block) => "opens nothing with addresses of no single machine, found",
                Some(_) => return block,
            };
            section.reading.refuse(&network.at, format!("`outbound.allow` {wrong} {:?}", network.value));
            None
        });
        let allow = allow.collect();
        section.finish();
        Self {
            reach: match mode {
                Mode::Development => Reach { allow, ..Reach::far() },
                Mode::Production => Reach::public_and(allow),
            },
        }
    }
}
