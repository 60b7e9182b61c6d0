//! Legal inputs made from the published shapes.

use poolhouse::model::{Kind, MODEL, Shape};
use serde_json::{Value, json};

#[test]
fn every_input_accepts_its_smallest_and_its_largest_sample() {
    for (name, facts) in MODEL.operations() {
        for size in [Size::Smallest, Size::Largest] {
            let value = sample(facts.input, size);
            let found = MODEL.findings(facts.input, &value);
            assert!(found.type_faults.is_empty(), "{name} {size:?}: {:?}", found.type_faults);
            assert!(found.violations.is_empty(), "{name} {size:?}: {:?}", found.violations);
            assert!(found.strays.is_empty(), "{name} {size:?}: {:?}", found.strays);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Size {
    /// Only what is required, as short as can be.
    Smallest,
    /// Everything, as long as can be.
    Largest,
}

/// A legal value of a shape.
pub(crate) fn sample(name: &str, size: Size) -> Value {
    let shape = MODEL.shape(name).unwrap();
    let number = |bound: Option<i64>, other: i64| bound.unwrap_or(other);
    let count = match size {
        Size::Smallest => number(shape.min, 0),
        Size::Largest => number(shape.max, 2),
    };
    let part = |name: Option<&str>| sample(name.unwrap(), size);
    match shape.kind {
        Kind::Structure => {
            let wanted = shape.members.iter().filter(|(name, _)| size == Size::Largest || shape.is_required(name));
            wanted.map(|(name, member)| ((*name).to_owned(), sample(member, size))).collect()
        }
        Kind::List => (0..count).map(|_| part(shape.member)).collect(),
        // One key shows the value's limits; more would need distinct keys that fit the pattern.
        Kind::Map => {
            (0..count.min(1)).map(|_| (part(shape.key).as_str().unwrap().to_owned(), part(shape.value))).collect()
        }
        Kind::String => json!(text(name, shape, size)),
        Kind::Integer | Kind::Long => match size {
            Size::Smallest => json!(number(shape.min, i64::from(i32::MIN))),
            Size::Largest => json!(number(shape.max, i64::from(i32::MAX))),
        },
        Kind::Boolean => json!(true),
        Kind::Timestamp => json!(1_726_784_814.598_f64),
        Kind::Blob => {
            use base64::{Engine, prelude::BASE64_STANDARD};
            json!(BASE64_STANDARD.encode(vec![0; usize::try_from(count).unwrap()]))
        }
    }
}

fn text(name: &str, shape: &Shape, size: Size) -> String {
    if let Some(first) = shape.values.first() {
        return (*first).to_owned();
    }
    let seeds = [
        ("", 'a'),
        ("", '1'),
        ("r_", '1'),
        ("arn:aws:sns:us-east-1:123456789012:", 'a'),
        ("arn:aws:s3:::", 'a'),
        ("a@", 'b'),
        ("{####}", 'a'),
        ("{##a##}", 'a'),
        ("import-", 'a'),
        ("sso", 'a'),
    ];
    let fixed = ["cognito:default", "terms-of-use", "Level1", "01234567-89ab-4def-89ab-0123456789ab"];
    let (shortest, longest) = (shape.min.unwrap_or(0), shape.max.unwrap_or(shape.min.unwrap_or(0) + 300));
    let mut lengths: Vec<i64> = (shortest..=longest.min(shortest + 400)).collect();
    if size == Size::Largest {
        lengths = vec![longest];
        lengths.extend((shortest..=longest.min(shortest + 400)).rev());
    }
    for length in lengths {
        let length = usize::try_from(length).unwrap();
        let padded = seeds.iter().filter(|(seed, _)| seed.len() <= length);
        let mut texts = padded.map(|(seed, fill)| format!("{seed}{}", fill.to_string().repeat(length - seed.len())));
        if let Some(text) = texts.find(|text| shape.fits(text)) {
            return text;
        }
    }
    let fits = |text: &&&str| shape.fits(text) && (shortest..=longest).contains(&i64::try_from(text.len()).unwrap());
    fixed.iter().find(fits).unwrap_or_else(|| panic!("no sample for {name}: {:?}", shape.pattern)).to_string()
}
