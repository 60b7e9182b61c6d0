//! Signing in: one machine whose every step is a challenge or tokens.
//!
//! Each factor has a file here with how it begins and how it is answered. After each proof [`proceed`] alone says what comes
//! next. The order of refusals is the service's: client, secret hash, flow, parameters, user, state, proof. Whether an unknown
//! user is told apart from a wrong password is the client's `PreventUserExistenceErrors`, applied in [`meet`].
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-authentication-flow.html>

mod choice;
mod code;
mod custom;
mod device;
pub mod mfa_setup;
mod new_password;
mod passkey;
mod password;
mod second_factor;
mod session;
pub mod signed_up;
mod srp;
pub mod step_up;
mod tries;
mod watch;

use std::sync::Arc;

pub use choice::Bundle;

use super::{
    Cx, client_proof, issue,
    issue::{Bound, Issue},
    migrate::{self, Stranger},
    per_address, triggers, veil,
};
use crate::{
    domain::{
        Client, Error, Pool, Result, User,
        assurance::Level,
        challenge::{Awaits, FirstFactor, FirstProof, Progress, Prompt, Step, Subject},
        client::Flow,
        device::Device,
        grant::GrantSource,
        pool::beyond_lite,
        resource_server::ADMIN_SCOPE,
        user::{Attributes, Status},
    },
    hooks::{ClientMetadata, PostAuthentication, PreAuthentication, TokenSource},
    keys::seal::Purpose,
    kit::secret::Secret,
    store,
};
use watch::Watch;

/// Who signs in, where, and what for.
#[derive(Clone)]
pub struct Door {
    pub pool: Arc<Pool>,
    pub client: Arc<Client>,
    pub goal: Goal,
    /// `ClientMetadata` of an answer. What came with the first call is [`Start::validation_data`], and goes elsewhere.
    pub metadata: Option<ClientMetadata>,
}

/// What stands at the end of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Tokens for a caller of the API.
    Tokens,
    /// The hosted pages: the user is known, and a code is given out later.
    Identity,
}

/// How somebody begins: the flow, and whatever came with it. Each flow takes what it needs, and asks for what is missing.
pub struct Start {
    pub flow: Flow,
    pub username: String,
    pub secret_hash: Option<String>,
    pub device_key: Option<String>,
    pub password: Option<Secret>,
    pub srp_a: Option<String>,
    /// `CHALLENGE_NAME` of a custom sign-in: the proof that it begins with.
    pub challenge: Option<String>,
    /// `ClientMetadata` of the first call: for PreAuthentication and UserMigration, and for no other trigger.
    pub validation_data: Option<ClientMetadata>,
    /// Of the event that the sign-in is recorded as; drawn by the machine where it is.
    pub event_id: Option<String>,
    /// `PREFERRED_CHALLENGE` of a sign-in by choice.
    pub preferred: Option<String>,
    /// That of a sign-up that was confirmed.
    pub session: Option<String>,
    /// What a sign-in by choice says of the level that it is to reach.
    pub step_up: step_up::Asked,
    /// The levels that the client asks for, the most wanted first.
    pub levels: Vec<Level>,
}

impl Start {
    pub fn new(flow: Flow, username: &str) -> Self {
        Self {
            flow,
            username: username.to_owned(),
            secret_hash: None,
            device_key: None,
            password: None,
            srp_a: None,
            challenge: None,
            validation_data: None,
            event_id: None,
            preferred: None,
            session: None,
            step_up: step_up::Asked::default(),
            levels: Vec::new(),
        }
    }

    pub fn password(flow: Flow, username: &str, password: Secret) -> Self {
        Self { password: Some(password), ..Self::new(flow, username) }
    }

    fn progress(&self) -> Progress {
        let (event_id, levels) = (self.event_id.clone(), self.levels.clone());
        Progress { event_id, levels, ..Progress::new(self.flow, self.device_key.clone()) }
    }
}

/// How somebody goes on. The client has proven itself before.
pub struct Reply {
    pub username: String,
    pub session: Option<String>,
    pub device_key: Option<String>,
    pub answer: Answer,
}

pub enum Answer {
    PasswordVerifier {
        secret_block: String,
        signature: String,
        timestamp: String,
    },
    DeviceSrp {
        srp_a: String,
    },
    DevicePasswordVerifier {
        secret_block: String,
        signature: String,
        timestamp: String,
    },
    NewPassword {
        password: Secret,
        /// Attributes by their plain names.
        attributes: Attributes,
    },
    /// CUSTOM_CHALLENGE.
    Custom(String),
    /// A code that was sent, by the name of its challenge.
    Code {
        challenge: &'static str,
        code: String,
    },
    Totp(String),
    /// SELECT_MFA_TYPE.
    MfaType(String),
    /// MFA_SETUP, with the address where e-mail is set up.
    MfaSetup {
        email: Option<String>,
    },
    /// SELECT_CHALLENGE, with what the choice takes.
    Choice {
        chosen: String,
        bundle: Bundle,
    },
    Password(Secret),
    PasswordSrp {
        srp_a: String,
    },
    Passkey {
        /// What `navigator.credentials.get` gave, as JSON.
        credential: String,
    },
}

/// Where a sign-in stands before anybody makes tokens of it.
#[derive(Debug)]
pub enum Outcome {
    Challenge(Box<Prompt>),
    /// Nothing more is asked.
    Done(Box<Arrival>),
}

impl Outcome {
    fn asks(prompt: Prompt) -> Result<Self> {
        Ok(Self::Challenge(Box::new(prompt)))
    }
}

/// Somebody who has proven everything that was asked.
#[derive(Debug)]
pub struct Arrival {
    pub user: User,
    pub progress: Progress,
}

/// The first call of a sign-in that ends in tokens.
pub async fn begin(cx: &Cx, door: &Door, start: Start) -> Result<Step> {
    let outcome = identify(cx, door, start).await?;
    finish(cx, door, outcome).await
}

/// The answer to a challenge, on the way to tokens.
pub async fn answer(cx: &Cx, door: &Door, reply: Reply) -> Result<Step> {
    let outcome = identify_by(cx, door, reply).await?;
    finish(cx, door, outcome).await
}

async fn finish(cx: &Cx, door: &Door, outcome: Outcome) -> Result<Step> {
    let Arrival { user, progress } = match outcome {
        Outcome::Challenge(prompt) => return Ok(Step::Challenge(prompt)),
        Outcome::Done(arrival) => *arrival,
    };
    let issue = Issue {
        pool: Arc::clone(&door.pool),
        client: Arc::clone(&door.client),
        user,
        scopes: vec![ADMIN_SCOPE.to_owned()],
        source: GrantSource::Api,
        trigger: trigger_of(&progress),
        event_id: progress.event_id,
        nonce: None,
        client_metadata: door.metadata.clone(),
        bound: Bound {
            device_key: progress.device_key.filter(|_| progress.device),
            assurance: progress.assurance.told(!progress.levels.is_empty()),
            ..Bound::default()
        },
    };
    Ok(Step::Tokens(Box::new(issue::start(cx, issue, cx.now()).await?)))
}

/// Under which name the tokens' trigger is told of this sign-in.
fn trigger_of(progress: &Progress) -> TokenSource {
    match progress {
        Progress { device: true, .. } => TokenSource::AuthenticateDevice,
        Progress { new_password: true, .. } => TokenSource::NewPasswordChallenge,
        _ => TokenSource::Authentication,
    }
}

/// The first step, up to knowing who it is.
pub async fn identify(cx: &Cx, door: &Door, start: Start) -> Result<Outcome> {
    check_door(door, &start)?;
    if start.username.is_empty() {
        return Err(missing("USERNAME"));
    }
    // A step knows every way to sign in, and what surrounds it holds it three times: on the heap there is one of it.
    veil::hide_step(cx, door, per_address::sign_in(cx, &door.client, Box::pin(watch_first(cx, door, start)))).await
}

async fn watch_first(cx: &Cx, door: &Door, mut start: Start) -> Result<Outcome> {
    let Some(watch) = Watch::begin(cx, door, &start.username, None) else { return take_first(cx, door, start).await };
    start.event_id = Some(cx.random().uuid());
    let outcome = match watch::admit(cx, door).await {
        Ok(()) => take_first(cx, door, start).await,
        Err(refusal) => Err(refusal),
    };
    watch.end(cx, door, &outcome).await;
    outcome
}

async fn take_first(cx: &Cx, door: &Door, start: Start) -> Result<Outcome> {
    match start.flow {
        Flow::Password | Flow::AdminPassword => password::begin(cx, door, start).await,
        Flow::Srp => srp::begin(cx, door, start).await,
        Flow::Custom => custom::begin(cx, door, start).await,
        Flow::Choice => choice::begin(cx, door, start).await,
        // No sign-in, but the continuation of one: `flows::refresh`.
        Flow::Refresh => Err(Error::InvalidParameter("Initiate Auth method not supported".to_owned())),
    }
}

/// An answer, up to knowing who it is. It must be to what its session awaits.
pub async fn identify_by(cx: &Cx, door: &Door, reply: Reply) -> Result<Outcome> {
    veil::hide_step(cx, door, per_address::sign_in(cx, &door.client, Box::pin(watch_next(cx, door, reply)))).await
}

async fn watch_next(cx: &Cx, door: &Door, reply: Reply) -> Result<Outcome> {
    let watch = Watch::begin(cx, door, &reply.username, reply.session.as_deref());
    let Some(watch) = watch else { return take_next(cx, door, reply).await };
    let outcome = match watch::admit(cx, door).await {
        Ok(()) => take_next(cx, door, reply).await,
        Err(refusal) => Err(refusal),
    };
    watch.end(cx, door, &outcome).await;
    outcome
}

async fn take_next(cx: &Cx, door: &Door, reply: Reply) -> Result<Outcome> {
    let Reply { username, session, device_key, answer } = reply;
    let mut opened = match answer {
        // The state of Secure Remote Password travels in its block.
        Answer::PasswordVerifier { secret_block, signature, timestamp } => {
            let proof = srp::Proof { username, session, secret_block, signature, timestamp };
            return srp::answer(cx, door, proof, device_key).await;
        }
        Answer::DevicePasswordVerifier { secret_block, signature, timestamp } => {
            let proof = srp::Proof { username, session, secret_block, signature, timestamp };
            return device::answer(cx, door, proof, device_key).await;
        }
        Answer::DeviceSrp { .. } => session::open_for_device(cx, door, session.as_deref(), &username).await?,
        _ => session::open(cx, door, session.as_deref(), &username).await?,
    };
    device::take(cx, door, &mut opened, device_key.clone()).await?;
    match (answer, opened.session.awaits.clone()) {
        (Answer::NewPassword { password, attributes }, Awaits::NewPassword) => {
            new_password::answer(cx, door, opened, (password, attributes)).await
        }
        (Answer::Custom(answer), Awaits::Custom) => custom::answer(cx, door, opened, answer).await,
        (Answer::DeviceSrp { srp_a }, Awaits::DeviceSrp) => {
            device::challenge(cx, door, opened, srp_a, device_key).await
        }
        (Answer::Code { challenge, code }, Awaits::Code(sent)) if sent.purpose.challenge(sent.medium) == challenge => {
            code::answer(cx, door, opened, (sent, &code)).await
        }
        (Answer::Totp(code), Awaits::Totp) => second_factor::answer_totp(cx, door, opened, &code).await,
        (Answer::MfaType(chosen), Awaits::FactorChoice(_)) => second_factor::choose(cx, door, opened, &chosen).await,
        (Answer::MfaSetup { email }, Awaits::FactorSetup(_) | Awaits::FactorReady) => {
            mfa_setup::answer(cx, door, opened, email).await
        }
        (Answer::Choice { chosen, bundle }, Awaits::Choice { passkey }) => {
            choice::choose(cx, door, opened, (&chosen, bundle, passkey.as_deref())).await
        }
        // Whoever was asked for a passkey may name the choice once more.
        (Answer::Choice { chosen, bundle: Bundle { credential: Some(credential), .. } }, Awaits::Passkey { state })
            if chosen == FirstFactor::Passkey.name() =>
        {
            passkey::answer(cx, door, opened, (&state, &credential)).await
        }
        (Answer::Password(password), Awaits::Password) => password::answer(cx, door, opened, &password).await,
        (Answer::PasswordSrp { srp_a }, Awaits::PasswordSrp) => choice::answer_srp(cx, door, opened, srp_a).await,
        (Answer::Passkey { credential }, Awaits::Passkey { state }) => {
            passkey::answer(cx, door, opened, (&state, &credential)).await
        }
        _ => Err(session::invalid()),
    }
}

/// What comes after a proof: the next question, or the end.
///
/// The order is the service's: what threat protection says of it, a new password for a temporary one, what the level lacks, the second factor, the device, PostAuthentication.
async fn proceed(cx: &Cx, door: &Door, progress: Progress, user: User) -> Result<Outcome> {
    // Whoever comes from another identity provider proves nothing here that would let them in.
    if user.status == Status::ExternalProvider {
        return Err(Error::WrongCredentials);
    }
    // The loop of a custom sign-in decides for itself what follows, until it is content.
    if progress.is_led() {
        return Box::pin(custom::proven(cx, door, progress, user)).await;
    }
    let progress = watch::judge(cx, door, progress, &user).await?;
    if user.status == Status::ForceChangePassword {
        return new_password::begin(cx, door, &progress, &user);
    }
    if let Some(prompt) = Box::pin(step_up::begin(cx, door, &progress, &user)).await? {
        return Outcome::asks(prompt);
    }
    let device = device::named(cx, door, &progress, &user).await?;
    if needs_second_factor(door, &progress, device.as_ref())
        && let Some(prompt) = second_factor::begin(cx, door, &progress, &user).await?
    {
        return Outcome::asks(prompt);
    }
    if let Some(device) = device.filter(|_| !progress.device) {
        return device::begin(cx, door, &progress, &user, &device);
    }
    arrive(cx, door, progress, user).await
}

/// Once was enough, and whoever is at risk is asked in any case. The triggers of a custom sign-in have said what they want to see, and a remembered device stands in for the
/// factor where the pool wants it only on new ones; it proves itself afterwards.
fn needs_second_factor(door: &Door, progress: &Progress, device: Option<&Device>) -> bool {
    let tracking = door.pool.device_tracking();
    let is_old = device.is_some_and(|device| device.is_remembered)
        && tracking.is_some_and(|tracking| tracking.challenge_required_on_new_device);
    let is_spared = progress.first == Some(FirstProof::Custom) || is_old;
    !progress.second && (progress.is_risky() || !is_spared)
}

/// Everything was proven. PostAuthentication is told here, and may still refuse.
async fn arrive(cx: &Cx, door: &Door, progress: Progress, user: User) -> Result<Outcome> {
    if cx.app.hooks.is_set::<PostAuthentication>(&door.pool) {
        let request = PostAuthentication {
            user_attributes: triggers::user_attributes(cx, &door.pool, &user).await?,
            new_device_used: door.pool.device_tracking().is_some() && !progress.device,
            client_metadata: door.metadata.clone(),
        };
        cx.ask(&door.pool, Some(&door.client.id), &user.username, request).await?;
    }
    Ok(Outcome::Done(Box::new(Arrival { user, progress })))
}

/// Who is meant, before anything about them is disclosed. None for a name that no user has where the client hides that: whoever
/// asked then does for nobody what they would do for somebody.
async fn meet(cx: &Cx, door: &Door, start: &Start) -> Result<Option<User>> {
    let mut found = store::users::by_login(&mut cx.read().await?, &door.pool, &start.username).await?;
    // Whoever sends a password along in another flow proves nothing with it.
    let by_password = matches!(start.flow, Flow::Password | Flow::AdminPassword | Flow::Choice);
    if let (None, Some(password)) = (&found, start.password.as_ref().filter(|_| by_password)) {
        let stranger = Stranger {
            pool: &door.pool,
            client: &door.client,
            username: &start.username,
            password: Some(password),
            validation_data: start.validation_data.as_ref(),
            metadata: None,
        };
        found = migrate::migrate(cx, &stranger).await?;
    }
    if found.is_none() && !door.client.hides_users() && door.goal == Goal::Tokens {
        return Err(Error::NoSuchUser);
    }
    ask_before(cx, door, start, found.as_ref()).await?;
    Ok(found)
}

/// PreAuthentication comes before the state, and is asked about nobody too where the client hides who exists.
async fn ask_before(cx: &Cx, door: &Door, start: &Start, user: Option<&User>) -> Result<()> {
    if !cx.app.hooks.is_set::<PreAuthentication>(&door.pool) || (user.is_none() && !door.client.hides_users()) {
        return Ok(());
    }
    let user_attributes = match user {
        Some(user) => triggers::user_attributes(cx, &door.pool, user).await?,
        None => Attributes::new(),
    };
    let request = PreAuthentication {
        user_attributes,
        validation_data: start.validation_data.clone().unwrap_or_default(),
        user_not_found: user.is_none(),
    };
    let username = user.map_or(&start.username, |user| &user.username);
    cx.ask(&door.pool, Some(&door.client.id), username, request).await?;
    Ok(())
}

/// Who a session or a block speaks of: the user, or under an invented look the name that nobody has. However that is written, it
/// is one name.
fn subject(cx: &Cx, door: &Door, user: Option<&User>, typed: &str) -> Subject {
    if let Some(user) = user {
        return Subject::of(user);
    }
    let login = store::users::key(&door.pool, typed);
    Subject { sub: None, username: fake_username(cx, door, &login), login, salt: Vec::new() }
}

/// Refusals that come before the first factor is looked at.
fn check_state(user: &User) -> Result<()> {
    if !user.enabled {
        return Err(Error::UserDisabled);
    }
    match user.status {
        Status::Unconfirmed => Err(Error::UserNotConfirmed),
        Status::ResetRequired => Err(Error::PasswordResetRequired),
        Status::Confirmed | Status::ForceChangePassword | Status::ExternalProvider => Ok(()),
    }
}

/// The same, before a password. What somebody proves who is hidden is wrong, as it is for nobody.
fn check_state_by_password(door: &Door, user: &User) -> Result<()> {
    if is_hidden(door, user) { Ok(()) } else { check_state(user) }
}

/// A client that hides who exists hides those too who were imported and have no password yet.
fn is_hidden(door: &Door, user: &User) -> bool {
    let is_imported = user.status == Status::ResetRequired && user.credential.password_hash.is_none();
    user.enabled && is_imported && door.client.hides_users()
}

/// The pages prove their client otherwise and sign in with a password whatever flows the API allows.
fn check_door(door: &Door, start: &Start) -> Result<()> {
    if door.goal == Goal::Identity {
        return Ok(());
    }
    client_proof::check_secret_hash(&door.client, &start.username, start.secret_hash.as_deref())?;
    // The client may be older than the pool's tier.
    if start.flow == Flow::Choice && door.pool.is_lite() {
        return beyond_lite("USER_AUTH");
    }
    if door.pool.allows(&door.client, start.flow) {
        return Ok(());
    }
    Err(Error::InvalidParameter(match start.flow {
        Flow::Password => "USER_PASSWORD_AUTH flow not enabled for this client".to_owned(),
        Flow::Srp => "USER_SRP_AUTH is not enabled for the client.".to_owned(),
        _ => "Auth flow not enabled for this client".to_owned(),
    }))
}

/// The refusal of a call that lacks a parameter of its flow.
pub fn missing(name: &str) -> Error {
    Error::InvalidParameter(format!("Missing required parameter {name}"))
}

/// The name that an unknown user is shown under: a UUID in pools that hide names behind one, else what was typed.
fn fake_username(cx: &Cx, door: &Door, username: &str) -> String {
    if !door.pool.has_username_attributes() {
        return username.to_owned();
    }
    let mac = cx.app.sealer.mac(Purpose::FakeUser, format!("username\0{}\0{username}", door.pool.id).as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&mac[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}
