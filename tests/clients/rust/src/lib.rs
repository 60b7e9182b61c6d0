//! The crate `openidconnect` against the built server: see `tests/sign_in.rs`.
