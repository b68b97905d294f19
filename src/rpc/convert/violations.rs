//! Everything that is wrong with one request.

use std::fmt::Display;

use crate::model::{Error, Violation};

/// Collects the violations of a request, so that the caller hears of all at once.
#[derive(Debug, Default)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// So many are listed; what is wrong beyond them shows when these are mended.
    pub const LISTED_MAX: usize = 100;

    /// Records that `field` is wrong. The path is built only where it is needed.
    pub fn add(&mut self, field: impl Display, description: impl Into<String>) {
        if self.0.len() < Self::LISTED_MAX {
            self.0.push(Violation::new(field.to_string(), description));
        }
    }

    /// Records the failure of parsing `field`, or hands out what was parsed.
    pub fn take<T>(&mut self, field: impl Display, parsed: Result<T, String>) -> Option<T> {
        parsed
            .map_err(|description| self.add(field, description))
            .ok()
    }

    /// Whether nothing was wrong so far.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Ends the collection.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all of them where anything was wrong.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Error> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            None if self.0.is_empty() => Err(Error::Internal(
                "a request was refused without a violation".into(),
            )),
            _ => Err(Error::Invalid(self.0)),
        }
    }
}
