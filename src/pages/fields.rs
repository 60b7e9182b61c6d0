//! Fields of forms that follow from the settings of a pool: what its users are called, what it wants to know of them, and what
//! their passwords must be like.

use super::text::{Text, fill};
use crate::{
    domain::{
        Client, Pool,
        attribute::{self, DataType, SchemaAttribute},
        password::PasswordPolicy,
        user::Attributes,
    },
    kit::secret::Secret,
    model::MODEL,
    web::parameters::Parameters,
};

/// What the names of the fields for attributes begin with.
pub const ATTRIBUTE: &str = "attribute.";
/// The longest password that the API takes.
const LONGEST_PASSWORD: usize = 256;

/// What is asked first: names, then addresses. The rest follows as the schema has it.
const ORDER: [&str; 7] = ["name", "given_name", "middle_name", "family_name", "nickname", "email", "phone_number"];

/// A field for an attribute.
pub struct Field {
    pub name: String,
    pub label: String,
    /// Of the `input` element.
    pub kind: &'static str,
    /// What browsers may fill in. <https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#autofill>
    pub autocomplete: &'static str,
    pub value: String,
    pub is_required: bool,
    pub min_length: Option<usize>,
    pub max_length: Option<usize>,
    pub min: Option<String>,
    pub max: Option<String>,
}

impl Field {
    pub fn new(text: &Text, schema: &SchemaAttribute, value: &str) -> Self {
        let (kind, autocomplete) = control(schema);
        let lengths = schema.string_attribute_constraints.clone().unwrap_or_default();
        let numbers = schema.number_attribute_constraints.clone().unwrap_or_default();
        let length = |text: Option<String>| text.and_then(|text| text.parse().ok()).filter(|length| *length > 0);
        Self {
            name: schema.name.clone(),
            label: label(text, &schema.name),
            kind,
            autocomplete,
            value: value.to_owned(),
            is_required: schema.is_required(),
            // Browsers have calendars for days, and those know no lengths.
            min_length: length(lengths.min_length).filter(|_| kind != "date"),
            max_length: length(lengths.max_length).filter(|_| kind != "date"),
            min: numbers.min_value,
            max: numbers.max_value,
        }
    }

    pub fn is_phone(&self) -> bool {
        self.kind == "tel"
    }
}

/// The kind of input that suits an attribute, and what a browser knows of its owner.
fn control(schema: &SchemaAttribute) -> (&'static str, &'static str) {
    match (schema.name.as_str(), schema.attribute_data_type) {
        ("email", _) => ("email", "email"),
        ("phone_number", _) => ("tel", "tel"),
        ("birthdate", _) => ("date", "bday"),
        ("website", _) => ("url", "url"),
        ("picture", _) => ("url", "photo"),
        ("profile", _) => ("url", "off"),
        ("address", _) => ("text", "street-address"),
        ("name", _) => ("text", "name"),
        ("given_name", _) => ("text", "given-name"),
        ("middle_name", _) => ("text", "additional-name"),
        ("family_name", _) => ("text", "family-name"),
        ("nickname", _) => ("text", "nickname"),
        ("gender", _) => ("text", "sex"),
        ("locale", _) => ("text", "language"),
        (_, Some(DataType::Number)) => ("number", "off"),
        _ => ("text", "off"),
    }
}

/// What a sign-up asks beside the name: whatever the pool requires, and the addresses that it sends codes to.
pub fn of_sign_up(text: &Text, pool: &Pool, client: &Client, given: &Attributes) -> Vec<Field> {
    let settings = &pool.settings;
    let is_name = |name: &str| settings.username_attributes.iter().any(|own| own == name);
    let only_name = settings.username_attributes.len() == 1;
    let is_verified = |name: &str| settings.auto_verified_attributes.iter().any(|own| own == name);
    let writable = |name: &str| attribute::check_writable(pool, client, [name]).is_ok();
    let wanted = |schema: &&SchemaAttribute| {
        let name = schema.name.as_str();
        let is_asked = schema.is_required() || (is_verified(name) && writable(name));
        name != "sub" && is_asked && !(only_name && is_name(name))
    };
    let field = |schema: &SchemaAttribute| {
        let value = given.get(&schema.name).map(String::as_str).unwrap_or_default();
        let field = Field::new(text, schema, value);
        // Without the only address that is proven here nobody could confirm the account. Where several kinds of address can be
        // the name, the name may be this one.
        let is_needed =
            field.is_required || (is_verified(&schema.name) && settings.auto_verified_attributes.len() == 1);
        Field { is_required: is_needed && !is_name(&schema.name), ..field }
    };
    let mut fields: Vec<_> = settings.schema.iter().filter(wanted).map(field).collect();
    fields.sort_by_key(|field| ORDER.iter().position(|name| *name == field.name).unwrap_or(ORDER.len()));
    fields
}

/// The fields of these attributes of the pool, each of which must be filled in.
pub fn of_names(text: &Text, pool: &Pool, names: &[String]) -> Vec<Field> {
    let wanted = pool.settings.schema.iter().filter(|schema| names.contains(&schema.name));
    wanted.map(|schema| Field { is_required: true, ..Field::new(text, schema, "") }).collect()
}

/// The attributes that a form brings, without those that were left empty.
pub fn attributes(form: &Parameters) -> Attributes {
    let given = form.behind(ATTRIBUTE).map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    given.filter(|(_, value)| !value.is_empty()).collect()
}

/// What an attribute is called: `custom:team_name` is `Team name`.
pub fn label(text: &Text, attribute: &str) -> String {
    if let Some(label) = text.attribute.get(attribute) {
        return label.clone();
    }
    let plain = attribute.trim_start_matches("custom:").replace('_', " ");
    let mut letters = plain.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// What somebody signs in with.
pub fn sign_in_name<'a>(text: &'a Text, pool: &Pool) -> &'a str {
    let name = &text.name;
    if pool.has_username_attributes() {
        return sign_up_name(text, pool);
    }
    match (pool.is_alias("email"), pool.is_alias("phone_number")) {
        (true, true) => &name.username_email_or_phone,
        (true, false) => &name.username_or_email,
        (false, true) => &name.username_or_phone,
        (false, false) => &name.username,
    }
}

/// What somebody signs up with. An alias is none until it is proven.
pub fn sign_up_name<'a>(text: &'a Text, pool: &Pool) -> &'a str {
    let is_name = |name: &str| pool.settings.username_attributes.iter().any(|own| own == name);
    match (is_name("email"), is_name("phone_number")) {
        (true, true) => &text.name.email_or_phone,
        (true, false) => &text.name.email,
        (false, true) => &text.name.phone_number,
        (false, false) => &text.name.username,
    }
}

/// The kind of input for the name of a new account.
pub fn name_kind(pool: &Pool) -> &'static str {
    match pool.settings.username_attributes.as_slice() {
        [only] if only == "email" => "email",
        [only] if only == "phone_number" => "tel",
        _ => "text",
    }
}

/// Whether a name has the form that the API would take.
pub fn is_name(name: &str) -> bool {
    MODEL.violations("UsernameType", &name.into()).is_empty()
}

/// What is told of a password before it is chosen.
pub struct Rules {
    pub lines: Vec<String>,
    pub min_length: usize,
}

impl Rules {
    pub fn new(text: &Text, policy: &PasswordPolicy) -> Self {
        let rules = &text.rules;
        let mut lines = vec![fill(&rules.length, &[("count", &policy.minimum_length.to_string())])];
        let kinds = [
            (policy.require_uppercase, &rules.uppercase),
            (policy.require_lowercase, &rules.lowercase),
            (policy.require_numbers, &rules.number),
            (policy.require_symbols, &rules.symbol),
        ];
        lines.extend(kinds.into_iter().filter(|(is_required, _)| *is_required).map(|(_, line)| line.clone()));
        Self { lines, min_length: policy.minimum_length }
    }
}

/// A password that was typed twice, or why it is none. The policy is the flows' business.
pub fn chosen<'a>(text: &'a Text, form: &Parameters, name: &str) -> Result<Secret, &'a str> {
    let password = form.get(name).unwrap_or_default();
    if password != form.get("confirm_password").unwrap_or_default() {
        return Err(&text.error.passwords_differ);
    }
    if password.chars().count() > LONGEST_PASSWORD {
        return Err(&text.error.too_long);
    }
    Ok(Secret::from(password))
}
