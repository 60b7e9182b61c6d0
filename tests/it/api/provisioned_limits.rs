//! Limits of the account, which are kept here and not enforced.

use serde_json::{Value, json};

use super::town::{towns, with};

fn limit(category: &str) -> Value {
    json!({"LimitDefinition": {"LimitClass": "API_CATEGORY", "Attributes": {"Category": category}}})
}

#[tokio::test]
async fn a_limit_has_its_default_until_it_is_provisioned() {
    for town in towns().await {
        let shown = |value: u32| {
            let values = json!({"ProvisionedLimitValue": value, "FreeLimitValue": 120});
            json!({"Limit": with(&limit("UserAuthentication"), values)})
        };
        let get = async || town.call("GetProvisionedLimit", limit("UserAuthentication")).await;
        assert_eq!(get().await, shown(120));
        for value in [500, 120] {
            let call = with(&limit("UserAuthentication"), json!({"RequestedLimitValue": value}));
            assert_eq!(town.call("UpdateProvisionedLimit", call).await, shown(value));
            assert_eq!(get().await, shown(value));
        }
    }
}

#[tokio::test]
async fn a_limit_that_cannot_be_is_refused() {
    for town in towns().await {
        let update = |definition: Value, value: i64| with(&definition, json!({"RequestedLimitValue": value}));
        let low = town.refused("UpdateProvisionedLimit", update(limit("UserRead"), 119)).await;
        assert_eq!(low, "InvalidParameterException: RequestedLimitValue must not be below the default of 120.");
        let high = town.refused("UpdateProvisionedLimit", update(limit("UserRead"), 1_000_000)).await;
        assert!(high.starts_with("ServiceQuotaExceededException"), "{high}");
        let unknown = "ResourceNotFoundException: Limit Sleeping does not exist.";
        assert_eq!(town.refused("GetProvisionedLimit", limit("Sleeping")).await, unknown);
        assert_eq!(town.refused("UpdateProvisionedLimit", update(limit("Sleeping"), 10)).await, unknown);
        let nameless = json!({"LimitDefinition": {"LimitClass": "API_CATEGORY", "Attributes": {"Region": "x"}}});
        for operation in ["GetProvisionedLimit", "UpdateProvisionedLimit"] {
            let refused = town.refused(operation, update(nameless.clone(), 200)).await;
            assert!(refused.starts_with("InvalidParameterException: Attributes"), "{refused}");
        }
    }
}
