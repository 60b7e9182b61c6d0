//! Where a call comes from: the address that the assembly has seen, and what the call itself says of the user behind it.
//! <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_ContextDataType.html>

use std::net::IpAddr;

use http::request::Parts;
use serde_json::Value;

use crate::{
    domain::origin::{Origin, Said},
    web,
};

/// `is_signed` is a call by an administrator.
pub(super) fn of(head: &Parts, input: &Value, is_signed: bool) -> Origin {
    let mut origin = web::origin(&head.extensions, &head.headers);
    let address = |context: &Value| context["IpAddress"].as_str().and_then(|text| text.parse::<IpAddr>().ok());
    if is_signed {
        let context = input.get("ContextData");
        origin.said = Said::ByAdministrator(context.and_then(address));
        if let Some(context) = context {
            // The caller's own is that of a server, and says nothing of the user's.
            origin.user_agent = header(context, "user-agent");
        }
    } else if let Some(context) = input.get("UserContextData") {
        origin.said = Said::ByClient(address(context));
    }
    origin
}

/// Of the headers that an administrator's server has got from its user.
fn header(context: &Value, name: &str) -> Option<String> {
    let headers = context["HttpHeaders"].as_array()?;
    let is_named = |header: &&Value| header["headerName"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(name));
    headers.iter().find(is_named)?["headerValue"].as_str().map(str::to_owned)
}
