//! `urn:ietf:params:oauth:grant-type:device_code`: tokens for a device that somebody has let in.
//! <https://www.rfc-editor.org/rfc/rfc8628#section-3.4>

use crate::{
    domain::token::Tokens,
    flows::{
        Cx,
        device_grant::{self, Refusal},
    },
    oauth::{client_auth::Proven, error::Failure},
    web::parameters::Parameters,
};

pub async fn run(cx: &Cx, proven: Proven, form: &Parameters, key: Option<String>) -> Result<Tokens, Failure> {
    let Proven { pool, client } = proven;
    if !pool.strict_oidc {
        return Err(Failure::new("unsupported_grant_type"));
    }
    if !pool.allows_devices(&client) {
        return Err(Failure::unauthorized_client());
    }
    let code = form.filled("device_code").ok_or_else(|| Failure::invalid_request("device_code is missing"))?;
    device_grant::redeem(cx, (pool, client), code, key).await.map_err(|refusal| match refusal {
        Refusal::Pending => Failure::new("authorization_pending"),
        Refusal::SlowDown => Failure::new("slow_down"),
        Refusal::Denied => Failure::new("access_denied"),
        Refusal::Expired => Failure::new("expired_token"),
        Refusal::Failed(error) => error.into(),
    })
}
