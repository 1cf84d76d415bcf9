//! What is wrong with one field of an object, in the words of the real server, old and new.

use crate::golang;
use crate::object::Tree;

/// A rule that a field of an object breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    pub kind: FieldErrorKind,
    /// `spec.containers[0].name`.
    pub field: String,
    /// What stands after the field: `Invalid value: "x": must be ...`.
    pub body: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldErrorKind {
    Required,
    Invalid,
    TypeInvalid,
    Duplicate,
    Forbidden,
    NotSupported,
    TooLong,
    TooMany,
    NotFound,
    Internal,
}

impl FieldErrorKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Invalid => "FieldValueInvalid",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Forbidden => "FieldValueForbidden",
            Self::NotSupported => "FieldValueNotSupported",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::NotFound => "FieldValueNotFound",
            Self::Internal => "InternalError",
        }
    }
}

impl FieldError {
    fn new(kind: FieldErrorKind, field: impl Into<String>, body: String) -> Self {
        Self { kind, field: field.into(), body }
    }

    /// As older servers said it: maps of texts as Go writes them, and no other name for what is of another type.
    pub(crate) fn in_words_of(&mut self, minor: u32) {
        if minor < 34 && (self.body.ends_with(" 1 byte") || self.body.ends_with(" 1 item")) {
            self.body.push('s');
        }
        if minor >= 31 {
            return;
        }
        if minor < 24 && self.kind == FieldErrorKind::TypeInvalid {
            self.kind = FieldErrorKind::Invalid;
        }
        if self.kind == FieldErrorKind::TooLong {
            self.body = self.body.replace("may not be more than", "must have at most");
        }
        if self.body.starts_with("Invalid value: null: `selector` does not") {
            self.body = self.body.replacen("null", "map[string]string(nil)", 1);
        }
        if self.body.starts_with("Invalid value: null") {
            self.body = self.body.replacen("null", "\"null\"", 1);
        }
        self.older(minor);
        self.go_lists();
        let (lead, go) = match self.kind {
            FieldErrorKind::Duplicate => ("Duplicate value: ", "map[string]interface {}"),
            _ => ("Invalid value: ", "map[string]string"),
        };
        let Some(rest) = self.body.strip_prefix(lead).and_then(|rest| rest.strip_prefix('{'))
        else {
            return;
        };
        let end = rest.find('}').map_or(0, |end| end + 1);
        let value = Tree::from_json(format!("{{{}", &rest[..end]).as_bytes());
        let Ok(map) = value.map_err(|_| ()) else { return };
        if map.is_map() && !map.is_empty() && map.entries().all(|(_, value)| value.is_string()) {
            self.body = format!("{lead}{go}{map}{}", &rest[end..]);
        }
    }

    /// What was said otherwise until a minor version.
    fn older(&mut self, minor: u32) {
        const SAID: [(u32, &str, &str); 7] = [
            (27, "must not contain dots", crate::names::LABEL),
            (
                31,
                "must contain at least one letter (a-z)",
                "must contain at least one letter or number (a-z, 0-9)",
            ),
            (22, "(127.0.0.0/8, ::1/128)", "(127.0.0.0/8)"),
            (22, "(169.254.0.0/16, fe80::/10)", "(169.254.0.0/16)"),
            (22, "(224.0.0.0/24, ff02::/10)", "(224.0.0.0/24)"),
            (
                22,
                "may not specify more than 1 volume type per source",
                "may not specify more than 1 volume type",
            ),
            (
                30,
                "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
                "not a valid CIDR",
            ),
        ];
        for (until, now, then) in SAID {
            if minor < until
                && let Some(start) = self.body.strip_suffix(now)
            {
                self.body = format!("{start}{then}");
                return;
            }
        }
        if minor < 26
            && let Some(at) = self.body.find(" limit of ")
            && self.body.contains("must be less than or equal to ")
        {
            self.body.truncate(at + " limit".len());
        }
    }

    /// Lists of texts as Go writes them.
    fn go_lists(&mut self) {
        let Some(rest) = self.body.strip_prefix("Invalid value: [") else { return };
        let Some(end) = rest.find("]: ") else { return };
        let value = Tree::from_json(format!("[{}]", &rest[..end]).as_bytes());
        let Ok(list) = value.map_err(|_| ()) else { return };
        if list.items().iter().all(Tree::is_string) {
            let items: Vec<String> = list.items().iter().map(ToString::to_string).collect();
            let rest = &rest[end + 1..];
            self.body = format!("Invalid value: []string{{{}}}{rest}", items.join(", "));
        }
    }

    /// Leaves out the beginning of a place, where the words name it.
    pub(crate) fn shorten(&mut self, prefix: &str) {
        if self.field.starts_with(prefix) {
            let place = format!("{} in body", self.field);
            self.body = self.body.replace(&place, &place[prefix.len()..]);
        }
    }

    /// `detail` may be empty.
    pub fn required(field: impl Into<String>, detail: &str) -> Self {
        Self::new(FieldErrorKind::Required, field, with_detail("Required value".into(), detail))
    }

    /// Strings are printed quoted, everything else as compact JSON.
    pub fn invalid(field: impl Into<String>, value: &Tree, detail: &str) -> Self {
        Self::invalid_printed(field, &printed(value), detail)
    }

    /// Of a text whose type has a name of its own: it is printed as JSON.
    pub fn invalid_typed(field: impl Into<String>, value: &Tree, detail: &str) -> Self {
        Self::invalid_printed(field, &json(value), detail)
    }

    /// With a value that is not printed as JSON.
    pub fn invalid_printed(field: impl Into<String>, value: &str, detail: &str) -> Self {
        let body = with_detail(format!("Invalid value: {value}"), detail);
        Self::new(FieldErrorKind::Invalid, field, body)
    }

    /// Without the value.
    pub fn invalid_whole(field: impl Into<String>, detail: &str) -> Self {
        Self::new(FieldErrorKind::Invalid, field, format!("Invalid value: {detail}"))
    }

    pub fn type_invalid(field: impl Into<String>, type_name: &str, detail: &str) -> Self {
        let body = with_detail(format!("Invalid value: {type_name:?}"), detail);
        Self::new(FieldErrorKind::TypeInvalid, field, body)
    }

    pub fn duplicate(field: impl Into<String>, value: &Tree) -> Self {
        Self::new(FieldErrorKind::Duplicate, field, format!("Duplicate value: {}", printed(value)))
    }

    /// With a value that is not printed as JSON.
    pub fn duplicate_printed(field: impl Into<String>, value: &str) -> Self {
        Self::new(FieldErrorKind::Duplicate, field, format!("Duplicate value: {value}"))
    }

    pub fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self::new(FieldErrorKind::Forbidden, field, format!("Forbidden: {detail}"))
    }

    /// Of a value whose type has a name of its own, as most have of which some values are supported: it is printed as
    /// JSON.
    pub fn not_supported(field: impl Into<String>, value: &Tree, supported: &[&str]) -> Self {
        Self::not_supported_printed(field, &json(value), supported)
    }

    /// Of a plain text.
    pub fn not_supported_text(field: impl Into<String>, value: &str, supported: &[&str]) -> Self {
        Self::not_supported_printed(field, &golang::quote(value), supported)
    }

    fn not_supported_printed(field: impl Into<String>, value: &str, supported: &[&str]) -> Self {
        let supported: Vec<String> = supported.iter().map(|value| format!("{value:?}")).collect();
        let supported = supported.join(", ");
        let body = format!("Unsupported value: {value}: supported values: {supported}");
        Self::new(FieldErrorKind::NotSupported, field, body)
    }

    pub fn too_long(field: impl Into<String>, bytes: usize) -> Self {
        let unit = if bytes == 1 { "byte" } else { "bytes" };
        let body = format!("Too long: may not be more than {bytes} {unit}");
        Self::new(FieldErrorKind::TooLong, field, body)
    }

    pub fn too_many(field: impl Into<String>, actual: usize, most: usize) -> Self {
        let unit = if most == 1 { "item" } else { "items" };
        let body = format!("Too many: {actual}: must have at most {most} {unit}");
        Self::new(FieldErrorKind::TooMany, field, body)
    }

    pub fn not_found(field: impl Into<String>, value: &Tree) -> Self {
        Self::new(FieldErrorKind::NotFound, field, format!("Not found: {}", printed(value)))
    }
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.body)
    }
}

fn printed(value: &Tree) -> String {
    value.as_str().map_or_else(|| json(value), golang::quote)
}

fn json(value: &Tree) -> String {
    golang::html_safe(&value.to_string())
}

fn with_detail(body: String, detail: &str) -> String {
    if detail.is_empty() { body } else { format!("{body}: {detail}") }
}
