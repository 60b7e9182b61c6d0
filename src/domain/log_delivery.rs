//! Where the service would deliver a pool's logs. There is no CloudWatch, S3 or Firehose here: destinations are checked and kept.
//! <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_SetLogDeliveryConfiguration.html>

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Error, Pool, Result, error::PoolFault};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LogConfiguration {
    pub log_level: String,
    pub event_source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_watch_logs_configuration: Option<Destination>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_configuration: Option<Destination>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firehose_configuration: Option<Destination>,
}

/// One ARN by the name that its kind has.
pub type Destination = BTreeMap<String, String>;

/// Each source once, with its own level and one destination; the events of users are exported by the tier that records them.
pub fn check(pool: &Pool, configurations: &[LogConfiguration]) -> Result<()> {
    for (index, configuration) in configurations.iter().enumerate() {
        if configurations[..index].iter().any(|other| other.event_source == configuration.event_source) {
            return invalid(format!("EventSource {} is configured more than once.", configuration.event_source));
        }
        configuration.check(pool)?;
    }
    Ok(())
}

impl LogConfiguration {
    fn check(&self, pool: &Pool) -> Result<()> {
        let destinations = [
            (&self.cloud_watch_logs_configuration, "LogGroupArn", ":logs:"),
            (&self.s3_configuration, "BucketArn", ":s3:"),
            (&self.firehose_configuration, "StreamArn", ":firehose:"),
        ];
        let mut given =
            destinations.into_iter().filter_map(|(given, arn, service)| Some((given.as_ref()?, arn, service)));
        let (Some((destination, name, service)), None) = (given.next(), given.next()) else {
            return invalid("A log configuration must have exactly one destination.".into());
        };
        if !destination.get(name).is_some_and(|arn| arn.contains(service)) {
            return invalid(format!("{name} is required, and must name a resource of its service."));
        }
        match (self.event_source.as_str(), self.log_level.as_str()) {
            ("userNotification", "ERROR") if self.cloud_watch_logs_configuration.is_some() => Ok(()),
            ("userNotification", "ERROR") => {
                invalid("userNotification logs can only be delivered to a CloudWatch log group.".into())
            }
            ("userAuthEvents", "INFO") if is_plus(pool) => Ok(()),
            ("userAuthEvents", "INFO") => Err(Error::PoolState(PoolFault::Tier(
                "Exporting user authentication events needs the PLUS tier.".into(),
            ))),
            (source, level) => invalid(format!("LogLevel {level} is not available for EventSource {source}.")),
        }
    }
}

fn is_plus(pool: &Pool) -> bool {
    pool.settings.kept.get("UserPoolTier").is_some_and(|tier| tier == "PLUS")
}

fn invalid<T>(text: String) -> Result<T> {
    Err(Error::InvalidParameter(text))
}
