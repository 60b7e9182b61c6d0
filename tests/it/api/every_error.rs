//! Every operation's success and every exception that it declares: asked for below, in the service's words, or known never to come.
//!
//! What came is taken from the answers themselves: a new operation, or a newly declared exception, has no place and fails the test.
//! Every town of the API's tests holds its answers against the table below, so that no excuse outlives its reason.

mod bounds;
mod factors;
mod functions;
mod names;
mod people;
mod settings;
mod sign_in;
mod tokens;

use poolhouse::model::MODEL;
use serde_json::Value;
use tokio::task::JoinSet;

use super::town::{Answers, SUCCESS, Town};

/// Which operations never answer an exception that they declare.
enum At {
    Everywhere,
    EverywhereBut(&'static str),
    /// Those that need a signature, but for these.
    SignedBut(&'static str),
    These(&'static str),
}

use At::{Everywhere, EverywhereBut, SignedBut, These};

/// What never comes here, and why.
const NEVER: &[(&str, At, &str)] = &[
    ("InternalErrorException", Everywhere, "ours to repair"),
    ("InternalServerException", Everywhere, "ours to repair"),
    ("ForbiddenException", Everywhere, "of a firewall in front of the service"),
    ("AccessDeniedException", Everywhere, "who administers may do everything"),
    ("ConcurrentModificationException", Everywhere, "changes take turns"),
    ("InvalidSmsRoleAccessPolicyException", Everywhere, "no role is assumed to send an SMS"),
    ("InvalidSmsRoleTrustRelationshipException", Everywhere, "no role is assumed to send an SMS"),
    ("InvalidEmailRoleAccessPolicyException", Everywhere, "no role is assumed to send an e-mail"),
    ("TooManyFailedAttemptsException", Everywhere, "LimitExceededException says it"),
    ("UserPoolTaggingException", Everywhere, "InvalidParameterException says it"),
    ("TierChangeNotAllowedException", Everywhere, "every tier may follow every other"),
    (
        "FeatureUnavailableInTierException",
        These("CreateUserPoolReplica"),
        "every tier has replicas, which are records here",
    ),
    (
        "TooManyRequestsException",
        EverywhereBut(
            "SignUp ResendConfirmationCode ForgotPassword GetUserAttributeVerificationCode UpdateUserAttributes \
             InitiateAuth AdminInitiateAuth RespondToAuthChallenge AdminRespondToAuthChallenge",
        ),
        "calls are not counted; it comes only when a transaction has waited for others too long",
    ),
    (
        "OperationNotEnabledException",
        EverywhereBut("SetUserPoolClientSessionConfiguration"),
        "of replicas, which are records here",
    ),
    (
        "NotAuthorizedException",
        SignedBut(
            "AdminConfirmSignUp AdminResetUserPassword AdminInitiateAuth AdminRespondToAuthChallenge GetClientToken \
             GetDerivedToken",
        ),
        "who may administer is judged in front of the operations",
    ),
    (
        "ResourceNotFoundException",
        These(
            "GetUser UpdateUserAttributes DeleteUserAttributes DeleteUser ChangePassword GlobalSignOut SetUserSettings \
             GetUserAttributeVerificationCode VerifyUserAttribute GetUserAuthFactors SetUserMFAPreference \
             AssociateSoftwareToken VerifySoftwareToken ConfirmDevice ListDevices ListUserSessions",
        ),
        "a token of a pool or a client that is gone is invalid",
    ),
    ("ResourceNotFoundException", These("DescribeUserPoolDomain"), "an unknown domain is described as nothing"),
    (
        "UserNotFoundException",
        These("RespondToAuthChallenge AdminRespondToAuthChallenge GetTokensFromRefreshToken"),
        "a session or a refresh token of somebody who is gone is invalid",
    ),
    (
        "UserNotConfirmedException",
        These("AdminSetUserMFAPreference AdminDeleteSoftwareToken"),
        "administrators need not wait",
    ),
    ("PasswordResetRequiredException", These("AdminSetUserMFAPreference"), "administrators need not wait"),
    ("UserNotConfirmedException", These("ConfirmForgotPassword"), "the code confirms the account"),
    (
        "LimitExceededException",
        These("AdminConfirmSignUp AdminResetUserPassword SignUp"),
        "neither administrators nor new accounts are counted",
    ),
    (
        "LimitExceededException",
        These("ListUserPoolClientSecrets DeleteUserPoolClientSecret ListWebAuthnCredentials DeleteWebAuthnCredential"),
        "they make nothing",
    ),
    ("LimitExceededException", These("CreateUserPool"), "there may be any number of pools"),
    ("LimitExceededException", These("CreateTerms"), "TermsExistsException says it: a client has one of each name"),
    (
        "LimitExceededException",
        These("CreateUserPoolDomain"),
        "InvalidParameterException says it: a pool has one of each kind",
    ),
    (
        "AliasExistsException",
        These("AdminLinkProviderForUser AdminDisableProviderForUser"),
        "InvalidParameterException says that an identity is somebody's",
    ),
    ("UnsupportedOperationException", These("InitiateAuth AdminInitiateAuth"), "InvalidParameterException says it"),
    ("CodeMismatchException", These("UpdateUserAttributes"), "it takes no code"),
    ("ExpiredCodeException", These("UpdateUserAttributes"), "it takes no code"),
    ("CodeMismatchException", These("VerifySoftwareToken"), "EnableSoftwareTokenMFAException says it"),
    (
        "InvalidUserPoolConfigurationException",
        These("VerifySoftwareToken"),
        "SoftwareTokenMFANotFoundException says it",
    ),
    ("UsernameExistsException", These("ConfirmDevice"), "it makes no user"),
    ("InvalidPasswordException", These("ConfirmDevice"), "a device's secret has no rules"),
    ("InvalidLambdaResponseException", These("ConfirmDevice"), "it asks no trigger"),
    ("CodeDeliveryFailureException", These("SetRiskConfiguration"), "it sends nothing"),
    ("PreconditionNotMetException", These("AdminCreateUser"), "no precondition is published"),
];

/// What was asked and answered.
#[derive(Default)]
pub(super) struct Report {
    answers: Answers,
    /// Refusals in other words than expected.
    faults: Vec<String>,
}

impl Report {
    /// Asks for a refusal in exactly these words.
    async fn refused(&mut self, town: &Town, call: (&str, Value), expected: &str) {
        let (operation, input) = call;
        let (status, body) = town.send(operation, &input).await;
        let text = |member: &str| body[member].as_str().unwrap_or_default();
        let told = format!("{}: {}", text("__type"), text("message"));
        if (status, &*told) != (400, expected) {
            let input: String = input.to_string().chars().take(400).collect();
            self.faults.push(format!("{operation} {input}\n  answered {status} {told}\n  but not      {expected}"));
        }
    }

    fn hold(&mut self, operation: &str, told: &str, expected: &str) {
        if told != expected {
            self.faults.push(format!("{operation} answered {told}\n  but not {expected}"));
        }
    }

    /// Asks for what must be given.
    async fn given(&mut self, town: &Town, operation: &str, input: Value) -> Value {
        let (status, output) = town.send(operation, &input).await;
        if status != 200 {
            self.faults.push(format!("{operation} {input}\n  answered {status} {output}"));
        }
        output
    }

    /// Takes over what a town has answered so far.
    fn note(&mut self, town: &Town) {
        self.answers.extend(town.answers());
    }

    fn came(&self, operation: &str, answer: &str) -> bool {
        self.answers.contains(&(operation.to_owned(), answer.to_owned()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_succeeds_and_gives_every_error_that_it_declares() {
    let mut asking = JoinSet::new();
    asking.spawn(names::ask());
    asking.spawn(settings::ask());
    asking.spawn(people::ask());
    asking.spawn(sign_in::ask());
    asking.spawn(factors::ask());
    asking.spawn(tokens::ask());
    asking.spawn(functions::ask());
    asking.spawn(bounds::ask());
    let mut whole = Report::default();
    for report in asking.join_all().await {
        whole.answers.extend(report.answers);
        whole.faults.extend(report.faults);
    }
    let mut faults = std::mem::take(&mut whole.faults);
    for (operation, answer) in &whole.answers {
        if answer != SUCCESS && !MODEL.declares(operation, answer) {
            faults.push(format!("{operation} answers {answer} and does not declare it"));
        }
    }
    for (operation, facts) in MODEL.operations() {
        if !whole.came(operation, SUCCESS) {
            faults.push(format!("{operation} never succeeds"));
        }
        for exception in &facts.errors {
            if !whole.came(operation, exception) && excuse(operation, exception).is_none() {
                faults.push(format!("{operation} never answers {exception}"));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Why the operation never answers this, if it does not. Every town holds its answers against it.
pub(super) fn excuse(operation: &str, exception: &str) -> Option<&'static str> {
    let found = NEVER.iter().find(|(name, at, _)| *name == exception && at.holds(operation));
    found.map(|(.., why)| *why)
}

impl At {
    fn holds(&self, operation: &str) -> bool {
        let names = |operations: &str| operations.split_whitespace().any(|name| name == operation);
        match self {
            Everywhere => true,
            EverywhereBut(operations) => !names(operations),
            SignedBut(operations) => !MODEL.operation(operation).unwrap().public && !names(operations),
            These(operations) => names(operations),
        }
    }
}

#[test]
fn every_excuse_is_for_something_declared() {
    for (exception, at, _) in NEVER {
        let (EverywhereBut(operations) | SignedBut(operations) | These(operations)) = at else {
            assert!(MODEL.operations().any(|(name, _)| MODEL.declares(name, exception)), "{exception}");
            continue;
        };
        for operation in operations.split_whitespace() {
            assert!(MODEL.declares(operation, exception), "{operation} does not declare {exception}");
        }
    }
}
