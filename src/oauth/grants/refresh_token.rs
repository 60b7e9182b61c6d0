//! `grant_type=refresh_token`: new tokens of the same scopes. A `scope` in the request asks for nothing: the tokens are never
//! wider, and the service does not narrow them either. A device cannot be named here, so that tokens of a remembered one are
//! refreshed through the API only.
//! <https://www.rfc-editor.org/rfc/rfc6749#section-6>

use crate::{
    domain::token::Tokens,
    flows::{
        Cx,
        refresh::{self, Proof, Refresh},
    },
    oauth::{client_auth::Proven, error::Failure},
    web::parameters::Parameters,
};

pub async fn run(cx: &Cx, proven: Proven, form: &Parameters, key: Option<String>) -> Result<Tokens, Failure> {
    let token = form.filled("refresh_token").ok_or_else(|| Failure::invalid_request("refresh_token is missing"))?;
    let refresh = Refresh {
        pool: proven.pool,
        client: proven.client,
        token,
        proof: Proof::Done,
        device_key: None,
        resource: form.filled("resource"),
        key,
        metadata: None,
    };
    Ok(refresh::refresh(cx, refresh).await?)
}
