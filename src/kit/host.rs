//! Names of hosts.

use std::net::Ipv6Addr;

/// Whether a host's name, without a port, means the machine that it is said on. A name that merely resolves to it does not
/// count: a page of anybody's domain could be made to.
pub fn is_this_machine(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]") || host.ends_with(".localhost")
}

/// Whether this is a host, with or without a port, and nothing before or behind it. A comma may stand in a name by the grammar of
/// addresses, but what comes with one are two lines that somebody has joined.
/// <https://www.rfc-editor.org/rfc/rfc9110#section-7.2>
pub fn is_host(text: &[u8]) -> bool {
    let end = match text.strip_prefix(b"[") {
        Some(rest) => {
            let Some(end) = rest.iter().position(|byte| *byte == b']') else { return false };
            let address = std::str::from_utf8(&rest[..end]).ok().and_then(|text| text.parse::<Ipv6Addr>().ok());
            if address.is_none() {
                return false;
            }
            end + 2
        }
        None => text.iter().position(|byte| !is_of_a_name(*byte)).unwrap_or(text.len()),
    };
    match &text[end..] {
        [] => end > 0,
        [b':', port @ ..] => end > 0 && is_port(port),
        _ => false,
    }
}

fn is_of_a_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'.' | b'-' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b';' | b'='
        )
}

fn is_port(digits: &[u8]) -> bool {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number && std::str::from_utf8(digits).is_ok_and(|digits| digits.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_a_name_and_perhaps_a_port() {
        for host in [
            "localhost",
            "localhost:9229",
            "LOCALHOST",
            "id.example.",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:9229",
            "[::ffff:127.0.0.1]",
            "a_b.internal",
            "a:0",
            "a:65535",
            "a:0080",
        ] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in [
            "",
            " ",
            "a b",
            "user@localhost",
            "localhost:",
            "localhost:65536",
            "localhost:99999999999999999999",
            "localhost:x",
            "localhost:+80",
            "localhost:80:80",
            ":80",
            "a/b",
            "a,b",
            "a?b",
            "a#b",
            "a%2fb",
            "a\\b",
            "\u{e9}.example",
            "::1",
            "[::1",
            "[]",
            "[]:80",
            "[x]",
            "[a]",
            "[127.0.0.1]",
            "[::1]x",
            "[::1]:",
            "a[::1]",
        ] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn only_names_of_this_machine_count() {
        for here in ["localhost", "app.localhost", "127.0.0.1", "[::1]"] {
            assert!(is_this_machine(here), "{here}");
        }
        for there in ["", "localhost.evil.example", "evil.example", "127.0.0.1.evil.example", "10.0.0.1"] {
            assert!(!is_this_machine(there), "{there}");
        }
    }
}
