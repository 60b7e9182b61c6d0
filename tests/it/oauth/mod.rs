//! The OAuth endpoints, from outside.

mod authorize;
mod back_channel;
mod device_grant;
mod discovery;
mod domains;
mod faithful;
mod federation;
mod hostile_requests;
mod hostile_tokens;
mod logout;
mod par;
mod per_address;
mod possession;
mod private_key_jwt;
mod registration;
mod resource;
mod saml;
mod sessions_end;
mod strict;
mod strict_age;
mod strict_logout;
pub mod token;
mod tokens_back;
mod triggers;

use crate::app::{CALLBACK, WEB};

/// The query of an ordinary authorization request.
pub const ORDINARY: [(&str, &str); 5] = [
    ("response_type", "code"),
    ("client_id", WEB),
    ("redirect_uri", CALLBACK),
    ("state", "st&at=e"),
    ("scope", "openid email"),
];
