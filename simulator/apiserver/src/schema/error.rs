//! Places in an object, and short ways to say what is wrong there.

use std::fmt;

use crate::Tree;
use crate::status::FieldError;

/// A place in an object, built on the stack while walking.
#[derive(Clone, Copy, Debug)]
pub enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
    Key(&'a Path<'a>, &'a str),
}

impl<'a> Path<'a> {
    pub fn field(&'a self, name: &'a str) -> Path<'a> {
        Path::Field(self, name)
    }

    pub fn index(&'a self, at: usize) -> Path<'a> {
        Path::Index(self, at)
    }

    pub fn key(&'a self, key: &'a str) -> Path<'a> {
        Path::Key(self, key)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => f.write_str(name),
            Path::Field(parent, name) => write!(f, "{parent}.{name}"),
            Path::Index(parent, at) => write!(f, "{parent}[{at}]"),
            Path::Key(parent, key) => write!(f, "{parent}[{key}]"),
        }
    }
}

impl From<Path<'_>> for String {
    /// The whole object is `<nil>`, as in the real server's errors.
    fn from(path: Path<'_>) -> String {
        match path {
            Path::Root => "<nil>".to_owned(),
            path => path.to_string(),
        }
    }
}

/// The rules broken so far.
#[derive(Debug, Default)]
pub struct Faults(pub Vec<FieldError>);

impl Faults {
    pub fn required(&mut self, at: Path<'_>, detail: &str) {
        self.0.push(FieldError::required(at, detail));
    }

    pub fn invalid(&mut self, at: Path<'_>, value: impl Into<Tree>, detail: &str) {
        self.0.push(FieldError::invalid(at, &value.into(), detail));
    }

    /// Of a text whose type has a name of its own.
    pub fn invalid_typed(&mut self, at: Path<'_>, value: impl Into<Tree>, detail: &str) {
        self.0.push(FieldError::invalid_typed(at, &value.into(), detail));
    }

    /// Without the value, which nobody could read.
    pub fn invalid_whole(&mut self, at: Path<'_>, detail: &str) {
        self.0.push(FieldError::invalid_whole(at, detail));
    }

    pub fn forbidden(&mut self, at: Path<'_>, detail: &str) {
        self.0.push(FieldError::forbidden(at, detail));
    }

    pub fn duplicate(&mut self, at: Path<'_>, value: impl Into<Tree>) {
        self.0.push(FieldError::duplicate(at, &value.into()));
    }

    pub fn not_found(&mut self, at: Path<'_>, value: impl Into<Tree>) {
        self.0.push(FieldError::not_found(at, &value.into()));
    }

    pub fn not_supported(&mut self, at: Path<'_>, value: impl Into<Tree>, supported: &[&str]) {
        self.0.push(FieldError::not_supported(at, &value.into(), supported));
    }

    pub fn not_supported_text(&mut self, at: Path<'_>, value: &str, supported: &[&str]) {
        self.0.push(FieldError::not_supported_text(at, value, supported));
    }

    pub fn too_many(&mut self, at: Path<'_>, actual: usize, most: usize) {
        self.0.push(FieldError::too_many(at, actual, most));
    }

    pub fn too_long(&mut self, at: Path<'_>, most: usize) {
        self.0.push(FieldError::too_long(at, most));
    }
}
