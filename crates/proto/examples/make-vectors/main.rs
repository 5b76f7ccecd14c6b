//! Makes the test vectors of the protocol, and freezes them: `cargo run -p deskwire-proto --example make-vectors`.
//!
//! A vector that exists and differs is an error unless `--replace` is given, which is for vectors that no
//! release holds yet. Everything is made from fixed seeds, with an encoder and a signer of its own.

#![expect(clippy::print_stdout, reason = "a tool that tells its user what it did")]

mod bytes;
mod case;
#[path = "../../tests/vectors/file.rs"]
mod file;
mod files;
mod identity;
mod kinds;
mod linking;
mod messages;
mod receipts;
mod stream;
mod value;
#[path = "../../tests/vectors/verdict.rs"]
mod verdict;
mod world;

use std::fmt::Write as _;
use std::fs;

use case::Cases;

fn main() {
    let mut cases = Cases::default();
    bytes::make(&mut cases);
    identity::make(&mut cases);
    linking::make(&mut cases);
    messages::make(&mut cases);
    kinds::make(&mut cases);
    stream::make(&mut cases);
    receipts::make(&mut cases);
    files::make(&mut cases);
    let wrong = misjudged(&cases);
    assert!(wrong.is_empty(), "not as expected:\n{wrong}");
    let replace = std::env::args().any(|argument| argument == "--replace");
    write(&cases, replace);
}

fn misjudged(cases: &Cases) -> String {
    let mut wrong = String::new();
    for (path, vector) in &cases.0 {
        let found = match verdict::of(vector) {
            Ok(_) => "ok".to_owned(),
            Err(code) => code,
        };
        if found != vector.expect {
            writeln!(wrong, "{path}: {} expected, {found} found", vector.expect)
                .expect("a String takes any write");
        }
    }
    wrong
}

fn write(cases: &Cases, replace: bool) {
    let folder = file::folder();
    let mut manifest = proofs(&folder);
    let mut written = 0;
    for (path, vector) in &cases.0 {
        let text = serde_json::to_string_pretty(vector).expect("a vector is JSON") + "\n";
        manifest.push(format!("{}  {path}.json\n", value::hex(&world::sha(text.as_bytes()))));
        let path = folder.join(format!("{path}.json"));
        match fs::read_to_string(&path) {
            Ok(there) if there == text => continue,
            Ok(_) => assert!(replace, "{} is frozen and would change", path.display()),
            Err(_) => {}
        }
        fs::create_dir_all(path.parent().expect("a group")).expect("a folder");
        fs::write(&path, text).expect("a file");
        written += 1;
    }
    if replace {
        remove_others(&cases.0);
    }
    manifest.sort_by(|one, other| one[66..].cmp(&other[66..]));
    fs::write(folder.join("MANIFEST.sha256"), manifest.concat()).expect("the manifest");
    println!("{} vectors, {written} of them new or changed", cases.0.len());
}

/// The lines of proof files in the manifest: `deskwire-machine` makes those.
fn proofs(folder: &std::path::Path) -> Vec<String> {
    let manifest = fs::read_to_string(folder.join("MANIFEST.sha256")).unwrap_or_default();
    let lines = manifest.lines().filter(|line| line.contains("  proof/"));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Takes away the files of vectors that are made no more.
fn remove_others(made: &[(String, file::Vector)]) {
    for group in fs::read_dir(file::folder())
        .expect("the folder")
        .flatten()
        .filter(|group| group.path().is_dir() && group.file_name() != "proof")
    {
        for entry in fs::read_dir(group.path()).expect("a group").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{}/{}", group.file_name().to_string_lossy(), name.trim_end_matches(".json"));
            if name.ends_with(".json") && made.iter().all(|(other, _)| *other != path) {
                fs::remove_file(entry.path()).expect("a file");
            }
        }
    }
}
