//! The command line as a person or a script uses it, and what it must say when it refuses.

use std::{path::Path, process::Stdio, time::Duration};

use deskwire_api_types::Problem;
use serde_json::Value;
use tokio::process::Command;

use crate::binary::deskwire;

/// No verb takes so long, not even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a run of the command said.
#[derive(Debug)]
pub struct Said {
    /// What was asked for, for messages.
    pub line: String,
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// Runs the command for a desk's folder, without anything of this process's environment that would change it.
pub async fn run(data: &Path, args: &[&str]) -> Said {
    let mut command = Command::new(deskwire());
    command.args(args).arg("--data").arg(data);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"DESKWIRE_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    let line = args.join(" ");
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = output.unwrap_or_else(|_| panic!("`deskwire {line}` did not end")).unwrap();
    Said {
        line,
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Said {
    /// The document of a run with `--json` that went well.
    #[must_use]
    pub fn document(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        assert_eq!(self.err, "", "with --json nothing but the document is printed: {self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The problem of a run with `--json` that ended with this exit code and stable code.
    #[track_caller]
    pub fn problem(&self, exit: i32, code: &str) -> Problem {
        let problem: Problem =
            serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        assert_eq!((self.code, problem.code.as_str()), (exit, code), "{self:?}");
        assert!(problem.kind.ends_with(code), "{self:?}");
        if exit == 1 {
            assert_sentence(&problem.detail);
        }
        assert!(!problem.detail.trim().is_empty(), "{self:?}");
        problem
    }
}

/// Runs a verb that must be refused, as a script and as a person: both must learn what is wrong, and a person what to do.
#[track_caller]
pub fn refused(data: &Path, args: &[&str], code: &str) -> impl Future<Output = Problem> {
    let place = std::panic::Location::caller();
    let (data, code) = (data.to_owned(), code.to_owned());
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    async move {
        let plain: Vec<&str> = args.iter().map(String::as_str).collect();
        let json = run(&data, &[plain.as_slice(), &["--json"]].concat()).await;
        let exit = if code == "usage" { 2 } else { 1 };
        let problem = json.problem(exit, &code);
        let person = run(&data, &plain).await;
        let shown = |words: &str| person.err.contains(words.lines().next().unwrap_or_default());
        assert!(
            person.code == exit && shown(&problem.detail),
            "{place}: {person:?} does not say {problem:?}"
        );
        assert!(problem.next.as_deref().is_none_or(shown), "{place}: {person:?} does not say {problem:?}");
        assert_eq!(person.out, "", "{place}: a refusal is no result");
        problem
    }
}

/// A person must be able to read it as a sentence.
#[track_caller]
pub fn assert_sentence(text: &str) {
    let ends = text.trim_end().ends_with(['.', '?', '!', ':']);
    assert!(text.split_whitespace().count() >= 3 && ends, "{text:?} is no sentence");
}
