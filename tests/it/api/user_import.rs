//! Users imported from CSV files: the job, its file, its work, its end.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, to_bytes};
use http::Request;
use poolhouse::{
    api,
    domain::mfa::Factor,
    flows::users_import::work,
    store::{self, import_jobs::Lease},
};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{
    mfa::{every_factor, guarded},
    people::{PASSWORD, Site, sites, sites_with},
    town::{NO_POOL, NOWHERE, with},
};

const ROLE: &str = "arn:aws:iam::123456789012:role/import";

async fn importing() -> Vec<Site> {
    sites_with(json!({"AutoVerifiedAttributes": ["email"]}), json!({})).await
}

impl Site {
    pub(super) async fn job(&self) -> Value {
        self.job_with(json!({})).await
    }

    pub(super) async fn job_with(&self, members: Value) -> Value {
        let asked = json!({"UserPoolId": self.pool, "JobName": "move in", "CloudWatchLogsRoleArn": ROLE});
        self.call("CreateUserImportJob", with(&asked, members)).await["UserImportJob"].clone()
    }

    pub(super) fn of(&self, job: &Value) -> Value {
        json!({"UserPoolId": self.pool, "JobId": job["JobId"]})
    }

    pub(super) async fn put(&self, job: &Value, file: impl Into<Body>) -> (u16, String) {
        let url = job["PreSignedUrl"].as_str().unwrap();
        let path = url.strip_prefix("http://localhost:9229").unwrap().to_owned();
        self.put_to(&path, file).await
    }

    async fn put_to(&self, path: &str, file: impl Into<Body>) -> (u16, String) {
        let request = Request::put(path).header("x-amz-server-side-encryption", "aws:kms").body(file.into()).unwrap();
        let response = api::router().with_state(Arc::clone(&self.app)).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 16).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// A job whose file has arrived.
    pub(super) async fn loaded(&self, file: String) -> Value {
        let job = self.job().await;
        assert_eq!(self.put(&job, file).await, (200, String::new()));
        job
    }

    /// The job when it has come to an end.
    pub(super) async fn ended(&self, job: &Value) -> Value {
        for _ in 0..6_000 {
            let seen = self.call("DescribeUserImportJob", self.of(job)).await["UserImportJob"].clone();
            if !["Pending", "InProgress", "Stopping"].contains(&seen["Status"].as_str().unwrap()) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{job} does not end");
    }

    async fn imported(&self, file: String) -> Value {
        let job = self.loaded(file).await;
        self.call("StartUserImportJob", self.of(&job)).await;
        self.ended(&job).await
    }

    pub(super) async fn header(&self) -> Vec<String> {
        let output = self.call("GetCSVHeader", json!({"UserPoolId": self.pool})).await;
        assert_eq!(output["UserPoolId"], *self.pool);
        output["CSVHeader"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    }

    /// A file of the pool's columns; each row as what it fills.
    pub(super) async fn file(&self, rows: &[&[(&str, &str)]]) -> String {
        written(&self.header().await, rows)
    }
}

/// A file of these columns; each row as what it fills.
pub(super) fn written(header: &[String], rows: &[&[(&str, &str)]]) -> String {
    let value = |row: &[(&str, &str)], name: &String| {
        row.iter().find(|(column, _)| column == name).map_or(String::new(), |(_, value)| (*value).to_owned())
    };
    let line = |row: &&[(&str, &str)]| header.iter().map(|name| value(row, name)).collect::<Vec<_>>().join(",");
    let lines = rows.iter().map(line);
    std::iter::once(header.join(",")).chain(lines).collect::<Vec<_>>().join("\n")
}

/// A row of a user with a verified address.
pub(super) fn person<'a>(name: &'a str, email: &'a str) -> [(&'a str, &'a str); 4] {
    [("cognito:username", name), ("cognito:mfa_enabled", "false"), ("email", email), ("email_verified", "true")]
}

pub(super) fn counts(job: &Value) -> [&Value; 4] {
    [&job["Status"], &job["ImportedUsers"], &job["SkippedUsers"], &job["FailedUsers"]]
}

#[tokio::test]
async fn users_move_in_and_set_a_password_with_a_code() {
    for site in importing().await {
        let tier = json!([{"Name": "tier", "AttributeDataType": "String"}]);
        site.call("AddCustomAttributes", json!({"UserPoolId": site.pool, "CustomAttributes": tier})).await;
        site.person("taken").await;
        let full = [
            ("name", "Ann\\, the first"),
            ("birthdate", "02/29/2000"),
            ("updated_at", "1700000000"),
            ("custom:tier", "gold"),
        ];
        let ann: Vec<_> = person("ann", "ann@example.com").into_iter().chain(full).collect();
        let mut homeless = person("homeless", "h@example.com");
        homeless[3].1 = "false";
        let rows: [&[(&str, &str)]; 5] = [
            &ann,
            &person("taken", "other@example.com"),
            &homeless,
            &person("bad", "no address"),
            &person("bob", "bob@example.com"),
        ];
        let job = site.imported(site.file(&rows).await).await;
        assert_eq!(counts(&job), [&json!("Succeeded"), &json!(2), &json!(1), &json!(2)], "{job}");
        assert!(
            job["StartDate"].is_number() && job["CompletionDate"].is_number() && job["CompletionMessage"].is_null()
        );
        assert_eq!(site.status("ann").await, "RESET_REQUIRED");
        for (name, value) in [
            ("name", "Ann, the first"),
            ("birthdate", "02/29/2000"),
            ("custom:tier", "gold"),
            ("email_verified", "true"),
        ] {
            assert_eq!(site.attribute("ann", name).await.as_deref(), Some(value), "{name}");
        }
        assert_eq!(
            site.refused("InitiateAuth", site.password("ann", "Right-1234")).await,
            "PasswordResetRequiredException: Password reset required for the user"
        );
        site.call("ForgotPassword", site.by_client("ann")).await;
        let code = site.code("ann@example.com").await;
        let confirm = with(&site.by_client("ann"), json!({"ConfirmationCode": code, "Password": "Right-1234"}));
        site.call("ConfirmForgotPassword", confirm).await;
        assert!(site.opens("ann", "Right-1234").await);
        assert_eq!(
            site.attribute("taken", "email").await.as_deref(),
            Some("taken@example.com"),
            "nobody is overwritten"
        );
    }
}

#[tokio::test]
async fn codes_by_sms_come_along_as_the_second_factor() {
    fn row<'a>(name: &'a str, mfa: &'a str, phone: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("cognito:username", name),
            ("cognito:mfa_enabled", mfa),
            ("phone_number", phone),
            ("email", "a@example.com"),
            ("email_verified", "true"),
        ]
    }
    let rows = [row("guarded", "true", "+15555550123"), row("mute", "true", ""), row("plain", "false", "+15555550124")];
    let rows: Vec<&[(&str, &str)]> = rows.iter().map(Vec::as_slice).collect();
    // Who is imported by pools that ask nobody, whom they like, and everybody for a second factor, and by those that know no SMS.
    let cases: [(&str, &[Factor], &[&str]); 5] = [
        ("OFF", &[], &["plain"]),
        ("OPTIONAL", &[Factor::Sms], &["guarded", "plain"]),
        ("ON", &[Factor::Sms], &["guarded"]),
        ("OPTIONAL", &[Factor::Totp], &["plain"]),
        ("ON", &[Factor::Totp], &["guarded", "mute"]),
    ];
    for (mode, factors, imported) in cases {
        for site in guarded(mode, factors).await {
            let mut update =
                json!({"UserPoolId": site.pool, "MfaConfiguration": mode, "AutoVerifiedAttributes": ["email"]});
            if factors.contains(&Factor::Sms) {
                update["SmsConfiguration"] = every_factor()["SmsConfiguration"].clone();
            }
            site.call("UpdateUserPool", update).await;
            let job = site.imported(site.file(&rows).await).await;
            let expected = imported.len();
            assert_eq!(
                counts(&job),
                [&json!("Succeeded"), &json!(expected), &json!(0), &json!(3 - expected)],
                "{mode}"
            );
            for name in ["guarded", "mute", "plain"] {
                let (status, shown) = site.send("AdminGetUser", &site.named(name)).await;
                assert_eq!(status == 200, imported.contains(&name), "{mode} {name}");
                let has_sms = name == "guarded" && factors.contains(&Factor::Sms);
                assert_eq!(shown["UserMFASettingList"] == json!(["SMS_MFA"]), has_sms, "{mode} {name}");
            }
        }
    }
    for site in guarded("OPTIONAL", &[Factor::Sms]).await {
        let passwordless = json!({"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}});
        let update = json!({"UserPoolId": site.pool, "MfaConfiguration": "OPTIONAL", "AutoVerifiedAttributes": ["email"],
                            "Policies": passwordless, "SmsConfiguration": every_factor()["SmsConfiguration"]});
        site.call("UpdateUserPool", update).await;
        site.imported(site.file(&rows).await).await;
        // A code alone is no way around the second factor, so that one needs a password first.
        assert_eq!((&*site.status("guarded").await, &*site.status("plain").await), ("RESET_REQUIRED", "CONFIRMED"));
        site.call("ForgotPassword", site.by_client("guarded")).await;
        let code = json!({"ConfirmationCode": site.code("a@example.com").await, "Password": PASSWORD});
        site.call("ConfirmForgotPassword", with(&site.by_client("guarded"), code)).await;
        assert_eq!(site.begin("guarded").await["ChallengeName"], "SMS_MFA");
    }
}

#[tokio::test]
async fn who_can_sign_in_with_a_code_needs_no_password() {
    let policies = json!({"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP", "SMS_OTP"]}});
    let pool = json!({"AutoVerifiedAttributes": ["email", "phone_number"], "Policies": policies});
    for site in sites_with(pool, json!({"ExplicitAuthFlows": ["ALLOW_USER_AUTH"]})).await {
        let phone = "+15555550123";
        let bob = [
            ("cognito:username", "bob"),
            ("cognito:mfa_enabled", "false"),
            ("phone_number", phone),
            ("phone_number_verified", "true"),
        ];
        site.imported(site.file(&[&person("ann", "ann@example.com"), &bob]).await).await;
        for (name, factor, address) in [("ann", "EMAIL_OTP", "ann@example.com"), ("bob", "SMS_OTP", phone)] {
            assert_eq!(site.status(name).await, "CONFIRMED");
            let parameters = json!({"USERNAME": name, "PREFERRED_CHALLENGE": factor});
            let begin = json!({"AuthFlow": "USER_AUTH", "ClientId": site.client, "AuthParameters": parameters});
            let asked = site.call("InitiateAuth", begin).await;
            assert_eq!(asked["AvailableChallenges"], json!([factor]));
            let code = site.code(address).await;
            let done = site.answer(&asked, name, json!({ format!("{factor}_CODE"): code })).await;
            assert!(done["AuthenticationResult"].is_object());
        }
    }
}

#[tokio::test]
async fn a_job_waits_for_its_file_and_runs_once() {
    for site in importing().await {
        let job = site.job().await;
        let id = job["JobId"].as_str().unwrap();
        assert!(id.starts_with("import-") && id.len() == 17, "{id}");
        assert_eq!(counts(&job), [&json!("Created"), &json!(0), &json!(0), &json!(0)]);
        assert_eq!((&job["JobName"], &job["CloudWatchLogsRoleArn"]), (&json!("move in"), &json!(ROLE)));
        let early = site.refused("StartUserImportJob", site.of(&job)).await;
        assert!(early.starts_with("PreconditionNotMetException: ") && early.contains("not been uploaded"), "{early}");
        let idle = site.refused("StopUserImportJob", site.of(&job)).await;
        assert!(idle.starts_with("PreconditionNotMetException: ") && idle.contains("Created"), "{idle}");
        site.put(&job, site.file(&[&person("first", "f@example.com")]).await).await;
        site.put(&job, site.file(&[&person("ann", "a@example.com")]).await).await;
        let started = site.call("StartUserImportJob", site.of(&job)).await["UserImportJob"].clone();
        assert_eq!(started["Status"], "Pending");
        let ended = site.ended(&job).await;
        assert_eq!(counts(&ended), [&json!("Succeeded"), &json!(1), &json!(0), &json!(0)]);
        assert_eq!(site.status("ann").await, "RESET_REQUIRED", "the newest file counts");
        for operation in ["StartUserImportJob", "StopUserImportJob"] {
            let again = site.refused(operation, site.of(&job)).await;
            assert!(again.starts_with("PreconditionNotMetException: ") && again.contains("Succeeded"), "{again}");
        }
        let (status, late) = site.put(&job, "x").await;
        assert!(status == 409 && late.contains("<Code>OperationAborted</Code>"), "{status} {late}");
    }
}

#[tokio::test]
async fn every_operation_says_what_is_not_there() {
    for site in importing().await {
        let none = json!({"UserPoolId": site.pool, "JobId": "import-none"});
        for operation in ["DescribeUserImportJob", "StartUserImportJob", "StopUserImportJob"] {
            assert_eq!(
                site.refused(operation, none.clone()).await,
                "ResourceNotFoundException: User import job import-none does not exist."
            );
            assert_eq!(site.refused(operation, with(&none, json!({"UserPoolId": NOWHERE}))).await, NO_POOL);
        }
        let job = site.job().await;
        let elsewhere = site.pool().await;
        let foreign =
            site.refused("DescribeUserImportJob", with(&site.of(&job), json!({"UserPoolId": elsewhere}))).await;
        assert!(foreign.starts_with("ResourceNotFoundException: User import job"), "{foreign}");
        let nowhere = json!({"UserPoolId": NOWHERE, "JobName": "a", "CloudWatchLogsRoleArn": ROLE, "MaxResults": 1});
        for operation in ["GetCSVHeader", "CreateUserImportJob", "ListUserImportJobs"] {
            assert_eq!(site.refused(operation, nowhere.clone()).await, NO_POOL, "{operation}");
        }
    }
}

#[tokio::test]
async fn a_pool_that_verifies_nothing_imports_nobody() {
    for site in sites().await {
        let asked = json!({"UserPoolId": site.pool, "JobName": "a", "CloudWatchLogsRoleArn": ROLE});
        let refusal = site.refused("CreateUserImportJob", asked).await;
        assert!(refusal.starts_with("PreconditionNotMetException: ") && refusal.contains("auto-verified"), "{refusal}");
    }
    for site in importing().await {
        let job = site.loaded(site.file(&[&person("ann", "a@example.com")]).await).await;
        site.call("UpdateUserPool", json!({"UserPoolId": site.pool})).await;
        let refusal = site.refused("StartUserImportJob", site.of(&job)).await;
        assert!(refusal.starts_with("PreconditionNotMetException: ") && refusal.contains("auto-verified"), "{refusal}");
    }
}

#[tokio::test]
async fn a_file_that_is_none_fails_the_job_and_says_why() {
    for site in importing().await {
        let good = site.file(&[&person("ann", "a@example.com")]).await;
        let bad_row = site.file(&[&[("cognito:username", "ann")]]).await;
        let cases = [
            (String::new(), "The CSV file is empty."),
            (
                "name,email\nann,a@example.com\n".to_owned(),
                "The header of the CSV file is not the one of the user pool",
            ),
            (format!("\u{feff}{good}"), "The header of the CSV file is not the one of the user pool"),
            (bad_row, "Too many users have failed or been skipped during the import."),
            ("\n".repeat(500_002), "The CSV file has more than 500000 rows."),
        ];
        for (file, message) in cases {
            let job = site.imported(file).await;
            assert_eq!(job["Status"], "Failed");
            assert!(job["CompletionMessage"].as_str().unwrap().starts_with(message), "{job}");
        }
        let empty = site.imported(site.header().await.join(",")).await;
        assert_eq!(counts(&empty), [&json!("Succeeded"), &json!(0), &json!(0), &json!(0)]);
        assert_eq!(site.imported(good.clone()).await["Status"], "Succeeded");
        let again = site.imported(good).await;
        assert_eq!(counts(&again), [&json!("Failed"), &json!(0), &json!(1), &json!(0)]);
    }
}

#[tokio::test]
async fn the_address_of_the_file_is_sealed_and_expires() {
    for site in importing().await {
        let job = site.job().await;
        let url = job["PreSignedUrl"].as_str().unwrap();
        assert!(url.starts_with("http://localhost:9229/user-import/"), "{url}");
        let path = url.strip_prefix("http://localhost:9229").unwrap();
        for forged in ["/user-import/x".to_owned(), format!("{path}A"), path[..path.len() - 1].to_owned()] {
            let (status, body) = site.put_to(&forged, "x").await;
            assert!(status == 403 && body.contains("<Code>SignatureDoesNotMatch</Code>"), "{status} {body}");
        }
        let declared = Request::put(path).header("content-length", 100 * 1024 * 1024 + 1).body(Body::empty()).unwrap();
        let response = api::router().with_state(Arc::clone(&site.app)).oneshot(declared).await.unwrap();
        assert_eq!(response.status(), 400);
        site.advance(15 * 60);
        let (status, body) = site.put(&job, "x").await;
        assert!(status == 403 && body.contains("Request has expired"), "{status} {body}");
        let renewed = site.call("DescribeUserImportJob", site.of(&job)).await["UserImportJob"].clone();
        assert_eq!(site.put(&renewed, "x").await.0, 403, "describing the job makes it no younger");
    }
}

#[tokio::test]
async fn a_file_beyond_the_limit_is_cut_off_while_it_comes() {
    for site in importing().await.into_iter().take(1) {
        let job = site.job().await;
        let body = Body::new(Endless { frames: 110 });
        let (status, answer) = site.put(&job, body).await;
        assert!(status == 400 && answer.contains("<Code>EntityTooLarge</Code>"), "{status} {answer}");
        let refusal = site.refused("StartUserImportJob", site.of(&job)).await;
        assert!(refusal.contains("not been uploaded"), "{refusal}");
    }
}

/// Frames of one megabyte that nobody has announced.
struct Endless {
    frames: usize,
}

impl http_body::Body for Endless {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        let left = self.frames.checked_sub(1);
        self.frames = left.unwrap_or(0);
        let frame = left.map(|_| Ok(http_body::Frame::data(bytes::Bytes::from_static(&[b'x'; 1 << 20]))));
        std::task::Poll::Ready(frame)
    }
}

#[tokio::test]
async fn a_job_that_nobody_starts_expires() {
    for site in importing().await {
        let job = site.loaded(site.file(&[&person("ann", "a@example.com")]).await).await;
        site.advance(24 * 3_600);
        let expired = site.call("DescribeUserImportJob", site.of(&job)).await["UserImportJob"].clone();
        assert_eq!(counts(&expired)[0], "Expired");
        assert_eq!(expired["CompletionMessage"], "The user import job has expired.");
        let refusal = site.refused("StartUserImportJob", site.of(&job)).await;
        assert!(refusal.starts_with("PreconditionNotMetException: ") && refusal.contains("Expired"), "{refusal}");
        work::resume(&site.app).await.unwrap();
        assert_eq!(site.call("DescribeUserImportJob", site.of(&job)).await["UserImportJob"]["Status"], "Expired");
    }
}

#[tokio::test]
async fn jobs_are_listed_newest_first_page_by_page() {
    for site in importing().await {
        let none = site.call("ListUserImportJobs", json!({"UserPoolId": site.pool, "MaxResults": 60})).await;
        assert_eq!(none, json!({"UserImportJobs": []}));
        let mut made = Vec::new();
        for step in [0, 1, 0, 1] {
            site.advance(step);
            made.push(site.job().await["JobId"].clone());
        }
        let (mut listed, mut token) = (Vec::new(), Value::Null);
        loop {
            let mut call = json!({"UserPoolId": site.pool, "MaxResults": 1});
            if !token.is_null() {
                call["PaginationToken"] = token;
            }
            let page = site.call("ListUserImportJobs", call).await;
            assert_eq!(page["UserImportJobs"].as_array().unwrap().len(), 1);
            listed.push(page["UserImportJobs"][0]["JobId"].clone());
            token = page["PaginationToken"].clone();
            if token.is_null() {
                break;
            }
        }
        assert_eq!((&listed[0], &listed[3]), (&made[3], &made[0]));
        assert!(made.iter().all(|job| listed.contains(job)) && listed.len() == 4);
        let forged = json!({"UserPoolId": site.pool, "MaxResults": 1, "PaginationToken": "x"});
        assert!(site.refused("ListUserImportJobs", forged).await.contains("Invalid pagination token"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_at_work_is_left_alone_until_the_job_stops() {
    for site in importing().await {
        let names: Vec<_> = (0..2_000).map(|number| format!("user{number}")).collect();
        let rows: Vec<_> = names.iter().map(|name| person(name, "all@example.com")).collect();
        let rows: Vec<&[(&str, &str)]> = rows.iter().map(|row| &row[..]).collect();
        let job = site.loaded(site.file(&rows).await).await;
        let waiting = site.loaded(site.file(&rows[..1]).await).await;
        site.call("StartUserImportJob", site.of(&job)).await;
        let busy = "UserImportInProgressException: A user import job is in progress for this user pool.";
        let tier = json!([{"Name": "tier", "AttributeDataType": "String"}]);
        let settings = [
            ("UpdateUserPool", json!({})),
            ("DeleteUserPool", json!({})),
            ("AddCustomAttributes", json!({"CustomAttributes": tier})),
        ];
        for (operation, members) in &settings {
            let call = with(&json!({"UserPoolId": site.pool}), members.clone());
            assert_eq!(site.refused(operation, call).await, busy, "{operation}");
        }
        let second = site.refused("StartUserImportJob", site.of(&waiting)).await;
        assert!(second.starts_with("PreconditionNotMetException: Another"), "{second}");
        let stopping = site.call("StopUserImportJob", site.of(&job)).await["UserImportJob"].clone();
        assert_eq!(stopping["Status"], "Stopping");
        let stopped = site.ended(&job).await;
        assert_eq!(stopped["Status"], "Stopped");
        let imported = stopped["ImportedUsers"].as_u64().unwrap();
        assert!(imported < 2_000, "{imported}");
        let pool = site.call("DescribeUserPool", json!({"UserPoolId": site.pool})).await;
        assert_eq!(pool["UserPool"]["EstimatedNumberOfUsers"], imported, "what is counted is there, and nothing else");
        site.call("StartUserImportJob", site.of(&waiting)).await;
        site.ended(&waiting).await;
        site.call("UpdateUserPool", json!({"UserPoolId": site.pool})).await;
    }
}

#[tokio::test]
async fn a_job_whose_worker_is_gone_goes_on_after_its_last_line() {
    for site in importing().await {
        let rows = [person("ann", "a@example.com"), person("bob", "b@example.com"), person("eve", "e@example.com")];
        let rows: Vec<&[(&str, &str)]> = rows.iter().map(|row| &row[..]).collect();
        let job = site.loaded(site.file(&rows).await).await;
        let id = job["JobId"].as_str().unwrap().to_owned();

        // A worker that has counted ann and died.
        let now = site.app.clock.now();
        let lease = Lease { worker: "gone".into(), until: now.plus(Duration::from_secs(120)) };
        let mut tx = site.app.store.begin().await.unwrap();
        assert!(store::import_jobs::start(&mut tx, &site.pool, &id, now).await.unwrap());
        assert!(store::import_jobs::claim(&mut tx, &site.pool, &id, &lease, now).await.unwrap());
        let found = store::import_jobs::find(&mut tx, &site.pool, &id).await.unwrap().unwrap();
        let one = poolhouse::domain::import::Counts { imported: 1, skipped: 0, failed: 0 };
        assert!(store::import_jobs::advance(&mut tx, &found, &lease, 2, one).await.unwrap());
        tx.commit().await.unwrap();

        work::run(&site.cx(), &site.pool, &id).await.unwrap();
        work::resume(&site.app).await.unwrap();
        let seen = site.call("DescribeUserImportJob", site.of(&job)).await["UserImportJob"].clone();
        assert_eq!(
            counts(&seen),
            [&json!("InProgress"), &json!(1), &json!(0), &json!(0)],
            "as long as the lease lasts"
        );
        site.advance(120);
        work::resume(&site.app).await.unwrap();
        let ended = site.ended(&job).await;
        assert_eq!(counts(&ended), [&json!("Succeeded"), &json!(3), &json!(0), &json!(0)]);
        let ann = site.refused("AdminGetUser", site.named("ann")).await;
        assert!(ann.starts_with("UserNotFoundException"), "her line was done before: {ann}");
        assert_eq!(site.status("eve").await, "RESET_REQUIRED");
    }
}

#[tokio::test]
async fn addresses_keep_one_owner() {
    let pool = json!({"AutoVerifiedAttributes": ["email"], "UsernameAttributes": ["email"]});
    for site in sites_with(pool, json!({})).await {
        let rows: [&[(&str, &str)]; 3] =
            [&person("a@example.com", ""), &person("a@example.com", ""), &person("no address", "b@example.com")];
        let job = site.imported(site.file(&rows).await).await;
        assert_eq!(counts(&job), [&json!("Succeeded"), &json!(1), &json!(1), &json!(1)]);
        let user = site.call("AdminGetUser", site.named("a@example.com")).await;
        assert_eq!(user["Username"], *site.attribute("a@example.com", "sub").await.unwrap());
    }
    let pool = json!({"AutoVerifiedAttributes": ["email"], "AliasAttributes": ["email"]});
    for site in sites_with(pool, json!({})).await {
        let rows: [&[(&str, &str)]; 2] = [&person("ann", "we@example.com"), &person("bob", "we@example.com")];
        let job = site.imported(site.file(&rows).await).await;
        assert_eq!(counts(&job), [&json!("Succeeded"), &json!(1), &json!(0), &json!(1)]);
        assert_eq!(site.call("AdminGetUser", site.named("we@example.com")).await["Username"], "ann");
        assert!(site.refused("AdminGetUser", site.named("bob")).await.starts_with("UserNotFoundException"));
    }
}

#[tokio::test]
async fn a_client_that_hides_users_hides_that_somebody_was_imported() {
    let hiding = json!({"PreventUserExistenceErrors": "ENABLED"});
    for site in sites_with(json!({"AutoVerifiedAttributes": ["email"]}), hiding).await {
        site.imported(site.file(&[&person("ann", "a@example.com")]).await).await;
        let wrong = "NotAuthorizedException: Incorrect username or password.";
        let admin = json!({"UserPoolId": site.pool, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH"});
        for name in ["ann", "nobody"] {
            assert_eq!(site.refused("InitiateAuth", site.password(name, "Right-1234")).await, wrong, "{name}");
            let call = with(&site.password(name, "Right-1234"), admin.clone());
            assert_eq!(site.refused("AdminInitiateAuth", call).await, wrong, "{name}");
        }
        site.call("ForgotPassword", site.by_client("ann")).await;
        let code = site.code("a@example.com").await;
        let confirm = with(&site.by_client("ann"), json!({"ConfirmationCode": code, "Password": "Right-1234"}));
        site.call("ConfirmForgotPassword", confirm).await;
        assert!(site.opens("ann", "Right-1234").await);
    }
}
