//! Messages to people: written before a change, sent with it.
//!
//! [`compose`] asks the CustomMessage trigger and fills the template, which may take as long as a function does; it runs before
//! the transaction. [`Envelope::put`] puts the result into the outbox in the transaction of the change that it tells about: there
//! is no message about what did not happen, and no change that nobody is told of.

use super::Cx;
use crate::{
    domain::{
        Error, Pool, Result, User,
        code::{Delivery, Medium},
        message::{Message, Occasion},
        template::{self, Template, Values},
        user::Status,
    },
    hooks::{ClientMetadata, CustomMessage, user_attributes},
    kit::clock::Time,
    store::{self, Tx},
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
    message: Message,
}

/// Refuses before anything has changed when no message of this medium could leave. [`compose`] asks it too; ask it yourself
/// before something costly or counted.
pub fn check_delivery(cx: &Cx, medium: Medium) -> Result<()> {
    if cx.app.post.can_deliver(medium) {
        return Ok(());
    }
    let (what, section) = match medium {
        Medium::Email => ("e-mail", "[mail]"),
        Medium::Sms => ("SMS", "[sms]"),
    };
    Err(Error::DeliveryFailed(format!("This server cannot deliver {what}: its configuration has no {section}.")))
}

/// Writes the message that carries `code` to the user's address of `medium`. Call it before the transaction: it may run a
/// function. The code is the caller's: digits that it keeps the hash of, or a temporary password.
///
/// A sign-in code, be it a second factor or a first one, is written the same way, with [`Occasion::Authentication`], digits of
/// the caller's (six or eight) and the metadata of RespondToAuthChallenge:
///
/// ```ignore
/// let envelope = messages::compose(cx, &about, Medium::Email, &digits, expires_at).await?;
/// let delivery = envelope.send(cx).await?; // or envelope.put(&mut tx) where a transaction is at hand
/// ```
///
/// Its words are the pool's `SmsAuthenticationMessage`, or `EmailMfaConfiguration` as [`Template::of`] finds it in the settings.
/// After `until` the code is worth nothing, and a message that has not left by then never does.
pub async fn compose(cx: &Cx, about: &About<'_>, medium: Medium, code: &str, until: Time) -> Result<Envelope> {
    check_delivery(cx, medium)?;
    let About { pool, user, occasion, client_id, .. } = *about;
    let address = user.attribute(medium.attribute()).unwrap_or_default().to_owned();
    let client_id = client_id.filter(|_| is_confirmed_by_link(pool, occasion, medium));
    let link = client_id.map(|client_id| confirmation_link(cx, client_id, &user.username, code));
    let template = words(cx, about, medium, link.is_some()).await?;
    let username = (occasion == Occasion::AdminCreateUser).then_some(user.username.as_str());
    let (subject, body) = template.fill(medium, &Values { code, username, link: link.as_deref() });
    let message = Message {
        id: cx.random().uuid(),
        pool_id: pool.id.clone(),
        medium,
        recipient: address,
        subject: (medium == Medium::Email).then_some(subject),
        body,
        code: Some(code.to_owned()),
        created_at: cx.now(),
    };
    let _ = until;
    Ok(Envelope { message })
}

impl Envelope {
    /// Sends it in the transaction of the change that it tells about, and says where to.
    pub async fn put(self, tx: &mut Tx) -> Result<Delivery> {
        store::messages::insert(tx, &self.message).await?;
        Ok(Delivery::to(self.message.medium, &self.message.recipient))
    }

    /// Sends it where nothing else changes.
    pub async fn send(self, cx: &Cx) -> Result<Delivery> {
        let mut tx = cx.begin().await?;
        let delivery = self.put(&mut tx).await?;
        tx.commit().await?;
        Ok(delivery)
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
        user_attributes: user_attributes(pool, user),
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
