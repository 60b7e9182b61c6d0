//! Second factors in a pool's settings. They come by two ways: CreateUserPool and UpdateUserPool know the mode and the SMS
//! configuration, SetUserPoolMfaConfig knows all.
//! <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_SetUserPoolMfaConfig.html>

use serde_json::{Map, Value, json};

use super::{Members, PoolSettings, beyond_lite, read};
use crate::domain::{
    error::{Error, Result},
    mfa::Mode,
    passkey::WebAuthnConfiguration,
};

/// What SetUserPoolMfaConfig asks for, by the service's names. What is absent stays as it is.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MfaConfig {
    pub mfa_configuration: Option<Mode>,
    pub sms_mfa_configuration: Option<Members>,
    pub software_token_mfa_configuration: Option<super::SoftwareTokens>,
    pub email_mfa_configuration: Option<Members>,
    pub web_authn_configuration: Option<WebAuthnConfiguration>,
}

/// Of SetUserPoolMfaConfig alone: what UpdateUserPool must not lose, and DescribeUserPool does not show.
const BEYOND_THE_POOL: [&str; 2] = ["EmailMfaConfiguration", "WebAuthnConfiguration"];

fn invalid<T>(text: &str) -> Result<T> {
    Err(Error::InvalidParameter(text.to_owned()))
}

impl PoolSettings {
    /// By the service's names, as `UserPoolType` has them but for the schema.
    pub fn described(&self) -> serde_json::Result<Map<String, Value>> {
        let Value::Object(mut members) = serde_json::to_value(self)? else { return Ok(Map::new()) };
        members.retain(|name, _| name != "SoftwareTokenMfaConfiguration" && !BEYOND_THE_POOL.contains(&name.as_str()));
        Ok(members)
    }

    /// Takes over what UpdateUserPool does not know.
    pub(super) fn keep_second_factors_of(&mut self, former: &Self) {
        self.software_token_mfa_configuration = former.software_token_mfa_configuration;
        for name in BEYOND_THE_POOL {
            if let Some(value) = former.kept.get(name) {
                self.kept.insert(name.to_owned(), value.clone());
            }
        }
    }

    fn has_second_factors(&self) -> bool {
        self.kept.contains_key("SmsConfiguration")
            || self.kept.contains_key("EmailMfaConfiguration")
            || self.takes_apps()
    }

    /// A pool that asks for second factors has one to ask for.
    pub(super) fn check_second_factors(&self) -> Result<()> {
        self.check_passkeys()?;
        if self.is_lite() && self.kept.contains_key("EmailMfaConfiguration") {
            return beyond_lite("Email MFA");
        }
        if self.mfa_configuration == Mode::Off || self.has_second_factors() {
            return Ok(());
        }
        invalid("SMS configuration and Auto verification for phone_number are required when MFA is required/optional")
    }

    /// The settings after SetUserPoolMfaConfig.
    pub fn with_second_factors(&self, wanted: MfaConfig) -> Result<Self> {
        let mut settings = self.clone();
        let tokens = wanted.software_token_mfa_configuration.filter(|tokens| tokens.enabled);
        let names_one =
            wanted.sms_mfa_configuration.is_some() || tokens.is_some() || wanted.email_mfa_configuration.is_some();
        if wanted.mfa_configuration == Some(Mode::Off) {
            if names_one {
                return invalid("Invalid MFA configuration given, can't turn off MFA and configure an MFA together.");
            }
            settings.software_token_mfa_configuration = None;
            settings.kept.remove("EmailMfaConfiguration");
        }
        settings.mfa_configuration = wanted.mfa_configuration.unwrap_or(self.mfa_configuration);
        if wanted.mfa_configuration != Some(Mode::Off) && wanted.software_token_mfa_configuration.is_some() {
            settings.software_token_mfa_configuration = wanted.software_token_mfa_configuration;
        }
        if let Some(sms) = wanted.sms_mfa_configuration {
            settings.set_sms(sms)?;
        }
        if let Some(email) = wanted.email_mfa_configuration {
            settings.check_email_factor()?;
            settings.kept.insert("EmailMfaConfiguration".to_owned(), Value::Object(email));
        }
        if let Some(web_authn) = wanted.web_authn_configuration {
            if self.is_lite() {
                return beyond_lite("WebAuthnConfiguration");
            }
            web_authn.check()?;
            settings.kept.insert("WebAuthnConfiguration".to_owned(), json!(web_authn));
        }
        settings.check_passkeys()?;
        if settings.mfa_configuration != Mode::Off && !settings.has_second_factors() {
            return invalid(
                "At least one of [SmsMfaConfiguration] or [SoftwareTokenMfaConfiguration] must be provided.",
            );
        }
        Ok(settings)
    }

    /// Where everybody needs two factors, a passkey alone must be two.
    fn check_passkeys(&self) -> Result<()> {
        if self.mfa_configuration == Mode::On && self.allow_passkeys() && !self.web_authn().is_multi_factor() {
            return invalid(
                "WEB_AUTHN in AllowedFirstAuthFactors requires the FactorConfiguration MULTI_FACTOR_WITH_USER_VERIFICATION \
                 when MFA is required.",
            );
        }
        Ok(())
    }

    fn set_sms(&mut self, mut sms: Members) -> Result<()> {
        // The service's own text, which names the wrong member.
        let Some(configuration) = sms.remove("SmsConfiguration") else {
            return invalid("[SmsConfiguration] is a required member of [SoftwareTokenMfaConfiguration].");
        };
        self.kept.insert("SmsConfiguration".to_owned(), configuration);
        match sms.remove("SmsAuthenticationMessage") {
            Some(message) => self.kept.insert("SmsAuthenticationMessage".to_owned(), message),
            None => self.kept.remove("SmsAuthenticationMessage"),
        };
        Ok(())
    }

    /// E-mail as a factor is not in the smallest tier, and goes out by an identity of the pool's own.
    fn check_email_factor(&self) -> Result<()> {
        if self.is_lite() {
            return beyond_lite("Email MFA");
        }
        let email = self.kept.get("EmailConfiguration");
        if email.and_then(|email| email.get("EmailSendingAccount")?.as_str()) == Some("DEVELOPER") {
            return Ok(());
        }
        invalid("Email MFA requires the user pool to send email with EmailSendingAccount DEVELOPER.")
    }

    /// The settings with exactly the second factors that a configuration file names, whatever there were before.
    pub fn with_only_second_factors(&self, wanted: Members) -> Result<Self> {
        let none = MfaConfig { mfa_configuration: Some(Mode::Off), ..MfaConfig::default() };
        self.with_second_factors(none)?.with_second_factors(MfaConfig::requested(wanted)?)
    }

    /// What GetUserPoolMfaConfig shows.
    pub fn second_factors(&self) -> Members {
        let mut shown = Members::new();
        shown.insert("MfaConfiguration".to_owned(), json!(self.mfa_configuration));
        // Of apps that are off the service speaks only where others are on, and somebody has said so.
        let tokens = self.software_token_mfa_configuration;
        if let Some(tokens) = tokens.filter(|tokens| tokens.enabled || self.mfa_configuration != Mode::Off) {
            shown.insert("SoftwareTokenMfaConfiguration".to_owned(), json!(tokens));
        }
        if let Some(configuration) = self.kept.get("SmsConfiguration") {
            let mut sms = json!({"SmsConfiguration": configuration});
            if let Some(message) = self.kept.get("SmsAuthenticationMessage") {
                sms["SmsAuthenticationMessage"] = message.clone();
            }
            shown.insert("SmsMfaConfiguration".to_owned(), sms);
        }
        for name in BEYOND_THE_POOL {
            if let Some(value) = self.kept.get(name) {
                shown.insert(name.to_owned(), value.clone());
            }
        }
        shown
    }
}

impl MfaConfig {
    /// Reads a call's members. They fit the published shape.
    pub fn requested(members: Members) -> Result<Self> {
        read(Value::Object(members))
    }
}
