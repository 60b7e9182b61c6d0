//! The hosted pages, from outside.

mod choose;
mod confirm_user;
mod forgot;
mod languages;
mod looks;
mod passkeys;
mod second_factor;
mod sign_in;
mod sign_in_feedback;
mod sign_up;
mod steps;

use crate::app::{CALLBACK, WEB, encode};

pub fn query() -> String {
    encode(&[("response_type", "code"), ("client_id", WEB), ("redirect_uri", CALLBACK), ("state", "s 1")])
}
