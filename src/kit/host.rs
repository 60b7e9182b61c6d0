//! Names of hosts.

/// Whether a host's name, without a port, means the machine that it is said on. A name that merely resolves to it does not
/// count: a page of anybody's domain could be made to.
pub fn is_this_machine(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "[::1]") || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

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
