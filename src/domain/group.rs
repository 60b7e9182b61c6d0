//! A group of users. Its name stands in tokens; its precedence decides whose role is preferred.

use super::pool::PoolId;
use crate::kit::clock::Time;

#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub pool_id: PoolId,
    pub name: String,
    pub description: Option<String>,
    pub role_arn: Option<String>,
    /// The lowest number wins; a group without one comes last.
    pub precedence: Option<u32>,
    pub created_at: Time,
    pub modified_at: Time,
}

/// The groups of one user, as tokens tell them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Membership {
    /// By precedence, then name.
    pub names: Vec<String>,
    pub roles: Vec<String>,
    pub preferred_role: Option<String>,
}

impl Membership {
    pub fn of(mut groups: Vec<Group>) -> Self {
        groups.sort_by(|a, b| {
            let rank = |group: &Group| group.precedence.unwrap_or(u32::MAX);
            rank(a).cmp(&rank(b)).then_with(|| a.name.cmp(&b.name))
        });
        let mut roles: Vec<String> = Vec::new();
        for role in groups.iter().filter_map(|group| group.role_arn.clone()) {
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
        Self {
            preferred_role: preferred_role(&groups),
            names: groups.into_iter().map(|group| group.name).collect(),
            roles,
        }
    }
}

/// The role of the group with the lowest precedence; none when two groups tie there with different roles.
fn preferred_role(groups: &[Group]) -> Option<String> {
    let with_role = || groups.iter().filter(|group| group.role_arn.is_some() && group.precedence.is_some());
    let lowest = with_role().map(|group| group.precedence).min()?;
    let mut roles = with_role().filter(|group| group.precedence == lowest).map(|group| &group.role_arn);
    let first = roles.next()?;
    if roles.all(|role| role == first) { first.clone() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, precedence: Option<u32>, role: Option<&str>) -> Group {
        Group {
            pool_id: "r_p".into(),
            name: name.into(),
            description: None,
            role_arn: role.map(Into::into),
            precedence,
            created_at: Time::default(),
            modified_at: Time::default(),
        }
    }

    #[test]
    fn the_lowest_precedence_decides_the_preferred_role() {
        let membership = Membership::of(vec![
            group("b", Some(2), Some("r2")),
            group("c", None, Some("r3")),
            group("a", Some(1), Some("r1")),
        ]);
        assert_eq!(membership.names, ["a", "b", "c"]);
        assert_eq!(membership.preferred_role.as_deref(), Some("r1"));
    }

    #[test]
    fn a_tie_between_different_roles_prefers_none() {
        let tie = |other| {
            Membership::of(vec![group("a", Some(1), Some("r1")), group("b", Some(1), Some(other))]).preferred_role
        };
        assert_eq!(tie("r2"), None);
        assert_eq!(tie("r1").as_deref(), Some("r1"));
    }
}
