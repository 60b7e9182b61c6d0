//! The integration tests: one binary, one module per room.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod api;
mod app;
mod authenticator;
mod control;
mod controls;
mod documents;
mod export;
mod flows;
mod functions;
mod gateway;
mod import;
mod lambda;
mod listener;
mod oauth;
mod outbound;
mod pages;
mod saml_provider;
mod samples;
mod store;
mod trust;
mod walls;
mod webauthn;
