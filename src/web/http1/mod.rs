//! HTTP/1.1, for clients in front and backends behind.
//!
//! It refuses where other implementations mend: a line feed without its carriage return, a length beside chunks, a length said
//! twice. Whoever stands in front of others cannot let two readings of one message pass, and a parser that has chosen one hides
//! that there were two. Of the grammar itself a library takes care.
//! <https://www.rfc-editor.org/rfc/rfc9112>

pub mod client;
mod decoder;
mod encoder;
mod framing;
mod head;
mod incoming;
mod input;
pub mod server;
#[cfg(test)]
mod tests;
mod upgrade;
mod wire;

pub use self::{
    head::Spelling,
    incoming::{BodyError, Incoming},
    upgrade::{OnUpgrade, Upgraded},
};
