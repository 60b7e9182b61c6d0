//! What a replaced password takes with it.

use std::sync::Arc;

use poolhouse::{
    domain::{Error, client::Flow, error::SessionFault, grant::GrantSource, user::Status},
    flows::{
        directory,
        issue::{self, Issue},
        sign_in::{self, Answer, Door, Goal, Outcome, Reply, Start},
        users,
    },
    hooks::TokenSource,
};

use crate::app::{House, PASSWORD, WEB};

async fn door(house: &House) -> Door {
    let (pool, client) = directory::client(&house.cx(), WEB).await.unwrap();
    Door { pool, client, goal: Goal::Identity, metadata: None }
}

#[tokio::test]
async fn a_session_ends_with_the_temporary_password_that_it_was_given_for() {
    let house = House::new().await;
    let (cx, door) = (house.cx(), door(&house).await);
    let user = house.user("new", PASSWORD, Status::ForceChangePassword).await;
    let start = Start::password(Flow::Password, "new", PASSWORD.into());
    let Outcome::Challenge(prompt) = sign_in::identify(&cx, &door, start).await.unwrap() else {
        panic!("a new password is due")
    };
    users::set_password(&cx, &door.pool, &user, &"Second-1234".into(), false).await.unwrap();
    let reply = Reply {
        username: "new".into(),
        session: prompt.session,
        device_key: None,
        answer: Answer::NewPassword { password: "Mine-12345".into(), attributes: Default::default() },
    };
    let refused = sign_in::answer(&cx, &door, reply).await.unwrap_err();
    assert!(matches!(refused, Error::Session(SessionFault::Invalid)), "{refused}");
}

/// The user as a proof found them, and the tokens that are made for them a moment later.
#[tokio::test]
async fn no_tokens_are_made_for_somebody_who_changed_meanwhile() {
    let house = House::new().await;
    let (cx, door) = (house.cx(), door(&house).await);
    let ann = house.find("ann").await;
    let issue = || Issue {
        pool: Arc::clone(&door.pool),
        client: Arc::clone(&door.client),
        user: ann.clone(),
        scopes: Vec::new(),
        source: GrantSource::Api,
        trigger: TokenSource::Authentication,
        event_id: None,
        nonce: None,
        client_metadata: None,
        bound: issue::Bound::default(),
    };
    assert!(issue::start(&cx, issue(), cx.now()).await.is_ok());
    users::set_enabled(&cx, &door.pool, &ann, false).await.unwrap();
    assert!(matches!(issue::start(&cx, issue(), cx.now()).await, Err(Error::UserDisabled)));
    users::set_enabled(&cx, &door.pool, &ann, true).await.unwrap();
    users::set_password(&cx, &door.pool, &ann, &"Other-1234".into(), true).await.unwrap();
    assert!(matches!(issue::start(&cx, issue(), cx.now()).await, Err(Error::WrongCredentials)));
    users::delete(&cx, &ann).await.unwrap();
    assert!(matches!(issue::start(&cx, issue(), cx.now()).await, Err(Error::NoSuchUser)));
}
