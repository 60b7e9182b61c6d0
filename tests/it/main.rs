//! The integration tests: one binary, one module per room.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod gateway;
mod store;
mod walls;
