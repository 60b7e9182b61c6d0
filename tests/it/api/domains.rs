//! Domains of pools, from the administrator's side. What they mean for a request is tested with the OAuth endpoints.

use poolhouse::flows::site::Site;
use serde_json::{Value, json};

use super::town::{ACCOUNT, NO_POOL, NOWHERE, Town, towns, with};

const ARN: &str = "arn:aws:acm:us-east-1:123456789012:certificate/1aa9b9c2-0a4b-4d10-8c0a-000000000000";
const NO_DOMAIN: &str = "InvalidParameterException: No such domain or user pool exists.";

fn custom(pool: &str) -> Value {
    json!({"UserPoolId": pool, "Domain": "login.example.com", "CustomDomainConfig": {"CertificateArn": ARN}})
}

async fn described(town: &Town, domain: &str) -> Value {
    town.call("DescribeUserPoolDomain", json!({"Domain": domain})).await["DomainDescription"].clone()
}

#[tokio::test]
async fn a_prefix_is_active_at_once_and_gone_at_once() {
    for town in towns().await {
        let pool = town.pool().await;
        let named = json!({"UserPoolId": pool, "Domain": "my-app"});
        assert_eq!(described(&town, "my-app").await, json!({}));
        assert_eq!(town.call("CreateUserPoolDomain", named.clone()).await, json!({"ManagedLoginVersion": 1}));
        let shown = described(&town, "my-app").await;
        let distribution = shown["CloudFrontDistribution"].as_str().unwrap();
        assert!(distribution.ends_with(".cloudfront.net"), "{distribution}");
        assert_eq!(
            shown,
            json!({
                "UserPoolId": pool, "AWSAccountId": ACCOUNT, "Domain": "my-app", "Version": "20270115080000",
                "S3Bucket": "aws-cognito-prod-us-east-1-assets", "CloudFrontDistribution": distribution,
                "Status": "ACTIVE", "CustomDomainConfig": {}, "ManagedLoginVersion": 1,
            })
        );
        let version = with(&named, json!({"ManagedLoginVersion": 2}));
        assert_eq!(town.call("UpdateUserPoolDomain", version).await, json!({"ManagedLoginVersion": 2}));
        assert_eq!(town.call("UpdateUserPoolDomain", named.clone()).await, json!({"ManagedLoginVersion": 2}));
        assert_eq!(town.call("DescribeUserPool", json!({"UserPoolId": pool})).await["UserPool"]["Domain"], "my-app");
        assert_eq!(town.call("DeleteUserPoolDomain", named.clone()).await, json!({}));
        assert_eq!(described(&town, "my-app").await, json!({}));
        let pool = town.call("DescribeUserPool", json!({"UserPoolId": pool})).await;
        assert!(pool["UserPool"].get("Domain").is_none());
    }
}

#[tokio::test]
async fn a_custom_domain_keeps_what_only_the_service_needs() {
    for town in towns().await {
        let pool = town.pool().await;
        let routing = json!({"Failover": {"SecondaryRegion": "eu-west-1", "PrimaryRoute53HealthCheckId": "a-b"}});
        let config = json!({"CertificateArn": ARN, "SecurityPolicy": "TLS_V1_2_2021"});
        let input =
            with(&custom(&pool), json!({"ManagedLoginVersion": 2, "Routing": routing, "CustomDomainConfig": config}));
        let made = town.call("CreateUserPoolDomain", input).await;
        let shown = described(&town, "login.example.com").await;
        let distribution = &shown["CloudFrontDistribution"];
        assert_eq!(made, json!({"ManagedLoginVersion": 2, "CloudFrontDomain": distribution, "Routing": routing}));
        assert_eq!((&shown["CustomDomainConfig"], &shown["Routing"]), (&config, &routing));
        let other = ARN.replace("1aa9", "2bb9");
        let update = with(&custom(&pool), json!({"CustomDomainConfig": {"CertificateArn": other}}));
        assert_eq!(town.call("UpdateUserPoolDomain", update).await, made);
        let changed = described(&town, "login.example.com").await;
        assert_eq!(changed, with(&shown, json!({"CustomDomainConfig": {"CertificateArn": other}})));
        // Beside it a prefix has room.
        town.call("CreateUserPoolDomain", json!({"UserPoolId": pool, "Domain": "my-app"})).await;
        let pool = town.call("DescribeUserPool", json!({"UserPoolId": pool})).await["UserPool"].clone();
        assert_eq!((&pool["Domain"], &pool["CustomDomain"]), (&json!("my-app"), &json!("login.example.com")));
    }
}

#[tokio::test]
async fn a_name_belongs_to_one_pool_and_a_pool_has_one_of_each_kind() {
    for town in towns().await {
        let (pool, other) = (town.pool().await, town.pool().await);
        let prefix = |pool: &str, name: &str| json!({"UserPoolId": pool, "Domain": name});
        town.call("CreateUserPoolDomain", prefix(&pool, "one")).await;
        town.call("CreateUserPoolDomain", custom(&pool)).await;
        let taken = "InvalidParameterException: Domain already associated with another user pool.";
        let full = "InvalidParameterException: User pool already has a domain configured.";
        assert_eq!(town.refused("CreateUserPoolDomain", prefix(&other, "one")).await, taken);
        assert_eq!(town.refused("CreateUserPoolDomain", prefix(&pool, "one")).await, taken);
        assert_eq!(town.refused("CreateUserPoolDomain", custom(&other)).await, taken);
        assert_eq!(town.refused("CreateUserPoolDomain", prefix(&pool, "two")).await, full);
        let second = with(&custom(&pool), json!({"Domain": "id.example.com"}));
        assert_eq!(town.refused("CreateUserPoolDomain", second).await, full);
        for operation in ["UpdateUserPoolDomain", "DeleteUserPoolDomain"] {
            assert_eq!(town.refused(operation, prefix(&other, "one")).await, NO_DOMAIN, "{operation}");
            assert_eq!(town.refused(operation, prefix(&pool, "none")).await, NO_DOMAIN, "{operation}");
        }
        for operation in ["CreateUserPoolDomain", "UpdateUserPoolDomain", "DeleteUserPoolDomain"] {
            assert_eq!(town.refused(operation, prefix(NOWHERE, "one")).await, NO_POOL, "{operation}");
        }
    }
}

#[tokio::test]
async fn names_and_settings_are_held_against_their_rules() {
    for town in towns().await {
        let pool = town.pool().await;
        let named = |change: Value| with(&json!({"UserPoolId": pool, "Domain": "my-app"}), change);
        let of_owner = |change: Value| with(&custom(&pool), change);
        let form = "The domain name contains an invalid character.";
        let certificate = |arn: &str| of_owner(json!({"CustomDomainConfig": {"CertificateArn": arn}}));
        let cases = [
            (named(json!({"Domain": "My-App"})), form),
            (named(json!({"Domain": "my-"})), form),
            (named(json!({"Domain": "login.example.com"})), form),
            (named(json!({"Domain": "a".repeat(64)})), "length less than or equal to 63"),
            (named(json!({"Domain": "mycognito"})), "Domain cannot contain reserved word: cognito"),
            (named(json!({"Domain": "aws-app"})), "Domain cannot contain reserved word: aws"),
            (named(json!({"Domain": "amazon"})), "Domain cannot contain reserved word: amazon"),
            (named(json!({"ManagedLoginVersion": 3})), "ManagedLoginVersion 3 is neither 1 nor 2."),
            (of_owner(json!({"Domain": "login"})), "Custom domain is not a valid subdomain: login."),
            (of_owner(json!({"Domain": "127.0.0.1"})), "Custom domain is not a valid subdomain"),
            (of_owner(json!({"Domain": "a.auth.localhost"})), "Custom domain is not a valid subdomain"),
            (certificate(&ARN.replace("us-east-1", "eu-west-1")), "is not the ARN of an ACM certificate in us-east-1."),
            (certificate(&ARN.replace("acm", "iam")), "is not the ARN of an ACM certificate in us-east-1."),
            (certificate("short"), "length greater than or equal to 20"),
        ];
        for (input, expected) in cases {
            let refused = town.refused("CreateUserPoolDomain", input).await;
            assert!(refused.starts_with("InvalidParameterException: "), "{refused}");
            assert!(refused.contains(expected), "{refused} lacks {expected}");
        }
        town.call("CreateUserPoolDomain", named(json!({}))).await;
        let turned = named(json!({"CustomDomainConfig": {"CertificateArn": ARN}}));
        let refused = town.refused("UpdateUserPoolDomain", turned).await;
        assert_eq!(refused, "InvalidParameterException: CustomDomainConfig can only be set for a custom domain.");
    }
}

#[tokio::test]
async fn managed_login_needs_a_tier_that_has_it() {
    for town in towns().await {
        let pool = town.call("CreateUserPool", json!({"PoolName": "lite", "UserPoolTier": "LITE"})).await;
        let named = json!({"UserPoolId": pool["UserPool"]["Id"], "Domain": "lite"});
        let two = with(&named, json!({"ManagedLoginVersion": 2}));
        let refused = "FeatureUnavailableInTierException: ";
        assert!(town.refused("CreateUserPoolDomain", two.clone()).await.starts_with(refused));
        town.call("CreateUserPoolDomain", named).await;
        assert!(town.refused("UpdateUserPoolDomain", two).await.starts_with(refused));
    }
}

#[tokio::test]
async fn a_pool_with_a_domain_is_not_deleted() {
    for town in towns().await {
        let pool = town.pool().await;
        let named = json!({"UserPoolId": pool, "Domain": "my-app"});
        town.call("CreateUserPoolDomain", named.clone()).await;
        assert_eq!(
            town.refused("DeleteUserPool", json!({"UserPoolId": pool})).await,
            "InvalidParameterException: User pool cannot be deleted. It has a domain configured that should be deleted first."
        );
        town.call("DeleteUserPoolDomain", named).await;
        town.call("DeleteUserPool", json!({"UserPoolId": pool})).await;
    }
}

#[tokio::test]
async fn another_instance_sees_a_domain_within_a_second() {
    for town in towns().await.into_iter().filter(|town| town.app.store.is_shared()) {
        let pool = town.pool().await;
        let twin = town.twin();
        let site = async |town: &Town| Site::of(&town.cx(), "my-app.auth.localhost").await.unwrap();
        assert_eq!((site(&town).await, site(&twin).await), (Site::Nowhere, Site::Nowhere));
        town.call("CreateUserPoolDomain", json!({"UserPoolId": pool, "Domain": "my-app"})).await;
        assert!(site(&town).await.shows(&pool));
        tokio::time::sleep(std::time::Duration::from_millis(1_050)).await;
        assert!(site(&twin).await.shows(&pool));
    }
}
