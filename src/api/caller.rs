//! Who calls: an administrator whose request is signed, or anybody at a public operation.
//!
//! Which operations are public is data of the model. In production an administrator's signature must be by a configured access
//! key. In development any access key is believed and nothing is computed; a *missing* signature is refused there as well,
//! because the service refuses it and a test must not pass by accident. Presigned URLs are refused in both.
//!
//! Two operations are neither: their caller is an app client, whose id and secret are in the request. The model lets SDKs sign
//! them, but the service evaluates no policy for that signature, and machines that ask for a token have no access key of ours.

use http::request::Parts;

use super::protocol::Fault;
use crate::{
    config::{Mode, admin::AccessKey},
    kit::clock::Time,
    model::Facts,
    web::signature,
};

/// What is known about the one who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// The region that the call was signed for, else the server's.
    pub(super) region: String,
    /// None at public operations.
    pub(super) access_key_id: Option<String>,
}

/// What the decision rests on.
pub(super) struct Gate<'a> {
    pub(super) mode: Mode,
    pub(super) region: &'a str,
    pub(super) keys: &'a [AccessKey],
    pub(super) now: Time,
}

const SERVICE: &str = "cognito-idp";

/// Operations in which an app client proves itself, and no signature counts.
const BY_CLIENT: [&str; 2] = ["GetClientToken", "GetDerivedToken"];

pub(super) fn is_public(operation: &str, facts: &Facts) -> bool {
    facts.public || BY_CLIENT.contains(&operation)
}

impl Gate<'_> {
    /// `body` is the whole body, as it was signed.
    pub(super) fn identify(&self, is_public: bool, head: &Parts, body: &[u8]) -> Result<Caller, Fault> {
        if is_public {
            return Ok(Caller { region: self.region.to_owned(), access_key_id: None });
        }
        let Self { mode, keys, now, .. } = *self;
        let authorization = signature::Gate { mode, keys, now, service: SERVICE }.administrator(head, body)?;
        Ok(Caller { region: authorization.region, access_key_id: Some(authorization.access_key_id) })
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn public_operations_have_no_caller() {
        let gate = Gate { mode: Mode::Production, region: "us-east-1", keys: &[], now: Time::from_seconds(1) };
        let head = Request::post("/").header("Authorization", "AWS4-HMAC-SHA256 x").body(()).unwrap().into_parts().0;
        let caller = Caller { region: "us-east-1".into(), access_key_id: None };
        assert_eq!(gate.identify(true, &head, b""), Ok(caller));
        assert!(gate.identify(false, &head, b"").is_err());
    }
}
