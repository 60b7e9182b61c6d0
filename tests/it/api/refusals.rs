//! Every exception that the model declares for the operations on pools, clients, groups and users: asked for here, shown by another
//! test, or known never to come. A new operation, or a newly declared exception, has no place in these tables and fails the test.

use std::{collections::BTreeSet, fs};

use poolhouse::{
    domain::{Client, Group, import::ImportJob, user::Status},
    model::MODEL,
    store,
};
use serde_json::{Value, json};

use super::{
    people::{PASSWORD, Site, other_code, sites_with},
    town::{ACCOUNT, NOWHERE, with},
};
use crate::samples::{Size, sample};

const ADMINISTRATORS: &str = "\
    CreateUserPool DescribeUserPool UpdateUserPool DeleteUserPool ListUserPools AddCustomAttributes \
    TagResource UntagResource ListTagsForResource \
    CreateUserPoolClient DescribeUserPoolClient UpdateUserPoolClient DeleteUserPoolClient ListUserPoolClients \
    AddUserPoolClientSecret ListUserPoolClientSecrets DeleteUserPoolClientSecret \
    CreateResourceServer DescribeResourceServer UpdateResourceServer DeleteResourceServer ListResourceServers \
    CreateGroup GetGroup UpdateGroup DeleteGroup ListGroups AdminAddUserToGroup AdminRemoveUserFromGroup \
    AdminListGroupsForUser ListUsersInGroup \
    AdminCreateUser AdminGetUser AdminUpdateUserAttributes AdminDeleteUserAttributes AdminDeleteUser AdminEnableUser \
    AdminDisableUser AdminConfirmSignUp AdminSetUserPassword AdminResetUserPassword AdminUserGlobalSignOut ListUsers \
    GetCSVHeader CreateUserImportJob DescribeUserImportJob ListUserImportJobs StartUserImportJob StopUserImportJob";
const CLIENTS: &str = "SignUp ConfirmSignUp ResendConfirmationCode ForgotPassword ConfirmForgotPassword";
const BEARERS: &str = "\
    GetUser UpdateUserAttributes DeleteUserAttributes DeleteUser ChangePassword GlobalSignOut \
    GetUserAttributeVerificationCode VerifyUserAttribute";

/// What no operation here ever answers, and why.
const NEVER: &[(&str, &str)] = &[
    ("InternalErrorException", "ours to repair"),
    ("InternalServerException", "ours to repair"),
    ("TooManyRequestsException", "only when another transaction is in the way"),
    ("OperationNotEnabledException", "of replicas in other regions"),
    ("ForbiddenException", "of a firewall in front of the service"),
    ("InvalidSmsRoleAccessPolicyException", "no role is assumed to send an SMS"),
    ("InvalidSmsRoleTrustRelationshipException", "no role is assumed to send an SMS"),
    ("InvalidEmailRoleAccessPolicyException", "no role is assumed to send an e-mail"),
    ("UnexpectedLambdaException", "of triggers, which have tests of their own"),
    ("UserLambdaValidationException", "of triggers, which have tests of their own"),
    ("InvalidLambdaResponseException", "of triggers, which have tests of their own"),
    ("CodeDeliveryFailureException", "of messages, which have tests of their own"),
    ("TooManyFailedAttemptsException", "LimitExceededException says it"),
    ("UserPoolTaggingException", "InvalidParameterException says it"),
    ("TierChangeNotAllowedException", "every tier has everything"),
    ("FeatureUnavailableInTierException", "every tier has everything"),
    ("ConcurrentModificationException", "changes take turns"),
    ("AccessDeniedException", "who administers may do everything"),
];

/// What single operations never answer, and why.
const NOT_HERE: &[(&str, &str, &str)] = &[
    ("CreateUserPool", "LimitExceededException", "there may be any number of pools"),
    ("SignUp", "LimitExceededException", "nothing about a new account is counted"),
    ("AdminConfirmSignUp", "LimitExceededException", "administrators are not counted"),
    ("AdminResetUserPassword", "LimitExceededException", "administrators are not counted"),
    ("ListUserPoolClientSecrets", "LimitExceededException", "reading makes nothing"),
    ("DeleteUserPoolClientSecret", "LimitExceededException", "deleting makes nothing"),
    ("AdminCreateUser", "PreconditionNotMetException", "no precondition is published"),
    ("ConfirmForgotPassword", "UserNotConfirmedException", "the code confirms the account"),
    ("UpdateUserAttributes", "CodeMismatchException", "it takes no code"),
    ("UpdateUserAttributes", "ExpiredCodeException", "it takes no code"),
];

/// What another test shows: operation, exception, file and function.
const ELSEWHERE: &[(&str, &str, &str, &str)] = &[
    ("ConfirmSignUp", "AliasExistsException", "sign_up", "an_alias_belongs_to_whoever_proved_it_last_with_force"),
    ("ConfirmSignUp", "ExpiredCodeException", "sign_up", "a_code_ends_after_a_day_and_guesses_after_a_few"),
    ("ConfirmSignUp", "LimitExceededException", "sign_up", "a_code_ends_after_a_day_and_guesses_after_a_few"),
    ("ResendConfirmationCode", "LimitExceededException", "sign_up", "a_code_ends_after_a_day_and_guesses_after_a_few"),
    ("ForgotPassword", "LimitExceededException", "recover", "guesses_and_requests_are_limited"),
    ("ConfirmForgotPassword", "LimitExceededException", "recover", "guesses_and_requests_are_limited"),
    ("ConfirmForgotPassword", "CodeMismatchException", "recover", "a_code_sets_a_new_password_once"),
    (
        "ConfirmForgotPassword",
        "PasswordHistoryPolicyViolationException",
        "recover",
        "a_password_of_the_history_is_refused_everywhere",
    ),
    (
        "ChangePassword",
        "PasswordHistoryPolicyViolationException",
        "recover",
        "a_password_of_the_history_is_refused_everywhere",
    ),
    ("ChangePassword", "LimitExceededException", "self_service", "a_password_cannot_be_guessed_with_a_token"),
    ("VerifyUserAttribute", "CodeMismatchException", "self_service", "a_new_address_is_proven_with_a_code"),
    (
        "VerifyUserAttribute",
        "LimitExceededException",
        "strangers",
        "a_code_is_good_for_one_purpose_and_until_the_next_one",
    ),
    (
        "VerifyUserAttribute",
        "AliasExistsException",
        "addresses",
        "an_address_that_somebody_has_is_refused_before_and_after_the_code",
    ),
    (
        "UpdateUserAttributes",
        "AliasExistsException",
        "addresses",
        "an_address_that_somebody_has_is_refused_before_and_after_the_code",
    ),
    ("AdminUpdateUserAttributes", "AliasExistsException", "admin_users", "an_alias_has_one_owner"),
    ("CreateResourceServer", "LimitExceededException", "resource_servers", "a_pool_has_no_more_than_its_share"),
    ("AddUserPoolClientSecret", "LimitExceededException", "clients", "a_second_secret_can_replace_the_first"),
    ("CreateUserPoolClient", "LimitExceededException", "refusals", "what_a_pool_may_hold_is_bounded"),
    ("CreateGroup", "LimitExceededException", "refusals", "what_a_pool_may_hold_is_bounded"),
    ("CreateUserImportJob", "LimitExceededException", "refusals", "what_a_pool_may_hold_is_bounded"),
    (
        "UpdateUserPool",
        "UserImportInProgressException",
        "user_import",
        "a_pool_at_work_is_left_alone_until_the_job_stops",
    ),
    (
        "DeleteUserPool",
        "UserImportInProgressException",
        "user_import",
        "a_pool_at_work_is_left_alone_until_the_job_stops",
    ),
    (
        "AddCustomAttributes",
        "UserImportInProgressException",
        "user_import",
        "a_pool_at_work_is_left_alone_until_the_job_stops",
    ),
    (
        "CreateUserImportJob",
        "PreconditionNotMetException",
        "user_import",
        "a_pool_that_verifies_nothing_imports_nobody",
    ),
    ("StartUserImportJob", "PreconditionNotMetException", "user_import", "a_job_waits_for_its_file_and_runs_once"),
    ("StopUserImportJob", "PreconditionNotMetException", "user_import", "a_job_waits_for_its_file_and_runs_once"),
    ("GetUserAttributeVerificationCode", "LimitExceededException", "refusals", "codes_for_an_address_are_counted"),
];

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
}

/// A call of the operation that names only what is there.
struct Stage<'a> {
    site: &'a Site,
    token: String,
    asked: BTreeSet<(String, String)>,
}

impl Stage<'_> {
    fn call(&self, operation: &str) -> Value {
        let mut input = sample(MODEL.operation(operation).unwrap().input, Size::Smallest);
        let arn = format!("arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/{}", self.site.pool);
        let facts = [
            ("UserPoolId", &*self.site.pool),
            ("ClientId", &*self.site.client),
            ("AccessToken", &*self.token),
            ("Username", "ann"),
            ("GroupName", "a"),
            ("Identifier", "api"),
            ("ResourceArn", &*arn),
            ("JobId", "import-none"),
        ];
        for (name, value) in facts {
            if input.get(name).is_some() {
                input[name] = value.into();
            }
        }
        // The shape asks for no name, the operation does.
        if operation == "AddCustomAttributes" {
            input["CustomAttributes"] = json!([{"Name": "x", "AttributeDataType": "String"}]);
        }
        input
    }

    async fn refuses(&mut self, operation: &str, exception: &str, members: Value) {
        let call = with(&self.call(operation), members);
        let refusal = self.site.refused(operation, call.clone()).await;
        assert!(refusal.starts_with(&format!("{exception}: ")), "{operation} {call}: {refusal}");
        self.asked.insert((operation.to_owned(), exception.to_owned()));
    }
}

/// A confirmed user, where the pool remembers temporary passwords too.
async fn person(site: &Site, name: &str) {
    site.newcomer(name, "First-1234").await;
    site.set_password(name, PASSWORD).await;
}

async fn stage(site: &Site) -> Stage<'_> {
    person(site, "ann").await;
    site.newcomer("new", PASSWORD).await;
    site.stranger("eve").await;
    site.call("CreateGroup", json!({"UserPoolId": site.pool, "GroupName": "a"})).await;
    site.call("CreateResourceServer", json!({"UserPoolId": site.pool, "Identifier": "api", "Name": "api"})).await;
    Stage { site, token: site.tokens("ann").await.access, asked: BTreeSet::new() }
}

#[tokio::test]
async fn every_declared_exception_has_its_place() {
    let pool = json!({"AutoVerifiedAttributes": ["email"],
                      "Policies": {"PasswordPolicy": {"MinimumLength": 8, "RequireUppercase": true, "PasswordHistorySize": 2}}});
    for site in sites_with(pool, json!({})).await {
        let mut stage = stage(&site).await;
        for operation in words(ADMINISTRATORS) {
            by_administrators(&mut stage, operation).await;
        }
        for operation in words(CLIENTS) {
            stage.refuses(operation, "InvalidParameterException", json!({"ClientId": "!"})).await;
            stage.refuses(operation, "ResourceNotFoundException", json!({"ClientId": "none"})).await;
            stage.refuses(operation, "NotAuthorizedException", json!({"SecretHash": "abc"})).await;
            if operation != "SignUp" {
                stage.refuses(operation, "UserNotFoundException", json!({"Username": "nobody"})).await;
            }
        }
        by_tokens(&mut stage).await;
        the_particular(&mut stage).await;
        let asked = stage.asked;
        for operation in [ADMINISTRATORS, CLIENTS, BEARERS].into_iter().flat_map(words) {
            for exception in &MODEL.operation(operation).unwrap().errors {
                let place = (operation.to_owned(), (*exception).to_owned());
                let here = asked.contains(&place);
                let never = NEVER.iter().any(|(name, _)| name == exception)
                    || NOT_HERE.iter().any(|(at, name, _)| *at == operation && name == exception)
                    || is_of_the_door(operation, exception);
                let elsewhere = ELSEWHERE.iter().any(|(at, name, ..)| *at == operation && name == exception);
                let places = [here, never, elsewhere].into_iter().filter(|place| *place).count();
                assert_eq!(places, 1, "{operation} {exception}: here {here}, never {never}, elsewhere {elsewhere}");
            }
        }
    }
}

/// Who may administer is judged in front of the operations; a token's pool that is gone makes the token invalid.
fn is_of_the_door(operation: &str, exception: &str) -> bool {
    let judges = ["AdminConfirmSignUp", "AdminResetUserPassword"];
    let is_administrator = words(ADMINISTRATORS).any(|name| name == operation) && !judges.contains(&operation);
    let is_bearer = words(BEARERS).any(|name| name == operation);
    (is_administrator && exception == "NotAuthorizedException")
        || (is_bearer && exception == "ResourceNotFoundException")
}

async fn by_administrators(stage: &mut Stage<'_>, operation: &str) {
    let declares = |exception| MODEL.declares(operation, exception);
    let (pool, nowhere) = match operation {
        "CreateUserPool" => ("PoolName", json!(null)),
        "ListUserPools" => ("NextToken", json!(null)),
        "TagResource" | "UntagResource" | "ListTagsForResource" => {
            ("ResourceArn", format!("arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/{NOWHERE}").into())
        }
        _ => ("UserPoolId", NOWHERE.into()),
    };
    stage.refuses(operation, "InvalidParameterException", json!({pool: "!"})).await;
    if declares("ResourceNotFoundException") {
        stage.refuses(operation, "ResourceNotFoundException", json!({pool: nowhere})).await;
    }
    if declares("UserNotFoundException") && operation != "AdminCreateUser" {
        stage.refuses(operation, "UserNotFoundException", json!({"Username": "nobody"})).await;
    }
}

async fn by_tokens(stage: &mut Stage<'_>) {
    let site = stage.site;
    let mut tokens = Vec::new();
    for name in ["gone", "reset", "open"] {
        person(site, name).await;
        tokens.push(site.tokens(name).await.access);
    }
    site.call("AdminDeleteUser", site.named("gone")).await;
    site.call("AdminResetUserPassword", site.named("reset")).await;
    // No operation takes a confirmation back.
    let cx = site.cx();
    let (pool, mut user) = poolhouse::flows::users::find(&cx, &site.pool, "open").await.unwrap();
    user.status = Status::Unconfirmed;
    let mut tx = site.app.store.begin().await.unwrap();
    assert!(store::users::update(&mut tx, &pool, &user).await.unwrap());
    tx.commit().await.unwrap();
    for operation in words(BEARERS) {
        stage.refuses(operation, "InvalidParameterException", json!({"AccessToken": "!"})).await;
        stage.refuses(operation, "NotAuthorizedException", json!({"AccessToken": "a.b.c"})).await;
        let states = [
            ("UserNotFoundException", &tokens[0]),
            ("PasswordResetRequiredException", &tokens[1]),
            ("UserNotConfirmedException", &tokens[2]),
        ];
        for (exception, token) in states {
            if MODEL.declares(operation, exception) {
                stage.refuses(operation, exception, json!({"AccessToken": token})).await;
            }
        }
    }
}

async fn the_particular(stage: &mut Stage<'_>) {
    let email = json!([{"Name": "email", "Value": "x@example.com"}]);
    let foreign = json!({"AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthFlows": ["code"],
                         "AllowedOAuthScopes": ["api/none"], "CallbackURLs": ["https://app.example/"]});
    let machine = with(&foreign, json!({"AllowedOAuthFlows": ["client_credentials"]}));
    let code = stage.site.code("eve@example.com").await;
    let weak = "weak-pass";
    let cases = [
        ("CreateGroup", "GroupExistsException", json!({})),
        ("CreateUserPoolClient", "ScopeDoesNotExistException", foreign.clone()),
        ("UpdateUserPoolClient", "ScopeDoesNotExistException", foreign),
        ("CreateUserPoolClient", "InvalidOAuthFlowException", machine.clone()),
        ("UpdateUserPoolClient", "InvalidOAuthFlowException", machine),
        ("AdminCreateUser", "UserNotFoundException", json!({"Username": "nobody", "MessageAction": "RESEND"})),
        ("AdminCreateUser", "UsernameExistsException", json!({})),
        ("AdminCreateUser", "InvalidPasswordException", json!({"Username": "x", "TemporaryPassword": weak})),
        ("AdminCreateUser", "UnsupportedUserStateException", json!({"MessageAction": "RESEND"})),
        ("AdminConfirmSignUp", "NotAuthorizedException", json!({})),
        ("AdminResetUserPassword", "NotAuthorizedException", json!({"Username": "new"})),
        ("AdminSetUserPassword", "InvalidPasswordException", json!({"Password": weak})),
        ("AdminSetUserPassword", "PasswordHistoryPolicyViolationException", json!({"Password": PASSWORD})),
        ("SignUp", "UsernameExistsException", json!({"Password": PASSWORD, "UserAttributes": email})),
        ("SignUp", "InvalidPasswordException", json!({"Username": "x", "Password": weak})),
        ("ConfirmSignUp", "CodeMismatchException", json!({"Username": "eve", "ConfirmationCode": other_code(&code)})),
        ("ConfirmForgotPassword", "InvalidPasswordException", json!({"Password": weak})),
        (
            "ConfirmForgotPassword",
            "ExpiredCodeException",
            json!({"Password": "Other-1234", "ConfirmationCode": "123456"}),
        ),
        ("ChangePassword", "InvalidPasswordException", json!({"PreviousPassword": PASSWORD, "ProposedPassword": weak})),
        ("VerifyUserAttribute", "ExpiredCodeException", json!({"AttributeName": "email", "Code": "123456"})),
    ];
    for (operation, exception, members) in cases {
        stage.refuses(operation, exception, members).await;
    }
}

#[test]
fn what_is_shown_elsewhere_is() {
    for (operation, exception, file, function) in ELSEWHERE {
        let text = fs::read_to_string(format!("tests/it/api/{file}.rs")).unwrap();
        assert!(
            text.contains(&format!("async fn {function}()")),
            "{operation} {exception}: no {function} in {file}.rs"
        );
        assert!(MODEL.declares(operation, exception), "{operation} does not declare {exception}");
    }
}

#[tokio::test]
async fn codes_for_an_address_are_counted() {
    for site in sites_with(json!({"AutoVerifiedAttributes": ["email"]}), json!({})).await {
        site.person("ann").await;
        let call = json!({"AccessToken": site.tokens("ann").await.access, "AttributeName": "email"});
        for _ in 0..5 {
            site.call("GetUserAttributeVerificationCode", call.clone()).await;
        }
        let refusal = site.refused("GetUserAttributeVerificationCode", call).await;
        assert!(refusal.starts_with("LimitExceededException: "), "{refusal}");
    }
}

#[tokio::test]
async fn what_a_pool_may_hold_is_bounded() {
    for site in sites_with(json!({"AutoVerifiedAttributes": ["email"]}), json!({})).await {
        site.person("ann").await;
        let role = "arn:aws:iam::123456789012:role/import";
        let job = json!({"UserPoolId": site.pool, "JobName": "a", "CloudWatchLogsRoleArn": role});
        let made = site.call("CreateUserImportJob", job.clone()).await;
        site.call("CreateGroup", json!({"UserPoolId": site.pool, "GroupName": "g"})).await;
        fill(&site, made["UserImportJob"]["JobId"].as_str().unwrap()).await;
        let calls = [
            ("CreateUserImportJob", job),
            ("CreateGroup", json!({"UserPoolId": site.pool, "GroupName": "another"})),
            ("CreateUserPoolClient", json!({"UserPoolId": site.pool, "ClientName": "another"})),
        ];
        for (operation, call) in calls {
            let refusal = site.refused(operation, call).await;
            assert!(refusal.starts_with("LimitExceededException: "), "{operation}: {refusal}");
        }
        let join =
            |number: usize| json!({"UserPoolId": site.pool, "Username": "ann", "GroupName": format!("g{number}")});
        for number in 1..=100 {
            site.call("AdminAddUserToGroup", join(number)).await;
        }
        let refusal = site.refused("AdminAddUserToGroup", join(101)).await;
        assert_eq!(refusal, "InvalidParameterException: A user can be in at most 100 groups.");
    }
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
