//! Signing in with a SAML provider, and everything that must not work.

mod messages;
mod published;
mod requests;
pub mod sign_in;
mod sign_out;
mod wrapping;

use poolhouse::keys::saml::{Accepted, DecryptionKey, Expected, Fault, Partner, read_response};

use crate::saml_provider::{Answer, NOW, field};

pub const CONSUMER: &str = "http://localhost:9229/saml2/idpresponse";
pub const AUDIENCE: &str = "urn:amazon:cognito:sp:us-east-1_Example01";
pub const REQUEST: &str = "_request";

pub fn answer() -> Answer {
    Answer::to(Some(REQUEST), CONSUMER, AUDIENCE)
}

/// Reads a document as the answer to [`REQUEST`].
pub fn read(xml: &str, partner: &Partner, decryption: Option<&DecryptionKey>) -> Result<Accepted, Fault> {
    let expected =
        Expected { partner, entity_id: AUDIENCE, consumer: CONSUMER, request_id: Some(REQUEST), decryption, now: NOW };
    read_response(&field(xml), expected)
}
