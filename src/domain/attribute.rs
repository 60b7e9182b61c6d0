//! The schema of a pool: which attributes exist, and what their values may be.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html>

use serde::{Deserialize, Serialize};

use super::{
    client::Client,
    error::{Error, Result},
    identity,
    pool::Pool,
    user::Attributes,
};

pub const LONGEST_VALUE: usize = 2048;
pub const MOST_CUSTOM: usize = 50;
const LONGEST_CUSTOM_NAME: usize = 20;

/// One attribute of a schema. Constraints are numbers written as text, as the service has them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SchemaAttribute {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attribute_data_type: Option<DataType>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub developer_only_attribute: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mutable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub required: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub number_attribute_constraints: Option<NumberConstraints>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub string_attribute_constraints: Option<StringConstraints>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataType {
    String,
    Number,
    DateTime,
    Boolean,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NumberConstraints {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub min_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_value: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StringConstraints {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub min_length: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_length: Option<String>,
}

/// Attributes that the service itself writes, or that prove something: no client may write them.
pub const NEVER_WRITABLE: [&str; 4] = ["sub", "email_verified", "phone_number_verified", identity::ATTRIBUTE];

impl SchemaAttribute {
    fn standard(name: &str, data_type: DataType) -> Self {
        Self {
            name: name.to_owned(),
            attribute_data_type: Some(data_type),
            developer_only_attribute: Some(false),
            mutable: Some(name != "sub"),
            required: Some(name == "sub"),
            number_attribute_constraints: None,
            string_attribute_constraints: None,
        }
    }

    fn with_length(mut self, min: Option<&str>, max: Option<&str>) -> Self {
        self.string_attribute_constraints =
            Some(StringConstraints { min_length: min.map(Into::into), max_length: max.map(Into::into) });
        self
    }

    pub fn is_required(&self) -> bool {
        self.required.unwrap_or(false)
    }

    pub fn is_mutable(&self) -> bool {
        self.mutable.unwrap_or(true)
    }

    /// The sentence that refuses `value`, if it does not fit.
    fn objection(&self, value: &str) -> Option<String> {
        let length = value.chars().count();
        let name = &self.name;
        let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<f64>().ok());
        match self.attribute_data_type.unwrap_or(DataType::String) {
            DataType::String => {
                let constraints = self.string_attribute_constraints.clone().unwrap_or_default();
                let bound = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<usize>().ok());
                if bound(&constraints.min_length).is_some_and(|min| length < min) {
                    return Some(format!("{name}: String must be longer than {} characters", constraints.min_length?));
                }
                let max = bound(&constraints.max_length).unwrap_or(LONGEST_VALUE).min(LONGEST_VALUE);
                (length > max).then(|| format!("{name}: String must be no longer than {max} characters"))
            }
            DataType::Number => {
                let Ok(parsed) = value.parse::<f64>() else { return Some(format!("{name}: Number expected")) };
                let constraints = self.number_attribute_constraints.clone().unwrap_or_default();
                let low = number(&constraints.min_value).is_some_and(|min| parsed < min);
                let high = number(&constraints.max_value).is_some_and(|max| parsed > max);
                (!parsed.is_finite() || low || high).then(|| format!("{name}: Number is out of range"))
            }
            DataType::Boolean => {
                let is_boolean = value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false");
                (!is_boolean).then(|| format!("{name}: Boolean expected"))
            }
            DataType::DateTime => (length > LONGEST_VALUE).then(|| format!("{name}: DateTime expected")),
        }
    }
}

/// The attributes that every pool has, in the order in which they are described.
pub fn standard_schema() -> Vec<SchemaAttribute> {
    use DataType::{Boolean, Number, String};
    let text = |name| SchemaAttribute::standard(name, String).with_length(Some("0"), Some("2048"));
    let mut schema = vec![
        text("profile"),
        text("address"),
        SchemaAttribute::standard("birthdate", String).with_length(Some("10"), Some("10")),
        text("gender"),
        text("preferred_username"),
        SchemaAttribute::standard("updated_at", Number),
        text("website"),
        text("picture"),
        SchemaAttribute::standard("identities", String).with_length(None, None),
        SchemaAttribute::standard("sub", String).with_length(Some("1"), Some("2048")),
        text("phone_number"),
        SchemaAttribute::standard("phone_number_verified", Boolean),
        text("zoneinfo"),
        text("locale"),
        text("email"),
        SchemaAttribute::standard("email_verified", Boolean),
        text("given_name"),
        text("family_name"),
        text("middle_name"),
        text("name"),
        text("nickname"),
    ];
    schema[5].number_attribute_constraints = Some(NumberConstraints { min_value: Some("0".into()), max_value: None });
    schema
}

/// The schema of a new pool: the standard one, changed and extended by what CreateUserPool was given.
pub fn schema_with(given: Vec<SchemaAttribute>) -> Result<Vec<SchemaAttribute>> {
    let mut schema = standard_schema();
    for attribute in given {
        match schema.iter_mut().find(|known| known.name == attribute.name) {
            Some(known) => override_standard(known, attribute)?,
            None => add_custom(&mut schema, attribute)?,
        }
    }
    Ok(schema)
}

fn override_standard(known: &mut SchemaAttribute, given: SchemaAttribute) -> Result<()> {
    let changes_type = given.attribute_data_type.is_some_and(|kind| Some(kind) != known.attribute_data_type);
    if changes_type || given.developer_only_attribute == Some(true) {
        return Err(Error::InvalidParameter(format!(
            "You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute {}",
            given.name
        )));
    }
    check_constraints(&given)?;
    known.mutable = given.mutable.or(known.mutable);
    known.required = given.required.or(known.required);
    if let Some(constraints) = given.string_attribute_constraints {
        known.string_attribute_constraints = Some(constraints);
    }
    if let Some(constraints) = given.number_attribute_constraints {
        known.number_attribute_constraints = Some(constraints);
    }
    Ok(())
}

/// Adds an attribute under its full name, `custom:x` or `dev:custom:x`.
pub fn add_custom(schema: &mut Vec<SchemaAttribute>, given: SchemaAttribute) -> Result<()> {
    let invalid = |text: String| Err(Error::InvalidParameter(text));
    let Some(data_type) = given.attribute_data_type else {
        return invalid("Invalid AttributeDataType input, consider using the provided AttributeDataType enum.".into());
    };
    if given.is_required() {
        return invalid("Required custom attributes are not supported currently.".into());
    }
    check_constraints(&given)?;
    let bare = given.name.trim_start_matches("dev:").trim_start_matches("custom:").to_owned();
    if bare.is_empty() || bare.chars().count() > LONGEST_CUSTOM_NAME {
        return invalid(format!("{bare}: Custom attribute names must have 1 to {LONGEST_CUSTOM_NAME} characters."));
    }
    let is_developer_only = given.developer_only_attribute.unwrap_or(false);
    let name = if is_developer_only { format!("dev:custom:{bare}") } else { format!("custom:{bare}") };
    if schema.iter().any(|known| known.name == name) {
        return invalid(format!("{name}: Existing attribute already has name {name}."));
    }
    let customs = schema.iter().filter(|known| known.name.contains("custom:")).count();
    if customs >= MOST_CUSTOM {
        // AddCustomAttributes declares no LimitExceededException.
        return invalid(format!("A pool holds at most {MOST_CUSTOM} custom attributes."));
    }
    schema.push(SchemaAttribute {
        name,
        attribute_data_type: Some(data_type),
        developer_only_attribute: Some(is_developer_only),
        mutable: Some(given.mutable.unwrap_or(true)),
        required: Some(false),
        number_attribute_constraints: (data_type == DataType::Number)
            .then(|| given.number_attribute_constraints.unwrap_or_default()),
        string_attribute_constraints: (data_type == DataType::String)
            .then(|| given.string_attribute_constraints.unwrap_or_default()),
    });
    Ok(())
}

/// The service looks at constraints only where a type is named.
fn check_constraints(given: &SchemaAttribute) -> Result<()> {
    let Some(data_type) = given.attribute_data_type else { return Ok(()) };
    let invalid = |text: String| Err(Error::InvalidParameter(text));
    let name = &given.name;
    if data_type == DataType::String
        && let Some(constraints) = &given.string_attribute_constraints
    {
        let parse = |text: &Option<String>| text.as_ref().map(|text| text.parse::<usize>()).transpose();
        let (Ok(min), Ok(max)) = (parse(&constraints.min_length), parse(&constraints.max_length)) else {
            return invalid(format!("Invalid StringAttributeConstraints for schema attribute {name}"));
        };
        if max.is_some_and(|max| max > LONGEST_VALUE) || min.is_some_and(|min| min > LONGEST_VALUE) {
            return invalid(format!(
                "user.{name}: String attributes cannot have a length of more than {LONGEST_VALUE}"
            ));
        }
        if min.zip(max).is_some_and(|(min, max)| max < min) {
            return invalid(format!("user.{name}: Max length cannot be less than min length."));
        }
    }
    if data_type == DataType::Number
        && let Some(constraints) = &given.number_attribute_constraints
    {
        let parse = |text: &Option<String>| text.as_ref().map(|text| text.parse::<f64>()).transpose();
        let (Ok(min), Ok(max)) = (parse(&constraints.min_value), parse(&constraints.max_value)) else {
            return invalid(format!("Invalid NumberAttributeConstraints for schema attribute {name}"));
        };
        if min.zip(max).is_some_and(|(min, max)| max < min) {
            return invalid(format!("user.{name}: Max value cannot be less than min value."));
        }
    }
    Ok(())
}

/// What is written, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Write {
    /// The account is being made: immutable attributes may be given.
    Creation,
    Update,
}

/// Checks a client's right to write each name, before its values are looked at.
pub fn check_writable<'a>(pool: &Pool, client: &Client, names: impl IntoIterator<Item = &'a str>) -> Result<()> {
    for name in names {
        let known = pool.settings.schema.iter().any(|attribute| attribute.name == name);
        let allowed = match &client.settings.write_attributes {
            Some(names) => names.iter().any(|allowed| allowed == name),
            None => true,
        };
        if known && (!allowed || NEVER_WRITABLE.contains(&name) || name.starts_with("dev:")) {
            return Err(Error::UnauthorizedAttribute);
        }
    }
    Ok(())
}

/// Checks names and values against the schema and returns them as they are stored. An empty value deletes and is not checked.
pub fn check_values(pool: &Pool, given: &Attributes, write: Write) -> Result<Attributes> {
    let mut objections = String::new();
    let mut immutable = String::new();
    let mut stored = Attributes::new();
    for (name, value) in given {
        let Some(schema) = pool.settings.schema.iter().find(|attribute| attribute.name == *name) else {
            objections += &format!("{name}: Attribute does not exist in the schema.\n");
            continue;
        };
        if name == "sub" || name == identity::ATTRIBUTE || (write == Write::Update && !schema.is_mutable()) {
            immutable += &format!("user.{name}: Attribute cannot be updated.\n");
            continue;
        }
        if !value.is_empty() {
            check_format(name, value)?;
            if let Some(objection) = schema.objection(value) {
                objections += &format!("{objection}\n");
            }
        }
        let is_boolean = schema.attribute_data_type == Some(DataType::Boolean);
        stored.insert(name.clone(), if is_boolean { value.to_ascii_lowercase() } else { value.clone() });
    }
    if !objections.is_empty() {
        return Err(Error::InvalidParameter(format!("Attributes did not conform to the schema: {objections}")));
    }
    if !immutable.is_empty() {
        return Err(Error::InvalidParameter(immutable));
    }
    Ok(stored)
}

/// Refuses an account that lacks attributes that the pool requires.
pub fn check_required(pool: &Pool, attributes: &Attributes) -> Result<()> {
    let missing: String = missing_required(pool, attributes)
        .map(|name| {
            // The service reports `name` by the structured form that it keeps it in.
            let shown = if name == "name" { "name.formatted" } else { name };
            if shown == name {
                format!("{name}: The attribute is required\n")
            } else {
                format!("{shown}: The attribute {shown} is required\n")
            }
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::InvalidParameter(format!("Attributes did not conform to the schema: {missing}")))
}

pub fn missing_required<'a>(pool: &'a Pool, attributes: &'a Attributes) -> impl Iterator<Item = &'a str> {
    pool.settings
        .schema
        .iter()
        .filter(|attribute| attribute.is_required() && attribute.name != "sub")
        .map(|attribute| attribute.name.as_str())
        .filter(|name| attributes.get(*name).is_none_or(String::is_empty))
}

fn check_format(name: &str, value: &str) -> Result<()> {
    match name {
        "email" if !is_email(value) => Err(Error::InvalidParameter("Invalid email address format.".into())),
        "phone_number" if !is_phone_number(value) => {
            Err(Error::InvalidParameter("Invalid phone number format.".into()))
        }
        _ => Ok(()),
    }
}

/// One `@` between two parts without spaces, of at most 64 and 255 bytes (RFC 5321, 4.5.3.1), and a dot in neither place
/// where a domain cannot have one.
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    if local.len() > 64 || domain.len() > 255 {
        return false;
    }
    let plain = |part: &str| !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control() || c == '@');
    plain(local) && plain(domain) && !domain.starts_with('.') && !domain.ends_with('.') && !domain.contains("..")
}

/// E.164: a plus and two to fifteen digits.
pub fn is_phone_number(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else { return false };
    (2..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn custom(name: &str) -> SchemaAttribute {
        serde_json::from_value(serde_json::json!({"Name": name, "AttributeDataType": "String"})).unwrap()
    }

    fn text_of(result: Result<Vec<SchemaAttribute>>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn custom_attributes_get_their_prefix_and_empty_constraints() {
        let schema = schema_with(vec![custom("tier")]).unwrap();
        let tier = schema.last().unwrap();
        assert_eq!(tier.name, "custom:tier");
        assert_eq!(tier.string_attribute_constraints, Some(StringConstraints::default()));
    }

    #[test]
    fn the_schema_refuses_what_the_service_refuses() {
        assert!(
            text_of(schema_with(vec![custom("a"), custom("a")]))
                .contains("Existing attribute already has name custom:a.")
        );
        let required = SchemaAttribute { required: Some(true), ..custom("a") };
        assert_eq!(text_of(schema_with(vec![required])), "Required custom attributes are not supported currently.");
        let number: SchemaAttribute =
            serde_json::from_value(serde_json::json!({"Name": "email", "AttributeDataType": "Number"})).unwrap();
        assert!(text_of(schema_with(vec![number])).starts_with("You can not change AttributeDataType"));
    }

    #[test]
    fn addresses_are_checked() {
        assert!(is_email("a@b.c") && is_email("a+b@localhost"));
        assert!(!is_email("a") && !is_email("@b") && !is_email("a b@c") && !is_email("a@b..c"));
        assert!(is_phone_number("+15555550100"));
        assert!(!is_phone_number("15555550100") && !is_phone_number("+1555555010012345"));
    }
}
