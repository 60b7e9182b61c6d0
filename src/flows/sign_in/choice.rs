//! USER_AUTH: the one who signs in chooses how, among what the pool allows and they have.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-selection-sdk.html>

use super::{
    Cx, Door, Outcome, Start, check_state, code, is_hidden, meet, missing, passkey, password, proceed,
    session::{self, Draft, Opened},
    srp, step_up, subject,
};
use crate::{
    domain::{
        Error, Result, User,
        challenge::{Awaits, Challenge, CodePurpose, FirstFactor, FirstProof, Progress, Prompt, Subject},
        factor,
        user::Status,
    },
    flows::passkeys,
    keys::seal::Purpose,
    kit::secret::Secret,
    store,
};

/// What may come with a choice, so that it is one call.
#[derive(Default)]
pub struct Bundle {
    pub password: Option<Secret>,
    pub srp_a: Option<String>,
    /// The signature of a passkey, as JSON.
    pub credential: Option<String>,
}

/// Somebody on the way to their first factor, and what they may choose.
struct Choosing {
    subject: Subject,
    user: Option<User>,
    progress: Progress,
    available: Vec<FirstFactor>,
}

pub(super) async fn begin(cx: &Cx, door: &Door, mut start: Start) -> Result<Outcome> {
    if let Some(session) = &start.session {
        return after_sign_up(cx, door, session, &start).await;
    }
    let credit = Box::pin(step_up::read(cx, door, &mut start)).await?;
    let user = meet(cx, door, &start).await?.filter(|user| !is_hidden(door, user));
    let earlier = credit.map(|credit| credit.of(user.as_ref())).transpose()?.flatten();
    if let Some(user) = &user {
        check_state(user)?;
        // Nothing that could be chosen here is theirs.
        if user.status == Status::ExternalProvider {
            return Err(Error::WrongCredentials);
        }
    }
    if let (Some(user), Some(assurance)) = (&user, earlier) {
        let progress = Progress { assurance, ..start.progress().proven(FirstProof::Earlier) };
        if let Some(prompt) = Box::pin(step_up::begin(cx, door, &progress, user)).await? {
            return Outcome::asks(prompt);
        }
    }
    let choosing = Choosing {
        subject: subject(cx, door, user.as_ref(), &start.username),
        available: available(cx, door, (user.as_ref(), &start.username)).await?,
        progress: start.progress(),
        user,
    };
    let preferred = start.preferred.as_deref().map(named).transpose()?;
    match preferred.filter(|factor| choosing.available.contains(factor)) {
        Some(factor) => {
            let bundle = Bundle { password: start.password, srp_a: start.srp_a, credential: None };
            go(cx, door, choosing, (factor, bundle)).await
        }
        None => {
            let (options, passkey) = match choosing.available.contains(&FirstFactor::Passkey) {
                true => {
                    let asked = passkey::ask(cx, door, &choosing.subject).await?;
                    (Some(asked.options), Some(asked.state))
                }
                false => (None, None),
            };
            let session = choosing.seal(cx, door, Awaits::Choice { passkey })?;
            choosing.asks(Prompt::new(Challenge::SelectChallenge { options }, &choosing.subject, session))
        }
    }
}

/// SELECT_CHALLENGE. A passkey may have signed what was asked along with the choice (`state`).
pub(super) async fn choose(
    cx: &Cx,
    door: &Door,
    opened: Opened,
    (chosen, bundle, state): (&str, Bundle, Option<&str>),
) -> Result<Outcome> {
    let Opened { session, user } = opened;
    let factor = named(chosen)?;
    let available = available(cx, door, (user.as_ref(), &session.subject.login)).await?;
    if !available.contains(&factor) {
        return Err(Error::InvalidParameter(format!("{chosen} is not among the available challenges.")));
    }
    if let (FirstFactor::Passkey, Some(credential)) = (factor, &bundle.credential) {
        // None where the passkey came to be a choice after the question, which it then cannot have signed.
        let state = state.ok_or(Error::WrongCredentials)?;
        return passkey::answer(cx, door, Opened { session, user }, (state, credential)).await;
    }
    session::spend_now(cx, &session).await?;
    let choosing = Choosing { subject: session.subject, user, progress: session.progress, available };
    go(cx, door, choosing, (factor, bundle)).await
}

/// PASSWORD_SRP.
pub(super) async fn answer_srp(cx: &Cx, door: &Door, opened: Opened, srp_a: String) -> Result<Outcome> {
    let Opened { session, user } = opened;
    if srp_a.is_empty() {
        return Err(missing("SRP_A"));
    }
    session::spend_now(cx, &session).await?;
    let choosing = Choosing { subject: session.subject, user, progress: session.progress, available: Vec::new() };
    choosing.open_srp(cx, door, srp_a).await
}

fn named(name: &str) -> Result<FirstFactor> {
    FirstFactor::from_name(name)
        .ok_or_else(|| Error::InvalidParameter(format!("{name} is no challenge that a sign-in can begin with.")))
}

/// The factor that was chosen begins, or is answered at once where what it takes came along.
async fn go(cx: &Cx, door: &Door, choosing: Choosing, (factor, bundle): (FirstFactor, Bundle)) -> Result<Outcome> {
    if let Some(medium) = code::medium_of(factor) {
        let route = code::Route { medium, purpose: CodePurpose::First };
        let prompt = match &choosing.user {
            Some(user) => code::begin(cx, door, route, (user, &choosing.progress)).await?,
            None => code::begin_for_nobody(cx, door, route, (&choosing.subject, &choosing.progress)).await?,
        };
        return choosing.asks(prompt);
    }
    match (factor, bundle) {
        (FirstFactor::Password, Bundle { password: Some(password), .. }) => {
            let Choosing { subject, user, progress, .. } = choosing;
            let (user, progress) = password::prove(cx, door, progress, user, (&subject.login, &password)).await?;
            proceed(cx, door, progress, user).await
        }
        (FirstFactor::PasswordSrp, Bundle { srp_a: Some(srp_a), .. }) => choosing.open_srp(cx, door, srp_a).await,
        (FirstFactor::PasswordSrp, _) => {
            let session = choosing.seal(cx, door, Awaits::PasswordSrp)?;
            choosing.asks(Prompt::new(Challenge::PasswordSrp, &choosing.subject, session))
        }
        (FirstFactor::Passkey, _) => {
            let prompt = passkey::begin(cx, door, &choosing.subject, &choosing.progress).await?;
            choosing.asks(prompt)
        }
        (FirstFactor::Password | FirstFactor::EmailCode | FirstFactor::SmsCode, _) => {
            let session = choosing.seal(cx, door, Awaits::Password)?;
            choosing.asks(Prompt::new(Challenge::Password, &choosing.subject, session))
        }
    }
}

impl Choosing {
    fn seal(&self, cx: &Cx, door: &Door, awaits: Awaits) -> Result<String> {
        Draft { subject: &self.subject, awaits, progress: &self.progress }.seal(cx, door)
    }

    fn asks(&self, prompt: Prompt) -> Result<Outcome> {
        Outcome::asks(Prompt { available: self.available.clone(), ..prompt })
    }

    async fn open_srp(&self, cx: &Cx, door: &Door, srp_a: String) -> Result<Outcome> {
        let opening = srp::Opening { subject: &self.subject, progress: &self.progress, srp_a, with_session: true };
        let verifier = self.user.as_ref().and_then(|user| user.credential.srp.clone());
        let prompt = srp::open(cx, door, opening, (verifier, &self.subject.login)).await?;
        self.asks(prompt)
    }
}

/// What somebody can begin with. Nobody has what many have, and the same each time.
async fn available(cx: &Cx, door: &Door, (user, login): (Option<&User>, &str)) -> Result<Vec<FirstFactor>> {
    let Some(user) = user else {
        let login = store::users::key(&door.pool, login);
        let has = |what: &str| {
            let name = format!("{what}\0{}\0{login}", door.pool.id);
            cx.app.sealer.mac(Purpose::FakeUser, name.as_bytes())[0] & 1 == 1
        };
        let takes_passkeys = passkeys::usable_relying_party(cx, &door.pool).await?.is_some();
        return Ok(factor::available_to_nobody(&door.pool, has("phone"), takes_passkeys && has("a passkey")));
    };
    let preference = store::factors::find(&mut cx.read().await?, user).await?.preference;
    let has_passkey = !passkeys::usable(cx, &door.pool, &user.sub).await?.is_empty();
    Ok(factor::available(&door.pool, user, &preference, has_passkey))
}

/// The sign-up that was confirmed with this session signs in without any further proof: whoever confirmed it has it.
async fn after_sign_up(cx: &Cx, door: &Door, session: &str, start: &Start) -> Result<Outcome> {
    let Opened { session, user } = session::open(cx, door, Some(session), &start.username).await?;
    if session.awaits != Awaits::SignUp {
        return Err(session::invalid());
    }
    let user = user.ok_or_else(session::invalid)?;
    check_state(&user)?;
    session::spend_now(cx, &session).await?;
    proceed(cx, door, start.progress().proven(FirstProof::SignUp), user).await
}
