//! OAuth 2.0 and OpenID Connect, as user pools speak them: authorize, token, userInfo, revoke, logout, discovery and keys.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/federation-endpoints-oauth-grants.html>

mod authorize;
mod client_auth;
mod device;
mod discovery;
mod error;
mod grants;
mod idp_response;
mod introspect;
mod logout;
mod par;
mod possession;
mod register;
mod reply;
mod revoke;
mod saml;
mod saml_logout;
mod token;
mod userinfo;

use std::sync::Arc;

use axum::{
    Router, middleware,
    routing::{get, post},
};

use crate::{
    flows::App,
    web::{headers, paths::Place, session},
};

/// Every endpoint of this room.
pub fn router(app: Arc<App>) -> Router {
    let browsers = Router::new()
        .route(Place::Authorize.path(), get(authorize::authorize).post(authorize::form))
        .route(Place::IdpResponse.path(), get(idp_response::come).post(idp_response::post))
        .route(Place::Logout.path(), get(logout::logout).post(logout::form))
        .route(Place::SamlResponse.path(), get(saml::returned).post(saml::posted))
        .route(Place::SamlLogout.path(), get(saml_logout::logout).post(saml_logout::posted))
        .layer(session::layer(&app));
    let clients = Router::new()
        .route(Place::Token.path(), post(token::token).options(reply::preflight).fallback(reply::post_only))
        .route(Place::Revoke.path(), post(revoke::revoke).options(reply::preflight).fallback(reply::post_only))
        .route(Place::Introspect.path(), post(introspect::introspect).fallback(reply::post_only))
        .route(Place::Par.path(), post(par::push).options(reply::preflight).fallback(reply::post_only))
        .route(Place::DeviceAuthorization.path(), post(device::authorize).fallback(reply::post_only))
        .route(Place::Register.path(), post(register::register).options(reply::preflight).fallback(reply::post_only))
        .route(
            &format!("/{{pool}}{}", Place::Register.path()),
            post(register::at_pool).options(reply::preflight).fallback(reply::post_only),
        )
        .route(
            Place::UserInfo.path(),
            get(userinfo::user_info).post(userinfo::user_info).options(reply::preflight).fallback(reply::get_only),
        );
    let protected = browsers.merge(clients).layer(middleware::from_fn_with_state(Arc::clone(&app), headers::protect));
    let documents = Arc::new(discovery::Documents::default());
    let published = Router::new()
        .route("/{pool}/.well-known/openid-configuration", get(discovery::configuration).options(reply::preflight))
        .route("/{pool}/.well-known/jwks.json", get(discovery::keys).options(reply::preflight))
        .route("/{pool}/.well-known/oauth-authorization-server", get(discovery::server).options(reply::preflight))
        .route("/.well-known/oauth-authorization-server/{pool}", get(discovery::server).options(reply::preflight))
        .route("/{pool}/saml2/metadata", get(saml::metadata))
        .layer(axum::Extension(documents));
    protected.merge(published).with_state(app)
}
