//! Every link between the repository's pages leads to a file that is there, and to a heading in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::{markdown, root};

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let anchors: BTreeMap<&PathBuf, BTreeSet<String>> = pages
        .iter()
        .map(|(path, text)| (path, anchors(text)))
        .collect();
    let mut findings = Vec::new();
    for (path, text) in &pages {
        for (number, line) in markdown::lines_outside_code(text) {
            for link in links(line).filter(|link| !link.contains("://")) {
                let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
                let target = beside(path, file);
                let there = root().join(&target).exists();
                let known = anchors.get(&target).is_none_or(|all| all.contains(anchor));
                if !there || !anchor.is_empty() && !known {
                    findings.push(format!("{}:{number}: {link}", path.display()));
                }
            }
        }
    }
    assert!(
        findings.is_empty(),
        "dead links\n  {}",
        findings.join("\n  ")
    );
}

#[test]
fn every_page_is_in_the_index() {
    let index = crate::read("docs/README.md");
    let linked: BTreeSet<PathBuf> = markdown::lines_outside_code(&index)
        .flat_map(|(_, line)| links(line).collect::<Vec<_>>())
        .map(|link| {
            beside(
                Path::new("docs/README.md"),
                link.split('#').next().unwrap_or(""),
            )
        })
        .collect();
    let missing: Vec<PathBuf> = pages()
        .into_keys()
        .filter(|page| page.starts_with("docs") && !linked.contains(page))
        .filter(|page| page != Path::new("docs/README.md"))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/README.md doesn't lead to {missing:?}"
    );
}

#[test]
fn links_are_seen_in_prose_and_nowhere_else() {
    let found: Vec<String> = links("See [a](b.md#c), ![d](e.png), `[f](g)` and [h] (i).").collect();
    assert_eq!(found, ["b.md#c", "e.png"]);
    assert_eq!(
        beside(Path::new("docs/a.md"), "../deploy/b.md"),
        Path::new("deploy/b.md")
    );
    assert_eq!(beside(Path::new("docs/a.md"), ""), Path::new("docs/a.md"));
    let headings = anchors("# A `b`: c!\n## X\n## X\n### [Y](z)\n```\n# no\n```\n");
    assert_eq!(
        headings,
        ["a-b-c", "x", "x-1", "y"].map(str::to_owned).into()
    );
}

/// Every Markdown file of the repository, by its path in it.
fn pages() -> BTreeMap<PathBuf, String> {
    let mut pages = BTreeMap::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).expect("the folder is there") {
            let entry = entry.expect("the folder can be read");
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = folder.join(&name);
            let is_ours = !name.starts_with('.') && !["target", "node_modules"].contains(&&*name);
            if entry.path().is_dir() && is_ours {
                folders.push(path);
            } else if name.ends_with(".md") {
                let text = fs::read_to_string(entry.path()).expect("a page is text");
                pages.insert(path, text);
            }
        }
    }
    pages
}

/// The targets of a line's links, images included.
fn links(line: &str) -> impl Iterator<Item = String> {
    let without_code: String = line.split('`').step_by(2).collect::<Vec<_>>().join("");
    let pieces: Vec<String> = without_code
        .split("](")
        .skip(1)
        .map(str::to_owned)
        .collect();
    pieces
        .into_iter()
        .filter_map(|piece| piece.split_once(')').map(|(target, _)| target.to_owned()))
}

/// What a link on `page` names, as a path in the repository.
fn beside(page: &Path, link: &str) -> PathBuf {
    if link.is_empty() {
        return page.to_owned();
    }
    let mut path = page.parent().unwrap_or(Path::new("")).to_owned();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir => {}
            part => path.push(part),
        }
    }
    path
}

/// The anchors of a page's headings; GitHub numbers those that repeat.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen = BTreeMap::new();
    let headings = markdown::lines_outside_code(text).filter(|(_, line)| line.starts_with('#'));
    headings
        .map(|(_, line)| {
            let heading = line.trim_start_matches('#').trim();
            let shown = heading.split("](").next().unwrap_or(heading);
            let anchor = markdown::anchor(shown);
            let times = seen.entry(anchor.clone()).or_insert(0_u32);
            *times += 1;
            match *times {
                1 => anchor,
                times => format!("{anchor}-{}", times - 1),
            }
        })
        .collect()
}
