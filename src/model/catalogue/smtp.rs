//! Finds the row of `smtp.toml` that fits a mail server's reply best.
//!
//! Enhanced codes, texts and basic codes are all used inconsistently by providers, so the most
//! specific row wins; the order is written at the head of the file.

use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, de};

use super::{Subject, Words};
use crate::model::diagnosis::{Diagnosis, Reason, Scope};
use crate::model::verdict::Then;
use crate::model::{Phase, Reply};

/// What the table knows of a reply.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    code: Option<u16>,
    #[serde(default)]
    enhanced: Vec<Range>,
    /// Lower case.
    #[serde(default, deserialize_with = "lower_case")]
    contains: Vec<String>,
    phase: Option<Phase>,
    /// Only where the app acts for itself.
    #[serde(default)]
    app_only: bool,
    reason: Reason,
    /// What follows.
    pub then: Then,
    #[serde(flatten)]
    words: Words,
}

/// The row that fits best; none when nothing but the class is known.
pub fn find(reply: &Reply, phase: Phase, app_only: bool) -> Option<&'static Row> {
    let text = on_one_line(&reply.text).to_lowercase();
    ROWS.iter()
        .rev()
        .filter(|row| row.matches(reply, &text, phase) && (app_only || !row.app_only))
        .max_by_key(|row| row.rank())
}

impl Row {
    /// What this row says.
    pub fn diagnosis(&self, subject: &Subject) -> Diagnosis {
        self.words.diagnosis(self.reason, subject, "")
    }

    /// The scope, where the row fixes it.
    pub fn scope(&self) -> Option<Scope> {
        self.words.scope
    }

    fn matches(&self, reply: &Reply, text: &str, phase: Phase) -> bool {
        // Not every server behind a provider's name writes enhanced codes.
        let fits = |range: &Range| match reply.enhanced {
            Some(code) => range.holds(code),
            None => !self.contains.is_empty() && range.class == reply.code / 100,
        };
        self.code.is_none_or(|code| code == reply.code)
            && self.phase.is_none_or(|one| one == phase)
            && (self.enhanced.is_empty() || self.enhanced.iter().any(fits))
            && (self.contains.is_empty() || self.contains.iter().any(|one| text.contains(one)))
    }

    /// Enhanced code with text, enhanced code, text, neither; then with a phase; then with a code; then
    /// for apps alone.
    fn rank(&self) -> (bool, bool, bool, bool, bool) {
        (
            !self.enhanced.is_empty(),
            !self.contains.is_empty(),
            self.phase.is_some(),
            self.code.is_some(),
            self.app_only,
        )
    }
}

/// Servers break long texts where they like.
fn on_one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    row: Vec<Row>,
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let table: Table =
        toml::from_str(include_str!("smtp.toml")).expect("smtp.toml is compiled in and tested");
    table.row
});

/// Enhanced status codes: `5.7.139`, or `4.7.500-699` with both ends.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Range {
    class: u16,
    subject: u16,
    first: u16,
    last: u16,
}

impl Range {
    fn holds(&self, (class, subject, detail): (u16, u16, u16)) -> bool {
        (class, subject) == (self.class, self.subject) && (self.first..=self.last).contains(&detail)
    }
}

impl TryFrom<String> for Range {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse_range(&text).ok_or_else(|| format!("not an enhanced status code: {text}"))
    }
}

fn parse_range(text: &str) -> Option<Range> {
    let mut parts = text.splitn(3, '.');
    let class = parts.next()?.parse().ok()?;
    let subject = parts.next()?.parse().ok()?;
    let details = parts.next()?;
    let (first, last) = details.split_once('-').unwrap_or((details, details));
    Some(Range {
        class,
        subject,
        first: first.parse().ok()?,
        last: last.parse().ok()?,
    })
}

fn lower_case<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    if texts.iter().any(String::is_empty) {
        return Err(de::Error::custom("an empty text is in every reply"));
    }
    Ok(texts.iter().map(|text| text.to_lowercase()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::catalogue::render::tests::assert_well_said;

    /// Replies that have what the row asks for and nothing else, one for each thing that it takes.
    fn samples(row: &Row) -> Vec<Reply> {
        let ends = |range: &Range| {
            let code = |detail| Some((range.class, range.subject, detail));
            [code(range.first), code(range.last)]
        };
        let mut enhanced: Vec<_> = row.enhanced.iter().flat_map(ends).collect();
        let mut texts = row.contains.clone();
        if enhanced.is_empty() {
            enhanced.push(None);
        }
        if texts.is_empty() {
            texts.push(String::new());
        }
        let of = |enhanced: Option<(u16, u16, u16)>, text: &String| Reply {
            code: row
                .code
                .unwrap_or(enhanced.map_or(5, |(class, ..)| class) * 100 + 99),
            enhanced,
            text: text.clone(),
        };
        let with = |code| texts.iter().map(move |text| of(code, text));
        enhanced.into_iter().flat_map(with).collect()
    }

    #[test]
    fn every_row_is_reachable_and_well_said() {
        for row in ROWS.iter() {
            let phase = row.phase.unwrap_or(Phase::DotSent);
            for reply in samples(row) {
                let found = find(&reply, phase, row.app_only).expect("the sample matches its row");
                assert!(
                    std::ptr::eq(found, row),
                    "{reply} finds {found:?}, not {row:?}"
                );
            }
            assert_well_said(&row.diagnosis(&Subject::default()));
        }
    }

    #[test]
    fn every_row_asks_for_something() {
        for row in ROWS.iter() {
            let asks = !row.enhanced.is_empty() || !row.contains.is_empty() || row.code.is_some();
            assert!(asks, "{row:?}");
            assert_ne!(row.then, Then::Accept, "{row:?}");
        }
    }

    #[test]
    fn a_misspelt_key_breaks_the_table() {
        let row = "[[row]]\ncode = 550\nreason = \"INTERNAL\"\nthen = \"Retry\"\n";
        assert!(toml::from_str::<Table>(row).is_ok());
        assert!(toml::from_str::<Table>(&format!("{row}contain = [\"x\"]\n")).is_err());
    }
}
