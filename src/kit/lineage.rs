//! How deep a call lies in other calls: code that we run calls us, we run code for that, and so on.
//!
//! The trace that a function is given counts the calls that led to it. AWS's SDKs send it along with whatever they call from within
//! a function, so that what calls itself again and again is known by its count. Whoever leaves it out is no deeper than the first.
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html>

use std::fmt;

use super::{clock::Time, random::Random};

/// Where a request carries the trace of the function that makes it.
pub const TRACE_HEADER: &str = "x-amzn-trace-id";

/// About as many as Lambda lets a function call itself.
const DEEPEST: u32 = 16;
/// Whose count it is, among those that a trace may have.
const OWN: &str = "706f6f6c";

/// A number of calls within each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lineage(u32);

impl Lineage {
    /// From a trace: members between semicolons, of which `Lineage` holds counts between bars. What has none begins a lineage.
    pub fn of(trace: &str) -> Self {
        let counts = trace.split(';').filter_map(|member| member.trim().strip_prefix("Lineage="));
        let own =
            counts.flat_map(|counts| counts.split('|')).filter_map(|count| count.strip_prefix(OWN)?.strip_prefix(':'));
        // A number that is too long is a large one.
        let numbers = own.filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
        Self(numbers.map(|digits| digits.parse().unwrap_or(u32::MAX)).max().unwrap_or(0))
    }

    /// The trace of a call that begins now, in the form of AWS X-Ray.
    pub fn trace(self, now: Time, random: &Random) -> String {
        let (root, parent) = (hex::encode(random.bytes::<12>()), hex::encode(random.bytes::<8>()));
        format!("Root=1-{:08x}-{root};Parent={parent};Sampled=0;{self}", now.seconds())
    }

    /// That of the next call; none where there may be no more.
    pub fn next(self) -> Option<Self> {
        (self.0 < DEEPEST).then(|| Self(self.0 + 1))
    }
}

/// The member of a trace.
impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lineage={OWN}:{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lineage_ends_after_sixteen_calls() {
        let mut lineage = Lineage::default();
        for _ in 0..16 {
            lineage = lineage.next().unwrap();
            assert_eq!(Lineage::of(&lineage.trace(Time::from_seconds(1), &Random::seeded(1))), lineage);
        }
        assert_eq!(lineage.to_string(), "Lineage=706f6f6c:16");
        assert_eq!(lineage.next(), None);
    }

    #[test]
    fn only_our_own_count_counts() {
        for first in
            ["", "Root=1-2-3", "Lineage=", "Lineage=a87bd80c:20", "Lineage=706f6f6c:", "Lineage=706f6f6c:-1", "x"]
        {
            assert_eq!(Lineage::of(first), Lineage::default(), "{first}");
        }
        assert_eq!(Lineage::of("Root=1; Lineage=a87bd80c:1|706f6f6c:3|706f6f6c:2").0, 3);
        assert_eq!(Lineage::of("Lineage=706f6f6c:99999999999").next(), None);
    }
}
