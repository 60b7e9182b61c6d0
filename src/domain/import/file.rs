//! What a file of users must be: UTF-8 without a mark in front, a header with every column of the pool, one line for each user.
//!
//! The format is the service's own and simpler than CSV at large: it has no quotation marks, and `\,` is a comma that separates
//! nothing. Readers of general CSV take such a backslash for an escape inside of quotation marks only, so the few lines that
//! split are here.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-using-import-tool-csv-header.html>

use std::collections::BTreeSet;

use time::{Date, format_description::BorrowedFormatItem, macros::format_description};

use super::HashAlgorithm;
use crate::domain::{
    attribute::missing_required,
    mfa::{self, Factor, Mode},
    pool::Pool,
    user::{Attributes, Status, User},
};

pub const MOST_BYTES: u64 = 100 * 1024 * 1024;
pub const MOST_ROWS: u64 = 500_000;
const LONGEST_ROW: usize = 16_000;
const USERNAME: &str = "cognito:username";
const MFA_ENABLED: &str = "cognito:mfa_enabled";
/// The column of hashes of passwords, in files of jobs that say how those were made. The service does not publish its name: it is
/// one like those of the other columns that are no attributes.
pub const PASSWORD_HASH: &str = "cognito:password_hash";
const BIRTHDATE: &[BorrowedFormatItem<'_>] = format_description!("[month]/[day]/[year]");

/// In the order in which the service lists them; custom attributes follow before [`MFA_ENABLED`] and [`USERNAME`].
const STANDARD: [&str; 19] = [
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "email",
    "email_verified",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
    "phone_number",
    "phone_number_verified",
    "address",
    "updated_at",
];

/// The columns of a pool's file.
pub fn columns(pool: &Pool) -> Vec<String> {
    let customs = pool.settings.schema.iter().map(|attribute| &*attribute.name);
    let customs = customs.filter(|name| name.starts_with("custom:"));
    STANDARD.into_iter().chain(customs).chain([MFA_ENABLED, USERNAME]).map(str::to_owned).collect()
}

/// Why a file is not looked at. The sentence becomes the job's completion message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    #[error("The CSV file is empty.")]
    Empty,
    #[error("The CSV file has more than {MOST_ROWS} rows.")]
    TooManyRows,
    #[error("The header of the CSV file is not the one of the user pool: it must be UTF-8 and have every column once.")]
    Header,
    #[error("The header of the CSV file has {PASSWORD_HASH}, but the user import job has no PasswordHashingAlgorithm.")]
    UnexplainedHashes,
    #[error(
        "The header of the CSV file has no {PASSWORD_HASH}, but the user import job has a PasswordHashingAlgorithm."
    )]
    NoHashes,
}

/// Why a row is no user. The sentence stands in the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    #[error("The row is longer than {LONGEST_ROW} characters.")]
    TooLong,
    #[error("The row is not UTF-8.")]
    NotText,
    #[error("The row has {found} columns, the header has {expected}.")]
    Columns { expected: usize, found: usize },
    #[error("The row has no cognito:username.")]
    NoUsername,
    #[error("{0} must be true or false.")]
    Flag(&'static str),
    #[error("{flag} is true, but there is no {address}.")]
    NoAddress { flag: &'static str, address: &'static str },
    #[error(
        "The User Record does not set any of the auto verified attributes to true. (Example: email_verified to true)."
    )]
    Unverified,
    #[error("cognito:mfa_enabled must be {wanted}: {reason}.")]
    Mfa { wanted: bool, reason: &'static str },
    #[error("The attribute {0} is required.")]
    Required(String),
    #[error("birthdate must have the form mm/dd/yyyy.")]
    Birthdate,
    #[error("updated_at must be a number of seconds since the epoch.")]
    UpdatedAt,
}

/// The first line: which column is what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header(Vec<String>);

/// A user as a row tells of one. Whether the values fit the schema is not asked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub username: String,
    pub attributes: Attributes,
    pub has_mfa: bool,
    /// Of the password that the user had elsewhere, as it stands in the file.
    pub password_hash: Option<String>,
}

impl Header {
    /// Columns may stand in any order, but all must be there, and no others. That of hashes is one of them where the job says how
    /// they were made.
    pub fn read(line: &Line, pool: &Pool, hashes: Option<HashAlgorithm>) -> Result<Self, FileFault> {
        let found = split(line.as_ref().map_err(|_| FileFault::Header)?);
        let (mut wanted, given) = (columns(pool), found.iter().collect::<BTreeSet<_>>());
        match (hashes, found.iter().any(|column| column == PASSWORD_HASH)) {
            (None, true) => return Err(FileFault::UnexplainedHashes),
            (Some(_), false) => return Err(FileFault::NoHashes),
            (Some(_), true) => wanted.push(PASSWORD_HASH.to_owned()),
            (None, false) => {}
        }
        if found.len() == wanted.len() && wanted.iter().all(|column| given.contains(column)) {
            return Ok(Self(found));
        }
        Err(FileFault::Header)
    }

    /// Reads a row by the rules that hold for imports alone.
    pub fn row(&self, pool: &Pool, line: &str) -> Result<Row, RowFault> {
        let values = split(line);
        if values.len() != self.0.len() {
            return Err(RowFault::Columns { expected: self.0.len(), found: values.len() });
        }
        let mut attributes: Attributes =
            self.0.iter().cloned().zip(values).filter(|(_, value)| !value.is_empty()).collect();
        let username = attributes.remove(USERNAME).ok_or(RowFault::NoUsername)?;
        let mfa = attributes.remove(MFA_ENABLED).ok_or(RowFault::Flag(MFA_ENABLED))?;
        let password_hash = attributes.remove(PASSWORD_HASH);
        let has_mfa = flag(&mfa).ok_or(RowFault::Flag(MFA_ENABLED))?;
        if attributes.get("birthdate").is_some_and(|date| Date::parse(date, BIRTHDATE).is_err()) {
            return Err(RowFault::Birthdate);
        }
        if attributes.get("updated_at").is_some_and(|seconds| seconds.parse::<u64>().is_err()) {
            return Err(RowFault::UpdatedAt);
        }
        check_addresses(pool, &username, &attributes)?;
        Ok(Row { username, attributes, has_mfa, password_hash })
    }
}

/// An address counts as verified only where there is one; one that the pool verifies must be, so that the user can be sent a code.
fn check_addresses(pool: &Pool, username: &str, attributes: &Attributes) -> Result<(), RowFault> {
    let mut is_reachable = false;
    for (flag_name, address) in [("email_verified", "email"), ("phone_number_verified", "phone_number")] {
        let Some(text) = attributes.get(flag_name) else { continue };
        let is_verified = flag(text).ok_or(RowFault::Flag(flag_name))?;
        // In some pools the user name is the address.
        let is_username = pool.settings.username_attributes.iter().any(|name| name == address);
        let has_address = attributes.contains_key(address) || (is_username && is_address(address, username));
        if is_verified && !has_address {
            return Err(RowFault::NoAddress { flag: flag_name, address });
        }
        is_reachable |= is_verified && pool.auto_verifies(address);
    }
    if is_reachable { Ok(()) } else { Err(RowFault::Unverified) }
}

fn is_address(attribute: &str, text: &str) -> bool {
    match attribute {
        "email" => crate::domain::attribute::is_email(text),
        _ => crate::domain::attribute::is_phone_number(text),
    }
}

/// The first attribute that the pool requires and the user lacks.
pub fn check_complete(pool: &Pool, attributes: &Attributes) -> Result<(), RowFault> {
    match missing_required(pool, attributes).next() {
        Some(name) => Err(RowFault::Required(name.to_owned())),
        None => Ok(()),
    }
}

/// The second factor that a row asks for: codes by SMS, to the number that it must have. Whether it may ask, and whether it
/// must, is the pool's. Where everybody needs a factor and it cannot be SMS, the user sets another one up at the first sign-in.
pub fn second_factor(pool: &Pool, user: &User, has_mfa: bool) -> Result<Option<Factor>, RowFault> {
    let mode = pool.settings.mfa_configuration;
    let must_be = |wanted, reason| Err(RowFault::Mfa { wanted, reason });
    match (mode, has_mfa) {
        (Mode::On, false) => must_be(true, "the user pool requires MFA"),
        (Mode::Off, true) => must_be(false, "the user pool has no MFA"),
        (Mode::Off | Mode::Optional, false) => Ok(None),
        (_, true) if mfa::takes_sms(pool, user) => Ok(Some(Factor::Sms)),
        (_, true) if pool.offers(Factor::Sms) => {
            Err(RowFault::NoAddress { flag: MFA_ENABLED, address: "phone_number" })
        }
        (Mode::On, true) => Ok(None),
        (Mode::Optional, true) => must_be(false, "the user pool sends no MFA codes by SMS"),
    }
}

/// Whoever brings no password can sign in with a code that is sent to a verified address; everybody else has to set one.
pub fn status_of(pool: &Pool, attributes: &Attributes) -> Status {
    let is_verified = |name: &String| attributes.get(&format!("{name}_verified")).is_some_and(|value| value == "true");
    let verified = attributes.iter().filter(|(name, _)| is_verified(name));
    let verified = verified.map(|(name, value)| (name.clone(), value.clone())).collect();
    if pool.needs_no_password(&verified) { Status::Confirmed } else { Status::ResetRequired }
}

fn flag(text: &str) -> Option<bool> {
    match () {
        () if text.eq_ignore_ascii_case("true") => Some(true),
        () if text.eq_ignore_ascii_case("false") => Some(false),
        () => None,
    }
}

fn split(line: &str) -> Vec<String> {
    let (mut values, mut value) = (Vec::new(), String::new());
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' if characters.next_if_eq(&',').is_some() => value.push(','),
            ',' => values.push(std::mem::take(&mut value)),
            c => value.push(c),
        }
    }
    values.push(value);
    values
}

/// A line's text, without its end, or why it is none.
pub type Line = Result<String, RowFault>;

/// Cuts a file that comes in parts into its lines. Remembers no more than the longest row.
#[derive(Debug, Default)]
pub struct Lines {
    rest: Vec<u8>,
    is_too_long: bool,
}

impl Lines {
    /// The lines that end within `part`.
    pub fn feed(&mut self, part: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut pieces = part.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            self.extend(piece);
            if pieces.peek().is_some() {
                lines.push(self.cut());
            }
        }
        lines
    }

    /// The last line, where nothing ends it.
    pub fn end(&mut self) -> Option<Line> {
        (self.is_too_long || !self.rest.is_empty()).then(|| self.cut())
    }

    fn extend(&mut self, piece: &[u8]) {
        // A character has four bytes at most.
        self.is_too_long |= self.rest.len() + piece.len() > 4 * LONGEST_ROW;
        if self.is_too_long {
            self.rest.clear();
        } else {
            self.rest.extend_from_slice(piece);
        }
    }

    fn cut(&mut self) -> Line {
        let bytes = std::mem::take(&mut self.rest);
        if std::mem::take(&mut self.is_too_long) {
            return Err(RowFault::TooLong);
        }
        let mut text = String::from_utf8(bytes).map_err(|_| RowFault::NotText)?;
        if text.ends_with('\r') {
            text.pop();
        }
        if text.chars().count() > LONGEST_ROW { Err(RowFault::TooLong) } else { Ok(text) }
    }
}

#[cfg(test)]
mod tests;
