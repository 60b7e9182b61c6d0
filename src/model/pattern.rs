//! Published patterns are Java's; this turns them into the dialect of the `regex` crate.
//!
//! Three differences matter: `\w`, `\s` and `\S` mean ASCII in Java, `.` excludes every line terminator there, and a pattern must
//! match the whole value. Three shapes are exceptions with a name, see [`served`] and [`LOOK_BEHIND`].

use regex::Regex;

/// Shapes whose pattern in the service differs from the published one.
///
/// Passwords: the model says `[\S]+`, but inner spaces are legal and the service's own messages quote another pattern. Domains:
/// the model's pattern is that of a prefix, but the same member holds whole names, and the service refuses what is neither in
/// words of its own.
pub(super) fn served(shape: &str) -> Option<&'static str> {
    match shape {
        "PasswordType" => Some(r"^[\S]+.*[\S]+$"),
        "DomainType" => Some(r"[\S]+"),
        _ => None,
    }
}

/// `S3BucketType`: `regex` has no look-behind. Written without it: a name that does not end in a dot.
const LOOK_BEHIND: (&str, &str) = (r"^[0-9A-Za-z\.\-_]*(?<!\.)$", r"(?:[0-9A-Za-z.\-_]*[0-9A-Za-z\-_])?");

pub(super) fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    let body = if pattern == LOOK_BEHIND.0 { LOOK_BEHIND.1.to_owned() } else { translate(pattern) };
    Regex::new(&format!(r"\A(?:{body})\z"))
}

fn translate(java: &str) -> String {
    let dot = if java.starts_with("(?s)") { "." } else { r"[^\n\r\x{85}\x{2028}\x{2029}]" };
    let mut out = String::with_capacity(java.len() + 32);
    let mut is_in_class = false;
    let mut chars = java.chars();
    while let Some(c) = chars.next() {
        let class = |name: &str| if is_in_class { format!("[:{name}:]") } else { format!("[[:{name}:]]") };
        match c {
            '\\' => match chars.next() {
                Some('w') => out += &class("word"),
                Some('s') => out += &class("space"),
                Some('S') => out += &class("^space"),
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            '.' if !is_in_class => out += dot,
            '[' | ']' => {
                is_in_class = c == '[';
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MODEL;

    #[test]
    fn every_published_pattern_compiles() {
        let broken: Vec<_> = MODEL
            .shapes()
            .filter_map(|(name, shape)| Some((name, compile(shape.pattern.as_deref()?).err()?)))
            .collect();
        assert!(broken.is_empty(), "{broken:#?}");
    }

    #[test]
    fn the_exceptions_still_stand_in_the_model() {
        assert_eq!(MODEL.shape("S3BucketType").unwrap().pattern.as_deref(), Some(LOOK_BEHIND.0));
        assert!(MODEL.shape("PasswordType").is_some() && MODEL.shape("DomainType").is_some());
    }

    #[test]
    fn classes_are_ascii_as_in_java() {
        let name = compile(r"[\w\s+=,.@-]+").unwrap();
        assert!(name.is_match("my pool-1@x") && !name.is_match("Grüße"));
        assert!(!compile(r"[\w-]+_[0-9a-zA-Z]+").unwrap().is_match("us-east-1_a\n"));
        assert!(compile(r"[\S]+").unwrap().is_match("a\u{a0}b"));
        assert!(compile(r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+").unwrap().is_match("Grüße€1"));
    }

    #[test]
    fn a_dot_stops_at_lines_unless_told() {
        let sms = r".*\{####\}.*";
        assert!(compile(sms).unwrap().is_match("code {####}") && !compile(sms).unwrap().is_match("a\r{####}"));
        assert!(compile("(?s).*").unwrap().is_match("a\nb"));
    }

    #[test]
    fn a_bucket_does_not_end_in_a_dot() {
        let bucket = compile(LOOK_BEHIND.0).unwrap();
        assert!(bucket.is_match("") && bucket.is_match("logs.example-1"));
        assert!(!bucket.is_match("logs.") && !bucket.is_match(".") && !bucket.is_match("a/b"));
    }

    #[test]
    fn passwords_may_hold_inner_spaces() {
        let password = compile(served("PasswordType").unwrap()).unwrap();
        assert!(password.is_match("Ab 1!cdef"));
        assert!(!password.is_match(" Ab1!cdef") && !password.is_match("Ab1!cdef ") && !password.is_match("x"));
    }
}
