//! Keys that are published still, and no longer sign.

use serde_json::json;

use super::people::sites;

fn kid(token: &str) -> String {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let header = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<serde_json::Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_retired_key_verifies_and_signs_no_more() {
    for site in sites().await {
        site.person("ann").await;
        let old = site.tokens("ann").await;
        let mut tx = site.app.store.begin().await.unwrap();
        let retired = "UPDATE signing_key SET retired_at = created_at WHERE pool_id = $1";
        assert_eq!(tx.sql(retired).bind(&*site.pool).run().await.unwrap(), 2);
        tx.commit().await.unwrap();
        site.app.key_ring.forget_all();

        let new = site.tokens("ann").await;
        assert_ne!((kid(&old.access), kid(&old.id)), (kid(&new.access), kid(&new.id)));
        for token in [&old.access, &new.access] {
            site.call("GetUser", json!({"AccessToken": token})).await;
        }

        // A key that is published no more makes its tokens worthless.
        let mut tx = site.app.store.begin().await.unwrap();
        let gone = "DELETE FROM signing_key WHERE pool_id = $1 AND retired_at IS NOT NULL";
        assert_eq!(tx.sql(gone).bind(&*site.pool).run().await.unwrap(), 2);
        tx.commit().await.unwrap();
        site.app.key_ring.forget_all();
        site.call("GetUser", json!({"AccessToken": new.access})).await;
        let refusal = site.refused("GetUser", json!({"AccessToken": old.access})).await;
        assert_eq!(refusal, "NotAuthorizedException: Invalid Access Token");
    }
}
