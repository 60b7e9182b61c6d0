//! The words of messages: a pool's own templates or the service's, and how their placeholders are filled.
//!
//! `{####}` is the code or the temporary password, `{username}` the name in an invitation, `{##text##}` a link. A text is read
//! once from front to back: what was filled in is not looked at again, so that nobody's name can hold a placeholder.
//! E-mail is HTML, and what is filled into it is escaped; SMS is text.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-settings-message-customizations.html>

use std::borrow::Cow;

use serde_json::Value;

use super::{Error, Pool, Result, code::Medium, message::Occasion, pool::PoolSettings};

/// What stands for the code.
pub const CODE: &str = "{####}";
/// What stands for the user name in invitations.
pub const USERNAME: &str = "{username}";
/// What a trigger is told to write for a link.
pub const LINK: &str = "{##Click Here##}";

/// The longest texts of a message.
pub const MOST_SMS: usize = 140;
pub const MOST_EMAIL: usize = 20_000;
pub const MOST_SUBJECT: usize = 140;

/// A message with its placeholders still in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Empty for an SMS.
    pub subject: String,
    pub body: String,
}

/// What the placeholders stand for.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    pub code: &'a str,
    /// In invitations.
    pub username: Option<&'a str>,
    /// Where `{##text##}` leads, in messages that confirm by a link.
    pub link: Option<&'a str>,
}

/// What the published patterns do not say: an invitation is of no use without the name and the password, nor a sender without an
/// address.
pub fn check(settings: &PoolSettings) -> Result<()> {
    let invalid = |text: String| Err(Error::InvalidParameter(text));
    let invitation = settings.admin_create_user_config.invite_message_template.as_ref();
    for name in ["EmailMessage", "SMSMessage"] {
        let text = invitation.and_then(|invitation| invitation.get(name)?.as_str());
        if text.is_some_and(|text| !text.contains(CODE) || !text.contains(USERNAME)) {
            return invalid(format!("{name} of InviteMessageTemplate must contain {USERNAME} and {CODE}."));
        }
    }
    let from = settings.kept.get("EmailConfiguration").and_then(|email| email.get("From")?.as_str());
    match from.filter(|from| !from.contains('@')) {
        Some(from) => invalid(format!("From must hold an email address: {from}")),
        None => Ok(()),
    }
}

/// Whether a sign-up by e-mail is confirmed with a link.
pub fn confirms_with_link(pool: &Pool) -> bool {
    verification_text(pool, "DefaultEmailOption").is_some_and(|option| option == "CONFIRM_WITH_LINK")
}

impl Template {
    /// The pool's own words for an occasion, the service's where it has none.
    pub fn of(pool: &Pool, occasion: Occasion, medium: Medium, by_link: bool) -> Self {
        let [subject, body] = own(pool, occasion, medium, by_link);
        let [default_subject, default_body] = default(occasion, by_link);
        Self {
            subject: match medium {
                Medium::Email => subject.unwrap_or(default_subject).to_owned(),
                Medium::Sms => String::new(),
            },
            body: body.unwrap_or(default_body).to_owned(),
        }
    }

    /// The subject and the body that reach the person.
    pub fn fill(&self, medium: Medium, values: &Values<'_>) -> (String, String) {
        (fill(&self.subject, values, false), fill(&self.body, values, medium == Medium::Email))
    }
}

/// Who an e-mail is from, where the pool says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// None for the server's own address.
    pub from: Option<String>,
    pub reply_to: Option<String>,
}

/// What `EmailConfiguration` says about the sender. `From`, and the address that `SourceArn` names without it, count only for a
/// pool that sends as `DEVELOPER`.
/// <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_EmailConfigurationType.html>
pub fn sender(pool: &Pool) -> Sender {
    let Some(configuration) = pool.settings.kept.get("EmailConfiguration") else { return Sender::default() };
    let text = |name: &str| configuration.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let is_own = text("EmailSendingAccount") == Some("DEVELOPER");
    let identity =
        || text("SourceArn")?.rsplit_once("identity/").map(|(_, name)| name).filter(|name| name.contains('@'));
    Sender {
        from: text("From").or_else(identity).filter(|_| is_own).map(str::to_owned),
        reply_to: text("ReplyToEmailAddress").map(str::to_owned),
    }
}

/// The pool's own subject and body.
fn own(pool: &Pool, occasion: Occasion, medium: Medium, by_link: bool) -> [Option<&str>; 2] {
    let kept = |name: &str| pool.settings.kept.get(name).and_then(Value::as_str);
    let verification = |name: &str| verification_text(pool, name);
    let invitation = |name: &str| {
        pool.settings.admin_create_user_config.invite_message_template.as_ref()?.get(name).and_then(Value::as_str)
    };
    let second_factor = |name: &str| pool.settings.kept.get("EmailMfaConfiguration")?.get(name).and_then(Value::as_str);
    match (occasion, medium) {
        (Occasion::AdminCreateUser, Medium::Email) => [invitation("EmailSubject"), invitation("EmailMessage")],
        (Occasion::AdminCreateUser, Medium::Sms) => [None, invitation("SMSMessage")],
        (Occasion::Authentication, Medium::Email) => [second_factor("Subject"), second_factor("Message")],
        (Occasion::Authentication, Medium::Sms) => [None, kept("SmsAuthenticationMessage")],
        (_, Medium::Email) if by_link => [verification("EmailSubjectByLink"), verification("EmailMessageByLink")],
        (_, Medium::Email) => [
            verification("EmailSubject").or_else(|| kept("EmailVerificationSubject")),
            verification("EmailMessage").or_else(|| kept("EmailVerificationMessage")),
        ],
        (_, Medium::Sms) => [None, verification("SmsMessage").or_else(|| kept("SmsVerificationMessage"))],
    }
}

fn verification_text<'a>(pool: &'a Pool, name: &str) -> Option<&'a str> {
    pool.settings.kept.get("VerificationMessageTemplate")?.get(name)?.as_str()
}

/// The service's subject and body.
fn default(occasion: Occasion, by_link: bool) -> [&'static str; 2] {
    match occasion {
        Occasion::AdminCreateUser => {
            ["Your temporary password", "Your username is {username} and temporary password is {####}."]
        }
        Occasion::Authentication => ["Your authentication code", "Your authentication code is {####}."],
        _ if by_link => {
            ["Your verification link", "Please click the link below to verify your email address. {##Verify Email##} "]
        }
        _ => ["Your verification code", "Your verification code is {####}"],
    }
}

/// The text of the first `{##text##}` in `text`, and what stands before and behind it.
fn split_link(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(found) = text[from..].find("{##") {
        let start = from + found;
        let rest = &text[start + 3..];
        // `{####}` is a code, not a link without words.
        if !text[start..].starts_with(CODE)
            && let Some(end) = rest.find("##}")
        {
            return Some((&text[..start], &rest[..end], &rest[end + 3..]));
        }
        from = start + 3;
    }
    None
}

/// Whether `text` has a place for a link.
pub fn has_link(text: &str) -> bool {
    split_link(text).is_some()
}

fn fill(text: &str, values: &Values<'_>, html: bool) -> String {
    let mut filled = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some((before, words, behind)) = values.link.and_then(|_| split_link(rest)) {
        fill_words(&mut filled, before, values, html);
        link(&mut filled, words, values.link.unwrap_or_default(), html);
        rest = behind;
    }
    fill_words(&mut filled, rest, values, html);
    filled
}

fn link(filled: &mut String, words: &str, target: &str, html: bool) {
    if html {
        filled.push_str(&format!("<a href=\"{}\">{words}</a>", escape(target)));
    } else {
        filled.push_str(words);
    }
}

fn fill_words(filled: &mut String, text: &str, values: &Values<'_>, html: bool) {
    let value = |value| if html { escape(value) } else { Cow::Borrowed(value) };
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(behind) = rest.strip_prefix(CODE) {
            filled.push_str(&value(values.code));
            rest = behind;
        } else if let (Some(behind), Some(username)) = (rest.strip_prefix(USERNAME), values.username) {
            filled.push_str(&value(username));
            rest = behind;
        } else {
            filled.push('{');
            rest = &rest[1..];
        }
    }
    filled.push_str(rest);
}

/// Text as HTML shows it.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, html: bool) -> String {
        let link = Some("https://id.example/confirmUser?a=1&b=2");
        fill(text, &Values { code: "12<34", username: Some("{####} & co"), link }, html)
    }

    #[test]
    fn what_is_filled_in_is_not_filled_again_and_is_escaped_in_html() {
        assert_eq!(filled("{username}: {####}", false), "{####} & co: 12<34");
        assert_eq!(filled("{username}: {####}", true), "{####} &amp; co: 12&lt;34");
        assert_eq!(filled("{ {#} {name} {", true), "{ {#} {name} {");
    }

    #[test]
    fn a_link_has_its_words_and_a_code_is_no_link() {
        assert_eq!(
            filled("{####} {##Click <b>here</b>##}, {##or here##}", true),
            "12&lt;34 <a href=\"https://id.example/confirmUser?a=1&amp;b=2\">Click <b>here</b></a>, \
             <a href=\"https://id.example/confirmUser?a=1&amp;b=2\">or here</a>"
        );
        assert!(!has_link("{####} and ##}"));
        assert!(has_link("{####} and {##this##}"));
    }

    #[test]
    fn without_a_link_its_place_is_left_as_it_is() {
        let values = Values { code: "1", username: None, link: None };
        assert_eq!(fill("{##Click##} {username} {####}", &values, true), "{##Click##} {username} 1");
    }
}
