//! The schema, step by step: one SQL text per step for both engines, embedded in the binary.
//!
//! A released step is never edited (its checksum is kept in the database); a change is a new step. Types that mean the same to
//! both engines: `TEXT`, `BIGINT`, `BOOLEAN`, `BYTEA`. The files are included by hand because sqlx's macro would compile both
//! drivers a second time for the build machine.
//!
//! One difference is made here: text is compared byte by byte, as SQLite does. PostgreSQL would use the language of the
//! database, which passes over punctuation and knows no highest character, so that prefixes would not be ranges.

use sqlx::{
    AssertSqlSafe, SqlSafeStr,
    migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator},
};

use super::{Result, StoreError};

/// Number, name and text of every step, in order.
const STEPS: &[(i64, &str, &str)] = &[
    (1, "pools", include_str!("../../migrations/0001_pools.sql")),
    (2, "clients", include_str!("../../migrations/0002_clients.sql")),
    (3, "users", include_str!("../../migrations/0003_users.sql")),
    (4, "groups", include_str!("../../migrations/0004_groups.sql")),
    (5, "grants", include_str!("../../migrations/0005_grants.sql")),
    (6, "codes", include_str!("../../migrations/0006_codes.sql")),
    (7, "master key", include_str!("../../migrations/0007_master_key.sql")),
    (8, "applied", include_str!("../../migrations/0008_applied.sql")),
    (9, "factors", include_str!("../../migrations/0009_factors.sql")),
    (10, "triggers", include_str!("../../migrations/0010_triggers.sql")),
    (11, "outbox", include_str!("../../migrations/0011_outbox.sql")),
    (12, "passkeys", include_str!("../../migrations/0012_passkeys.sql")),
    (13, "devices", include_str!("../../migrations/0013_devices.sql")),
    (14, "providers", include_str!("../../migrations/0014_providers.sql")),
    (15, "branding", include_str!("../../migrations/0015_branding.sql")),
    (16, "import", include_str!("../../migrations/0016_import.sql")),
    (17, "audience", include_str!("../../migrations/0017_audience.sql")),
    (18, "federation", include_str!("../../migrations/0018_federation.sql")),
    (19, "saml", include_str!("../../migrations/0019_saml.sql")),
    (20, "registration", include_str!("../../migrations/0020_registration.sql")),
    (21, "requests", include_str!("../../migrations/0021_requests.sql")),
    (22, "HTTP APIs", include_str!("../../migrations/0022_http_apis.sql")),
    (23, "saml metadata", include_str!("../../migrations/0023_saml_metadata.sql")),
    (26, "assurance", include_str!("../../migrations/0026_assurance.sql")),
    (27, "import hashes", include_str!("../../migrations/0027_import_hashes.sql")),
    (28, "possession", include_str!("../../migrations/0028_possession.sql")),
];

/// Brings the database behind `connection` up to date. Several instances may do so at once on PostgreSQL: an advisory lock
/// makes them take turns. After an error the connection may still hold that lock: close it.
/// `text` is what the engine calls text that is compared by bytes.
pub(super) async fn run<C: Migrate>(connection: &mut C, text: &str) -> Result<()> {
    let known = STEPS.last().map_or(0, |(number, ..)| *number);
    migrator(STEPS, text).run_direct(None, connection, false).await.map_err(|error| match error {
        MigrateError::VersionMissing(found) if found > known => StoreError::Newer { found, known },
        error => StoreError::Migration(error),
    })
}

fn migrator(steps: &[(i64, &'static str, &'static str)], text: &str) -> Migrator {
    let step = |&(number, name, sql): &(i64, &'static str, &'static str)| {
        let sql = AssertSqlSafe(sql.replace(" TEXT", &format!(" {text}")));
        Migration::new(number, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(steps.iter().map(step).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_numbered_upwards() {
        assert!(STEPS.is_sorted_by(|(one, ..), (other, ..)| one < other));
    }
}
