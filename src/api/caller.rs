//! Who calls: an administrator whose request is signed, or anybody at a public operation.
//!
//! Which operations are public is data of the model. In production an administrator's signature must be by a configured access
//! key. In development any access key is believed and nothing is computed; a *missing* signature is refused there as well,
//! because the service refuses it and a test must not pass by accident. Presigned URLs are refused in both.
//!
//! Two operations are neither: their caller is an app client, whose id and secret are in the request. The model lets SDKs sign
//! them, but the service evaluates no policy for that signature, and machines that ask for a token have no access key of ours.

use http::{Uri, header, request::Parts};

use super::{
    protocol::Fault,
    signature::{self, Authorization},
};
use crate::{
    config::{Mode, admin::AccessKey},
    kit::{clock::Time, host::is_this_machine},
    model::Facts,
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
        let authorization = Authorization::of(head)?;
        // A signature that nobody checks is no proof: any web page could send one through the browser of whoever visits it.
        if self.mode == Mode::Development && comes_from_abroad(head) {
            return Err(Fault::UnrecognizedClient);
        }
        if self.mode == Mode::Production {
            let key = self.keys.iter().find(|key| key.id == authorization.access_key_id);
            let key = key.ok_or(Fault::UnrecognizedClient)?;
            signature::verify(&authorization, key, head, body, self.now)?;
        }
        Ok(Caller { region: authorization.region, access_key_id: Some(authorization.access_key_id) })
    }
}

/// Whether a browser says that the call was made by a page of another machine.
fn comes_from_abroad(head: &Parts) -> bool {
    let Some(origin) = head.headers.get(header::ORIGIN) else { return false };
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    !origin.as_ref().and_then(Uri::host).is_some_and(is_this_machine)
}
