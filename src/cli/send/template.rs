//! Text with `{{column}}` in it.

use std::collections::BTreeMap;

/// A text whose places are known to have columns.
pub struct Template {
    /// Text, then a column, then text …
    pieces: Vec<(String, Option<String>)>,
    html: bool,
}

impl Template {
    /// Reads a template; in HTML, values are escaped.
    ///
    /// # Errors
    /// When a place isn't closed, or names no column.
    pub fn parse(text: &str, columns: &[String], html: bool) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").ok_or("a {{ is not closed")?;
            let name = name.trim().to_owned();
            if !columns.contains(&name) {
                let known = columns.join(", ");
                return Err(format!("{{{{{name}}}}} is no column; there are {known}"));
            }
            pieces.push((before.to_owned(), Some(name)));
            rest = after;
        }
        pieces.push((rest.to_owned(), None));
        Ok(Self { pieces, html })
    }

    /// The text for a row.
    pub fn fill(&self, row: &BTreeMap<&str, &str>) -> String {
        let mut text = String::new();
        for (before, column) in &self.pieces {
            text.push_str(before);
            let value = column
                .as_deref()
                .and_then(|name| row.get(name))
                .unwrap_or(&"");
            match self.html {
                true => escape(value, &mut text),
                false => text.push_str(value),
            }
        }
        text
    }
}

fn escape(value: &str, text: &mut String) {
    for char in value.chars() {
        match char {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&#39;"),
            char => text.push(char),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_and_html_is_escaped() {
        let columns = ["name".to_owned()];
        let row = BTreeMap::from([("name", "A & {{B}}")]);
        let text = Template::parse("Dear {{ name }}!", &columns, false).unwrap();
        assert_eq!(text.fill(&row), "Dear A & {{B}}!");
        let html = Template::parse("<b>{{name}}</b>", &columns, true).unwrap();
        assert_eq!(html.fill(&row), "<b>A &amp; {{B}}</b>");
    }

    #[test]
    fn a_place_without_a_column_is_refused() {
        for text in ["{{nmae}}", "{{name"] {
            assert!(Template::parse(text, &["name".to_owned()], false).is_err());
        }
    }
}
