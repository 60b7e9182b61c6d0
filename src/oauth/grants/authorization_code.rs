//! `grant_type=authorization_code`: tokens for the code of a sign-in on the hosted pages.
//! <https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3>

use crate::{
    domain::token::Tokens,
    flows::{
        Cx,
        authorize::{self, Redemption},
    },
    oauth::{client_auth::Proven, error::Failure},
    web::parameters::Parameters,
};

pub async fn run(cx: &Cx, proven: Proven, form: &Parameters, key: Option<String>) -> Result<Tokens, Failure> {
    if !proven.client.allows_grant("code") {
        return Err(Failure::unauthorized_client());
    }
    let code = form.filled("code").ok_or_else(|| Failure::invalid_request("code is missing"))?;
    let redemption = Redemption {
        pool: proven.pool,
        client: proven.client,
        code,
        redirect_uri: form.get("redirect_uri"),
        verifier: form.get("code_verifier"),
        resource: form.filled("resource"),
        key,
    };
    Ok(authorize::redeem(cx, redemption).await?)
}
