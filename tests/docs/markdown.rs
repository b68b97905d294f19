//! The little Markdown that the pages need: prose that is not mistaken for markup, and GitHub's anchors.

/// What the head of each rendered page says.
pub fn head(title: &str, from: &str) -> String {
    format!(
        "# {title}\n\n<!-- Rendered from {from} by `make docs`: change that, not this page. -->\n"
    )
}

/// Text as it is: nothing in it becomes markup. What stands in backticks already is code and stays.
pub fn prose(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut in_code = false;
    for c in text.chars() {
        match c {
            '`' => in_code = !in_code,
            '*' | '<' | '[' | ']' if !in_code => escaped.push('\\'),
            _ => {}
        }
        escaped.push(c);
    }
    escaped
}

/// A cell of a table.
pub fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// `Server, TLS` → `server-tls`, as GitHub does it.
pub fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c if c.is_alphanumeric() => Some(c),
            _ => None,
        })
        .collect()
}

/// Lines outside fenced code, with their numbers from 1.
pub fn lines_outside_code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
            return None;
        }
        (!in_code).then_some((index + 1, line))
    })
}
