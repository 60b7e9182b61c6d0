use super::*;
use crate::{
    domain::pool::{Members, PoolSettings},
    kit::clock::Time,
};

fn pool(members: serde_json::Value) -> Pool {
    let members: Members = members.as_object().cloned().unwrap();
    Pool {
        id: "r_p".into(),
        name: "p".into(),
        strict_oidc: false,
        settings: PoolSettings::requested(members).unwrap(),
        created_at: Time::default(),
        modified_at: Time::default(),
    }
}

fn verifying() -> Pool {
    pool(serde_json::json!({
        "AutoVerifiedAttributes": ["email"],
        "Schema": [{"Name": "tier", "AttributeDataType": "String"},
                   {"Name": "hidden", "AttributeDataType": "String", "DeveloperOnlyAttribute": true}],
    }))
}

fn header(pool: &Pool) -> Header {
    Header::read(&Ok(columns(pool).join(",")), pool, None).unwrap()
}

/// A row with these columns filled, beside those that no row can do without.
fn row(pool: &Pool, values: &[(&str, &str)]) -> Result<Row, RowFault> {
    let usual =
        [("cognito:username", "ann"), ("cognito:mfa_enabled", "FALSE"), ("email", "a@b.c"), ("email_verified", "True")];
    let value = |column: &String| {
        let found = values.iter().chain(&usual).find(|(name, _)| name == column);
        found.map_or("", |(_, value)| value).to_owned()
    };
    header(pool).row(pool, &columns(pool).iter().map(value).collect::<Vec<_>>().join(","))
}

#[test]
fn the_columns_are_the_services_with_the_pools_custom_attributes() {
    let columns = columns(&verifying());
    assert_eq!((columns.len(), &*columns[0]), (22, "name"));
    assert_eq!(columns[18..], ["updated_at", "custom:tier", "cognito:mfa_enabled", "cognito:username"]);
}

#[test]
fn a_header_has_every_column_in_any_order() {
    let pool = verifying();
    let mut columns = columns(&pool);
    columns.reverse();
    assert!(Header::read(&Ok(columns.join(",")), &pool, None).is_ok());
    columns[0] = "name".into();
    assert_eq!(Header::read(&Ok(columns.join(",")), &pool, None), Err(FileFault::Header), "one is there twice");
    columns[0] = "custom:none".into();
    assert_eq!(Header::read(&Ok(columns.join(",")), &pool, None), Err(FileFault::Header));
    let marked = format!("\u{feff}{}", self::columns(&pool).join(","));
    assert_eq!(Header::read(&Ok(marked), &pool, None), Err(FileFault::Header), "a byte order mark");
    assert_eq!(Header::read(&Err(RowFault::NotText), &pool, None), Err(FileFault::Header));
}

#[test]
fn a_row_becomes_a_user() {
    let pool = verifying();
    let given =
        [("name", "Ann\\, of \\x"), ("birthdate", "02/29/2000"), ("updated_at", "1700000000"), ("custom:tier", "gold")];
    let row = row(&pool, &given).unwrap();
    assert_eq!((&*row.username, row.has_mfa), ("ann", false));
    let attributes: Vec<_> = row.attributes.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(
        attributes,
        [
            ("birthdate", "02/29/2000"),
            ("custom:tier", "gold"),
            ("email", "a@b.c"),
            ("email_verified", "True"),
            ("name", "Ann, of \\x"),
            ("updated_at", "1700000000"),
        ]
    );
}

#[test]
fn a_row_that_is_no_user_says_why() {
    let pool = verifying();
    let cases = [
        (("cognito:username", ""), RowFault::NoUsername),
        (("cognito:mfa_enabled", ""), RowFault::Flag("cognito:mfa_enabled")),
        (("cognito:mfa_enabled", "yes"), RowFault::Flag("cognito:mfa_enabled")),
        (("email_verified", "1"), RowFault::Flag("email_verified")),
        (("email_verified", "false"), RowFault::Unverified),
        (("email_verified", ""), RowFault::Unverified),
        (("email", ""), RowFault::NoAddress { flag: "email_verified", address: "email" }),
        (
            ("phone_number_verified", "true"),
            RowFault::NoAddress { flag: "phone_number_verified", address: "phone_number" },
        ),
        (("birthdate", "2000-02-29"), RowFault::Birthdate),
        (("birthdate", "02/30/2000"), RowFault::Birthdate),
        (("updated_at", "yesterday"), RowFault::UpdatedAt),
    ];
    for (value, fault) in cases {
        assert_eq!(row(&pool, &[value]), Err(fault), "{value:?}");
    }
    assert_eq!(header(&pool).row(&pool, "a,b"), Err(RowFault::Columns { expected: 22, found: 2 }));
    let texting = self::pool(
        serde_json::json!({"AutoVerifiedAttributes": ["phone_number"], "SmsConfiguration": {"SnsCallerArn": "arn"}}),
    );
    assert_eq!(row(&texting, &[]), Err(RowFault::Unverified), "the address that the pool verifies");
}

#[test]
fn the_user_name_may_be_the_address() {
    let pool = pool(serde_json::json!({"AutoVerifiedAttributes": ["email"], "UsernameAttributes": ["email"]}));
    assert!(row(&pool, &[("cognito:username", "a@b.c"), ("email", "")]).is_ok());
}

#[test]
fn lines_are_cut_wherever_the_parts_end() {
    let file = "head\r\n\u{e4}\u{f6},1\n\nlast";
    for size in 1..file.len() {
        let mut lines = Lines::default();
        let mut cut: Vec<_> = file.as_bytes().chunks(size).flat_map(|part| lines.feed(part)).collect();
        cut.extend(lines.end());
        let cut: Vec<_> = cut.into_iter().map(Result::unwrap).collect();
        assert_eq!(cut, ["head", "\u{e4}\u{f6},1", "", "last"], "{size}");
    }
    assert_eq!(Lines::default().end(), None);
}

#[test]
fn a_line_beyond_the_limit_costs_no_memory_and_the_next_one_counts() {
    let mut lines = Lines::default();
    for _ in 0..100 {
        assert!(lines.feed(&[b'x'; 10_000]).is_empty());
        assert!(lines.rest.len() <= 4 * LONGEST_ROW);
    }
    assert_eq!(lines.feed(b"\nnext\n"), [Err(RowFault::TooLong), Ok("next".into())]);
    assert_eq!(lines.feed(format!("{}\n", "\u{e4}".repeat(16_000)).as_bytes())[0].as_ref().unwrap().len(), 32_000);
    assert_eq!(lines.feed(format!("{}\n", "x".repeat(16_001)).as_bytes()), [Err(RowFault::TooLong)]);
    assert_eq!(lines.feed(b"\xff\n"), [Err(RowFault::NotText)]);
}
