//! Where a pool's logs would be delivered.

use serde_json::{Value, json};

use super::{
    risk::protected_pool,
    town::{NO_POOL, NOWHERE, towns},
};

fn notifications() -> Value {
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:notes";
    json!({"LogLevel": "ERROR", "EventSource": "userNotification", "CloudWatchLogsConfiguration": {"LogGroupArn": arn}})
}

fn events() -> Value {
    let arn = "arn:aws:firehose:us-east-1:123456789012:deliverystream/events";
    json!({"LogLevel": "INFO", "EventSource": "userAuthEvents", "FirehoseConfiguration": {"StreamArn": arn}})
}

#[tokio::test]
async fn destinations_are_kept_and_cleared() {
    for town in towns().await {
        let pool = protected_pool(&town, "AUDIT").await;
        let shown = |configurations: Value| json!({"LogDeliveryConfiguration": {"UserPoolId": pool, "LogConfigurations": configurations}});
        let named = json!({"UserPoolId": pool});
        assert_eq!(town.call("GetLogDeliveryConfiguration", named.clone()).await, shown(json!([])));
        for configurations in [json!([notifications(), events()]), json!([])] {
            let call = json!({"UserPoolId": pool, "LogConfigurations": configurations});
            assert_eq!(town.call("SetLogDeliveryConfiguration", call).await, shown(configurations.clone()));
            assert_eq!(town.call("GetLogDeliveryConfiguration", named.clone()).await, shown(configurations));
        }
    }
}

#[tokio::test]
async fn destinations_that_cannot_be_are_refused() {
    for town in towns().await {
        let (plain, pool) = (town.pool().await, protected_pool(&town, "AUDIT").await);
        let set = |pool: &str, configurations: Value| json!({"UserPoolId": pool, "LogConfigurations": configurations});
        let changed = |base: Value, name: &str, value: Value| {
            let mut changed = base;
            changed[name] = value;
            changed
        };
        let bucket = json!({"BucketArn": "arn:aws:s3:::bucket"});
        let mut nowhere = notifications();
        nowhere.as_object_mut().unwrap().remove("CloudWatchLogsConfiguration");
        for (configurations, why) in [
            (json!([notifications(), notifications()]), "configured more than once"),
            (json!([nowhere]), "exactly one destination"),
            (json!([changed(notifications(), "S3Configuration", bucket.clone())]), "exactly one destination"),
            (
                json!([changed(nowhere.clone(), "S3Configuration", bucket)]),
                "only be delivered to a CloudWatch log group",
            ),
            (json!([changed(notifications(), "LogLevel", json!("INFO"))]), "LogLevel INFO is not available"),
            (json!([changed(notifications(), "CloudWatchLogsConfiguration", json!({}))]), "LogGroupArn is required"),
        ] {
            let refused = town.refused("SetLogDeliveryConfiguration", set(&pool, configurations)).await;
            assert!(refused.starts_with("InvalidParameterException") && refused.contains(why), "{refused}");
        }
        let tier = town.refused("SetLogDeliveryConfiguration", set(&plain, json!([events()]))).await;
        assert!(tier.starts_with("FeatureUnavailableInTierException"), "{tier}");
        assert_eq!(town.refused("SetLogDeliveryConfiguration", set(NOWHERE, json!([]))).await, NO_POOL);
        assert_eq!(town.refused("GetLogDeliveryConfiguration", json!({"UserPoolId": NOWHERE})).await, NO_POOL);
    }
}
