//! How much there may be of everything, and how often something may be tried.

use poolhouse::{
    domain::{Client, Group, import::ImportJob},
    store,
};
use serde_json::{Value, json};

use crate::api::{
    every_error::Report,
    identity_providers::oidc,
    people::{PASSWORD, Site, TOO_OFTEN, sites_with},
    per_address::{HERE, TOO_MANY, limited},
    town::{Town, with},
    user_import::person,
};

pub(super) async fn ask() -> Report {
    let mut report = Report::default();
    for site in sites_with(json!({"AutoVerifiedAttributes": ["email"]}), json!({})).await {
        for name in ["ann", "bob"] {
            site.person(name).await;
        }
        site.stranger("eve").await;
        tries(&mut report, &site).await;
        import(&mut report, &site).await;
        holdings(&mut report, &site).await;
        report.note(&site);
    }
    for site in limited(0, 1, json!({"AutoVerifiedAttributes": ["email"]})).await {
        from_one_address(&mut report, &site).await;
        report.note(&site);
    }
    report
}

/// Codes that one machine has sent to everybody.
async fn from_one_address(report: &mut Report, site: &Site) {
    site.person("ann").await;
    let token = json!({"AccessToken": site.tokens("ann").await.access, "AttributeName": "email"});
    site.stranger("eve").await;
    site.call_from(HERE, "ForgotPassword", site.by_client("ann")).await;
    for (operation, input) in [
        ("SignUp", site.sign_up("bob")),
        ("ResendConfirmationCode", site.by_client("eve")),
        ("ForgotPassword", site.by_client("ann")),
        ("GetUserAttributeVerificationCode", token),
    ] {
        let told = site.refused_from(HERE, operation, input).await;
        report.hold(operation, &told, TOO_MANY);
    }
}

impl Report {
    /// Repeats a call until it is refused in these words.
    async fn limited(&mut self, town: &Town, call: (&str, Value), expected: &str) {
        for _ in 0..30 {
            let (_, body) = town.send(call.0, &call.1).await;
            if body["__type"] == expected.split(':').next().unwrap() {
                break;
            }
        }
        self.refused(town, call, expected).await;
    }
}

async fn tries(report: &mut Report, site: &Site) {
    let token = site.tokens("ann").await.access;
    let by_token = |members: Value| with(&json!({"AccessToken": token}), members);
    let code = |name: &str| with(&site.by_client(name), json!({"ConfirmationCode": "1", "Password": "Other-1234"}));
    let changes = |number: u32| {
        by_token(json!({"UserAttributes": [{"Name": "email", "Value": format!("{number}@example.com")}]}))
    };
    site.call("ForgotPassword", site.by_client("bob")).await;
    site.call("GetUserAttributeVerificationCode", by_token(json!({"AttributeName": "email"}))).await;
    for call in [
        ("ConfirmSignUp", code("eve")),
        ("ResendConfirmationCode", site.by_client("eve")),
        ("ConfirmForgotPassword", code("bob")),
        ("ForgotPassword", site.by_client("bob")),
        ("VerifyUserAttribute", by_token(json!({"AttributeName": "email", "Code": "1"}))),
        ("GetUserAttributeVerificationCode", by_token(json!({"AttributeName": "email"}))),
        ("ChangePassword", by_token(json!({"PreviousPassword": "Wrong-1234", "ProposedPassword": PASSWORD}))),
    ] {
        report.limited(site, call, TOO_OFTEN).await;
    }
    site.advance(3_600);
    let token = site.tokens("ann").await.access;
    let changes = |number: u32| with(&changes(number), json!({"AccessToken": token}));
    for number in 0..5 {
        report.given(site, "UpdateUserAttributes", changes(number)).await;
    }
    report.refused(site, ("UpdateUserAttributes", changes(5)), TOO_MANY).await;
}

/// What is refused while users are imported.
async fn import(report: &mut Report, site: &Site) {
    let names: Vec<_> = (0..2_000).map(|number| format!("user{number}")).collect();
    let rows: Vec<_> = names.iter().map(|name| person(name, "all@example.com")).collect();
    let rows: Vec<&[(&str, &str)]> = rows.iter().map(|row| &row[..]).collect();
    let job = site.loaded(site.file(&rows).await).await;
    report.given(site, "StartUserImportJob", site.of(&job)).await;
    let busy = "UserImportInProgressException: A user import job is in progress for this user pool.";
    let attribute = json!({"CustomAttributes": [{"Name": "tier", "AttributeDataType": "String"}]});
    for operation in ["UpdateUserPool", "DeleteUserPool", "AddCustomAttributes"] {
        report.refused(site, (operation, site.of_pool(attribute.clone())), busy).await;
    }
    report.given(site, "StopUserImportJob", site.of(&job)).await;
    site.ended(&job).await;
}

async fn holdings(report: &mut Report, site: &Site) {
    let named = |what: &str, number: usize| match what {
        "CreateResourceServer" => json!({"Identifier": format!("s{number}"), "Name": "s"}),
        "CreateUserPoolReplica" => json!({"RegionName": format!("eu-west-{}", number + 1)}),
        _ => with(&oidc(&site.pool, &format!("Idp{number}")), json!({})),
    };
    for (operation, most, text) in [
        ("CreateResourceServer", 25, "A user pool holds at most 25 resource servers."),
        ("CreateUserPoolReplica", 5, "A user pool has at most 5 replicas."),
        ("CreateIdentityProvider", 300, "A user pool holds at most 300 identity providers."),
    ] {
        for number in 0..most {
            report.given(site, operation, site.of_pool(named(operation, number))).await;
        }
        let more = site.of_pool(named(operation, most));
        report.refused(site, (operation, more), &format!("LimitExceededException: {text}")).await;
    }
    let look = json!({"UseCognitoProvidedValues": true});
    for number in 0..=20 {
        let client = json!({"ClientId": site.another_client(json!({})).await});
        let call = site.of_pool(with(&look, client));
        let full = "LimitExceededException: A user pool holds at most 20 managed login branding styles.";
        match number {
            20 => report.refused(site, ("CreateManagedLoginBranding", call), full).await,
            _ => drop(report.given(site, "CreateManagedLoginBranding", call).await),
        }
    }
    let made = site.job().await;
    site.call("CreateGroup", site.of_pool(json!({"GroupName": "g"}))).await;
    fill(site, made["JobId"].as_str().unwrap()).await;
    let job = with(&made, json!({"UserPoolId": site.pool}));
    for (operation, input, text) in [
        ("CreateUserImportJob", job, "A user pool holds at most 1000 user import jobs."),
        ("CreateGroup", site.of_pool(json!({"GroupName": "more"})), "A user pool holds at most 10000 groups."),
        (
            "CreateUserPoolClient",
            site.of_pool(json!({"ClientName": "more"})),
            "A user pool holds at most 1000 app clients.",
        ),
    ] {
        report.refused(site, (operation, input), &format!("LimitExceededException: {text}")).await;
    }
    let join = |number: usize| site.of_pool(json!({"Username": "ann", "GroupName": format!("g{number}")}));
    for number in 1..=100 {
        report.given(site, "AdminAddUserToGroup", join(number)).await;
    }
    let full = "InvalidParameterException: A user can be in at most 100 groups.";
    report.refused(site, ("AdminAddUserToGroup", join(101)), full).await;
}

/// Fills a pool with one of each up to what it may hold.
async fn fill(site: &Site, job: &str) {
    let mut tx = site.app.store.begin().await.unwrap();
    let job: ImportJob = store::import_jobs::find(&mut tx, &site.pool, job).await.unwrap().unwrap();
    let group: Group = store::groups::find(&mut tx, &site.pool, "g").await.unwrap().unwrap();
    let client: Client = store::clients::find(&mut tx, &site.client).await.unwrap().unwrap();
    for number in 1..1_000 {
        let job = ImportJob { id: format!("import-{number}"), ..job.clone() };
        store::import_jobs::insert(&mut tx, &job).await.unwrap();
        let client = Client { id: format!("1c{number}"), ..client.clone() };
        assert!(store::clients::insert(&mut tx, &client).await.unwrap());
    }
    for number in 1..10_000 {
        let group = Group { name: format!("g{number}"), ..group.clone() };
        assert!(store::groups::insert(&mut tx, &group).await.unwrap());
    }
    tx.commit().await.unwrap();
}
