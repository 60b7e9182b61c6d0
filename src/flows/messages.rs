//! Messages to people: written before a change, sent with it.
//!
//! [`compose`] asks the CustomMessage trigger and fills the template, which may take as long as a function does; it runs before
//! the transaction. [`Envelope::put`] puts the result into the outbox in the transaction of the change that it tells about: there
//! is no message about what did not happen, and no change that nobody is told of.

use super::{Cx, triggers};
use crate::{
    domain::{
        Error, Pool, Result, User,
        code::{Delivery, Medium},
        message::{Handover, Letter, Message, Occasion, Parcel},
        risk::notice::Notice,
        template::{self, Sender, Template, Values},
        user::Status,
    },
    hooks::{ClientMetadata, CustomEmailSender, CustomMessage, CustomSmsSender},
    kit::clock::Time,
    store::{self, Tx, outbox::Waiting},
};

/// Whom a message is for and what brings it about.
#[derive(Clone, Copy)]
pub struct About<'a> {
    pub pool: &'a Pool,
    /// As they will be once the change has happened: an address that changes is the new one already.
    pub user: &'a User,
    pub occasion: Occasion,
    /// The app client that the person came through; none where an administrator acts.
    pub client_id: Option<&'a str>,
    /// The call's `ClientMetadata`, for the triggers.
    pub metadata: Option<&'a ClientMetadata>,
}

/// A message that is written and not yet sent.
pub struct Envelope {
    /// As the inbox shows it.
    message: Message,
    /// As it leaves the house, if it does.
    parcel: Option<Parcel>,
    until: Time,
    has_inbox: bool,
}

/// Refuses before anything has changed when no message of this medium could leave. [`compose`] asks it too; ask it yourself
/// before something costly or counted.
pub fn check_delivery(cx: &Cx, pool: &Pool, medium: Medium) -> Result<()> {
    let post = &cx.app.post;
    if post.has_inbox() || post.carries(medium) || has_custom_sender(cx, pool, medium) {
        return Ok(());
    }
    let (what, section) = match medium {
        Medium::Email => ("e-mail", "[mail]"),
        Medium::Sms => ("SMS", "[sms]"),
    };
    Err(Error::DeliveryFailed(format!("This server cannot deliver {what}: its configuration has no {section}.")))
}

/// Writes the message that carries `code` to the user's address of `medium`. Call it before the transaction: it may run a
/// function. The code is the caller's: digits that it keeps the hash of, or a temporary password. After `until` it is worth
/// nothing, and a message that has not left by then never does.
///
/// A sign-in code, be it a second factor or a first one, is written the same way, with [`Occasion::Authentication`], digits of
/// the caller's (six or eight) and the metadata of RespondToAuthChallenge. Its words are the pool's `SmsAuthenticationMessage`,
/// or `EmailMfaConfiguration` as [`Template::of`] finds it in the settings.
///
/// ```ignore
/// let envelope = messages::compose(cx, &about, Medium::Email, Carried { code: &digits, until }).await?;
/// let delivery = envelope.send(cx).await?; // or envelope.put(&mut tx) where a transaction is at hand
/// ```
pub async fn compose(cx: &Cx, about: &About<'_>, medium: Medium, carried: Carried<'_>) -> Result<Envelope> {
    check_delivery(cx, about.pool, medium)?;
    let About { pool, user, occasion, client_id, .. } = *about;
    let Carried { code, until } = carried;
    let through = client_id.filter(|_| is_confirmed_by_link(pool, occasion, medium));
    let link = through.map(|client_id| confirmation_link(cx, client_id, &user.username, code));
    let template = words(cx, about, medium, link.is_some()).await?;
    let username = (occasion == Occasion::AdminCreateUser).then_some(user.username.as_str());
    let (subject, body) = template.fill(medium, &Values { code, username, link: link.as_deref() });
    let subject = (medium == Medium::Email).then_some(subject);
    let words = Words { medium, subject, body, code: Some(code), sender: template::sender(pool) };
    enclose(cx, about, words, until).await
}

/// Puts an e-mail without a code into its envelope: somebody has found the words already.
pub async fn notice(cx: &Cx, about: &About<'_>, notice: Notice, until: Time) -> Result<Envelope> {
    check_delivery(cx, about.pool, Medium::Email)?;
    let Notice { subject, body, sender } = notice;
    let words = Words { medium: Medium::Email, subject: Some(subject), body, code: None, sender };
    enclose(cx, about, words, until).await
}

/// What reaches the person.
struct Words<'a> {
    medium: Medium,
    subject: Option<String>,
    body: String,
    code: Option<&'a str>,
    sender: Sender,
}

async fn enclose(cx: &Cx, about: &About<'_>, words: Words<'_>, until: Time) -> Result<Envelope> {
    let About { pool, user, occasion, client_id, metadata } = *about;
    let Words { medium, subject, body, code, sender } = words;
    let recipient = user.attribute(medium.attribute()).unwrap_or_default().to_owned();
    let parcel = if has_custom_sender(cx, pool, medium) {
        Some(Parcel::Handover(Handover {
            medium,
            occasion,
            username: user.username.clone(),
            client_id: client_id.map(str::to_owned),
            code: code.unwrap_or_default().to_owned(),
            attributes: triggers::user_attributes(cx, pool, user).await?,
            metadata: metadata.cloned(),
        }))
    } else if cx.app.post.carries(medium) {
        let Sender { from, reply_to } = sender;
        let (recipient, subject, body) = (recipient.clone(), subject.clone(), body.clone());
        Some(Parcel::Letter(Letter { medium, occasion, recipient, subject, body, from, reply_to }))
    } else {
        None
    };
    let message = Message {
        id: cx.random().uuid(),
        pool_id: pool.id.clone(),
        medium,
        recipient,
        subject,
        body,
        code: code.map(str::to_owned),
        created_at: cx.now(),
    };
    Ok(Envelope { message, parcel, until, has_inbox: cx.app.post.has_inbox() })
}

/// What a message is sent for.
#[derive(Clone, Copy)]
pub struct Carried<'a> {
    /// The code or the temporary password.
    pub code: &'a str,
    /// When it ends.
    pub until: Time,
}

impl Envelope {
    /// Sends it in the transaction of the change that it tells about, and says where to.
    pub async fn put(self, tx: &mut Tx) -> Result<Delivery> {
        let Self { message, parcel, until, has_inbox } = self;
        let delivery = Delivery::to(message.medium, &message.recipient);
        if has_inbox {
            store::messages::insert(tx, &message).await?;
        }
        if let Some(parcel) = parcel {
            let Message { id, pool_id, created_at, .. } = message;
            let waiting = Waiting { id, pool_id, parcel, expires_at: until, created_at };
            store::outbox::insert(tx, &waiting).await?;
        }
        Ok(delivery)
    }

    /// Sends it where nothing else changes.
    pub async fn send(self, cx: &Cx) -> Result<Delivery> {
        let mut tx = cx.begin().await?;
        let delivery = self.put(&mut tx).await?;
        tx.commit().await?;
        Ok(delivery)
    }
}

/// Whether a function of the pool's delivers in our place.
fn has_custom_sender(cx: &Cx, pool: &Pool, medium: Medium) -> bool {
    match medium {
        Medium::Email => cx.app.hooks.is_set::<CustomEmailSender>(pool),
        Medium::Sms => cx.app.hooks.is_set::<CustomSmsSender>(pool),
    }
}

/// Links confirm sign-ups by e-mail and nothing else.
fn is_confirmed_by_link(pool: &Pool, occasion: Occasion, medium: Medium) -> bool {
    let confirms = matches!(occasion, Occasion::SignUp | Occasion::ResendCode);
    confirms && medium == Medium::Email && template::confirms_with_link(pool)
}

fn confirmation_link(cx: &Cx, client_id: &str, username: &str, code: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("client_id", client_id), ("user_name", username), ("confirmation_code", code)])
        .finish();
    format!("{}/confirmUser?{query}", cx.app.setup.public_url)
}

/// The template, with what CustomMessage says in its place. Users of identity providers are not asked about.
async fn words(cx: &Cx, about: &About<'_>, medium: Medium, by_link: bool) -> Result<Template> {
    let About { pool, user, occasion, client_id, metadata } = *about;
    let mut template = Template::of(pool, occasion, medium, by_link);
    if !cx.app.hooks.is_set::<CustomMessage>(pool) || user.status == Status::ExternalProvider {
        return Ok(template);
    }
    let is_invitation = occasion == Occasion::AdminCreateUser;
    let request = CustomMessage {
        occasion,
        user_attributes: triggers::user_attributes(cx, pool, user).await?,
        link_parameter: by_link.then_some(template::LINK),
        code_parameter: template::CODE,
        username_parameter: is_invitation.then_some(template::USERNAME),
        client_metadata: metadata.cloned(),
    };
    let answer = cx.ask(pool, client_id, &user.username, request).await?;
    let (body, longest) = match medium {
        Medium::Email => (answer.email_message, template::MOST_EMAIL),
        Medium::Sms => (answer.sms_message, template::MOST_SMS),
    };
    let is_too_long = |text: &Option<String>, longest| text.as_ref().is_some_and(|text| text.chars().count() > longest);
    if is_too_long(&body, longest) || is_too_long(&answer.email_subject, template::MOST_SUBJECT) {
        return Err(Error::HookAnswer("CustomMessage"));
    }
    // Without the placeholders the message would be of no use: the service falls back to its own words then.
    let is_useful = |body: &String| {
        let proves = if by_link { template::has_link(body) } else { body.contains(template::CODE) };
        proves && (!is_invitation || body.contains(template::USERNAME))
    };
    if let Some(body) = body.filter(is_useful) {
        template.body = body;
        if let Some(subject) = answer.email_subject.filter(|subject| medium == Medium::Email && !subject.is_empty()) {
            template.subject = subject;
        }
    }
    Ok(template)
}
