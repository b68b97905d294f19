//! Reads Rust source as text: blanks comments, strings and tests, and spells out the paths that
//! start at the crate's root. It knows nothing of types and macros, nor which rule asks.

use std::{fs, path::PathBuf};

pub struct File {
    /// Relative to the repository, with `/`.
    pub name: String,
    pub text: String,
}

impl File {
    /// `name` is relative to the repository.
    pub fn read(name: &str) -> Self {
        let text =
            fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self {
            name: name.to_owned(),
            text,
        }
    }

    /// The top-level module that the file belongs to.
    pub fn module(&self) -> String {
        let below = self.name.strip_prefix("src/").unwrap_or(&self.name);
        let first = below.split('/').next().unwrap_or(below);
        first.trim_end_matches(".rs").to_owned()
    }

    /// How many `super::` lead from here to the crate's root.
    pub fn depth(&self) -> usize {
        let folders = self.name.matches('/').count();
        let names_its_folder = self.name.ends_with("/mod.rs");
        folders.saturating_sub(usize::from(names_its_folder)).max(1)
    }

    /// Code outside tests, comments and strings, at its own line numbers.
    pub fn shipped_code(&self) -> String {
        let is_test = self.name.ends_with("/tests.rs") || self.name.contains("/tests/");
        if is_test {
            String::new()
        } else {
            without_tests(&blank(&self.text))
        }
    }

    pub fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.name)
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub fn all_rust_files() -> Vec<File> {
    let mut files = rust_files("src");
    files.extend(rust_files("tests"));
    files.push(File::read("build.rs"));
    files
}

/// The files of a folder, not of those below it; Go's tests are left out.
pub fn files_right_in(folder: &str, ending: &str) -> Vec<File> {
    fs::read_dir(root().join(folder))
        .expect("the folder is there")
        .map(|entry| entry.expect("the folder can be read").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| name.ends_with(ending) && !name.ends_with("_test.go"))
        .map(|name| File::read(&format!("{folder}/{name}")))
        .collect()
}

pub fn rust_files(folder: &str) -> Vec<File> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).expect("the folder is there") {
            let entry = entry.expect("the folder can be read");
            let path = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(File::read(&path.to_string_lossy()));
            }
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!files.is_empty(), "{folder} holds Rust files");
    files
}

/// The lines, from 1, on which `pattern` starts and is not the tail of a longer name.
pub fn lines_with(code: &str, pattern: &str) -> Vec<usize> {
    let starts_a_name =
        |at: &usize| !code[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    code.match_indices(pattern)
        .map(|(at, _)| at)
        .filter(starts_a_name)
        .map(|at| line_of(code, at))
        .collect()
}

fn line_of(code: &str, at: usize) -> usize {
    1 + code[..at].matches('\n').count()
}

/// Every path that starts at this crate's root, groups spelled out, without the root itself.
pub fn crate_paths(code: &str) -> Vec<(usize, Vec<String>)> {
    let mut paths = Vec::new();
    for root in ["crate::", "mailwright::"] {
        for (at, _) in code.match_indices(root) {
            if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let mut found = Vec::new();
            read_tree(&code[at + root.len()..], &[], &mut found);
            paths.extend(found.into_iter().map(|path| (line_of(code, at), path)));
        }
    }
    paths.retain(|(_, path)| !path.is_empty());
    paths
}

/// Reads `a::{b, c::d}` into `a::b` and `a::c::d`; returns what follows the tree.
fn read_tree<'a>(code: &'a str, before: &[String], found: &mut Vec<Vec<String>>) -> &'a str {
    let mut path = before.to_vec();
    let mut rest = code.trim_start();
    loop {
        if let Some(group) = rest.strip_prefix('{') {
            rest = group.trim_start();
            while !rest.is_empty() && !rest.starts_with('}') {
                rest = read_tree(rest, &path, found);
                let end = rest.find([',', '}']).unwrap_or(rest.len());
                rest = rest[end..].trim_start_matches(',').trim_start();
            }
            return rest.strip_prefix('}').unwrap_or(rest);
        }
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '*')
            .unwrap_or(rest.len());
        if end > 0 {
            path.push(rest[..end].to_owned());
        }
        rest = &rest[end..];
        match rest.strip_prefix("::") {
            Some(more) if end > 0 && !more.starts_with('<') => rest = more.trim_start(),
            _ => break,
        }
    }
    found.push(path);
    rest
}

/// Blanks each item under `#[cfg(test)]`, up to its `;` or closing brace.
pub fn without_tests(code: &str) -> String {
    let mut kept = code.to_owned();
    while let Some(start) = kept.find("#[cfg(test)]") {
        let mut depth = 0_usize;
        let mut end = kept.len();
        for (at, c) in kept[start..].char_indices() {
            depth = match c {
                '{' => depth + 1,
                '}' => depth.saturating_sub(1),
                _ => depth,
            };
            if depth == 0 && (c == '}' || c == ';') {
                end = start + at + c.len_utf8();
                break;
            }
        }
        let blanked = blank_all(&kept[start..end]);
        kept.replace_range(start..end, &blanked);
    }
    kept
}

/// Blanks comments and the contents of strings and characters; line numbers stay.
pub fn blank(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let in_name = code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let end = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment_end(rest)
        } else if c == '"' {
            quoted_end(rest, '"')
        } else if !in_name && let Some(end) = raw_string_end(rest) {
            end
        } else if c == '\'' && is_character(rest) {
            quoted_end(rest, '\'')
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        code.push_str(&blank_all(&rest[..end]));
        rest = &rest[end..];
    }
    code
}

fn blank_all(text: &str) -> String {
    text.chars()
        .map(|c| if c == '\n' { '\n' } else { ' ' })
        .collect()
}

fn block_comment_end(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        let step = match rest.as_bytes()[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                2
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The end of a string or character that starts `rest`, its closing quote included.
fn quoted_end(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    rest.len()
}

fn raw_string_end(rest: &str) -> Option<usize> {
    let prefix = if rest.starts_with("br") { 2 } else { 1 };
    let hashes = rest.strip_prefix("br").or(rest.strip_prefix('r'))?;
    let count = hashes.len() - hashes.trim_start_matches('#').len();
    let content = hashes[count..].strip_prefix('"')?;
    let closing = format!("\"{}", "#".repeat(count));
    let length = content.find(&closing)?;
    Some(prefix + count + 1 + length + closing.len())
}

/// Whether the quote opens a character; else it is a lifetime.
fn is_character(rest: &str) -> bool {
    let mut after = rest.chars().skip(1);
    after.next() == Some('\\') || after.next() == Some('\'')
}
