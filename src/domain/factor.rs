//! First factors: what a choice-based sign-in can begin with.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-selection-sdk.html>

use super::{
    challenge::FirstFactor,
    code::Medium,
    mfa::{Mode, Preference},
    pool::Pool,
    user::{Status, User},
};

impl Pool {
    fn allows_first(&self, factor: FirstFactor) -> bool {
        self.settings.policies.sign_in_policy.allowed_first_auth_factors.iter().any(|name| name == factor.name())
    }
}

/// A code proves somebody who has the address, so the address must be proven. Whoever has no password has no other way, and
/// an administrator or their own sign-up has vouched for the address.
fn is_reachable(user: &User, medium: Medium) -> bool {
    let name = medium.attribute();
    let has_address = user.attribute(name).is_some_and(|address| !address.is_empty());
    has_address && (user.has_verified(name) || user.credential.password_hash.is_none())
}

/// What a user can begin with. A code stands alone: it is no way around a second factor that the pool or the user asks for, and
/// a temporary password has to be used first. Nor is a passkey, but where the pool and the user let it be both factors.
pub fn available(pool: &Pool, user: &User, preference: &Preference, has_passkey: bool) -> Vec<FirstFactor> {
    let mut available = Vec::new();
    if user.credential.password_hash.is_some() {
        available.extend([FirstFactor::PasswordSrp, FirstFactor::Password]);
    }
    let needs_second = match pool.settings.mfa_configuration {
        Mode::Off => false,
        Mode::Optional => !preference.enabled.is_empty(),
        Mode::On => true,
    };
    if user.status == Status::ForceChangePassword {
        return available;
    }
    for (factor, medium) in [(FirstFactor::EmailCode, Medium::Email), (FirstFactor::SmsCode, Medium::Sms)] {
        if !needs_second && pool.allows_first(factor) && is_reachable(user, medium) {
            available.push(factor);
        }
    }
    if has_passkey && (!needs_second || is_two_factors(pool, preference)) {
        available.push(FirstFactor::Passkey);
    }
    available
}

/// Whether a passkey that recognises this user stands for the second factor too.
pub fn is_two_factors(pool: &Pool, preference: &Preference) -> bool {
    preference.passkey && pool.settings.web_authn().is_multi_factor()
}

/// As if somebody had a password and an e-mail address, and perhaps a telephone or a passkey: some have one.
pub fn available_to_nobody(pool: &Pool, has_phone: bool, has_passkey: bool) -> Vec<FirstFactor> {
    let mut available = vec![FirstFactor::PasswordSrp, FirstFactor::Password];
    if pool.settings.mfa_configuration == Mode::On {
        return available;
    }
    let others =
        [(FirstFactor::EmailCode, true), (FirstFactor::SmsCode, has_phone), (FirstFactor::Passkey, has_passkey)];
    for (factor, has_one) in others {
        if has_one && pool.allows_first(factor) {
            available.push(factor);
        }
    }
    available
}

/// `ConfiguredUserAuthFactors`: what the user has set up, whichever way in they take.
pub fn configured(pool: &Pool, user: &User, has_passkey: bool) -> Vec<FirstFactor> {
    let password = user.credential.password_hash.is_some().then_some(FirstFactor::Password);
    let codes = [(FirstFactor::EmailCode, Medium::Email), (FirstFactor::SmsCode, Medium::Sms)];
    let sent = codes.into_iter().filter(|(factor, medium)| pool.allows_first(*factor) && is_reachable(user, *medium));
    let passkey = has_passkey.then_some(FirstFactor::Passkey);
    password.into_iter().chain(sent.map(|(factor, _)| factor)).chain(passkey).collect()
}
