//! One file per grant of the token endpoint. The client has proven itself before; the grants that strict pools have
//! also take the thumbprint of the key that it has shown, to bind the tokens to.

pub mod authorization_code;
pub mod client_credentials;
pub mod device_code;
pub mod password;
pub mod refresh_token;
