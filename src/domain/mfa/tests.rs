use serde_json::json;

use super::*;
use crate::domain::{
    pool::{PoolSettings, SoftwareTokens},
    user::Attributes,
};
use crate::kit::clock::Time;

const SMS: &[&str] = &["SmsConfiguration"];
const EMAIL: &[&str] = &["EmailMfaConfiguration"];

fn pool(mode: Mode, configured: &[&[&str]], totp: bool) -> Pool {
    let mut settings = PoolSettings { mfa_configuration: mode, ..PoolSettings::default() };
    settings.software_token_mfa_configuration = Some(SoftwareTokens { enabled: totp });
    for name in configured.iter().copied().flatten() {
        settings.kept.insert((*name).to_owned(), json!({}));
    }
    let at = Time::from_seconds(0);
    Pool { id: "r_p".into(), name: "p".into(), strict_oidc: false, settings, created_at: at, modified_at: at }
}

fn user(addresses: &[&str]) -> User {
    let attributes: Attributes = addresses.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
    let at = Time::from_seconds(0);
    User {
        pool_id: "r_p".into(),
        sub: "s".into(),
        username: "ann".into(),
        status: Status::Confirmed,
        enabled: true,
        attributes,
        credential: Default::default(),
        attempts: Default::default(),
        created_at: at,
        modified_at: at,
    }
}

fn wants(enabled: &[Factor], preferred: Option<Factor>) -> Preference {
    Preference { enabled: enabled.to_vec(), preferred, passkey: false }
}

/// Decides for somebody, from what the pool offers and they have.
fn asked(pool: &Pool, user: &User, preference: &Preference, has_totp: bool) -> Demand {
    demand(pool, user, preference, &usable(pool, user, has_totp))
}

#[test]
fn a_pool_without_second_factors_asks_for_none() {
    let pool = pool(Mode::Off, &[SMS, EMAIL], true);
    let ann = user(&["email", "phone_number"]);
    assert_eq!(asked(&pool, &ann, &wants(&Factor::ALL, Some(Factor::Sms)), true), Demand::Nothing);
}

#[test]
fn where_it_is_optional_only_those_are_asked_who_want_it() {
    let pool = pool(Mode::Optional, &[SMS, EMAIL], true);
    let ann = user(&["email", "phone_number"]);
    assert_eq!(asked(&pool, &ann, &wants(&[], None), true), Demand::Nothing);
    assert_eq!(asked(&pool, &ann, &wants(&[Factor::Totp], None), true), Demand::Ask(Factor::Totp));
    let several = [Factor::Sms, Factor::Totp];
    assert_eq!(asked(&pool, &ann, &wants(&several, None), true), Demand::Choose(several.to_vec()));
    assert_eq!(asked(&pool, &ann, &wants(&several, Some(Factor::Totp)), true), Demand::Ask(Factor::Totp));
}

#[test]
fn what_can_not_be_asked_any_more_is_passed_over() {
    let pool = pool(Mode::Optional, &[SMS], true);
    let ann = user(&["email"]);
    let all = wants(&Factor::ALL, Some(Factor::Sms));
    assert_eq!(asked(&pool, &ann, &all, true), Demand::Ask(Factor::Totp), "no telephone, and no e-mail in this pool");
    assert_eq!(asked(&pool, &ann, &all, false), Demand::Nothing);
}

#[test]
fn where_it_is_required_whatever_is_at_hand_is_asked_or_set_up() {
    let nothing = wants(&[], None);
    let all = pool(Mode::On, &[SMS, EMAIL], true);
    assert_eq!(asked(&all, &user(&["email", "phone_number"]), &nothing, false), Demand::Ask(Factor::Sms));
    assert_eq!(asked(&all, &user(&["email"]), &nothing, false), Demand::Ask(Factor::Email), "although an app would do");
    assert_eq!(asked(&all, &user(&[]), &nothing, false), Demand::SetUp(vec![Factor::Totp, Factor::Email]));
    assert_eq!(
        asked(&all, &user(&[]), &nothing, true),
        Demand::Ask(Factor::Totp),
        "nobody sets up a second app instead"
    );
    let totp = pool(Mode::On, &[], true);
    assert_eq!(asked(&totp, &user(&["email", "phone_number"]), &nothing, false), Demand::SetUp(vec![Factor::Totp]));
    let sms = pool(Mode::On, &[SMS], false);
    assert_eq!(asked(&sms, &user(&["email"]), &nothing, false), Demand::Impossible);
}

#[test]
fn users_of_other_providers_are_never_asked() {
    let bob = User { status: Status::ExternalProvider, ..user(&["email", "phone_number"]) };
    assert_eq!(asked(&pool(Mode::On, &[SMS], true), &bob, &wants(&[], None), false), Demand::Nothing);
}

#[test]
fn wishes_change_what_they_name_and_nothing_else() {
    let wish = |factor, enabled, preferred| Wish { factor, enabled, preferred };
    let mut preference = Preference::default();
    preference.apply(&[wish(Factor::Totp, true, true)], &Factor::ALL).unwrap();
    preference.apply(&[wish(Factor::Sms, true, false)], &Factor::ALL).unwrap();
    assert_eq!(preference, wants(&[Factor::Sms, Factor::Totp], Some(Factor::Totp)));
    preference.apply(&[wish(Factor::Sms, true, true)], &Factor::ALL).unwrap();
    assert_eq!(preference.preferred, Some(Factor::Sms));
    preference.apply(&[wish(Factor::Sms, false, false)], &[]).unwrap();
    assert_eq!(preference, wants(&[Factor::Totp], None));

    let before = preference.clone();
    let refused = [
        vec![wish(Factor::Sms, true, true), wish(Factor::Totp, true, true)],
        vec![wish(Factor::Totp, false, true)],
        vec![wish(Factor::Totp, true, true), wish(Factor::Email, true, false)],
    ];
    for wishes in refused {
        assert!(preference.apply(&wishes, &[Factor::Sms, Factor::Totp]).is_err(), "{wishes:?}");
        assert_eq!(preference, before);
    }
}

#[test]
fn the_factor_of_e_mail_has_two_names() {
    assert_eq!(Factor::from_name("EMAIL_MFA"), Some(Factor::Email));
    assert_eq!(Factor::from_name("EMAIL_OTP"), Some(Factor::Email));
    assert_eq!(Factor::from_name("SMS_OTP"), None);
}

#[test]
fn a_factor_is_in_use_when_it_is_on_or_asked_for() {
    let in_use =
        |pool: &Pool, user: &User, preference: &Preference| active(pool, user, preference, &usable(pool, user, true));
    let ann = user(&["email", "phone_number"]);
    let optional = pool(Mode::Optional, &[SMS, EMAIL], true);
    assert_eq!(in_use(&optional, &ann, &wants(&[], None)), []);
    let both = [Factor::Sms, Factor::Totp];
    assert_eq!(in_use(&optional, &ann, &wants(&both, Some(Factor::Totp))), both);
    assert_eq!(in_use(&optional, &ann, &wants(&both, None)), both);
    assert_eq!(in_use(&optional, &user(&[]), &wants(&[Factor::Sms], None)), [], "there is no telephone any more");
    let on = pool(Mode::On, &[SMS, EMAIL], true);
    assert_eq!(in_use(&on, &ann, &wants(&[], None)), [Factor::Sms]);
    assert_eq!(in_use(&on, &user(&["email"]), &wants(&[Factor::Sms], None)), [Factor::Email]);
    assert_eq!(in_use(&on, &ann, &wants(&[Factor::Totp], None)), [Factor::Totp]);
    assert_eq!(in_use(&pool(Mode::Off, &[SMS], false), &ann, &wants(&[Factor::Sms], None)), []);
}

#[test]
fn at_risk_a_proven_factor_is_asked_for_and_none_is_set_up() {
    let of = |user: &User, pool: &Pool, preference: &Preference, has_totp: bool| {
        demand_at_risk(pool, user, preference, &usable(pool, user, has_totp))
    };
    let optional = pool(Mode::Optional, &[SMS, EMAIL], true);
    let (plain, mut ann) = (wants(&[], None), user(&["email"]));
    assert_eq!(of(&ann, &optional, &plain, false), Demand::Impossible, "an address that nobody has proven");
    ann.attributes.insert("email_verified".to_owned(), "true".to_owned());
    assert_eq!(of(&ann, &optional, &plain, false), Demand::Ask(Factor::Email));
    assert_eq!(of(&user(&[]), &optional, &plain, true), Demand::Ask(Factor::Totp));
    assert_eq!(of(&ann, &optional, &wants(&[Factor::Email], None), true), Demand::Ask(Factor::Email));
    assert_eq!(of(&ann, &pool(Mode::Off, &[EMAIL], true), &plain, true), Demand::Impossible);
    assert_eq!(of(&user(&[]), &pool(Mode::On, &[], true), &plain, false), Demand::Impossible);
}
