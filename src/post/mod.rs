//! Messages to people: verification codes, temporary passwords.
//!
//! In development every message lands in the inbox: a table that `/_poolhouse/messages` reads, so that a test can find its
//! code. Flows write it there, in the transaction of the change that it tells about. Real delivery is not built yet; in production a flow that has to reach somebody therefore fails with a delivery
//! error, and says so before it changes anything.

use crate::domain::code::Medium;

/// The room's state: where messages can go.
#[derive(Clone, Copy, Debug)]
pub struct Post {
    has_inbox: bool,
}

impl Post {
    /// Development: messages land in the inbox.
    pub fn inbox() -> Self {
        Self { has_inbox: true }
    }

    /// Production, as long as there is no delivery.
    pub fn nowhere() -> Self {
        Self { has_inbox: false }
    }

    /// Whether a message of this medium would arrive. Ask before a flow changes anything.
    pub fn can_deliver(&self, _medium: Medium) -> bool {
        self.has_inbox
    }
}
