//! Poolhouse: a self-hosted identity provider that speaks the Amazon Cognito user-pools API, and the gateway that enforces
//! its tokens.
//!
//! This is the map of the house; `docs/architecture.md` tells how a request walks through it. A room may use the rooms that
//! stand below it in this list, and none beside it; `tests/it/walls.rs` checks that.
//!
//! | room | what it is |
//! |---|---|
//! | [`cli`] | the command line, one file per command |
//! | [`server`] | assembly, and what a program that embeds the server needs: [`Poolhouse`] and its builder |
//! | [`api`] | the door of AWS JSON 1.1: every operation on one screen in `api/operations` |
//! | [`oauth`] | the doors of OAuth 2.0 and OpenID Connect |
//! | [`pages`] | the hosted pages |
//! | [`lambda`] | the door of Lambda's Invoke API |
//! | [`gateway`] | the listener that checks tokens in front of an API |
//! | [`control`] | the control plane of the gateway: `apigatewayv2` |
//! | [`import`] | `poolhouse.toml` and templates become pools, clients, groups and users |
//! | [`export`] | pools and APIs become a template |
//! | [`controls`] | `/_poolhouse`: what test suites control in development |
//! | [`web`] | what the doors for browsers share |
//! | [`flows`] | what the server does, told once |
//! | [`hooks`] | triggers, typed |
//! | [`store`] | the database: one SQL text, two engines |
//! | [`post`] | messages to people |
//! | [`outside`] | requests to servers of others |
//! | [`functions`] | code that triggers and integrations run |
//! | [`keys`] | signing, hashing, SRP, sealing |
//! | [`domain`] | pools, clients, users, groups, grants, and the rules between them |
//! | [`model`] | what the service publishes about itself, as data |
//! | [`config`] | the configuration, one file per section |
//! | [`telemetry`] | logs and metrics |
//! | [`kit`] | time, chance, ids, secrets, words |

pub mod api;
pub mod cli;
pub mod config;
pub mod control;
pub mod controls;
pub mod domain;
pub mod export;
pub mod flows;
pub mod functions;
pub mod gateway;
pub mod hooks;
pub mod import;
pub mod keys;
pub mod kit;
pub mod lambda;
pub mod model;
pub mod oauth;
pub mod outside;
pub mod pages;
pub mod post;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod web;

pub use server::Poolhouse;
