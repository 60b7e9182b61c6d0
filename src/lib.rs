//! Poolhouse: a self-hosted identity provider that speaks the Amazon Cognito user-pools API, and the gateway that enforces
//! its tokens.

pub mod api;
pub mod cli;
pub mod config;
pub mod controls;
pub mod domain;
pub mod flows;
pub mod functions;
pub mod gateway;
pub mod hooks;
pub mod import;
pub mod keys;
pub mod kit;
pub mod model;
pub mod oauth;
pub mod pages;
pub mod post;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod web;
