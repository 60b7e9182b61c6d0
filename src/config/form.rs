//! The forms that names, addresses and keys must have. Each answers with what is wrong, ready to be shown.

use std::{collections::BTreeSet, net::IpAddr};

use url::{Host, Url};

/// `us-east-1`, `us-gov-west-1`: words and a number.
pub(super) fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    parts.len() >= 3 && parts.iter().all(word) && parts.last().is_some_and(number) && text.len() <= 32
}

pub(super) fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// `[\w-]+_[0-9a-zA-Z]+` with one underscore, at which clients split the id, and at most 55 characters.
pub(super) fn is_pool_id(text: &str) -> bool {
    let Some((region, name)) = text.split_once('_') else { return false };
    !region.is_empty()
        && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric())
        && text.len() <= 55
}

/// `[\w+]+`, at most 128 characters.
pub(super) fn is_client_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'+')
}

/// `[\w\s+=,.@-]+`, at most 128 characters: the name of a pool or a client.
pub(super) fn is_title(text: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_+=,.@-".contains(c);
    !text.is_empty() && text.chars().count() <= 128 && text.chars().all(fits)
}

/// The name of a user or a group: no white space or control characters, at most 128.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= 128 && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// A resource server's identifier, or with `scope` the name of a scope, which has no slash.
pub(super) fn is_scope_text(text: &str, scope: bool) -> bool {
    let fits = |b: u8| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E) && !(scope && b == b'/');
    !text.is_empty() && text.len() <= 256 && text.bytes().all(fits)
}

/// An address or a CIDR block.
pub(super) fn is_network(text: &str) -> bool {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    bits.is_none_or(|bits| {
        bits.bytes().all(|b| b.is_ascii_digit()) && bits.parse::<u8>().is_ok_and(|bits| bits <= most)
    })
}

/// An http or https URL without a user, a query or a fragment.
pub(super) fn web_url(text: &str) -> Result<Url, &'static str> {
    let url = web_url_with_query(text)?;
    if url.query().is_some() {
        return Err("must have no query and no fragment");
    }
    Ok(url)
}

/// The same where a query may be part of the address: providers put keys into it.
pub(super) fn web_url_with_query(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must start with http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or a password");
    }
    if url.fragment().is_some() {
        return Err("must have no fragment");
    }
    Ok(url)
}

/// Whether a request to `url` can be read on its way: plain http that leaves this machine.
pub(super) fn is_exposed(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    };
    url.scheme() == "http" && !loopback
}

pub(super) const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY"];

/// Checks a route key: `$default`, or a method and a path such as `GET /pets/{id}` or `ANY /{proxy+}`.
pub(super) fn route_key(key: &str) -> Result<(), String> {
    if key == "$default" {
        return Ok(());
    }
    let Some((method, path)) = key.split_once(' ') else {
        return Err("is neither `METHOD /path` nor `$default`".to_owned());
    };
    if !METHODS.contains(&method) {
        return Err(format!("has the method {method:?}, which is none of {}", METHODS.join(", ")));
    }
    let Some(path) = path.strip_prefix('/') else {
        return Err("has a path that does not start with /".to_owned());
    };
    if path.contains(|c: char| c.is_whitespace() || c.is_control() || "?#".contains(c)) {
        return Err("has a path with white space, `?` or `#`".to_owned());
    }
    let segments: Vec<&str> = path.split('/').collect();
    let mut names = BTreeSet::new();
    for (index, segment) in segments.iter().enumerate() {
        let last = index + 1 == segments.len();
        match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => {
                let bare = name.strip_suffix('+').unwrap_or(name);
                let fits = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
                if bare.is_empty() || !bare.bytes().all(fits) {
                    return Err(format!("has a malformed parameter `{segment}`"));
                }
                if name.ends_with('+') && !last {
                    return Err(format!("has the greedy parameter `{segment}` before the end of its path"));
                }
                if !names.insert(bare) {
                    return Err(format!("has the parameter `{bare}` twice"));
                }
            }
            None if segment.contains(['{', '}']) => return Err(format!("has a malformed parameter `{segment}`")),
            None if segment.is_empty() && !last => return Err("has an empty segment in its path".to_owned()),
            None => {}
        }
    }
    Ok(())
}

/// The key without the names of its parameters: two routes that are alike here cannot be told apart.
pub(super) fn route_identity(key: &str) -> String {
    let mut identity = String::new();
    let mut inside = false;
    for c in key.chars() {
        match c {
            '{' => inside = true,
            '}' => inside = false,
            '+' if inside => {}
            _ if inside => continue,
            _ => {}
        }
        identity.push(c);
    }
    identity
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pool_ids_have_exactly_one_underscore() {
        for good in ["us-east-1_Example01", "local_a", "1_2"] {
            assert!(is_pool_id(good), "{good}");
        }
        for bad in ["", "us-east-1", "us_east_1", "us-east-1_", "_abc", "us-east-1_a-b", "us east-1_a"] {
            assert!(!is_pool_id(bad), "{bad}");
        }
    }

    #[test]
    fn regions_are_words_and_a_number() {
        for good in ["us-east-1", "eu-central-1", "us-gov-west-1", "us-isob-east-1"] {
            assert!(is_region(good), "{good}");
        }
        for bad in ["us-east1", "US-EAST-1", "", "us-east-one", "us--1"] {
            assert!(!is_region(bad), "{bad}");
        }
    }

    #[test]
    fn route_keys_follow_the_grammar() {
        for good in ["$default", "GET /", "GET /pets/", "ANY /{proxy+}", "PUT /a/{b}/c/{d+}"] {
            assert_eq!(route_key(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("/pets", "is neither `METHOD /path` nor `$default`"),
            ("GET pets", "has a path that does not start with /"),
            ("get /pets", "has the method \"get\", which is none of GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS, ANY"),
            ("GET /{a+}/b", "has the greedy parameter `{a+}` before the end of its path"),
            ("GET /{a}/{a}", "has the parameter `a` twice"),
            ("GET /x{a}", "has a malformed parameter `x{a}`"),
            ("GET /{}", "has a malformed parameter `{}`"),
            ("GET /a//b", "has an empty segment in its path"),
            ("GET /a b", "has a path with white space, `?` or `#`"),
        ] {
            assert_eq!(route_key(bad), Err(why.to_owned()), "{bad}");
        }
        assert_eq!(route_identity("GET /a/{x}/{y+}"), "GET /a/{}/{+}");
    }

    #[test]
    fn networks_are_addresses_or_blocks() {
        for good in ["10.0.0.1", "10.0.0.0/8", "::1", "fd00::/8"] {
            assert!(is_network(good), "{good}");
        }
        for bad in ["10.0.0.0/33", "proxy", "10.0.0.0/", "10.0.0.0/+8", ""] {
            assert!(!is_network(bad), "{bad}");
        }
    }
}
