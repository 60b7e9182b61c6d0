//! One file per grant of the token endpoint. The client has proven itself before.

pub mod authorization_code;
pub mod client_credentials;
pub mod device_code;
pub mod password;
pub mod refresh_token;
