//! The file that `init` writes: every setting with its explanation, those at their default commented out.

use std::fmt::Write;

use super::declare::{Section, Setting};

/// A setting that gets a value in the file.
pub(crate) struct Written {
    /// Such as `peer.listen`.
    pub(crate) name: &'static str,
    /// As it stands in the file.
    pub(crate) literal: String,
    /// Why it was written, when that needs saying.
    pub(crate) note: Option<&'static str>,
}

const HEAD: &str = "\
# Settings of this desk, read when `deskwire serve` starts.
#
# A setting that is commented out has the value shown. Each can be set for one start by the environment variable named
# with it, and before that by the flag.
";

/// The text of the file.
pub(crate) fn render(sections: &[Section], written: &[Written]) -> String {
    let mut text = HEAD.to_owned();
    for section in sections {
        text.push('\n');
        comment(&mut text, section.help);
        put(&mut text, format_args!("[{}]", section.name));
        for setting in section.settings {
            let name = setting.name();
            write_setting(&mut text, setting, written.iter().find(|written| written.name == name));
        }
    }
    text
}

fn write_setting(text: &mut String, setting: &Setting, written: Option<&Written>) {
    text.push('\n');
    comment(text, setting.help);
    wrapped(text, &format!("Takes {}.", (setting.takes)()));
    put(text, format_args!("# {}  --{}", setting.variable(), setting.flag()));
    match written {
        Some(Written { literal, note, .. }) => {
            if let Some(note) = note {
                put(text, format_args!("# {note}"));
            }
            put(text, format_args!("{} = {literal}", setting.key));
        }
        None => {
            let default = (setting.default)().unwrap_or_default();
            put(text, format_args!("{}", format!("#{} = {default}", setting.key).trim_end()));
        }
    }
}

fn comment(text: &mut String, lines: &[&str]) {
    for line in lines {
        put(text, format_args!("# {}", line.trim()));
    }
}

/// A long line as a comment of several.
fn wrapped(text: &mut String, words: &str) {
    const WIDTH: usize = 114;
    let mut line = String::new();
    for word in words.split(' ') {
        if !line.is_empty() && line.len() + 1 + word.len() > WIDTH {
            put(text, format_args!("# {line}"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    put(text, format_args!("# {line}"));
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes everything");
}
