//! The tables of the written specification against the tables of the code.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use deskwire_proto::code::{Class, Code, OutcomeCode};
use deskwire_proto::cose::Purpose;
use deskwire_proto::id::Hash;
use deskwire_proto::message::{Kind, Sender};
use deskwire_proto::receipt::NotApplied;
use deskwire_proto::words::Language;

use crate::file::folder;
use crate::load::load_all;

/// A chapter of the specification.
pub(crate) fn chapter(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto-spec").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Rows of the tables under a heading, cells trimmed and without backticks.
pub(crate) fn rows(chapter: &str, heading: &str) -> Vec<Vec<String>> {
    let from = chapter.find(heading).unwrap_or_else(|| panic!("no heading {heading}"));
    let section = &chapter[from + heading.len()..];
    let section = &section[..section.find("\n## ").unwrap_or(section.len())];
    let cells = |line: &str| {
        line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect::<Vec<_>>()
    };
    let table = section.lines().filter(|line| line.starts_with('|'));
    table.map(cells).filter(|row| !row[0].starts_with("---")).skip(1).collect()
}

/// An operator who looks a code up must find it, with its status and whether trying again helps.
#[test]
fn problem_codes_are_those_of_chapter_11() {
    let class = |class: Class| match class {
        Class::Final => "final",
        Class::Retry => "retry",
        Class::Resync => "resync",
    };
    let ours: Vec<_> = Code::ALL
        .iter()
        .map(|code| vec![code.as_str().to_owned(), code.status().to_string(), class(code.class()).to_owned()])
        .collect();
    let theirs: Vec<_> =
        rows(&chapter("11-errors.md"), "## 11.3").into_iter().map(|row| row[..3].to_vec()).collect();
    assert_eq!(ours, theirs);
    assert!(Code::ALL.iter().all(|code| Code::from_text(code.as_str()) == Some(*code)));
}

#[test]
fn outcome_codes_are_those_of_chapter_11() {
    let result = |result: NotApplied| match result {
        NotApplied::Refused => "refused",
        NotApplied::Unsupported => "unsupported",
    };
    let ours: Vec<_> = OutcomeCode::ALL
        .iter()
        .map(|code| vec![code.as_str().to_owned(), result(code.result()).to_owned()])
        .collect();
    let theirs: Vec<_> =
        rows(&chapter("11-errors.md"), "## 11.4").into_iter().map(|row| row[..2].to_vec()).collect();
    assert_eq!(ours, theirs);
    assert!(OutcomeCode::ALL.iter().all(|code| OutcomeCode::from_text(code.as_str()) == Some(*code)));
}

/// Whoever implements a kind from its section must get what this code takes.
#[test]
fn kinds_are_those_of_chapter_6() {
    let sender = |sender: Sender| match sender {
        Sender::Principal => "principal",
        Sender::Contractor => "contractor",
        Sender::Either => "either",
        Sender::Desk => "desk",
    };
    let text = chapter("06-messages.md");
    let ours: Vec<_> = Kind::ALL
        .iter()
        .map(|kind| [kind.name(), kind.section(), sender(kind.sender())].map(str::to_owned).to_vec())
        .collect();
    let theirs: Vec<_> = rows(&text, "## 6.1").into_iter().map(|row| row[..3].to_vec()).collect();
    assert_eq!(ours, theirs);
    for kind in Kind::ALL {
        let heading = format!("\n## {} {}\n", kind.section(), kind.name());
        assert!(text.contains(&heading), "no heading{heading}");
        assert_eq!(Kind::from_name(kind.name()), Some(*kind));
    }
}

/// A member that the code knows and the schema lacks, or the reverse, is a fact that one side drops.
#[test]
fn facts_have_the_members_of_their_cddl_rule() {
    let cddl = chapter("deskwire.cddl");
    let rules = facts_rules();
    for kind in Kind::ALL {
        let mut ours: Vec<_> = kind.fact_keys().iter().map(|key| (*key).to_owned()).collect();
        let mut theirs = members(&cddl, &rules[kind.name()]);
        assert_eq!(ours, theirs, "{}: not in the order of the schema", kind.name());
        ours.sort_by_key(|key| (key.len(), key.clone()));
        theirs.dedup();
        assert_eq!(ours, theirs, "{}: not in deterministic order", kind.name());
    }
}

/// The rule of the facts of each kind, from the table of section 6.1.
pub(crate) fn facts_rules() -> BTreeMap<String, String> {
    rows(&chapter("06-messages.md"), "## 6.1")
        .into_iter()
        .map(|row| (row[0].clone(), row[3].clone()))
        .collect()
}

/// Names of the members of a map rule, in the order of the schema.
fn members(cddl: &str, rule: &str) -> Vec<String> {
    let start = format!("\n{rule} = {{");
    let from = cddl.find(&start).unwrap_or_else(|| panic!("no rule {rule}")) + start.len();
    let body: String = cddl[from..]
        .lines()
        .map(|line| line.split(';').next().unwrap_or_default().to_owned() + "\n")
        .collect();
    let mut depth = 1;
    let mut names = Vec::new();
    let mut quoted = body.split('"');
    let mut outside = quoted.next().unwrap_or_default();
    loop {
        for letter in outside.chars() {
            match letter {
                '{' | '[' | '(' => depth += 1,
                '}' | ']' | ')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return names;
            }
        }
        let name = quoted.next().expect("a rule ends");
        outside = quoted.next().expect("a rule ends");
        if depth == 1 && outside.trim_start().starts_with(':') {
            names.push(name.to_owned());
        }
    }
}

#[test]
fn purposes_are_those_of_chapter_4() {
    let theirs: Vec<_> =
        rows(&chapter("04-envelope.md"), "## 4.2").into_iter().map(|row| row[0].clone()).collect();
    let ours: Vec<_> = Purpose::ALL.iter().map(|purpose| purpose.name().to_owned()).collect();
    assert_eq!(ours, theirs);
}

/// Two people who read words from different lists would never agree.
#[test]
fn word_lists_are_those_of_chapter_3() {
    let text = chapter("03-linking.md");
    for language in Language::ALL {
        let list = language.words().join("\n") + "\n";
        let row = rows(&text, "## 3.6")
            .into_iter()
            .find(|row| row[0].starts_with(&format!("{}.txt", language.tag())));
        assert_eq!(
            row.expect("a row for each list")[1],
            Hash::of(list.as_bytes()).to_hex(),
            "{}",
            language.tag()
        );
    }
}

/// An implementer checks a first try against the examples of the chapters.
#[test]
fn examples_of_the_chapters_are_those_of_the_vectors() {
    let vectors: BTreeMap<_, _> = load_all().into_iter().collect();
    for (name, member, chapter_name) in [
        ("key-log/two", "head", "02-identity.md"),
        ("key-log/two", "desk", "02-identity.md"),
        ("words/example", "digits", "03-linking.md"),
        ("words/example", "de", "03-linking.md"),
        ("envelope/example-1", "hash", "04-envelope.md"),
        ("envelope/example-2", "hash", "04-envelope.md"),
        ("session/welcome", "session", "05-stream-and-session.md"),
    ] {
        let value =
            vectors[name].value.as_ref().expect("a value")[member].as_str().expect("a text").to_owned();
        assert!(chapter(chapter_name).contains(&value), "{chapter_name} does not have {member} of {name}");
    }
    let receipt = &vectors["receipt/example"].hex;
    assert!(chapter("08-receipts.md").contains(&receipt[receipt.len() - 64..]), "the receipt of section 8.6");
    let invitation = String::from_utf8(vectors["invitation/text"].bytes()).expect("text");
    let lines: String = chapter("03-linking.md").split_whitespace().collect();
    assert!(lines.contains(&invitation), "the invitation of section 3.3");
}

/// What a chapter names at its end is there.
#[test]
fn rules_and_vectors_that_the_chapters_name_exist() {
    let cddl = chapter("deskwire.cddl");
    let mut named = 0;
    for entry in fs::read_dir(folder().join("..")).expect("the specification").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".md") {
            continue;
        }
        let text = chapter(&name);
        for line in text.lines().filter(|line| line.starts_with("CDDL: ") || line.starts_with("Vectors: ")) {
            let (rules, groups) = line.split_once("Vectors: ").unwrap_or((line, ""));
            for rule in rules.split('`').skip(1).step_by(2) {
                let defined =
                    [format!("\n{rule} "), format!("\n{rule}<")].iter().any(|start| cddl.contains(start));
                assert!(defined, "{name}: the CDDL has no rule {rule}");
                named += 1;
            }
            for group in groups.split('`').skip(1).step_by(2).filter(|group| !group.contains('<')) {
                let there = folder().join("..").join(group).is_dir();
                assert!(there, "{name}: there is no {group}");
                named += 1;
            }
        }
    }
    assert!(named > 40, "only {named} names were found");
}
