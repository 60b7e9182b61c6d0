//! The settings of a pool as they are asked for: members by the service's names, with its rules and its defaults.
//!
//! What this server cannot do yet is refused by name, so that no setting is accepted and then ignored. What only the service's
//! own infrastructure needs (an SES identity, a tier) is kept and returned.
//! <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateUserPool.html>

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{DeletionProtection, PoolSettings, RecoveryName, beyond_lite};
use crate::domain::{
    assurance::Level,
    attribute::{self, SchemaAttribute},
    error::{Error, Result},
    template,
};

/// Members by the service's names. They fit the published shape; what that shape lacks, and what is `null`, is gone.
pub type Members = Map<String, Value>;

pub const MOST_TAGS: usize = 50;

/// Members that UpdateUserPool leaves as they are when it does not name them.
const KEPT_BY_UPDATES: [&str; 3] = ["UserAttributeUpdateSettings", "UserPoolTags", "DcrConfiguration"];

/// What a sign-in of the user's choice can begin with.
const BUILT_FIRST_FACTORS: [&str; 4] = ["PASSWORD", "EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"];

/// A template's member, and the older member of the pool that mirrors it.
const MIRRORED_TEXTS: [(&str, &str); 3] = [
    ("SmsMessage", "SmsVerificationMessage"),
    ("EmailMessage", "EmailVerificationMessage"),
    ("EmailSubject", "EmailVerificationSubject"),
];

/// Refuses `member` as a part of the service that this server lacks.
pub fn not_built<T>(member: &str) -> Result<T> {
    Err(Error::InvalidParameter(format!("{member} is not built yet in Poolhouse.")))
}

fn invalid<T>(text: impl Into<String>) -> Result<T> {
    Err(Error::InvalidParameter(text.into()))
}

/// Reads members into what the domain knows them as.
pub fn read<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| Error::InvalidParameter(format!("Invalid request: {error}")))
}

impl PoolSettings {
    /// The settings of a new pool.
    pub fn requested(members: Members) -> Result<Self> {
        let settings = Self::read_from(members)?;
        settings.check_second_factors()?;
        Ok(settings)
    }

    fn read_from(mut members: Members) -> Result<Self> {
        refuse_what_is_not_built(&members)?;
        let given: Vec<SchemaAttribute> = match members.remove("Schema") {
            Some(schema) => named_attributes(schema)?,
            None => Vec::new(),
        };
        unify_lifetimes(&mut members)?;
        // Only a member of it switches the tracking of devices on.
        if members.get("DeviceConfiguration").and_then(Value::as_object).is_some_and(Map::is_empty) {
            members.remove("DeviceConfiguration");
        }
        let mut settings: Self = read(Value::Object(members))?;
        settings.schema = attribute::schema_with(given)?;
        settings.deletion_protection.get_or_insert(DeletionProtection::Inactive);
        let policy = &mut settings.policies.password_policy;
        policy.password_history_size = policy.password_history_size.filter(|size| *size > 0);
        settings.mirror_texts();
        settings.complete();
        let tier = settings.kept.get("UserPoolTier").and_then(Value::as_str).unwrap_or_default();
        settings.lambda_config.complete(tier)?;
        settings.check()?;
        Ok(settings)
    }

    /// The settings after a call that replaces them: whatever it does not name falls back to its default, but for what can
    /// never change and the few members that such a call leaves alone.
    pub fn replaced(&self, members: Members) -> Result<Self> {
        let named: Vec<bool> = KEPT_BY_UPDATES.iter().map(|name| members.contains_key(*name)).collect();
        let mut settings = Self::read_from(members)?;
        settings.keep_second_factors_of(self);
        settings.check_second_factors()?;
        settings.schema.clone_from(&self.schema);
        settings.alias_attributes.clone_from(&self.alias_attributes);
        settings.username_attributes.clone_from(&self.username_attributes);
        settings.username_configuration.clone_from(&self.username_configuration);
        settings.sessions.clone_from(&self.sessions);
        if !named[0] {
            settings.user_attribute_update_settings.clone_from(&self.user_attribute_update_settings);
        }
        if !named[1] {
            settings.user_pool_tags.clone_from(&self.user_pool_tags);
        }
        if !named[2] {
            settings.dcr_configuration.clone_from(&self.dcr_configuration);
            settings.check_tier()?;
        }
        Ok(settings)
    }

    /// The settings after a configuration file was applied that holds every member of CreateUserPool. What can never change
    /// must be as it is; custom attributes that the file adds are added.
    pub fn applied(&self, members: Members) -> Result<Self> {
        let wanted = Self::read_from(members.clone())?;
        let changes = [
            ("AliasAttributes", same_names(&wanted.alias_attributes, &self.alias_attributes)),
            ("UsernameAttributes", same_names(&wanted.username_attributes, &self.username_attributes)),
            ("UsernameConfiguration", wanted.username_configuration == self.username_configuration),
        ];
        if let Some((member, _)) = changes.iter().find(|(_, is_same)| !is_same) {
            return invalid(format!("{member} cannot be changed after a user pool was created."));
        }
        let mut schema = self.schema.clone();
        for attribute in wanted.schema {
            match schema.iter().find(|known| known.name == attribute.name) {
                Some(known) if *known == attribute => {}
                Some(_) => {
                    return invalid(format!(
                        "Schema cannot be changed after a user pool was created: {} differs.",
                        attribute.name
                    ));
                }
                None => attribute::add_custom(&mut schema, attribute)?,
            }
        }
        let mut settings = self.replaced(members)?;
        settings.schema = schema;
        Ok(settings)
    }

    /// A message template and the older members with the same texts show each other.
    fn mirror_texts(&mut self) {
        let mut template = match self.kept.remove("VerificationMessageTemplate") {
            Some(Value::Object(template)) => template,
            _ => Map::new(),
        };
        for (new, old) in MIRRORED_TEXTS {
            if let Some(text) = template.get(new).or_else(|| self.kept.get(old)).cloned() {
                template.insert(new.to_owned(), text.clone());
                self.kept.insert(old.to_owned(), text);
            }
        }
        template.entry("DefaultEmailOption").or_insert_with(|| "CONFIRM_WITH_CODE".into());
        self.kept.insert("VerificationMessageTemplate".to_owned(), Value::Object(template));
    }

    /// The defaults of members that are only kept.
    fn complete(&mut self) {
        self.kept.remove("PoolName");
        self.kept.entry("UserPoolTier".into()).or_insert_with(|| "ESSENTIALS".into());
        let email = self.kept.entry("EmailConfiguration".into()).or_insert_with(|| json!({}));
        if let Value::Object(email) = email {
            email.entry("EmailSendingAccount").or_insert_with(|| "COGNITO_DEFAULT".into());
        }
    }

    /// The rules between members.
    fn check(&self) -> Result<()> {
        if !self.alias_attributes.is_empty() && !self.username_attributes.is_empty() {
            return invalid("Only one of the aliasAttributes or usernameAttributes can be set in a user pool.");
        }
        check_tags(&self.user_pool_tags)?;
        let before_update = &self.user_attribute_update_settings.attributes_require_verification_before_update;
        if !before_update.iter().all(|name| self.auto_verified_attributes.contains(name)) {
            return invalid(
                "AttributesRequireVerificationBeforeUpdate can only name attributes of AutoVerifiedAttributes.",
            );
        }
        self.check_key()?;
        if let Some(recovery) = &self.account_recovery_setting {
            let mechanisms = &recovery.recovery_mechanisms;
            if mechanisms.len() > 1 && mechanisms.iter().any(|mechanism| mechanism.name == RecoveryName::AdminOnly) {
                return invalid("Account recovery by admin_only cannot be combined with another recovery mechanism.");
            }
            for (index, mechanism) in mechanisms.iter().enumerate() {
                let earlier = &mechanisms[..index];
                if earlier.iter().any(|other| other.priority == mechanism.priority || other.name == mechanism.name) {
                    return invalid("Account recovery mechanisms must differ in name and in priority.");
                }
            }
        }
        self.check_tier()?;
        self.check_email()?;
        self.check_levels()?;
        template::check(self)
    }

    /// The names of the levels of authentication, which must differ from each other and from what others are called by default.
    /// <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AcrLevelConfigType.html>
    fn check_levels(&self) -> Result<()> {
        let Some(levels) = self.kept.get("AcrConfiguration").and_then(Value::as_object) else { return Ok(()) };
        let own = |level: Level| levels.get(level.key()).and_then(|level| level.get("AcrValue")?.as_str());
        for (index, level) in Level::ALL.into_iter().enumerate() {
            let Some(name) = own(level) else { continue };
            let is_usual_elsewhere = Level::ALL.iter().any(|other| *other != level && other.usual_name() == name);
            if is_usual_elsewhere || Level::ALL[..index].iter().any(|other| own(*other) == Some(name)) {
                return invalid(format!("AcrValue {name} must be unique across all levels, including default names."));
            }
        }
        Ok(())
    }

    /// Passwords alone, and their newest rules not, are in the smallest tier.
    fn check_tier(&self) -> Result<()> {
        if !self.is_lite() {
            return Ok(());
        }
        let factors = &self.policies.sign_in_policy.allowed_first_auth_factors;
        if let Some(factor) = factors.iter().find(|factor| *factor != "PASSWORD") {
            return beyond_lite(&format!("{factor} in AllowedFirstAuthFactors"));
        }
        if self.policies.password_policy.password_history_size.is_some() {
            return beyond_lite("PasswordHistorySize");
        }
        if self.dcr_configuration.as_ref().is_some_and(super::DcrConfiguration::is_enabled) {
            return beyond_lite("DcrConfiguration");
        }
        if self.kept.get("AcrConfiguration").and_then(Value::as_object).is_some_and(|levels| !levels.is_empty()) {
            return beyond_lite("AcrConfiguration");
        }
        Ok(())
    }

    /// The key that the service would encrypt the pool with. Here the master key does that, and this one is only kept.
    fn check_key(&self) -> Result<()> {
        let key = |name: &str| self.kept.get("KeyConfiguration").and_then(|key| key.get(name)?.as_str());
        match (key("KeyType"), key("KmsKeyArn")) {
            (Some("CUSTOMER_MANAGED_KEY"), None) => {
                invalid("KmsKeyArn is required when KeyType is CUSTOMER_MANAGED_KEY.")
            }
            (Some("CUSTOMER_MANAGED_KEY"), Some(_)) | (_, None) => Ok(()),
            (_, Some(_)) => invalid("KmsKeyArn can only be set when KeyType is CUSTOMER_MANAGED_KEY."),
        }
    }

    fn check_email(&self) -> Result<()> {
        let email = |name: &str| self.kept.get("EmailConfiguration").and_then(|email| email.get(name)?.as_str());
        match email("EmailSendingAccount") {
            Some("DEVELOPER") if email("SourceArn").is_none() => {
                invalid("SourceArn is required when EmailSendingAccount is DEVELOPER.")
            }
            Some("COGNITO_DEFAULT") if email("From").is_some() => {
                invalid("From can only be set when EmailSendingAccount is DEVELOPER.")
            }
            _ => Ok(()),
        }
    }
}

/// Refuses more tags than a pool may have, and names that the service keeps for itself.
pub fn check_tags(tags: &BTreeMap<String, String>) -> Result<()> {
    if tags.len() > MOST_TAGS {
        return invalid(format!("A user pool can have at most {MOST_TAGS} tags."));
    }
    match tags.keys().find(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        Some(key) => invalid(format!("Tag key {key} is reserved: it must not begin with aws:.")),
        None => Ok(()),
    }
}

fn same_names(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().all(|name| other.contains(name))
}

/// Reads attributes of a schema, each of which must have a name.
pub fn named_attributes(schema: Value) -> Result<Vec<SchemaAttribute>> {
    let items = schema.as_array().map_or(&[][..], Vec::as_slice);
    if items.iter().any(|item| item.get("Name").is_none()) {
        return invalid("Schema attribute name is required.");
    }
    read(schema)
}

/// A temporary password's days have two names: the policy's, and the older one of AdminCreateUserConfig. Both show the same
/// number, and a call may give both only if they agree, so that what is described can be sent back.
fn unify_lifetimes(members: &mut Members) -> Result<()> {
    let number = |value: Option<&Value>| value.and_then(Value::as_u64).filter(|days| *days > 0);
    let policy = members.get("Policies").and_then(|policies| policies.get("PasswordPolicy"));
    let days = number(policy.and_then(|policy| policy.get("TemporaryPasswordValidityDays")));
    let config = members.get("AdminCreateUserConfig");
    let older = number(config.and_then(|config| config.get("UnusedAccountValidityDays")));
    if days.zip(older).is_some_and(|(days, older)| days != older) {
        return invalid(
            "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays",
        );
    }
    let days = days.or(older).unwrap_or(7);
    if let Some(policy) = members.get_mut("Policies").and_then(|policies| policies.get_mut("PasswordPolicy")) {
        policy["TemporaryPasswordValidityDays"] = days.into();
    } else if days != 7 {
        // Without a policy of its own the pool has the default one, with these days.
        let mut policy = json!(super::PasswordPolicy::default());
        policy["TemporaryPasswordValidityDays"] = days.into();
        let policies = members.entry("Policies").or_insert_with(|| json!({}));
        policies["PasswordPolicy"] = policy;
    }
    let config = members.entry("AdminCreateUserConfig").or_insert_with(|| json!({"AllowAdminCreateUserOnly": false}));
    config["UnusedAccountValidityDays"] = days.into();
    Ok(())
}

fn refuse_what_is_not_built(members: &Members) -> Result<()> {
    let sign_in = members.get("Policies").and_then(|policies| policies.get("SignInPolicy"));
    let factors = sign_in.and_then(|policy| policy.get("AllowedFirstAuthFactors")).and_then(Value::as_array);
    if let Some(factor) =
        factors.into_iter().flatten().filter_map(Value::as_str).find(|factor| !BUILT_FIRST_FACTORS.contains(factor))
    {
        return not_built(&format!("SignInPolicy.AllowedFirstAuthFactors {factor}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
