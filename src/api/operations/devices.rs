//! Devices, as their users and as administrators see them.

use serde::{Deserialize, Serialize};

use crate::{
    api::{
        Operation,
        shapes::{Attribute, Empty, Timestamp},
    },
    domain::{Error, Pool, Result, User, device::Device, error::AccessTokenFault},
    flows::{
        Cx,
        bearer::{self, Bearer},
        cursor::Page,
        devices::{self, Verifier},
        users,
    },
};

const MOST_DEVICES: usize = 60;

/// `DeviceType`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DeviceType {
    device_key: String,
    device_attributes: Vec<Attribute>,
    device_create_date: Timestamp,
    device_last_modified_date: Timestamp,
    device_last_authenticated_date: Timestamp,
}

impl DeviceType {
    fn new(device: Device, others: Vec<(&str, String)>) -> Self {
        let attributes = [
            Some(("device_status", "valid".to_owned())),
            device.name.map(|name| ("device_name", name)),
            device.last_ip.map(|ip| ("last_ip_used", ip)),
        ];
        let attribute = |(name, value): (&str, String)| Attribute { name: name.to_owned(), value: Some(value) };
        Self {
            device_key: device.key,
            device_attributes: attributes.into_iter().flatten().chain(others).map(attribute).collect(),
            device_create_date: device.created_at.into(),
            device_last_modified_date: device.modified_at.into(),
            device_last_authenticated_date: device.authenticated_at.into(),
        }
    }

    fn of_own(device: Device) -> Self {
        Self::new(device, Vec::new())
    }

    /// What administrators see besides.
    fn of_owner(cx: &Cx, pool: &Pool, user: &User, device: Device) -> Self {
        let owner = format!("{}.{}", user.username, pool.id);
        let region_and_account = pool.arn(&cx.app.setup.account_id).replace(&format!("userpool/{}", pool.id), "");
        let arn = format!("{region_and_account}owner/{owner}/device/{}", device.key);
        let status = if device.is_remembered { "remembered" } else { "not_remembered" };
        let others = vec![
            ("dev:device_arn", arn),
            ("dev:device_owner", owner),
            ("dev:device_remembered_status", status.to_owned()),
            ("dev:device_sdk", "aws-sdk".to_owned()),
        ];
        Self::new(device, others)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeviceOutput {
    device: DeviceType,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DevicesOutput {
    devices: Vec<DeviceType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pagination_token: Option<String>,
}

impl DevicesOutput {
    fn new(page: Page<Device>, shown: impl Fn(Device) -> DeviceType) -> Self {
        Self { devices: page.items.into_iter().map(shown).collect(), pagination_token: page.next }
    }
}

fn limit(asked: Option<usize>) -> usize {
    asked.filter(|limit| *limit > 0).unwrap_or(MOST_DEVICES)
}

/// The model lets these operations be called without a token, but nobody else says whose device is meant.
async fn owner(cx: &Cx, access_token: Option<String>) -> Result<Bearer> {
    let token = access_token.ok_or(Error::AccessToken(AccessTokenFault::Invalid))?;
    bearer::self_service(cx, &token).await
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum RememberedStatus {
    Remembered,
    NotRemembered,
}

/// Confirms the device that the access token was given to, with the verifier of a secret that it keeps.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConfirmDevice {
    access_token: String,
    device_key: String,
    device_secret_verifier_config: Option<VerifierConfig>,
    device_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VerifierConfig {
    #[serde(default)]
    password_verifier: String,
    #[serde(default)]
    salt: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConfirmDeviceOutput {
    user_confirmation_necessary: bool,
}

impl Operation for ConfirmDevice {
    type Output = ConfirmDeviceOutput;

    async fn run(self, cx: Cx) -> Result<ConfirmDeviceOutput> {
        let bearer = bearer::self_service(&cx, &self.access_token).await?;
        let verifier = self
            .device_secret_verifier_config
            .map(|config| Verifier { salt: config.salt, verifier: config.password_verifier });
        let unasked = devices::confirm(&cx, &bearer, self.device_key, self.device_name, verifier).await?;
        Ok(ConfirmDeviceOutput { user_confirmation_necessary: unasked })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetDevice {
    device_key: String,
    access_token: Option<String>,
}

impl Operation for GetDevice {
    type Output = DeviceOutput;

    async fn run(self, cx: Cx) -> Result<DeviceOutput> {
        let owner = owner(&cx, self.access_token).await?;
        let device = devices::get(&cx, &owner.pool, &owner.user, &self.device_key).await?;
        Ok(DeviceOutput { device: DeviceType::of_own(device) })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListDevices {
    access_token: String,
    limit: Option<usize>,
    pagination_token: Option<String>,
}

impl Operation for ListDevices {
    type Output = DevicesOutput;

    async fn run(self, cx: Cx) -> Result<DevicesOutput> {
        let owner = bearer::self_service(&cx, &self.access_token).await?;
        let cursor = self.pagination_token.as_deref();
        let page = devices::list(&cx, &owner.pool, &owner.user, limit(self.limit), cursor).await?;
        Ok(DevicesOutput::new(page, DeviceType::of_own))
    }
}

/// Says whether a device may stand in for a second factor.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateDeviceStatus {
    access_token: String,
    device_key: String,
    device_remembered_status: Option<RememberedStatus>,
}

impl Operation for UpdateDeviceStatus {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let owner = bearer::self_service(&cx, &self.access_token).await?;
        let is_remembered = self.device_remembered_status.map(|status| status == RememberedStatus::Remembered);
        devices::remember(&cx, &owner.pool, &owner.user, &self.device_key, is_remembered).await?;
        Ok(Empty {})
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ForgetDevice {
    access_token: Option<String>,
    device_key: String,
}

impl Operation for ForgetDevice {
    type Output = ();

    async fn run(self, cx: Cx) -> Result<()> {
        let owner = owner(&cx, self.access_token).await?;
        devices::forget(&cx, &owner.pool, &owner.user, &self.device_key).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminGetDevice {
    device_key: String,
    user_pool_id: String,
    username: String,
}

impl Operation for AdminGetDevice {
    type Output = DeviceOutput;

    async fn run(self, cx: Cx) -> Result<DeviceOutput> {
        let found = users::find(&cx, &self.user_pool_id, &self.username).await;
        // The service declares no UserNotFoundException here.
        let (pool, user) = found.map_err(|error| match error {
            Error::NoSuchUser => Error::NoSuchDevice,
            other => other,
        })?;
        let device = devices::get(&cx, &pool, &user, &self.device_key).await?;
        Ok(DeviceOutput { device: DeviceType::of_owner(&cx, &pool, &user, device) })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminListDevices {
    user_pool_id: String,
    username: String,
    limit: Option<usize>,
    pagination_token: Option<String>,
}

impl Operation for AdminListDevices {
    type Output = DevicesOutput;

    async fn run(self, cx: Cx) -> Result<DevicesOutput> {
        let found = users::find(&cx, &self.user_pool_id, &self.username).await;
        // Nor here.
        let (pool, user) = found.map_err(|error| match error {
            Error::NoSuchUser => Error::NotFound("User does not exist.".into()),
            other => other,
        })?;
        let page = devices::list(&cx, &pool, &user, limit(self.limit), self.pagination_token.as_deref()).await?;
        Ok(DevicesOutput::new(page, |device| DeviceType::of_owner(&cx, &pool, &user, device)))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminUpdateDeviceStatus {
    user_pool_id: String,
    username: String,
    device_key: String,
    device_remembered_status: Option<RememberedStatus>,
}

impl Operation for AdminUpdateDeviceStatus {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let (pool, user) = users::find(&cx, &self.user_pool_id, &self.username).await?;
        let is_remembered = self.device_remembered_status.map(|status| status == RememberedStatus::Remembered);
        devices::remember(&cx, &pool, &user, &self.device_key, is_remembered).await?;
        Ok(Empty {})
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminForgetDevice {
    user_pool_id: String,
    username: String,
    device_key: String,
}

impl Operation for AdminForgetDevice {
    type Output = ();

    async fn run(self, cx: Cx) -> Result<()> {
        let (pool, user) = users::find(&cx, &self.user_pool_id, &self.username).await?;
        devices::forget(&cx, &pool, &user, &self.device_key).await
    }
}
