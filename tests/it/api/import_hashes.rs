//! Users who are imported with the hash of the password that they had elsewhere.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use poolhouse::{
    domain::{User, import::HashAlgorithm, user::Credential},
    flows::{
        directory, passwords,
        sign_in::{self, Door, Goal, Outcome, Start},
        users,
        users_import::work,
    },
    keys::compromised::Compromised,
    store,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    people::{PASSWORD, Site, WRONG, sites_with},
    srp::{self, Prover},
    town::{towns_with, with},
    user_import::{counts, person, written},
};

const JOB_OPERATIONS: [&str; 3] = ["StartUserImportJob", "StopUserImportJob", "DescribeUserImportJob"];

/// A published test vector.
#[derive(Deserialize)]
struct Vector {
    algorithm: HashAlgorithm,
    hash: String,
    password: String,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../../data/password_hashes.json")).unwrap()
}

async fn importing(pool: Value, client: Value) -> Vec<Site> {
    sites_with(with(&json!({"AutoVerifiedAttributes": ["email"]}), pool), client).await
}

/// A hash of the password at the least cost.
fn bcrypt(password: &str) -> String {
    bcrypt::hash(password, 4).unwrap()
}

fn algorithm(algorithm: HashAlgorithm) -> Value {
    json!({"PasswordHashingAlgorithm": algorithm.name()})
}

impl Site {
    /// The job that has imported people with these hashes, where they have one.
    async fn import_hashes(&self, of: HashAlgorithm, people: &[(&str, &str)]) -> Value {
        let job = self.job_with(algorithm(of)).await;
        let people: Vec<_> = people
            .iter()
            .map(|(name, hash)| (*name, format!("{name}@example.com"), hash.replace(',', "\\,")))
            .collect();
        let rows: Vec<Vec<(&str, &str)>> = people
            .iter()
            .map(|(name, email, hash)| [&person(name, email)[..], &[("cognito:password_hash", &**hash)]].concat())
            .collect();
        let rows: Vec<&[(&str, &str)]> = rows.iter().map(|row| &row[..]).collect();
        let header = [self.header().await, vec!["cognito:password_hash".to_owned()]].concat();
        assert_eq!(self.put(&job, written(&header, &rows)).await.0, 200);
        self.call("StartUserImportJob", self.of(&job)).await;
        self.ended(&job).await
    }

    async fn stored(&self, name: &str) -> User {
        let pool = directory::pool(&self.cx(), &self.pool).await.unwrap();
        store::users::by_login(&mut self.app.store.read().await.unwrap(), &pool, name).await.unwrap().unwrap()
    }

    /// What a proof of the password by Secure Remote Password is answered with.
    async fn by_srp(&self, name: &str, password: &str) -> (u16, Value) {
        let parameters = json!({"USERNAME": name, "SRP_A": Prover::new().public()});
        let begin = json!({"AuthFlow": "USER_SRP_AUTH", "ClientId": self.client, "AuthParameters": parameters});
        let asked = self.call("InitiateAuth", begin).await;
        assert_eq!(asked["ChallengeName"], "PASSWORD_VERIFIER");
        let answer = srp::answer(self, password, &asked["ChallengeParameters"], srp::NOW);
        self.send("RespondToAuthChallenge", &answer).await
    }
}

fn is_imported(credential: &Credential) -> bool {
    credential.imported_salt.is_some() && credential.srp.is_none()
}

#[tokio::test]
async fn an_imported_password_opens_and_becomes_ours_with_its_first_use() {
    for site in importing(json!({}), json!({})).await {
        for (number, Vector { algorithm, hash, password }) in vectors().into_iter().enumerate() {
            let (hash, password) = (&*hash, &*password);
            let name = &*format!("user{number}");
            let job = site.import_hashes(algorithm, &[(name, hash)]).await;
            assert_eq!(counts(&job), [&json!("Succeeded"), &json!(1), &json!(0), &json!(0)], "{job}");
            assert_eq!(site.status(name).await, "CONFIRMED");
            let before = site.stored(name).await;
            assert_eq!(before.credential.password_hash.as_deref(), Some(hash));
            assert!(is_imported(&before.credential), "{name}");

            // Nothing proves a password by Secure Remote Password that nobody has a verifier of.
            let (status, refused) = site.by_srp(name, password).await;
            assert_eq!((status, &refused["message"]), (400, &json!("Incorrect username or password.")), "{refused}");
            assert_eq!(site.refused("InitiateAuth", site.password(name, "Wrong-1234")).await, WRONG, "{name}");
            assert_eq!(site.stored(name).await.credential, before.credential, "a wrong password changes nothing");

            assert!(site.opens(name, password).await, "{name}");
            let after = site.stored(name).await;
            let ours = after.credential.password_hash.as_deref().unwrap();
            assert!(ours.starts_with("$argon2id$v=19$") && ours != hash, "{ours}");
            assert_eq!(after.credential.salt(), before.credential.salt(), "the password is the same one");
            assert!(after.credential.srp.is_some() && after.credential.imported_salt.is_none(), "{name}");
            assert_eq!((after.status, after.modified_at), (before.status, before.modified_at));

            assert!(site.opens(name, password).await, "{name} again");
            assert_eq!(site.stored(name).await.credential, after.credential, "once");
            let (status, proven) = site.by_srp(name, password).await;
            assert_eq!(status, 200, "{proven}");
            assert_eq!(site.by_srp(name, "Wrong-1234").await.0, 400);
        }
    }
}

#[tokio::test]
async fn every_way_to_give_a_password_takes_an_imported_one() {
    let policies = json!({"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}});
    let flows = json!(["ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH"]);
    for site in importing(json!({"Policies": policies}), json!({"ExplicitAuthFlows": flows})).await {
        let hash = bcrypt(PASSWORD);
        let people = ["admin", "choice", "preferred", "pages", "change"].map(|name| (name, &*hash));
        site.import_hashes(HashAlgorithm::Bcrypt, &people).await;
        let done = |output: &Value| assert!(output["AuthenticationResult"].is_object(), "{output}");

        let admin = json!({"UserPoolId": site.pool, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH"});
        done(&site.call("AdminInitiateAuth", with(&site.password("admin", PASSWORD), admin)).await);

        let by_choice = |name: &str, parameters: Value| {
            let parameters = with(&json!({"USERNAME": name}), parameters);
            json!({"AuthFlow": "USER_AUTH", "ClientId": site.client, "AuthParameters": parameters})
        };
        let asked = site.call("InitiateAuth", by_choice("choice", json!({}))).await;
        assert_eq!(asked["AvailableChallenges"], json!(["PASSWORD_SRP", "PASSWORD", "EMAIL_OTP"]));
        let chosen = json!({"ANSWER": "PASSWORD", "PASSWORD": PASSWORD});
        done(&site.answer(&asked, "choice", chosen).await);
        let preferred = json!({"PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": PASSWORD});
        done(&site.call("InitiateAuth", by_choice("preferred", preferred)).await);

        let (pool, client) = directory::client(&site.cx(), &site.client).await.unwrap();
        let door = Door { pool, client, goal: Goal::Identity, metadata: None };
        let start = Start::password(poolhouse::domain::client::Flow::Password, "pages", PASSWORD.into());
        assert!(matches!(sign_in::identify(&site.cx(), &door, start).await.unwrap(), Outcome::Done(_)));

        // Somebody who came in by a code has not given the password yet.
        let asked = site.call("InitiateAuth", by_choice("change", json!({"PREFERRED_CHALLENGE": "EMAIL_OTP"}))).await;
        let code = json!({"EMAIL_OTP_CODE": site.code("change@example.com").await});
        let tokens = site.answer(&asked, "change", code).await;
        assert!(is_imported(&site.stored("change").await.credential));
        let access = &tokens["AuthenticationResult"]["AccessToken"];
        let change =
            |from: &str| json!({"AccessToken": access, "PreviousPassword": from, "ProposedPassword": "Other-1234"});
        assert_eq!(site.refused("ChangePassword", change("Wrong-1234")).await, WRONG);
        site.call("ChangePassword", change(PASSWORD)).await;
        assert!(site.opens("change", "Other-1234").await);
        assert_eq!(site.by_srp_is_off().await, "USER_SRP_AUTH is not enabled for the client.");

        for name in ["admin", "choice", "preferred", "pages", "change"] {
            assert!(!is_imported(&site.stored(name).await.credential), "{name}");
        }
    }
}

impl Site {
    async fn by_srp_is_off(&self) -> String {
        let parameters = json!({"USERNAME": "change", "SRP_A": Prover::new().public()});
        let begin = json!({"AuthFlow": "USER_SRP_AUTH", "ClientId": self.client, "AuthParameters": parameters});
        self.send("InitiateAuth", &begin).await.1["message"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_job_says_how_its_hashes_were_made() {
    for site in importing(json!({}), json!({})).await {
        for algorithm in HashAlgorithm::ALL {
            let made = site.job_with(json!({"PasswordHashingAlgorithm": algorithm.name()})).await;
            assert_eq!(made["PasswordHashingAlgorithm"], algorithm.name());
            let listed = site.call("ListUserImportJobs", json!({"UserPoolId": site.pool, "MaxResults": 60})).await;
            let jobs = listed["UserImportJobs"].as_array().unwrap();
            let listed = jobs.iter().find(|job| job["JobId"] == made["JobId"]).unwrap();
            assert_eq!(listed["PasswordHashingAlgorithm"], algorithm.name());
            assert_eq!(site.put(&made, "x").await.0, 200);
            for operation in JOB_OPERATIONS {
                // Whether a started job can still be stopped is a race.
                let (status, output) = site.send(operation, &site.of(&made)).await;
                let said = &output["UserImportJob"]["PasswordHashingAlgorithm"];
                assert!(said == algorithm.name() || (status == 400 && operation == "StopUserImportJob"), "{output}");
            }
            // Told to stop before anybody had begun, it is settled by whoever looks after jobs.
            work::resume(&site.app).await.unwrap();
            site.ended(&made).await;
        }
        assert!(site.job().await.get("PasswordHashingAlgorithm").is_none());
        let unknown = json!({"UserPoolId": site.pool, "JobName": "a", "CloudWatchLogsRoleArn": "arn:aws:iam::123456789012:role/i",
                             "PasswordHashingAlgorithm": "MD5"});
        let refusal = site.refused("CreateUserImportJob", unknown).await;
        assert!(refusal.starts_with("InvalidParameterException: ") && refusal.contains("PBKDF2_SHA256"), "{refusal}");
    }
}

#[tokio::test]
async fn hashes_are_in_the_file_where_the_job_says_so_and_nowhere_else() {
    for site in importing(json!({}), json!({})).await {
        let plain = site.header().await;
        let hashed = [&plain[..], &["cognito:password_hash".to_owned()]].concat();
        let cases = [
            (json!({}), &hashed, "but the user import job has no"),
            (algorithm(HashAlgorithm::Bcrypt), &plain, "has a"),
        ];
        for (members, header, reason) in cases {
            let job = site.job_with(members).await;
            assert_eq!(site.put(&job, written(header, &[&person("ann", "ann@example.com")])).await.0, 200);
            site.call("StartUserImportJob", site.of(&job)).await;
            let ended = site.ended(&job).await;
            assert_eq!(counts(&ended), [&json!("Failed"), &json!(0), &json!(0), &json!(0)]);
            let message = ended["CompletionMessage"].as_str().unwrap();
            assert!(message.contains("cognito:password_hash") && message.contains(reason), "{message}");
        }
    }
}

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_hash_that_cannot_be_taken_fails_its_row() {
    for site in importing(json!({}), json!({})).await {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let guard = tracing::subscriber::set_default(subscriber);
        let good = bcrypt(PASSWORD);
        let dear = good.replace("$04$", "$15$");
        let scrypt = vectors().into_iter().find(|vector| vector.algorithm == HashAlgorithm::Scrypt).unwrap();
        let rows = [
            ("good", &*good),
            ("none", ""),
            ("plain", PASSWORD),
            ("cut", &good[..59]),
            ("other", &scrypt.hash),
            ("dear", &*dear),
        ];
        let job = site.import_hashes(HashAlgorithm::Bcrypt, &rows).await;
        drop(guard);
        assert_eq!(counts(&job), [&json!("Succeeded"), &json!(2), &json!(0), &json!(4)], "{job}");
        assert_eq!((&*site.status("good").await, &*site.status("none").await), ("CONFIRMED", "RESET_REQUIRED"));
        for name in ["plain", "cut", "other", "dear"] {
            assert!(
                site.refused("AdminGetUser", site.named(name)).await.starts_with("UserNotFoundException"),
                "{name}"
            );
        }
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        for line in [
            "[FAILED] cognito:password_hash is no hash of BCRYPT.",
            "[FAILED] cognito:password_hash is a hash of SCRYPT and not of BCRYPT.",
            "[FAILED] cognito:password_hash costs too much to verify: more than 2^14 rounds.",
        ] {
            assert!(log.contains(line), "{line}: {log}");
        }
        for secret in [&good[7..], PASSWORD, &scrypt.hash[30..]] {
            assert!(!log.contains(secret), "{log}");
        }
    }
}

#[tokio::test]
async fn a_second_factor_needs_no_new_password_where_there_is_one() {
    let policies = json!({"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}});
    for site in importing(json!({"Policies": policies}), json!({})).await {
        site.import_hashes(HashAlgorithm::Bcrypt, &[("ann", &bcrypt(PASSWORD)), ("bob", "")]).await;
        assert_eq!((&*site.status("ann").await, &*site.status("bob").await), ("CONFIRMED", "CONFIRMED"));
        assert!(site.stored("bob").await.credential.password_hash.is_none(), "a code is enough for bob");
    }
}

#[tokio::test]
async fn wrong_guesses_at_an_imported_password_bring_the_lock() {
    const LOCKED: &str = "NotAuthorizedException: Password attempts exceeded";
    for site in importing(json!({}), json!({})).await {
        site.import_hashes(HashAlgorithm::Bcrypt, &[("ann", &bcrypt(PASSWORD)), ("bob", &bcrypt(PASSWORD))]).await;
        for _ in 0..5 {
            assert_eq!(site.refused("InitiateAuth", site.password("ann", "Wrong-1234")).await, WRONG);
        }
        assert_eq!(site.refused("InitiateAuth", site.password("ann", PASSWORD)).await, LOCKED);
        assert!(is_imported(&site.stored("ann").await.credential), "nothing was looked at");
        site.advance(1);
        assert!(site.opens("ann", PASSWORD).await);
        for _ in 0..5 {
            assert_eq!(site.by_srp("bob", PASSWORD).await.1["message"], "Incorrect username or password.");
        }
        assert_eq!(site.refused("InitiateAuth", site.password("bob", PASSWORD)).await, LOCKED);
    }
}

#[tokio::test]
async fn an_imported_password_counts_among_the_earlier_ones_and_the_stolen_ones() {
    const USED: &str = "PasswordHistoryPolicyViolationException: Password has previously been used";
    let policy = json!({"PasswordPolicy": {"MinimumLength": 8, "PasswordHistorySize": 2}});
    for site in importing(json!({"Policies": policy}), json!({})).await {
        site.import_hashes(HashAlgorithm::Bcrypt, &[("ann", &bcrypt(PASSWORD))]).await;
        let set = |password: &str| with(&site.named("ann"), json!({"Password": password, "Permanent": true}));
        assert_eq!(site.refused("AdminSetUserPassword", set(PASSWORD)).await, USED);
        site.call("AdminSetUserPassword", set("Other-1234")).await;
        assert!(!is_imported(&site.stored("ann").await.credential));
        assert_eq!(site.refused("AdminSetUserPassword", set(PASSWORD)).await, USED, "it was the one before");
        assert!(!site.opens("ann", PASSWORD).await && site.opens("ann", "Other-1234").await);
    }
    let list = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        list.path(),
        "8CEA5F6BA0D0BE8BF99CD2923143B1A83A839DE3:1\nF65CED90FBE9D874CF5B6C7634D2F8744CBB181F:2\n",
    )
    .unwrap();
    let compromised = Compromised::open(list.path()).unwrap();
    for town in towns_with(|parts| parts.compromised = compromised.clone()).await {
        let pool = json!({"AutoVerifiedAttributes": ["email"], "UserPoolTier": "PLUS",
                          "UserPoolAddOns": {"AdvancedSecurityMode": "ENFORCED"}});
        let site = Site::at(town, pool, json!({})).await;
        let blocked = json!({"UserPoolId": site.pool,
                             "CompromisedCredentialsRiskConfiguration": {"Actions": {"EventAction": "BLOCK"}}});
        site.call("SetRiskConfiguration", blocked).await;
        site.import_hashes(HashAlgorithm::Bcrypt, &[("ann", &bcrypt(PASSWORD)), ("bob", &bcrypt("Fresh-1234"))]).await;
        assert_eq!(
            site.refused("InitiateAuth", site.password("ann", PASSWORD)).await,
            "PasswordResetRequiredException: Password reset required for user due to security reasons"
        );
        assert!(site.opens("bob", "Fresh-1234").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_first_sign_ins_at_once_every_one_is_let_in_and_one_credential_stays() {
    for site in importing(json!({}), json!({})).await {
        site.import_hashes(HashAlgorithm::Bcrypt, &[("ann", &bcrypt(PASSWORD))]).await;
        let stale = site.stored("ann").await;
        let tries: Vec<_> = (0..8)
            .map(|_| {
                let (cx, stale) = (site.cx(), stale.clone());
                tokio::spawn(async move { passwords::verify(&cx, &stale, &PASSWORD.into()).await.unwrap() })
            })
            .collect();
        let mut told = Vec::new();
        for one in tries {
            told.push(one.await.unwrap());
        }
        let kept = site.stored("ann").await.credential;
        assert!(!is_imported(&kept));
        assert!(
            told.iter().all(|hash| Some(hash) == kept.password_hash.as_ref()),
            "each is told of the one that is kept"
        );
    }
}

#[tokio::test]
async fn a_password_that_was_set_meanwhile_is_not_overwritten() {
    for site in importing(json!({}), json!({})).await {
        site.import_hashes(HashAlgorithm::Bcrypt, &[("ann", &bcrypt(PASSWORD))]).await;
        let stale = site.stored("ann").await;
        let pool = directory::pool(&site.cx(), &site.pool).await.unwrap();
        users::set_password(&site.cx(), &pool, &stale, &"Other-1234".into(), true).await.unwrap();
        let set = site.stored("ann").await.credential;
        // The proof that began before the change is right about the hash that it has read.
        assert!(passwords::verify(&site.cx(), &stale, &PASSWORD.into()).await.is_err());
        assert_eq!(site.stored("ann").await.credential, set);
        assert!(site.opens("ann", "Other-1234").await && !site.opens("ann", PASSWORD).await);
    }
}

/// The same function computes both; what it costs are the parameters that stand in the hash.
#[tokio::test]
async fn a_name_that_nobody_has_costs_what_a_users_hash_costs() {
    for site in importing(json!({}), json!({"PreventUserExistenceErrors": "ENABLED"})).await {
        let hash = bcrypt(PASSWORD);
        site.import_hashes(HashAlgorithm::Bcrypt, &[("ann", &hash)]).await;
        let near = async |place: &str| {
            let mut tx = site.app.store.read().await.unwrap();
            store::users::hash_near(&mut tx, &site.pool, place).await.unwrap()
        };
        let ann = site.stored("ann").await;
        for place in ["", "0", &ann.sub, "ffffffff-ffff-4fff-bfff-ffffffffffff"] {
            assert_eq!(near(place).await.as_deref(), Some(&*hash), "{place}");
        }
        // Whose cost it is, is not whose password it is.
        for name in ["nobody", "somebody", "someone"] {
            assert_eq!(site.refused("InitiateAuth", site.password(name, PASSWORD)).await, WRONG, "{name}");
        }
        assert!(is_imported(&site.stored("ann").await.credential));
        site.call("AdminDeleteUser", site.named("ann")).await;
        assert_eq!(near("0").await, None);
        assert_eq!(site.refused("InitiateAuth", site.password("ann", PASSWORD)).await, WRONG);
    }
}
