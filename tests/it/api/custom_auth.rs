//! CUSTOM_AUTH: questions of the pool's own, as many as its triggers want, with the password first or without.

use serde_json::{Value, json};

use super::{
    people::{DISABLED, PASSWORD, Tokens, WRONG, claims},
    recorder::{Stage, stages_with},
    srp::{self, NOW, Prover},
    town::with,
};

pub(super) const UNRECOGNIZABLE: &str = "InvalidLambdaResponseException: Unrecognizable lambda output";
const LAST: [&str; 2] = ["PostAuthentication_Authentication", "TokenGeneration_Authentication"];
pub(super) const DEFINE: &str = "DefineAuthChallenge_Authentication";
pub(super) const CREATE: &str = "CreateAuthChallenge_Authentication";
pub(super) const VERIFY: &str = "VerifyAuthChallengeResponse_Authentication";

/// Stages whose triggers ask for a number until it was right once, at most three times. The number is told to nobody but them.
async fn asking() -> Vec<Stage> {
    let client = json!({"ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH", "ALLOW_USER_PASSWORD_AUTH"]});
    let stages = stages_with(json!({}), client).await;
    for stage in &stages {
        stage.recorder.teach("DefineAuthChallenge", |request| {
            let session = request["session"].as_array().unwrap();
            let last = session.last().filter(|round| round["challengeName"] != "SRP_A");
            let next = match last {
                None if session.is_empty() => json!({"challengeName": "CUSTOM_CHALLENGE"}),
                None => json!({"challengeName": "PASSWORD_VERIFIER"}),
                Some(round) if round["challengeName"] == "PASSWORD_VERIFIER" => match &round["challengeResult"] {
                    Value::Bool(true) => json!({"challengeName": "CUSTOM_CHALLENGE"}),
                    _ => json!({"failAuthentication": true}),
                },
                Some(round) if round["challengeResult"] == true => json!({"issueTokens": true}),
                Some(_) if session.len() >= 3 => json!({"failAuthentication": true}),
                Some(_) => json!({"challengeName": "CUSTOM_CHALLENGE"}),
            };
            Ok(next)
        });
        stage.recorder.teach("CreateAuthChallenge", |request| {
            let round = request["session"].as_array().unwrap().len();
            Ok(json!({"publicChallengeParameters": {"question": "which number?", "round": round.to_string()},
                      "privateChallengeParameters": {"number": "42"}, "challengeMetadata": format!("round-{round}")}))
        });
        stage.recorder.teach("VerifyAuthChallengeResponse", |request| {
            let is_right = request["challengeAnswer"] == request["privateChallengeParameters"]["number"];
            Ok(json!({"answerCorrect": is_right}))
        });
    }
    stages
}

impl Stage {
    pub(super) fn begins(&self, name: &str) -> Value {
        self.begins_at(&self.client, name)
    }

    pub(super) fn begins_at(&self, client: &str, name: &str) -> Value {
        json!({"AuthFlow": "CUSTOM_AUTH", "ClientId": client, "AuthParameters": {"USERNAME": name}})
    }

    pub(super) fn begins_with_password(&self, name: &str) -> Value {
        let parameters = json!({"USERNAME": name, "CHALLENGE_NAME": "SRP_A", "SRP_A": Prover::new().public()});
        json!({"AuthFlow": "CUSTOM_AUTH", "ClientId": self.client, "AuthParameters": parameters})
    }

    pub(super) fn answers(&self, challenge: &Value, name: &str, answer: &str) -> Value {
        self.answers_at(&self.client, challenge, name, answer)
    }

    pub(super) fn answers_at(&self, client: &str, challenge: &Value, name: &str, answer: &str) -> Value {
        json!({"ClientId": client, "ChallengeName": "CUSTOM_CHALLENGE", "Session": challenge["Session"],
               "ChallengeResponses": {"USERNAME": name, "ANSWER": answer}})
    }
}

#[tokio::test]
async fn a_right_answer_gives_tokens() {
    for stage in asking().await {
        stage.person("ann").await;
        stage.recorder.events();
        let challenge = stage.call("InitiateAuth", stage.begins("ann")).await;
        assert_eq!(stage.recorder.sources(), ["PreAuthentication_Authentication", DEFINE, CREATE]);
        assert_eq!(challenge["ChallengeName"], "CUSTOM_CHALLENGE");
        let shown = json!({"USERNAME": "ann", "question": "which number?", "round": "0"});
        assert_eq!(challenge["ChallengeParameters"], shown);
        let note = json!({"ClientMetadata": {"note": "x"}});
        let done = stage.call("RespondToAuthChallenge", with(&stage.answers(&challenge, "ann", "42"), note)).await;
        let events = stage.recorder.events();
        let sources: Vec<_> = events.iter().map(|event| event["triggerSource"].as_str().unwrap()).collect();
        assert_eq!(sources, [VERIFY, DEFINE, LAST[0], LAST[1]]);
        assert!(events.iter().all(|event| event["request"]["clientMetadata"] == json!({"note": "x"})));
        assert_eq!(claims(&Tokens::of(&done).access)["username"], "ann");
        assert!(!Tokens::of(&done).refresh.is_empty());
    }
}

#[tokio::test]
async fn what_follows_from_a_wrong_answer_the_trigger_decides() {
    for stage in asking().await {
        stage.person("ann").await;
        let mut challenge = stage.call("InitiateAuth", stage.begins("ann")).await;
        for round in 1..3 {
            let wrong = stage.answers(&challenge, "ann", "41");
            challenge = stage.call("RespondToAuthChallenge", wrong.clone()).await;
            assert_eq!(challenge["ChallengeParameters"]["round"], round.to_string());
            // One question, one answer.
            assert_eq!(
                stage.refused("RespondToAuthChallenge", wrong).await,
                "NotAuthorizedException: Invalid session for the user, session can only be used once."
            );
        }
        stage.recorder.events();
        assert_eq!(stage.refused("RespondToAuthChallenge", stage.answers(&challenge, "ann", "41")).await, WRONG);
        let events = stage.recorder.events();
        let round = |number: u32| {
            json!({"challengeName": "CUSTOM_CHALLENGE", "challengeResult": false,
                   "challengeMetadata": format!("round-{number}")})
        };
        assert_eq!(events[1]["request"]["session"], json!([round(0), round(1), round(2)]));
    }
}

/// What a caller sends for the triggers reaches them, and is nobody's answer.
#[tokio::test]
async fn client_metadata_makes_no_answer_right() {
    let claimed = json!({"answerCorrect": "true", "issueTokens": "true", "failAuthentication": "false",
                         "response": "{\"answerCorrect\":true}"});
    for stage in asking().await {
        stage.person("ann").await;
        let begins = with(&stage.begins("ann"), json!({"ClientMetadata": claimed}));
        let asked = stage.call("InitiateAuth", begins).await;
        stage.recorder.events();
        let wrong = with(&stage.answers(&asked, "ann", "41"), json!({"ClientMetadata": claimed}));
        let again = stage.call("RespondToAuthChallenge", wrong).await;
        assert_eq!(again["ChallengeName"], "CUSTOM_CHALLENGE", "{again}");
        assert!(again.get("AuthenticationResult").is_none(), "{again}");
        for event in stage.recorder.events() {
            assert_eq!(event["request"]["clientMetadata"], claimed, "{event}");
        }
    }
}

#[tokio::test]
async fn the_password_may_come_first() {
    for stage in asking().await {
        stage.person("ann").await;
        stage.recorder.events();
        let asked = stage.call("InitiateAuth", stage.begins_with_password("ann")).await;
        let events = stage.recorder.events();
        assert_eq!(
            events[1]["request"]["session"],
            json!([{"challengeName": "SRP_A", "challengeResult": true, "challengeMetadata": null}])
        );
        assert_eq!(asked["ChallengeName"], "PASSWORD_VERIFIER");
        let proof = srp::answer(&stage, PASSWORD, &asked["ChallengeParameters"], NOW);
        // The block alone is not enough.
        let without = stage.refused("RespondToAuthChallenge", proof.clone()).await;
        assert_eq!(without, "NotAuthorizedException: Invalid session for the user.");
        let proof = with(&proof, json!({"Session": asked["Session"]}));
        let challenge = stage.call("RespondToAuthChallenge", proof.clone()).await;
        assert_eq!(challenge["ChallengeName"], "CUSTOM_CHALLENGE");
        assert_eq!(stage.recorder.sources(), [DEFINE, CREATE]);
        assert_eq!(stage.refused("RespondToAuthChallenge", proof).await, WRONG, "the block is used up");
        let done = stage.call("RespondToAuthChallenge", stage.answers(&challenge, "ann", "42")).await;
        assert!(!Tokens::of(&done).id.is_empty());
    }
}

#[tokio::test]
async fn a_wrong_password_is_a_round_like_any_other() {
    for stage in asking().await {
        stage.person("ann").await;
        let asked = stage.call("InitiateAuth", stage.begins_with_password("ann")).await;
        let proof = srp::answer(&stage, "Wrong-1234", &asked["ChallengeParameters"], NOW);
        let proof = with(&proof, json!({"Session": asked["Session"]}));
        stage.recorder.events();
        assert_eq!(stage.refused("RespondToAuthChallenge", proof).await, WRONG);
        let rounds = stage.recorder.event()["request"]["session"].clone();
        assert_eq!(
            rounds[1],
            json!({"challengeName": "PASSWORD_VERIFIER", "challengeResult": false, "challengeMetadata": null})
        );
        let parameters = json!({"USERNAME": "ann", "CHALLENGE_NAME": "SRP_A"});
        let missing = with(&stage.begins("ann"), json!({ "AuthParameters": parameters }));
        let missing = stage.refused("InitiateAuth", missing).await;
        assert_eq!(missing, "InvalidParameterException: Missing required parameter SRP_A");
    }
}

#[tokio::test]
async fn nobody_walks_the_same_way_and_never_arrives() {
    for stage in asking().await {
        let unknown = stage.refused("InitiateAuth", stage.begins("nobody")).await;
        assert_eq!(unknown, "UserNotFoundException: User does not exist.");
        let members = json!({"ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH"], "PreventUserExistenceErrors": "ENABLED"});
        let hiding = stage.another_client(members).await;
        stage.recorder.events();
        let challenge = stage.call("InitiateAuth", stage.begins_at(&hiding, "nobody")).await;
        assert_eq!(challenge["ChallengeParameters"]["USERNAME"], "nobody");
        for event in stage.recorder.events() {
            let request = &event["request"];
            assert_eq!((&request["userNotFound"], &request["userAttributes"]), (&json!(true), &json!({})), "{event}");
        }
        let answer = stage.answers_at(&hiding, &challenge, "nobody", "42");
        assert_eq!(stage.refused("RespondToAuthChallenge", answer).await, WRONG);
        assert_eq!(stage.recorder.sources(), [VERIFY, DEFINE]);
    }
}

#[tokio::test]
async fn a_trigger_that_says_nothing_or_nonsense_is_unrecognizable() {
    for stage in asking().await {
        stage.person("ann").await;
        for next in [json!({}), json!({"challengeName": "NO_SUCH"}), json!({"challengeName": "PASSWORD_VERIFIER"})] {
            stage.recorder.answer("DefineAuthChallenge", next);
            assert_eq!(stage.refused("InitiateAuth", stage.begins("ann")).await, UNRECOGNIZABLE);
        }
        stage.recorder.answer("DefineAuthChallenge", json!({"failAuthentication": true, "issueTokens": true}));
        assert_eq!(stage.refused("InitiateAuth", stage.begins("ann")).await, WRONG);
        stage.recorder.answer("DefineAuthChallenge", json!({"issueTokens": true}));
        let done = stage.call("InitiateAuth", stage.begins("ann")).await;
        assert!(!Tokens::of(&done).id.is_empty());
        for trigger in ["DefineAuthChallenge", "CreateAuthChallenge"] {
            stage.recorder.answer("DefineAuthChallenge", json!({"challengeName": "CUSTOM_CHALLENGE"}));
            stage.recorder.throw(trigger, "no");
            let refusal = format!("UserLambdaValidationException: {trigger} failed with error no.");
            assert_eq!(stage.refused("InitiateAuth", stage.begins("ann")).await, refusal);
        }
    }
}

#[tokio::test]
async fn all_three_triggers_are_needed() {
    for stage in asking().await {
        stage.person("ann").await;
        let shown = stage.call("DescribeUserPool", json!({"UserPoolId": stage.pool})).await;
        for missing in ["DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse"] {
            let mut config = shown["UserPool"]["LambdaConfig"].clone();
            config.as_object_mut().unwrap().remove(missing);
            stage.call("UpdateUserPool", json!({"UserPoolId": stage.pool, "LambdaConfig": config})).await;
            assert_eq!(
                stage.refused("InitiateAuth", stage.begins("ann")).await,
                "InvalidParameterException: Custom auth lambda trigger is not configured for the user pool."
            );
        }
    }
}

#[tokio::test]
async fn a_loop_ends_with_its_session_its_user_or_its_password() {
    for stage in asking().await {
        stage.person("ann").await;
        let begin = async || stage.call("InitiateAuth", stage.begins("ann")).await;
        let late = begin().await;
        stage.advance(180);
        assert_eq!(
            stage.refused("RespondToAuthChallenge", stage.answers(&late, "ann", "42")).await,
            "NotAuthorizedException: Invalid session for the user, session is expired."
        );
        let invalid = "NotAuthorizedException: Invalid session for the user.";
        let changed = begin().await;
        stage.set_password("ann", "Other-1234").await;
        assert_eq!(stage.refused("RespondToAuthChallenge", stage.answers(&changed, "ann", "42")).await, invalid);
        stage.person("bob").await;
        let foreign = begin().await;
        assert_eq!(stage.refused("RespondToAuthChallenge", stage.answers(&foreign, "bob", "42")).await, invalid);
        let disabled = begin().await;
        stage.call("AdminDisableUser", stage.named("ann")).await;
        assert_eq!(stage.refused("RespondToAuthChallenge", stage.answers(&disabled, "ann", "42")).await, DISABLED);
        assert_eq!(stage.refused("InitiateAuth", stage.begins("ann")).await, DISABLED);
    }
}

#[tokio::test]
async fn a_loop_that_never_ends_is_ended() {
    for stage in asking().await {
        stage.person("ann").await;
        stage.recorder.answer("DefineAuthChallenge", json!({"challengeName": "CUSTOM_CHALLENGE"}));
        let mut challenge = stage.call("InitiateAuth", stage.begins("ann")).await;
        for _ in 0..100 {
            challenge = stage.call("RespondToAuthChallenge", stage.answers(&challenge, "ann", "41")).await;
        }
        assert_eq!(stage.refused("RespondToAuthChallenge", stage.answers(&challenge, "ann", "41")).await, WRONG);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_answers_at_once_one_counts() {
    for stage in asking().await {
        stage.person("ann").await;
        let challenge = stage.call("InitiateAuth", stage.begins("ann")).await;
        let right = stage.answers(&challenge, "ann", "42");
        let both =
            tokio::join!(stage.send("RespondToAuthChallenge", &right), stage.send("RespondToAuthChallenge", &right));
        let mut statuses = [both.0.0, both.1.0];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400], "{both:?}");
    }
}

#[tokio::test]
async fn a_temporary_password_has_to_be_replaced_all_the_same() {
    for stage in asking().await {
        stage.newcomer("ann", PASSWORD).await;
        let challenge = stage.call("InitiateAuth", stage.begins("ann")).await;
        let next = stage.call("RespondToAuthChallenge", stage.answers(&challenge, "ann", "42")).await;
        assert_eq!(next["ChallengeName"], "NEW_PASSWORD_REQUIRED");
        let responses = json!({"USERNAME": "ann", "NEW_PASSWORD": "Other-1234"});
        let answer = json!({"ClientId": stage.client, "ChallengeName": "NEW_PASSWORD_REQUIRED",
                            "Session": next["Session"], "ChallengeResponses": responses});
        stage.recorder.events();
        stage.call("RespondToAuthChallenge", answer).await;
        assert_eq!(stage.recorder.sources(), [LAST[0], "TokenGeneration_NewPasswordChallenge"]);
    }
}

#[tokio::test]
async fn administrators_lead_through_the_same_loop() {
    for stage in asking().await {
        stage.person("ann").await;
        let pool = json!({"UserPoolId": stage.pool});
        let challenge = stage.call("AdminInitiateAuth", with(&stage.begins("ann"), pool.clone())).await;
        let answer = with(&stage.answers(&challenge, "ann", "42"), pool);
        let done = stage.call("AdminRespondToAuthChallenge", answer).await;
        assert!(!Tokens::of(&done).id.is_empty());
    }
}
