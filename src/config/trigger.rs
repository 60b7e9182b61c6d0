//! `[pool.triggers]`: which function answers which trigger.
//!
//! `PreSignUp = "NAME"`, or `PreTokenGeneration = { function = "NAME", version = "V2_0" }` where the event has versions.

use std::collections::BTreeMap;

use super::{Placed, reader::Reader};

#[derive(Clone, Debug)]
pub struct Trigger {
    /// A function of the configuration, or a built-in rule.
    pub function: Placed<String>,
    /// The service's name of it; the first one unless told otherwise.
    pub version: &'static str,
}

const FIRST: &str = "V1_0";
const ONE: &[(&str, &str)] = &[(FIRST, FIRST)];
const THREE: &[(&str, &str)] = &[(FIRST, FIRST), ("V2_0", "V2_0"), ("V3_0", "V3_0")];

/// Every trigger that a pool can have, with the versions that its event comes in, if it has any.
const TRIGGERS: [(&str, &[(&str, &str)]); 13] = [
    ("PreSignUp", &[]),
    ("CustomMessage", &[]),
    ("PostConfirmation", &[]),
    ("PreAuthentication", &[]),
    ("PostAuthentication", &[]),
    ("DefineAuthChallenge", &[]),
    ("CreateAuthChallenge", &[]),
    ("VerifyAuthChallengeResponse", &[]),
    ("PreTokenGeneration", THREE),
    ("UserMigration", &[]),
    ("CustomSMSSender", ONE),
    ("CustomEmailSender", ONE),
    ("InboundFederation", ONE),
];

/// The triggers of a pool by their names in `LambdaConfig`.
pub(super) fn read_all(section: &mut Reader) -> BTreeMap<String, Trigger> {
    let mut table = section.table("triggers");
    let mut triggers = BTreeMap::new();
    for (name, versions) in TRIGGERS {
        if let Some(trigger) = read(&mut table, name, versions) {
            triggers.insert(name.to_owned(), trigger);
        }
    }
    table.finish();
    triggers
}

fn read(table: &mut Reader, name: &str, versions: &[(&str, &'static str)]) -> Option<Trigger> {
    if !table.is_table(name) {
        let function = table.string(name)?;
        return Some(Trigger { function, version: FIRST });
    }
    let mut trigger = table.table(name);
    let function = trigger.required("function");
    let version = if versions.is_empty() { None } else { trigger.choice("version", versions) };
    trigger.finish();
    Some(Trigger { function: function?, version: version.map_or(FIRST, |version| version.value) })
}
