//! Routes that no template can say. Left out, one leaves its requests to a wider route of its API, if there is one.

use crate::config::api::Api;

/// Whether another route of the API would answer requests that are this one's.
pub(super) fn is_covered(key: &str, api: &Api) -> bool {
    api.routes.iter().any(|other| other.key != key && covers(&other.key, key))
}

/// By the order in which routes are looked up: `$default` comes last, and a parameter after a word.
fn covers(wide: &str, narrow: &str) -> bool {
    if wide == "$default" {
        return true;
    }
    let (Some((wide_verb, wide)), Some((verb, narrow))) = (wide.split_once(' '), narrow.split_once(' ')) else {
        return false;
    };
    if wide_verb != verb && wide_verb != "ANY" && verb != "ANY" {
        return false;
    }
    let (mut wide, mut narrow) = (wide.split('/'), narrow.split('/'));
    loop {
        match (wide.next(), narrow.next()) {
            (None, None) => return true,
            (Some(segment), Some(_)) if segment.starts_with('{') && segment.ends_with("+}") => return true,
            (Some(segment), Some(_)) if segment.starts_with('{') => {}
            (Some(segment), Some(own)) if segment == own => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_covered_by_those_that_are_looked_up_after_it() {
        for (wide, narrow, is_so) in [
            ("$default", "GET /a", true),
            ("GET /a", "$default", false),
            ("ANY /{proxy+}", "GET /a/b", true),
            ("ANY /{proxy+}", "GET /", true),
            ("GET /a/{id}", "GET /a/b", true),
            ("GET /a/{id}", "GET /a/{other}", true),
            ("GET /a/{id}", "GET /a/b/c", false),
            ("GET /a/b", "GET /a/{id}", false),
            ("POST /a/{id}", "GET /a/b", false),
            ("POST /a/{id}", "ANY /a/b", true),
            ("ANY /a", "GET /a", true),
            ("GET /b", "GET /", false),
        ] {
            assert_eq!(covers(wide, narrow), is_so, "{wide} {narrow}");
        }
    }
}
