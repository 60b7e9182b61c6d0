//! The hosted pages: signing in and up, passwords of one's own, second factors, passkeys. One form each, without JavaScript but for
//! passkeys, which browsers give to nothing else.
//!
//! Every page goes on from an authorization request in its query, which is read and checked anew each time; what a form adds is
//! bound to that very query (see `web::csrf`). The steps are those of `flows::sign_in`; here they become HTML.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/login-endpoint.html>

mod add_passkey;
mod assets;
mod brand;
mod choose;
mod confirm;
mod confirm_user;
mod device;
mod error;
mod fields;
mod forgot;
mod mfa_setup;
mod new_password;
mod page;
mod second_factor;
mod sign_in;
mod sign_in_feedback;
mod sign_out;
mod sign_up;
mod step;
mod text;
mod visit;

use std::sync::Arc;

use axum::{
    Router, middleware,
    routing::{get, post},
};

use crate::{
    flows::App,
    web::{headers, paths::Place, session},
};

/// Every page of this room, and what they look like.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route(Place::Login.path(), get(sign_in::show).post(sign_in::submit))
        .route(Place::SignUp.path(), get(sign_up::show).post(sign_up::submit))
        .route(Place::ForgotPassword.path(), get(forgot::show).post(forgot::submit))
        .route(Place::ConfirmForgotPassword.path(), post(forgot::confirm))
        .route(Place::ChangePassword.path(), post(new_password::submit))
        .route(Place::SelectChallenge.path(), post(choose::submit))
        .route(Place::AddPasskey.path(), get(add_passkey::show).post(add_passkey::submit))
        .route(Place::Mfa.path(), post(second_factor::submit))
        .route(Place::MfaSetup.path(), post(mfa_setup::submit))
        .route(Place::Confirm.path(), post(confirm::submit))
        .route(Place::ResendCode.path(), post(confirm::resend))
        .route(Place::ConfirmUser.path(), get(confirm_user::show).post(confirm_user::submit))
        .route(Place::Device.path(), get(device::show).post(device::submit))
        .route(Place::SignOut.path(), get(sign_out::show).post(sign_out::submit))
        .route(Place::SignInFeedback.path(), get(sign_in_feedback::show).post(sign_in_feedback::submit))
        .layer(session::layer(&app))
        .route(Place::Error.path(), get(error::show))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), text::keep))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), headers::protect))
        .route("/static/{version}/{*path}", get(assets::serve))
        .route("/brand/{pool}/{subject}/{digest}/{file}", get(brand::serve))
        .with_state(app)
}
