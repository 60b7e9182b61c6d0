//! Poolhouse: a self-hosted identity provider that speaks the Amazon Cognito user-pools API, and the gateway that enforces
//! its tokens.

pub mod api;
pub mod config;
pub mod domain;
pub mod flows;
pub mod functions;
pub mod hooks;
pub mod keys;
pub mod kit;
pub mod model;
pub mod oauth;
pub mod pages;
pub mod post;
pub mod store;
pub mod web;
