//! Where a pool's logs would be delivered.

use serde::{Deserialize, Serialize};

use crate::{
    api::Operation,
    domain::{Result, log_delivery::LogConfiguration},
    flows::{Cx, log_delivery},
};

/// `LogDeliveryConfigurationType`, and the request that holds the same members.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Delivery {
    user_pool_id: String,
    log_configurations: Vec<LogConfiguration>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeliveryOutput {
    log_delivery_configuration: Delivery,
}

impl DeliveryOutput {
    fn of(user_pool_id: String, log_configurations: Vec<LogConfiguration>) -> Self {
        Self { log_delivery_configuration: Delivery { user_pool_id, log_configurations } }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetLogDeliveryConfiguration {
    user_pool_id: String,
}

impl Operation for GetLogDeliveryConfiguration {
    type Output = DeliveryOutput;

    async fn run(self, cx: Cx) -> Result<DeliveryOutput> {
        let set = log_delivery::get(&cx, &self.user_pool_id).await?;
        Ok(DeliveryOutput::of(self.user_pool_id, set))
    }
}

/// Replaces what was set; an empty list clears it.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct SetLogDeliveryConfiguration(Delivery);

impl Operation for SetLogDeliveryConfiguration {
    type Output = DeliveryOutput;

    async fn run(self, cx: Cx) -> Result<DeliveryOutput> {
        let Delivery { user_pool_id, log_configurations } = self.0;
        let set = log_delivery::set(&cx, &user_pool_id, log_configurations).await?;
        Ok(DeliveryOutput::of(user_pool_id, set))
    }
}
