//! The page of every RPC, message and enum, out of the comments in `proto/`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mailwright::model::diagnosis::Reason;
use mailwright::rpc::proto::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    FileDescriptorSet, ServiceDescriptorProto,
};

use crate::markdown;

const PACKAGE: &str = "mailwright.v1";

/// Field numbers in `descriptor.proto`, by which comments are filed.
const MESSAGE: i32 = 4;
const ENUM: i32 = 5;
const SERVICE: i32 = 6;
const MEMBER: i32 = 2;

/// Renders the page.
pub fn page() -> String {
    let files = files();
    let mut page = markdown::head("The API", "proto/mailwright/v1");
    page.push_str("\nPackage `mailwright.v1`. Every error carries a `google.rpc.ErrorInfo` whose `reason` is one of [these](diagnoses.md).\n");
    for file in &files {
        for (index, service) in file.proto.service.iter().enumerate() {
            file.write_service(&mut page, index, service);
        }
    }
    line(&mut page, "## Messages");
    for file in &files {
        for (index, message) in file.proto.message_type.iter().enumerate() {
            file.write_message(&mut page, &[MESSAGE, place(index)], message);
        }
    }
    line(&mut page, "## Enums");
    for file in &files {
        for (index, one) in file.proto.enum_type.iter().enumerate() {
            file.write_enum(&mut page, index, one);
        }
    }
    page
}

/// The names of all RPCs.
pub fn rpcs() -> Vec<String> {
    files()
        .iter()
        .flat_map(|file| file.proto.service.clone())
        .flat_map(|service| service.method)
        .map(|method| method.name().to_owned())
        .collect()
}

/// The comment of each value of the enum Reason, by its name without the prefix.
pub fn reasons() -> BTreeMap<String, String> {
    let files = files();
    let mut comments = BTreeMap::new();
    for file in &files {
        for (index, one) in file.proto.enum_type.iter().enumerate() {
            for (at, value) in one.value.iter().enumerate() {
                if let Some(reason) = value.name().strip_prefix("REASON_") {
                    let comment = file.comment(&[ENUM, place(index), MEMBER, place(at)]);
                    comments.insert(reason.to_owned(), comment);
                }
            }
        }
    }
    comments
}

struct File {
    proto: FileDescriptorProto,
    comments: BTreeMap<Vec<i32>, String>,
}

fn files() -> Vec<File> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("build.rs wrote it");
    set.file
        .into_iter()
        .filter(|file| file.package() == PACKAGE)
        .map(|proto| {
            let locations = proto
                .source_code_info
                .iter()
                .flat_map(|info| &info.location);
            let comments = locations
                .map(|location| (location.path.clone(), tidy(location.leading_comments())))
                .collect();
            File { comments, proto }
        })
        .collect()
}

impl File {
    fn comment(&self, path: &[i32]) -> String {
        self.comments.get(path).cloned().unwrap_or_default()
    }

    fn write_service(&self, page: &mut String, index: usize, service: &ServiceDescriptorProto) {
        let path = [SERVICE, place(index)];
        line(page, &format!("## {}", service.name()));
        line(page, &prose(&self.comment(&path)));
        for (at, method) in service.method.iter().enumerate() {
            let stream = |yes: bool| if yes { "stream of " } else { "" };
            line(page, &format!("### {}", method.name()));
            let (input, output) = (link(method.input_type()), link(method.output_type()));
            let (client, server) = (method.client_streaming(), method.server_streaming());
            line(
                page,
                &format!("{}{input} → {}{output}", stream(client), stream(server)),
            );
            let comment = self.comment(&[path[0], path[1], MEMBER, place(at)]);
            line(page, &prose(&comment));
        }
    }

    fn write_message(&self, page: &mut String, path: &[i32], message: &DescriptorProto) {
        line(page, &format!("### {}", message.name()));
        line(page, &prose(&self.comment(path)));
        for (at, field) in message.field.iter().enumerate() {
            let comment = self.comment(&[path, &[MEMBER, place(at)]].concat());
            let one_of = field
                .oneof_index
                .and_then(|index| message.oneof_decl.get(usize::try_from(index).ok()?))
                .map_or_else(String::new, |one| format!(", one of `{}`", one.name()));
            let kind = kind(message, field);
            item(page, field.name(), &format!(" {kind}{one_of}"), &comment);
        }
    }

    fn write_enum(&self, page: &mut String, index: usize, one: &EnumDescriptorProto) {
        line(page, &format!("### {}", one.name()));
        line(page, &prose(&self.comment(&[ENUM, place(index)])));
        for (at, value) in one.value.iter().enumerate() {
            let comment = self.comment(&[ENUM, place(index), MEMBER, place(at)]);
            item(page, value.name(), "", &comment);
        }
    }
}

fn place(index: usize) -> i32 {
    i32::try_from(index).expect("a file has fewer")
}

/// What a field holds, with a link to what this page describes.
fn kind(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let entry = message.nested_type.iter().find(|nested| {
        nested
            .options
            .as_ref()
            .is_some_and(|options| options.map_entry())
            && field.type_name().ends_with(&format!(".{}", nested.name()))
    });
    if let Some(entry) = entry {
        let sides: Vec<String> = entry.field.iter().map(|side| kind(entry, side)).collect();
        return format!("map of {} to {}", sides[0], sides[1]);
    }
    let one = match field.r#type() {
        Type::Message | Type::Enum => link(field.type_name()),
        scalar => format!("{scalar:?}").to_lowercase(),
    };
    match field.label() {
        Label::Repeated => format!("list of {one}"),
        Label::Optional | Label::Required => one,
    }
}

fn link(name: &str) -> String {
    let name = name.trim_start_matches('.');
    match name.strip_prefix(PACKAGE) {
        Some(own) => {
            let own = own.trim_start_matches('.');
            format!("[{own}](#{})", markdown::anchor(own))
        }
        None => format!("`{name}`"),
    }
}

/// Comments as paragraphs, without the space that starts each line.
fn tidy(comment: &str) -> String {
    let lines: Vec<&str> = comment.lines().map(str::trim).collect();
    lines.join("\n").trim().to_owned()
}

/// A comment, in which the reasons of errors lead to their diagnoses.
fn prose(comment: &str) -> String {
    let paragraphs = comment.split("\n\n").map(|paragraph| {
        let text = markdown::prose(paragraph);
        if paragraph.starts_with("Errors") {
            linked(&text)
        } else {
            text
        }
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

fn linked(text: &str) -> String {
    text.split_inclusive(|c: char| !(c.is_ascii_uppercase() || c == '_'))
        .map(|piece| {
            let word = piece.trim_end_matches(|c: char| !(c.is_ascii_uppercase() || c == '_'));
            match Reason::ALL.iter().find(|reason| reason.as_str() == word) {
                Some(_) => format!(
                    "[{word}](diagnoses.md#{}){}",
                    markdown::anchor(word),
                    &piece[word.len()..]
                ),
                None => piece.to_owned(),
            }
        })
        .collect()
}

fn line(page: &mut String, text: &str) {
    if !text.is_empty() {
        writeln!(page, "\n{text}").expect("a String takes all");
    }
}

/// A field or value: the first below its heading begins a list.
fn item(page: &mut String, name: &str, kind: &str, comment: &str) {
    if !page
        .trim_end()
        .lines()
        .last()
        .is_some_and(|last| last.starts_with("- "))
    {
        page.push('\n');
    }
    let comment = markdown::prose(&comment.replace('\n', " "));
    writeln!(page, "- **`{name}`**{kind}: {comment}").expect("a String takes all");
}
