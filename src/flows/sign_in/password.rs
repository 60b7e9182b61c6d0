//! The password itself, in one call.

use super::{Cx, Door, Outcome, Start, check_state_by_password, meet, missing, proceed};
use crate::{
    domain::{Error, Result, challenge::FirstProof},
    flows::passwords,
    kit::secret::Secret,
};

pub(super) async fn begin(cx: &Cx, door: &Door, start: Start) -> Result<Outcome> {
    let password = start.password.as_ref().filter(|password| !password.expose().is_empty());
    let password: &Secret = password.ok_or_else(|| missing("PASSWORD"))?;
    let Some(user) = meet(cx, door, &start).await? else {
        passwords::verify_nobody(cx, &door.pool, &start.username, password).await?;
        return Err(Error::WrongCredentials);
    };
    check_state_by_password(door, &user)?;
    passwords::verify(cx, &user, password).await?;
    proceed(cx, door, start.progress().proven(FirstProof::Password), user).await
}
