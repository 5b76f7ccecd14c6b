//! House rules as tests: which crate may use which, who owns an outside library, how long files and functions get,
//! and that code and specification name each other.

#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each crate may use of ours, from the bottom up. `ARCHITECTURE.md` says why.
const LAYERS: &[(&str, &[&str])] = &[
    ("proto", &[]),
    ("api-types", &[]),
    ("http", &[]),
    ("machine", &["proto"]),
    ("store", &["proto", "machine"]),
    ("store-sled", &["store"]),
    ("engine", &["proto", "machine", "store"]),
    ("federation", &["proto", "machine", "store", "engine", "http"]),
    ("api", &["proto", "machine", "store", "engine", "http", "api-types"]),
    ("client", &["api-types"]),
    (
        "daemon",
        &[
            "proto",
            "machine",
            "store",
            "store-sled",
            "engine",
            "federation",
            "api",
            "api-types",
            "http",
            "client",
        ],
    ),
    ("cli", &["proto", "machine", "http", "daemon", "client", "api-types"]),
];

/// Outside libraries that one crate owns, so that they can be replaced there.
const OWNERS: &[(&str, &[&str])] = &[
    ("serde_cbor", &["proto"]),
    ("ed25519-dalek", &["proto"]),
    ("sled", &["store-sled"]),
    ("reqwest", &["federation"]),
    ("rustls", &["http"]),
    ("rcgen", &["http"]),
    ("clap", &["cli"]),
    ("tracing-subscriber", &["daemon"]),
];

/// Crates without IO, clock and randomness.
const PURE: &[&str] = &["proto", "machine"];
const IMPURE_LIBRARIES: &[&str] = &["tokio", "getrandom", "rand", "tracing", "jiff", "rustix"];

const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 70;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests live in the workspace").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names in `[dependencies]` of a crate.
fn dependencies(name: &str) -> Vec<String> {
    let manifest = read(&root().join("crates").join(name).join("Cargo.toml"));
    let section = manifest.split("\n[").find(|section| section.starts_with("dependencies]"));
    let lines = section.unwrap_or_default().lines().skip(1);
    let names = lines.filter_map(|line| line.split(['.', '=', ' ']).next());
    names.filter(|name| !name.is_empty() && !name.starts_with('#')).map(str::to_owned).collect()
}

fn crates() -> Vec<String> {
    let folders = fs::read_dir(root().join("crates")).unwrap();
    let folders = folders.map(|entry| entry.unwrap()).filter(|entry| entry.path().is_dir());
    folders.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// All Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn all_sources() -> Vec<PathBuf> {
    crates().iter().flat_map(|name| sources(&root().join("crates").join(name).join("src"))).collect()
}

/// An arrow that points up would let the network decide, or the pure core read a clock.
#[test]
fn every_arrow_points_down() {
    let layers: BTreeMap<_, _> = LAYERS.iter().copied().collect();
    for name in crates() {
        let allowed =
            layers.get(name.as_str()).unwrap_or_else(|| panic!("the crate {name} stands in no layer"));
        for used in dependencies(&name) {
            if let Some(used) = used.strip_prefix("deskwire-") {
                assert!(allowed.contains(&used), "{name} may not use {used}");
            }
        }
    }
}

/// A library that may have to be replaced must be behind one crate.
#[test]
fn outside_libraries_have_one_owner() {
    for name in crates() {
        for used in dependencies(&name) {
            if let Some((_, owners)) = OWNERS.iter().find(|(library, _)| *library == used) {
                assert!(owners.contains(&name.as_str()), "{name} uses {used}, which belongs to {owners:?}");
            }
        }
    }
}

/// A clock or a random number in the core would make two desks fold the same messages differently.
#[test]
fn the_core_is_pure() {
    for name in PURE {
        for used in dependencies(name) {
            assert!(!IMPURE_LIBRARIES.contains(&used.as_str()), "{name} may not use {used}");
        }
        let own = sources(&root().join("crates").join(name).join("src"));
        for path in own.into_iter().filter(|path| !is_of_tests(path)) {
            let text = read(&path);
            for banned in [
                "TcpStream",
                "UdpSocket",
                "ToSocketAddrs",
                "std::fs",
                "std::process",
                "SystemTime",
                "Instant::now",
                "std::env",
                "std::thread",
            ] {
                assert!(!text.contains(banned), "{} mentions {banned}", path.display());
            }
        }
    }
}

/// Whoever opens a file must learn at once what lives in it, and must be able to hold it in mind.
#[test]
fn files_say_what_they_hold_and_stay_short() {
    let mut faults = Vec::new();
    for path in all_sources() {
        let text = read(&path);
        if !text.starts_with("//!") {
            faults.push(format!("{} does not say what lives in it", path.display()));
        }
        let own = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = own.lines().count();
        if lines > FILE_LINES {
            faults.push(format!("{} has {lines} lines without its tests", path.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Functions that are one table, an arm for each variant and nothing else: splitting them would need a wildcard arm.
const TABLES: &[(&str, &str)] = &[("crates/engine/src/project/mod.rs", "pub(crate) fn project(")];

#[test]
fn functions_fit_a_screen() {
    let mut faults = Vec::new();
    for path in all_sources().into_iter().filter(|path| !is_of_tests(path)) {
        let text = read(&path);
        let mut start: Option<(usize, usize, String)> = None;
        for (number, line) in text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let word = line.trim_start();
            match &start {
                None if is_function(word) && !word.ends_with('}') && !word.ends_with(';') => {
                    start = Some((number, indent, word.to_owned()));
                }
                Some((from, depth, name)) if indent == *depth && (word == "}" || word.ends_with(';')) => {
                    let lines = number - from + 1;
                    let is_table =
                        TABLES.iter().any(|(file, table)| path.ends_with(file) && name.starts_with(table));
                    if lines > FUNCTION_LINES && !is_table {
                        faults.push(format!("{}: {name} has {lines} lines", path.display()));
                    }
                    start = None;
                }
                _ => {}
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A test may tell a longer story than the code that it tries.
fn is_of_tests(path: &Path) -> bool {
    let inside = path.strip_prefix(root()).unwrap();
    inside.iter().any(|part| part == "tests" || part == "tests.rs")
}

fn is_function(line: &str) -> bool {
    let line =
        line.trim_start_matches("pub ").trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
    let line = line.trim_start_matches("const ").trim_start_matches("async ");
    line.starts_with("fn ")
}

/// A message kind without its section in the specification could not be written by anybody else.
#[test]
fn each_kind_names_a_section_that_exists() {
    let chapter = read(&root().join("proto-spec/06-messages.md"));
    let folder = root().join("crates/proto/src/message");
    let mut kinds = 0;
    for path in sources(&folder) {
        let text = read(&path);
        let head = text.lines().next().unwrap_or_default();
        let Some((kind, section)) =
            head.strip_prefix("//! ").and_then(|head| head.split_once(" — proto-spec, section "))
        else {
            continue;
        };
        kinds += 1;
        let heading =
            chapter.lines().find(|line| line.starts_with('#') && line.contains(&format!(" {section} ")));
        let heading =
            heading.unwrap_or_else(|| panic!("{}: chapter 6 has no section {section}", path.display()));
        assert!(heading.contains(kind), "section {section} is '{heading}', not {kind}");
    }
    assert!(kinds >= 36, "only {kinds} kinds name their section");
}

/// Cases of delivery that wait for something to be built: another version of the protocol.
const OPEN_CASES: &[u32] = &[36];

fn names_none(cell: &str) -> bool {
    !cell.contains('`')
}

/// The tests of a source: their names, and whether they are left out of an ordinary run.
fn tests_in(text: &str) -> Vec<(String, bool)> {
    let (mut found, mut test, mut ignored) = (Vec::new(), false, false);
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            test = true;
        } else if line.starts_with("#[ignore") {
            ignored = true;
        } else if let Some(rest) = line.split_once("fn ").filter(|_| test && !line.starts_with('/')) {
            let name = rest.1.split('(').next().unwrap_or_default().to_owned();
            found.push((name, ignored));
            (test, ignored) = (false, false);
        }
    }
    found
}

/// A case whose test was renamed, removed or left out of every run would pass for tried.
#[test]
fn each_fault_case_names_tests_that_exist() {
    let readme = read(&root().join("tests/README.md"));
    let folders = ["crates", "tests"].map(|name| root().join(name));
    let files = folders.iter().flat_map(|folder| sources(folder));
    let tests: BTreeMap<String, bool> = files.flat_map(|path| tests_in(&read(&path))).collect();
    let mut next = 1;
    let numbered =
        |line: &&str| line.starts_with("| ") && line[2..].starts_with(|letter: char| letter.is_ascii_digit());
    for line in readme.lines().filter(numbered) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        assert_eq!(cells[1], next.to_string(), "the cases are not in order: {line}");
        next += 1;
        let names: Vec<&str> = cells[3].split('`').skip(1).step_by(2).collect();
        let why = cells[3].contains("not yet") || cells[3].contains("cannot apply");
        assert!(why || !names.is_empty(), "case {} says nothing: {line}", cells[1]);
        for name in names {
            let known = tests.get(name);
            assert!(known.is_some(), "case {} names {name}, which is no test", cells[1]);
            assert_eq!(known, Some(&false), "case {} names {name}, which no ordinary run has", cells[1]);
        }
        // What delivery has to survive needs nothing that is still to be built.
        let number = next - 1;
        let delivery =
            (1..=40).contains(&number) || (53..=59).contains(&number) || (68..=85).contains(&number);
        let more = matches!(number, 109..=111 | 113 | 114 | 116..=118);
        let open = OPEN_CASES.contains(&number) || cells[3].contains("cannot apply");
        assert!(!(delivery || more) || open || !names_none(cells[3]), "case {number} has no test: {line}");
    }
    assert_eq!(next, 119, "the table has {} cases", next - 1);
}

/// The tree speaks of the product alone.
#[test]
fn nothing_names_a_machine_or_a_registry() {
    let banned = ["/root/", "/home/", "crates.io-index", "/work/main", "/work/shared", "/work/."];
    let texts =
        ["README.md", "CHANGELOG.md", "crates/ARCHITECTURE.md", "tests/README.md", "Cargo.toml", "deny.toml"];
    let files = all_sources().into_iter().chain(texts.iter().map(|name| root().join(name)));
    for path in files {
        let text = read(&path);
        for word in banned {
            assert!(!text.contains(word), "{} mentions {word}", path.display());
        }
    }
}
