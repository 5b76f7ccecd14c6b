//! What a user would lose if these failed: a help that lies, a verb that cannot be completed, a script that misreads a code.

use clap::{Command, CommandFactory as _, Parser as _};

use crate::{args::Cli, failure};

/// All verbs with the words that lead to them.
fn verbs(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
    for verb in command.get_subcommands() {
        let path = format!("{path} {}", verb.get_name());
        found.push((path.clone(), verb.clone()));
        verbs(verb, &path, found);
    }
}

fn all() -> Vec<(String, Command)> {
    let root = Cli::command();
    let mut found = vec![("deskwire".to_owned(), root.clone())];
    verbs(&root, "deskwire", &mut found);
    found
}

/// The words of a command line as a shell would give them, as far as the examples need it.
fn split(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted: Option<char> = None;
    for letter in line.chars() {
        match letter {
            '\'' | '"' if quoted.is_none_or(|mark| mark == letter) => {
                quoted = quoted.is_none().then_some(letter);
            }
            ' ' if quoted.is_none() => words.push(String::new()),
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    assert!(quoted.is_none(), "{line}");
    words
}

#[test]
fn each_verb_has_a_sentence_and_examples_that_work() {
    for (path, verb) in all() {
        assert!(verb.get_about().is_some(), "{path} does not say what it does");
        let help = verb.get_after_help().unwrap_or_else(|| panic!("{path} has no examples")).to_string();
        let examples: Vec<_> = help.lines().filter(|line| line.starts_with("  deskwire ")).collect();
        assert!(help.starts_with("Examples:\n") && !examples.is_empty(), "{path} has no examples");
        for example in examples {
            let example = example.trim();
            assert!(path == "deskwire" || example.starts_with(&path), "{example} is no example of {path}");
            if let Err(error) = Cli::try_parse_from(split(example)) {
                panic!("{example}: {error}");
            }
        }
    }
}

#[test]
fn the_readme_names_every_verb_and_its_commands_work() {
    const README: &str = include_str!("../../../README.md");
    let lines: Vec<_> = README.lines().filter(|line| line.starts_with("deskwire ")).collect();
    assert!(lines.len() > 15, "{lines:?}");
    for line in lines {
        let command = line.split(" #").next().unwrap().trim_end();
        if let Err(error) = Cli::try_parse_from(split(command)) {
            panic!("{command}: {error}");
        }
    }
    for verb in Cli::command().get_subcommands() {
        let named = format!("`deskwire {}`", verb.get_name());
        assert!(README.contains(&named), "{named} is not in the README");
    }
}

#[test]
fn each_argument_says_what_it_is() {
    for (path, verb) in all() {
        for arg in verb.get_arguments() {
            assert!(arg.get_help().is_some(), "{path} does not say what {} is", arg.get_id());
        }
    }
}

#[test]
fn the_definitions_hold_together() {
    Cli::command().debug_assert();
}

#[test]
fn what_holds_everywhere_may_stand_before_and_after_the_verb() {
    for line in [
        "deskwire --data acme --json --as Anna link list",
        "deskwire link list --data acme --json --as Anna",
        "deskwire link --data acme list --json --as Anna",
    ] {
        let cli = Cli::try_parse_from(split(line)).unwrap();
        assert_eq!(cli.global.data.to_str(), Some("acme"));
        assert!(cli.global.json);
        assert_eq!(cli.global.acting.as_deref(), Some("Anna"));
    }
}

#[test]
fn reasons_are_mandatory_where_the_partner_has_to_be_told() {
    for verb in ["decline", "return", "recall", "reopen"] {
        assert!(Cli::try_parse_from(["deskwire", "delegation", verb, "ACME-1"]).is_err(), "{verb}");
        assert!(
            Cli::try_parse_from(["deskwire", "delegation", verb, "ACME-1", "-r", "why"]).is_ok(),
            "{verb}"
        );
    }
}

#[test]
fn wrong_arguments_are_refused() {
    for line in [
        "deskwire",
        "deskwire delegat list",
        "deskwire ticket new",
        "deskwire ticket new x --priority soon",
        "deskwire ticket new x --due tomorrow",
        "deskwire ticket new x --phone 123",
        "deskwire ticket delegate 1 kassa --fields contakt",
        "deskwire ticket delegate 1 kassa --yes --preview",
        "deskwire link invite --expires soon",
        "deskwire link verify kassa --yes --mismatch",
        "deskwire delegation list --state open",
        "deskwire completion csh",
    ] {
        let error = Cli::try_parse_from(split(line)).expect_err(line);
        assert_eq!(error.exit_code(), i32::from(failure::USAGE), "{line}");
    }
}
