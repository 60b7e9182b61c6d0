//! Codes that are sent during a sign-in: in place of a password, beside one, or to set that up.

use super::{
    Cx, Door, Outcome, custom, proceed,
    session::{self, Draft, Opened},
    tries,
};
use crate::{
    domain::{
        Error, Result, User, attribute,
        challenge::{
            Awaits, Challenge, CodePurpose, FirstFactor, FirstProof, Progress, Prompt, SentCode, Session, Subject,
        },
        code::{Delivery, Medium},
        error::{FactorFault, PoolFault},
        message::Occasion,
        mfa::Factor,
    },
    flows::{
        messages::{self, About, Carried},
        sign_up,
    },
    keys::{same, seal::Purpose},
    store,
};

/// Where a code goes, and what for.
#[derive(Clone, Copy)]
pub(super) struct Route {
    pub(super) medium: Medium,
    pub(super) purpose: CodePurpose,
}

/// Sends a code to the user's address and asks for it. `user` has the address already where it is being set up.
pub(super) async fn begin(cx: &Cx, door: &Door, route: Route, (user, progress): (&User, &Progress)) -> Result<Prompt> {
    let Route { medium, purpose } = route;
    // No exception for this is declared here but one that speaks of the pool.
    messages::check_delivery(cx, &door.pool, medium).map_err(undeliverable)?;
    tries::count_message(cx, door, &user.sub, progress).await?;
    let about = About {
        pool: &door.pool,
        user,
        occasion: Occasion::Authentication,
        client_id: Some(&door.client.id),
        metadata: door.metadata.as_ref(),
    };
    let digits = cx.random().digits(purpose.digits());
    let until = cx.now().plus(door.client.session_lifetime());
    let envelope =
        messages::compose(cx, &about, medium, Carried { code: &digits, until }).await.map_err(undeliverable)?;
    let delivery = envelope.send(cx).await?;
    let subject = Subject::of(user);
    let address = user.attribute(medium.attribute()).unwrap_or_default().to_owned();
    let hash = hash(cx, door, &address, &digits);
    let awaits = Awaits::Code(SentCode { medium, purpose, address, hash });
    let session = Draft { subject: &subject, awaits, progress }.seal(cx, door)?;
    Ok(Prompt::new(Challenge::Code { delivery, purpose }, &subject, session))
}

/// What somebody who does not exist is asked: a code that was never made, to an address that what was typed suggests.
pub(super) async fn begin_for_nobody(
    cx: &Cx,
    door: &Door,
    Route { medium, purpose }: Route,
    (subject, progress): (&Subject, &Progress),
) -> Result<Prompt> {
    messages::check_delivery(cx, &door.pool, medium).map_err(undeliverable)?;
    tries::count_message(cx, door, &subject.login, progress).await?;
    let address = invented_address(cx, door, &subject.login, medium);
    let delivery = Delivery::to(medium, &address);
    let hash = hash(cx, door, &address, &cx.random().digits(purpose.digits()));
    let awaits = Awaits::Code(SentCode { medium, purpose, address, hash });
    let session = Draft { subject, awaits, progress }.seal(cx, door)?;
    Ok(Prompt::new(Challenge::Code { delivery, purpose }, subject, session))
}

/// What was typed if it is such an address, else one that nobody has, and always the same for a name.
fn invented_address(cx: &Cx, door: &Door, login: &str, medium: Medium) -> String {
    let mac = cx.app.sealer.mac(Purpose::FakeUser, format!("address\0{}\0{login}", door.pool.id).as_bytes());
    let letter = |byte: u8| char::from(b'a' + byte % 26);
    match medium {
        Medium::Email if attribute::is_email(login) => login.to_owned(),
        Medium::Sms if attribute::is_phone_number(login) => login.to_owned(),
        Medium::Email => format!("{}@{}", letter(mac[0]), letter(mac[1])),
        Medium::Sms => {
            let digits: String = mac[..10].iter().map(|byte| char::from(b'0' + byte % 10)).collect();
            format!("+1{digits}")
        }
    }
}

fn undeliverable(error: Error) -> Error {
    match error {
        Error::DeliveryFailed(text) => Error::PoolState(PoolFault::Configuration(text)),
        other => other,
    }
}

pub(super) async fn answer(cx: &Cx, door: &Door, opened: Opened, (sent, given): (SentCode, &str)) -> Result<Outcome> {
    let Opened { session, user } = opened;
    let proof = async {
        let is_right = same(&sent.hash, &hash(cx, door, &sent.address, given));
        let is_theirs = user.as_ref().is_some_and(|user| is_still(&sent, user));
        if is_right && is_theirs { Ok(()) } else { Err(Error::SecondFactor(FactorFault::Code)) }
    };
    if let Err(refusal) = tries::under_lock(cx, &session, proof).await {
        return custom::refused(cx, door, session, refusal).await;
    }
    let user = user.ok_or_else(session::invalid)?;
    let user = redeem(cx, door, &session, (&sent, user)).await?;
    let progress = match sent.purpose {
        CodePurpose::First => session.progress.proven(FirstProof::Code(sent.medium)),
        CodePurpose::Second | CodePurpose::SetUp => session.proven_second(sent.medium.into()),
    };
    proceed(cx, door, progress, user).await
}

/// Whether the code still proves the user: not after the address was changed.
fn is_still(sent: &SentCode, user: &User) -> bool {
    sent.purpose == CodePurpose::SetUp || user.attribute(sent.medium.attribute()) == Some(&sent.address)
}

/// Spends the session, and where the code was sent to set e-mail up, lets the address count from now on.
async fn redeem(cx: &Cx, door: &Door, session: &Session, (sent, user): (&SentCode, User)) -> Result<User> {
    let mut tx = cx.begin().await?;
    session::spend(&mut tx, session).await?;
    if sent.purpose != CodePurpose::SetUp {
        tx.commit().await?;
        return Ok(user);
    }
    let user = store::users::by_sub_for_update(&mut tx, &user.pool_id, &user.sub).await?;
    let mut user = user.ok_or_else(session::invalid)?;
    session::check_unchanged(session, &user)?;
    let name = sent.medium.attribute();
    user.attributes.insert(name.to_owned(), sent.address.clone());
    user.attributes.insert(format!("{name}_verified"), "true".to_owned());
    user.modified_at = cx.now();
    sign_up::claim_verified(&mut tx, &door.pool, &user, name, false, cx.now()).await?;
    store::users::update(&mut tx, &door.pool, &user).await?;
    let mut preference = store::factors::find(&mut tx, &user).await?.preference;
    preference.enable(Factor::of_medium(sent.medium));
    store::factors::set_preference(&mut tx, &user, &preference).await?;
    tx.commit().await?;
    Ok(user)
}

/// Keyed, because a few digits are guessed from a plain hash at once. Which session it is for follows from where it is kept.
fn hash(cx: &Cx, door: &Door, address: &str, digits: &str) -> Vec<u8> {
    let message = ["sign_in", &door.pool.id, address, digits].join("\0");
    cx.app.sealer.mac(Purpose::Code, message.as_bytes()).to_vec()
}

/// The address of a code in place of a password.
pub(super) fn medium_of(factor: FirstFactor) -> Option<Medium> {
    match factor {
        FirstFactor::EmailCode => Some(Medium::Email),
        FirstFactor::SmsCode => Some(Medium::Sms),
        FirstFactor::Password | FirstFactor::PasswordSrp | FirstFactor::Passkey => None,
    }
}
