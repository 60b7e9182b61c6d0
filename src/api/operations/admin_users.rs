//! Users from the administrator's side.

use serde::{Deserialize, Serialize};

use crate::{
    api::{
        Operation,
        shapes::{
            Attribute, Empty, FullMfaSettings, Timestamp, UserType, attributes_from, attributes_of, validation_data,
        },
    },
    domain::{Error, Result, User, code::Medium},
    flows::{
        Cx,
        attributes::{self, Change, Writer},
        directory, factors, recover, revoke,
        users::{self, Create, Invitation},
    },
    hooks::ClientMetadata,
    kit::secret::Secret,
    store::user_search::Filter,
};

const MOST_USERS: usize = 60;

/// Makes a user with a temporary password, and tells them unless asked not to.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminCreateUser {
    user_pool_id: String,
    username: String,
    #[serde(default)]
    user_attributes: Vec<Attribute>,
    temporary_password: Option<Secret>,
    #[serde(default)]
    force_alias_creation: bool,
    message_action: Option<String>,
    /// SMS alone when absent, as with the service.
    desired_delivery_mediums: Option<Vec<String>>,
    #[serde(default)]
    validation_data: Vec<Attribute>,
    client_metadata: Option<ClientMetadata>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminCreateUserOutput {
    user: UserType,
}

impl Operation for AdminCreateUser {
    type Output = AdminCreateUserOutput;

    async fn run(self, cx: Cx) -> Result<AdminCreateUserOutput> {
        let media = match &self.desired_delivery_mediums {
            None => vec![Medium::Sms],
            Some(names) => [Medium::Email, Medium::Sms]
                .into_iter()
                .filter(|medium| names.iter().any(|name| name == medium.name()))
                .collect(),
        };
        let invitation = match self.message_action.as_deref() {
            Some("SUPPRESS") => Invitation::Suppress,
            Some("RESEND") => Invitation::Resend(media),
            _ => Invitation::Send(media),
        };
        let create = Create {
            pool: directory::pool(&cx, &self.user_pool_id).await?,
            username: self.username,
            attributes: attributes_from(self.user_attributes),
            temporary_password: self.temporary_password,
            invitation,
            force_alias: self.force_alias_creation,
            is_asked_about: true,
            validation_data: validation_data(self.validation_data),
            metadata: self.client_metadata,
        };
        Ok(AdminCreateUserOutput { user: users::create(&cx, create).await?.into() })
    }
}

/// One user: by user name, `sub` or alias.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminGetUser {
    user_pool_id: String,
    username: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminGetUserOutput {
    username: String,
    user_attributes: Vec<Attribute>,
    user_create_date: Timestamp,
    user_last_modified_date: Timestamp,
    enabled: bool,
    user_status: &'static str,
    #[serde(flatten)]
    mfa: FullMfaSettings,
}

impl Operation for AdminGetUser {
    type Output = AdminGetUserOutput;

    async fn run(self, cx: Cx) -> Result<AdminGetUserOutput> {
        let (_, user) = users::find(&cx, &self.user_pool_id, &self.username).await?;
        Ok(AdminGetUserOutput {
            mfa: FullMfaSettings::of(&factors::preference(&cx, &user).await?),
            user_attributes: attributes_of(&user),
            username: user.username,
            user_create_date: user.created_at.into(),
            user_last_modified_date: user.modified_at.into(),
            enabled: user.enabled,
            user_status: user.status.name(),
        })
    }
}

/// The users of a pool, all of them or those that a filter finds.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUsers {
    user_pool_id: String,
    attributes_to_get: Option<Vec<String>>,
    limit: Option<usize>,
    pagination_token: Option<String>,
    filter: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUsersOutput {
    users: Vec<UserType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pagination_token: Option<String>,
}

impl Operation for ListUsers {
    type Output = ListUsersOutput;

    async fn run(self, cx: Cx) -> Result<ListUsersOutput> {
        let pool = directory::pool(&cx, &self.user_pool_id).await?;
        let filter = match self.filter.as_deref().map(str::trim).filter(|filter| !filter.is_empty()) {
            Some(text) => Some(Filter::parse(text).map_err(|refusal| Error::InvalidParameter(refusal.to_string()))?),
            None => None,
        };
        let limit = self.limit.filter(|limit| *limit > 0).unwrap_or(MOST_USERS);
        let page = users::list(&cx, &pool, filter.as_ref(), limit, self.pagination_token.as_deref()).await?;
        let shown = |user: User| chosen(user, self.attributes_to_get.as_deref());
        Ok(ListUsersOutput {
            users: page.items.into_iter().map(shown).collect::<Result<_>>()?,
            pagination_token: page.next,
        })
    }
}

/// A user with the attributes that were asked for. Asking for one that the user lacks is an error, as the service says: ask for
/// what the pool requires, or filter by it.
fn chosen(user: User, names: Option<&[String]>) -> Result<UserType> {
    let mut shown = UserType::from(user);
    let Some(names) = names else { return Ok(shown) };
    let has = |name: &String| shown.attributes.iter().any(|attribute| attribute.name == *name);
    if !names.iter().all(has) {
        return Err(Error::InvalidParameter("One or more requested attributes do not exist.".into()));
    }
    shown.attributes.retain(|attribute| names.contains(&attribute.name));
    Ok(shown)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminUpdateUserAttributes {
    user_pool_id: String,
    username: String,
    user_attributes: Vec<Attribute>,
    client_metadata: Option<ClientMetadata>,
}

impl Operation for AdminUpdateUserAttributes {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let (pool, user) = users::find(&cx, &self.user_pool_id, &self.username).await?;
        let given = attributes_from(self.user_attributes);
        let change = Change::new(given, Writer::Administrator).told(self.client_metadata.as_ref());
        attributes::update(&cx, &pool, &user, change).await.map_err(undeliverable)?;
        Ok(Empty {})
    }
}

/// Two operations send codes and declare no exception for a message that cannot leave.
fn undeliverable(error: Error) -> Error {
    match error {
        Error::DeliveryFailed(text) => Error::InvalidParameter(text),
        other => other,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminDeleteUserAttributes {
    user_pool_id: String,
    username: String,
    user_attribute_names: Vec<String>,
}

impl Operation for AdminDeleteUserAttributes {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let (pool, user) = users::find(&cx, &self.user_pool_id, &self.username).await?;
        attributes::delete(&cx, &pool, &user, &self.user_attribute_names, Writer::Administrator).await?;
        Ok(Empty {})
    }
}

/// Sets a password without asking the user. A permanent one confirms the account, another must be changed at sign-in.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminSetUserPassword {
    user_pool_id: String,
    username: String,
    password: Secret,
    #[serde(default)]
    permanent: bool,
}

impl Operation for AdminSetUserPassword {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let (pool, user) = users::find(&cx, &self.user_pool_id, &self.username).await?;
        users::set_password(&cx, &pool, &user, &self.password, self.permanent).await?;
        Ok(Empty {})
    }
}

/// Sends a code and lets the old password count no more.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminResetUserPassword {
    user_pool_id: String,
    username: String,
    client_metadata: Option<ClientMetadata>,
}

impl Operation for AdminResetUserPassword {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let (pool, user) = users::find(&cx, &self.user_pool_id, &self.username).await?;
        recover::reset(&cx, &pool, &user, self.client_metadata.as_ref()).await.map_err(undeliverable)?;
        Ok(Empty {})
    }
}

/// Confirms an account without its code.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminConfirmSignUp {
    user_pool_id: String,
    username: String,
    client_metadata: Option<ClientMetadata>,
}

impl Operation for AdminConfirmSignUp {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let (pool, user) = users::find(&cx, &self.user_pool_id, &self.username).await?;
        users::confirm(&cx, &pool, &user, self.client_metadata.as_ref()).await?;
        Ok(Empty {})
    }
}

/// Operations that name a user and do one thing.
macro_rules! named_user_operations {
    ($($(#[$note:meta])* $name:ident -> $output:ty = |$cx:ident, $pool:ident, $user:ident| $run:expr;)+) => {$(
        $(#[$note])*
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        pub struct $name {
            user_pool_id: String,
            username: String,
        }

        impl Operation for $name {
            type Output = $output;

            async fn run(self, cx: Cx) -> Result<$output> {
                let (pool, user) = users::find(&cx, &self.user_pool_id, &self.username).await?;
                let ($cx, $pool, $user) = (&cx, &*pool, &user);
                $run.await.map(|()| <$output>::default())
            }
        }
    )+};
}

named_user_operations! {
    /// Lets a disabled user sign in again. What was revoked stays so.
    AdminEnableUser -> Empty = |cx, pool, user| users::set_enabled(cx, pool, user, true);
    /// Ends every sign-in of the user and refuses new ones.
    AdminDisableUser -> Empty = |cx, pool, user| users::set_enabled(cx, pool, user, false);
    /// Ends every sign-in of the user.
    AdminUserGlobalSignOut -> Empty = |cx, _pool, user| revoke::everything_of(cx, user);
    /// Deletes the account.
    AdminDeleteUser -> () = |cx, _pool, user| users::delete(cx, user);
}
