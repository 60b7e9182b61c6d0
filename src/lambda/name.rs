//! What a caller may name a function by: its name, its ARN or a part of that, each with a version or an alias.

use std::sync::LazyLock;

use regex::Regex;
use url::form_urlencoded;

use super::error::Fault;

/// The service's own pattern of `FunctionName`, with the parts named.
const PATTERN: &str = r"^(?:(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?<region>[a-z]{2}(?:-[a-z]+)+-\d):)?(?:(?<account>\d{12}):)?function:|(?:(?<only>\d{12}):)?)?(?<name>[a-zA-Z0-9_-]+)(?::(?<qualifier>\$LATEST|[a-zA-Z0-9_-]+))?$";
const LONGEST: usize = 170;
const LONGEST_QUALIFIER: usize = 128;

static FORM: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(PATTERN).ok());

/// A function as it was named.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) name: String,
    pub(super) region: Option<String>,
    pub(super) account: Option<String>,
    pub(super) qualifier: Option<String>,
}

impl Reference {
    /// `query` may hold the qualifier, too. They must agree.
    pub(super) fn parse(given: &str, query: Option<&str>) -> Result<Self, Fault> {
        let malformed = || {
            Fault::Validation(format!(
                "1 validation error detected: Value '{}' at 'functionName' failed to satisfy constraint: Member must satisfy \
                 regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{{2}}(-gov)?-[a-z]+-\\d{{1}}:)?(\\d{{12}}:)?\
                 (function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?",
                given.chars().take(LONGEST).collect::<String>()
            ))
        };
        let found = FORM.as_ref().filter(|_| given.len() <= LONGEST).and_then(|form| form.captures(given));
        let found = found.ok_or_else(malformed)?;
        let part = |name: &str| found.name(name).map(|part| part.as_str().to_owned());
        let mut reference = Self {
            name: part("name").unwrap_or_default(),
            region: part("region"),
            account: part("account").or_else(|| part("only")),
            qualifier: part("qualifier"),
        };
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if key != "Qualifier" {
                continue;
            }
            let fits = |c: char| c.is_ascii_alphanumeric() || "$_-".contains(c);
            if value.is_empty() || value.len() > LONGEST_QUALIFIER || !value.chars().all(fits) {
                let message = format!(
                    "1 validation error detected: Value '{}' at 'qualifier' failed to satisfy constraint: Member must satisfy \
                     regular expression pattern: (|[a-zA-Z0-9$_-]+)",
                    value.chars().take(LONGEST_QUALIFIER).collect::<String>()
                );
                return Err(Fault::Validation(message));
            }
            match &reference.qualifier {
                Some(own) if *own != value => {
                    let message =
                        "The derived qualifier from the function name does not match the specified qualifier.";
                    return Err(Fault::Parameter(message.into()));
                }
                _ => reference.qualifier = Some(value.into_owned()),
            }
        }
        Ok(reference)
    }

    /// The full ARN, as errors tell it.
    pub(super) fn arn(&self, region: &str, account_id: &str) -> String {
        let region = self.region.as_deref().unwrap_or(region);
        let account = self.account.as_deref().unwrap_or(account_id);
        let qualifier = self.qualifier.as_deref().map(|qualifier| format!(":{qualifier}")).unwrap_or_default();
        format!("arn:aws:lambda:{region}:{account}:function:{}{qualifier}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts<'a> = (&'a str, Option<&'a str>, Option<&'a str>, Option<&'a str>);

    #[test]
    fn a_function_is_named_in_many_ways() {
        let (region, account) = (Some("eu-west-1"), Some("123456789012"));
        for (given, parts) in [
            ("echo", ("echo", None, None, None)),
            ("echo:prod", ("echo", None, None, Some("prod"))),
            ("echo:$LATEST", ("echo", None, None, Some("$LATEST"))),
            ("123456789012:function:echo", ("echo", None, account, None)),
            ("123456789012:echo", ("echo", None, account, None)),
            ("function:echo", ("echo", None, None, None)),
            ("arn:aws:lambda:eu-west-1:123456789012:function:echo", ("echo", region, account, None)),
            ("arn:aws:lambda:eu-west-1:123456789012:function:echo:7", ("echo", region, account, Some("7"))),
        ] as [(&str, Parts<'_>); 8]
        {
            let found = Reference::parse(given, None).unwrap();
            let found: Parts<'_> =
                (&found.name, found.region.as_deref(), found.account.as_deref(), found.qualifier.as_deref());
            assert_eq!(found, parts, "{given}");
        }
        for bad in ["", "a b", "a/b", "a.b:c:d", "arn:aws:s3:::bucket", &"a".repeat(171)] {
            assert!(matches!(Reference::parse(bad, None), Err(Fault::Validation(_))), "{bad}");
        }
    }

    #[test]
    fn two_qualifiers_must_agree() {
        let parse = |query: &str| Reference::parse("echo:a", Some(query));
        assert_eq!(parse("Qualifier=a").unwrap().qualifier.as_deref(), Some("a"));
        assert!(matches!(parse("Qualifier=b"), Err(Fault::Parameter(_))));
        assert!(matches!(parse("Qualifier=a%20b"), Err(Fault::Validation(_))));
        let one = Reference::parse("echo", Some("Qualifier=%24LATEST")).unwrap();
        assert_eq!(one.arn("us-east-1", "123456789012"), "arn:aws:lambda:us-east-1:123456789012:function:echo:$LATEST");
    }
}
