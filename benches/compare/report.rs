//! What was measured: samples, tables, targets; kept a section a file, and written as Markdown.
//!
//! A section that is not measured this time keeps what was measured before, with its own date.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Bench;
use crate::machine;

/// The samples of one figure.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Stat(pub Vec<f64>);

/// What stands in a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Cell {
    Stat(Stat),
    Text(String),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Table {
    pub title: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
}

/// What the measure should come to, at first and then.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Target {
    pub what: String,
    pub first: f64,
    pub then: f64,
    /// Whether less is better.
    pub at_most: bool,
    pub unit: String,
    pub reached: Stat,
}

/// One section of the document.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Section {
    pub name: String,
    pub title: String,
    /// Paragraphs of Markdown: how it was measured, what can't be compared.
    pub text: Vec<String>,
    pub tables: Vec<Table>,
    pub targets: Vec<Target>,
    /// Paragraphs behind the tables: pictures, what follows.
    pub after: Vec<String>,
    /// Programs that took part, with their versions.
    pub versions: Vec<String>,
    /// When and by what command; filled in by [`keep`].
    pub measured: String,
}

impl Stat {
    pub fn push(&mut self, sample: f64) {
        self.0.push(sample);
    }

    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => sorted[n / 2],
            n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
        }
    }

    pub fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }

    pub fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }

    /// The ratio to another figure, round by round: what changes from minute to minute drops out.
    pub fn over(&self, other: &Self) -> Self {
        let pairs = self.0.iter().zip(&other.0);
        Self(pairs.map(|(a, b)| a / b).collect())
    }

    fn render(&self) -> String {
        match self.0.len() {
            0 => "–".into(),
            1 => number(self.median()),
            _ => format!(
                "**{}** ({}–{})",
                number(self.median()),
                number(self.min()),
                number(self.max())
            ),
        }
    }
}

impl Cell {
    fn render(&self) -> String {
        match self {
            Self::Stat(stat) => stat.render(),
            Self::Text(text) => text.clone(),
        }
    }
}

impl From<Stat> for Cell {
    fn from(stat: Stat) -> Self {
        Self::Stat(stat)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Table {
    pub fn new(title: &str, columns: &[&str]) -> Self {
        Self {
            title: title.into(),
            columns: columns.iter().map(|column| (*column).into()).collect(),
            rows: Vec::new(),
        }
    }

    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    fn render(&self) -> String {
        let mut text = format!("**{}**\n\n| {} |\n|", self.title, self.columns.join(" | "));
        text += &"---|".repeat(self.columns.len());
        for row in &self.rows {
            let cells: Vec<_> = row.iter().map(Cell::render).collect();
            text += &format!("\n| {} |", cells.join(" | "));
        }
        text + "\n"
    }
}

impl Target {
    /// At least so much, at first and then.
    pub fn at_least(what: &str, unit: &str, first: f64, then: f64, reached: Stat) -> Self {
        Self {
            what: what.into(),
            first,
            then,
            at_most: false,
            unit: unit.into(),
            reached,
        }
    }

    /// At most so much, at first and then.
    pub fn at_most(what: &str, unit: &str, first: f64, then: f64, reached: Stat) -> Self {
        Self {
            at_most: true,
            ..Self::at_least(what, unit, first, then, reached)
        }
    }

    fn meets(&self, bound: f64) -> bool {
        let reached = self.reached.median();
        if self.at_most {
            reached <= bound
        } else {
            reached >= bound
        }
    }

    fn row(&self) -> Vec<Cell> {
        let sign = if self.at_most { "≤" } else { "≥" };
        let bound = |bound: f64| format!("{sign} {} {}", number(bound), self.unit);
        let verdict = match (self.meets(self.first), self.meets(self.then)) {
            (true, true) => "both met",
            (true, false) => "first met",
            (false, _) => "**not met**",
        };
        vec![
            self.what.clone().into(),
            bound(self.first).into(),
            bound(self.then).into(),
            self.reached.clone().into(),
            verdict.into(),
        ]
    }
}

impl Section {
    pub fn new(name: &str, title: &str) -> Self {
        Self {
            name: name.into(),
            title: title.into(),
            ..Self::default()
        }
    }

    /// A paragraph before the tables.
    pub fn say(&mut self, text: impl Into<String>) {
        self.text.push(text.into());
    }

    fn render(&self) -> String {
        let mut text = format!("## {}\n\n{}\n\n", self.title, self.measured);
        if !self.versions.is_empty() {
            text += &format!("Versions: {}.\n\n", self.versions.join(", "));
        }
        for paragraph in &self.text {
            text += &format!("{paragraph}\n\n");
        }
        for table in &self.tables {
            text += &format!("{}\n", table.render());
        }
        if !self.targets.is_empty() {
            let columns = ["measure", "first", "then", "reached", ""];
            let mut table = Table::new("Targets", &columns);
            self.targets
                .iter()
                .for_each(|target| table.row(target.row()));
            text += &format!("{}\n", table.render());
        }
        for paragraph in &self.after {
            text += &format!("{paragraph}\n\n");
        }
        text
    }
}

/// Keeps a section for the document, and prints it.
pub fn keep(bench: &Bench, mut section: Section) {
    section.measured = machine::measured(bench);
    println!("{}", section.render());
    let json = serde_json::to_string_pretty(&section).unwrap();
    fs::write(file(bench, &section.name), json).unwrap();
}

/// Writes the document of all sections that were ever measured, in this order.
pub fn write(bench: &Bench, names: &[&str]) {
    let read = |name: &&str| fs::read_to_string(file(bench, name)).ok();
    let sections: Vec<Section> = names
        .iter()
        .filter_map(read)
        .map(|json| serde_json::from_str(&json).unwrap())
        .collect();
    let mut text = format!("{}\n{}\n\n", HEAD, machine::describe(bench));
    sections
        .iter()
        .for_each(|section| text += &section.render());
    let path = bench.document();
    fs::write(&path, text.trim_end().to_owned() + "\n").unwrap();
    println!("written: {}", path.display());
}

fn file(bench: &Bench, name: &str) -> PathBuf {
    bench.results.join(format!("{name}.json"))
}

/// Three significant digits, and no more than a figure can bear.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = match text.split_once('.') {
        Some((whole, rest)) => (whole, format!(".{rest}")),
        None => (text.as_str(), String::new()),
    };
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        let left = whole.len() - place;
        if place > 0 && left.is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + &rest
}

const HEAD: &str = "# Benchmarks

<!-- Written by `make bench`: change benches/compare, not this page. -->

How fast Mailwright does its main job, beside what one would take instead and beside what the disk can do.
Every figure is measured by `make bench`, on real sockets between processes; figures of one section come from
one run on one machine. Only ratios mean something elsewhere. A figure is the median of its samples, with the
least and the greatest; a ratio is taken round by round, its sides measured right after one another.

Nothing is bought with a promise: in every run acknowledged mail is synced to disk, phases are recorded before
the final dot, certificates are checked, and limits are counted. They are set high by configuration, as each
section says.
";
