//! Groups and who is in them.

use serde::{Deserialize, Serialize};

use crate::{
    api::{
        Operation,
        shapes::{GroupType, UserType},
    },
    domain::{Group, Result},
    flows::{
        Cx,
        cursor::Page,
        groups::{self, Details},
    },
};

const MOST_ITEMS: usize = 60;

/// A limit of zero is none.
fn limit(limit: Option<usize>) -> usize {
    limit.filter(|limit| *limit > 0).unwrap_or(MOST_ITEMS)
}

/// What CreateGroup and UpdateGroup are given.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GroupInput {
    user_pool_id: String,
    group_name: String,
    description: Option<String>,
    role_arn: Option<String>,
    precedence: Option<u32>,
}

impl GroupInput {
    fn split(self) -> (String, String, Details) {
        let details = Details { description: self.description, role_arn: self.role_arn, precedence: self.precedence };
        (self.user_pool_id, self.group_name, details)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GroupOutput {
    group: GroupType,
}

impl From<Group> for GroupOutput {
    fn from(group: Group) -> Self {
        Self { group: group.into() }
    }
}

/// Makes a group. The lowest `Precedence` among a user's groups decides `cognito:preferred_role`.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct CreateGroup(GroupInput);

impl Operation for CreateGroup {
    type Output = GroupOutput;

    async fn run(self, cx: Cx) -> Result<GroupOutput> {
        let (pool_id, name, details) = self.0.split();
        groups::create(&cx, &pool_id, &name, details).await.map(Into::into)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetGroup {
    user_pool_id: String,
    group_name: String,
}

impl Operation for GetGroup {
    type Output = GroupOutput;

    async fn run(self, cx: Cx) -> Result<GroupOutput> {
        groups::get(&cx, &self.user_pool_id, &self.group_name).await.map(Into::into)
    }
}

/// Changes what is given; the rest stays.
#[derive(Deserialize)]
#[serde(transparent)]
pub struct UpdateGroup(GroupInput);

impl Operation for UpdateGroup {
    type Output = GroupOutput;

    async fn run(self, cx: Cx) -> Result<GroupOutput> {
        let (pool_id, name, details) = self.0.split();
        groups::update(&cx, &pool_id, &name, details).await.map(Into::into)
    }
}

/// Deletes the group; its members stay users.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteGroup {
    user_pool_id: String,
    group_name: String,
}

impl Operation for DeleteGroup {
    type Output = ();

    async fn run(self, cx: Cx) -> Result<()> {
        groups::delete(&cx, &self.user_pool_id, &self.group_name).await
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GroupsOutput {
    groups: Vec<GroupType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl From<Page<Group>> for GroupsOutput {
    fn from(page: Page<Group>) -> Self {
        Self { groups: page.items.into_iter().map(Into::into).collect(), next_token: page.next }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListGroups {
    user_pool_id: String,
    limit: Option<usize>,
    next_token: Option<String>,
}

impl Operation for ListGroups {
    type Output = GroupsOutput;

    async fn run(self, cx: Cx) -> Result<GroupsOutput> {
        let page = groups::list(&cx, &self.user_pool_id, limit(self.limit), self.next_token.as_deref()).await?;
        Ok(page.into())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminAddUserToGroup {
    user_pool_id: String,
    username: String,
    group_name: String,
}

impl Operation for AdminAddUserToGroup {
    type Output = ();

    async fn run(self, cx: Cx) -> Result<()> {
        groups::add_user(&cx, &self.user_pool_id, &self.username, &self.group_name).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminRemoveUserFromGroup {
    user_pool_id: String,
    username: String,
    group_name: String,
}

impl Operation for AdminRemoveUserFromGroup {
    type Output = ();

    async fn run(self, cx: Cx) -> Result<()> {
        groups::remove_user(&cx, &self.user_pool_id, &self.username, &self.group_name).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminListGroupsForUser {
    user_pool_id: String,
    username: String,
    limit: Option<usize>,
    next_token: Option<String>,
}

impl Operation for AdminListGroupsForUser {
    type Output = GroupsOutput;

    async fn run(self, cx: Cx) -> Result<GroupsOutput> {
        let cursor = self.next_token.as_deref();
        let page = groups::of_user(&cx, &self.user_pool_id, &self.username, limit(self.limit), cursor).await?;
        Ok(page.into())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUsersInGroup {
    user_pool_id: String,
    group_name: String,
    limit: Option<usize>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUsersInGroupOutput {
    users: Vec<UserType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for ListUsersInGroup {
    type Output = ListUsersInGroupOutput;

    async fn run(self, cx: Cx) -> Result<ListUsersInGroupOutput> {
        let cursor = self.next_token.as_deref();
        let page = groups::members(&cx, &self.user_pool_id, &self.group_name, limit(self.limit), cursor).await?;
        Ok(ListUsersInGroupOutput { users: page.items.into_iter().map(Into::into).collect(), next_token: page.next })
    }
}
