//! Wire structs that several areas share, made from the domain's. Absent members are left out, never `null`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use crate::{
    domain::{
        Group, User,
        code::{Delivery, Medium},
        mfa::{Factor, Preference},
        user::Attributes,
    },
    hooks::ClientMetadata,
    kit::clock::Time,
};

/// An output without members: `{}`.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Empty {}

/// Seconds since the epoch with milliseconds as the fraction: `1726784814.598`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp(pub Time);

impl From<Time> for Timestamp {
    fn from(time: Time) -> Self {
        Self(time)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A double holds the milliseconds of any year that a clock shows.
        serializer.serialize_f64(self.0.millis() as f64 / 1000.0)
    }
}

/// `AttributeType`. A missing value is an empty one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attribute {
    pub name: String,
    #[serde(default)]
    pub value: Option<String>,
}

/// What the wire lists, as the domain keeps it. Of a name that comes twice the last one counts.
pub fn attributes_from(list: Vec<Attribute>) -> Attributes {
    list.into_iter().map(|attribute| (attribute.name, attribute.value.unwrap_or_default())).collect()
}

/// `ValidationData` as PreSignUp is told it; none when nothing came.
pub fn validation_data(list: Vec<Attribute>) -> Option<ClientMetadata> {
    Some(attributes_from(list)).filter(|data| !data.is_empty())
}

/// The attributes of a user as the wire lists them, `sub` first.
pub fn attributes_of(user: &User) -> Vec<Attribute> {
    listed(&user.sub, &user.attributes)
}

/// `sub`, then every attribute of `attributes`.
pub fn listed(sub: &str, attributes: &BTreeMap<String, String>) -> Vec<Attribute> {
    let pair = |name: &str, value: &str| Attribute { name: name.to_owned(), value: Some(value.to_owned()) };
    let others = attributes.iter().filter(|(name, _)| *name != "sub").map(|(name, value)| pair(name, value));
    std::iter::once(pair("sub", sub)).chain(others).collect()
}

/// `UserType`: a user in a list, or the one just made.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserType {
    pub username: String,
    pub attributes: Vec<Attribute>,
    pub user_create_date: Timestamp,
    pub user_last_modified_date: Timestamp,
    pub enabled: bool,
    pub user_status: &'static str,
}

impl From<User> for UserType {
    fn from(user: User) -> Self {
        Self {
            attributes: attributes_of(&user),
            username: user.username,
            user_create_date: user.created_at.into(),
            user_last_modified_date: user.modified_at.into(),
            enabled: user.enabled,
            user_status: user.status.name(),
        }
    }
}

/// What a user wants to be asked for, in the three ways in which the service says it. Absent where they have said nothing.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MfaSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_mfa_setting: Option<&'static str>,
    #[serde(rename = "UserMFASettingList", skip_serializing_if = "Vec::is_empty")]
    pub list: Vec<&'static str>,
}

impl MfaSettings {
    pub fn of(preference: &Preference) -> Self {
        Self {
            preferred_mfa_setting: preference.preferred.map(Factor::name),
            list: preference.enabled.iter().map(|factor| factor.name()).collect(),
        }
    }
}

/// The same with `MFAOptions`, which tells of text messages only.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FullMfaSettings {
    #[serde(flatten)]
    pub settings: MfaSettings,
    #[serde(rename = "MFAOptions", skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<MfaOption>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MfaOption {
    pub delivery_medium: &'static str,
    pub attribute_name: &'static str,
}

impl FullMfaSettings {
    pub fn of(preference: &Preference) -> Self {
        let media = preference.enabled.iter().filter(|factor| **factor == Factor::Sms).filter_map(|sms| sms.medium());
        let option = |medium: Medium| MfaOption { delivery_medium: medium.name(), attribute_name: medium.attribute() };
        Self { settings: MfaSettings::of(preference), options: media.map(option).collect() }
    }
}

/// `GroupType`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GroupType {
    pub group_name: String,
    pub user_pool_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precedence: Option<u32>,
    pub last_modified_date: Timestamp,
    pub creation_date: Timestamp,
}

impl From<Group> for GroupType {
    fn from(group: Group) -> Self {
        Self {
            group_name: group.name,
            user_pool_id: group.pool_id,
            description: group.description,
            role_arn: group.role_arn,
            precedence: group.precedence,
            last_modified_date: group.modified_at.into(),
            creation_date: group.created_at.into(),
        }
    }
}

/// `CodeDeliveryDetailsType`: where a code went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CodeDeliveryDetails {
    pub destination: String,
    pub delivery_medium: &'static str,
    pub attribute_name: String,
}

impl CodeDeliveryDetails {
    /// `attribute` is `email` or `phone_number`: what a right code will prove.
    pub fn new(delivery: Delivery, attribute: impl Into<String>) -> Self {
        Self {
            destination: delivery.destination,
            delivery_medium: delivery.medium.name(),
            attribute_name: attribute.into(),
        }
    }
}

impl From<Delivery> for CodeDeliveryDetails {
    /// For codes that prove the attribute that they are sent to.
    fn from(delivery: Delivery) -> Self {
        let attribute = delivery.medium.attribute();
        Self::new(delivery, attribute)
    }
}
