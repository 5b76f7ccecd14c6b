//! The one place that prints: documents, text, questions and failures.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::{
    failure::{self, Done, Failure},
    render::{Style, failure as failure_text, visible},
};

/// Where and how a verb prints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    /// Whether a person sits in front of standard output.
    terminal: bool,
    style: Style,
    error_style: Style,
}

impl Output {
    /// The output of this process: colours only on a terminal that wants them.
    pub(crate) fn of_process(json: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let terminal = io::stdout().is_terminal();
        Self {
            json,
            terminal,
            style: Style::new(wanted && terminal),
            error_style: Style::new(wanted && io::stderr().is_terminal()),
        }
    }

    /// Whether only a document is printed.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a person sits in front of standard output.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Prints the document, or what it says to a person.
    pub(crate) fn document<T: Serialize>(&self, document: &T, human: impl FnOnce(Style) -> String) -> Done {
        if self.json {
            let mut text =
                serde_json::to_string_pretty(document).map_err(|error| failure::usage(error.to_string()))?;
            text.push('\n');
            self.raw(text.as_bytes())
        } else {
            self.raw(visible(&human(self.style), self.style).as_bytes())
        }
    }

    /// Prints a report and ends with the failure that it amounts to, if any. With `--json` it then stands within the problem:
    /// whoever reads standard output finds one document.
    pub(crate) fn report<T: Serialize>(
        &self,
        report: &T,
        bad: Option<Failure>,
        human: impl FnOnce(Style) -> String,
    ) -> Done {
        let Some(mut bad) = bad else { return self.document(report, human) };
        if !self.json {
            self.document(report, human)?;
        }
        if let (Failure::Refused(problem), Ok(report)) = (&mut bad, serde_json::to_value(report)) {
            problem.extra.insert("report".to_owned(), report);
        }
        Err(bad)
    }

    /// Prints bytes as they are.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Done {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(failure::local("standard output", &error)),
            Ok(()) => Ok(()),
        }
    }

    /// Says something beside the answer; nothing with `--json`.
    pub(crate) fn note(&self, text: &str) {
        if !self.json {
            self.error_text(&format!("{text}\n"));
        }
    }

    /// Shows something beside the answer, with colours; nothing with `--json`.
    pub(crate) fn aside(&self, human: impl FnOnce(Style) -> String) {
        if !self.json {
            self.error_text(&human(self.error_style));
        }
    }

    /// Asks a person for yes or no; `otherwise` says how to go without.
    pub(crate) fn ask(&self, question: &str, otherwise: &str) -> Result<bool, Failure> {
        if self.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Err(failure::usage(otherwise));
        }
        self.error_text(&format!("{question} [y/N] "));
        let mut line = String::new();
        io::stdin().read_line(&mut line).map_err(|error| failure::local("standard input", &error))?;
        Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes" | "j" | "ja" | "д" | "да"))
    }

    /// Prints why a verb failed: a problem document with `--json`, a sentence on standard error without.
    pub(crate) fn failure(&self, failure: &Failure) {
        if self.json {
            let text = serde_json::to_string_pretty(&failure.to_problem()).unwrap_or_default();
            let _ = self.raw(format!("{text}\n").as_bytes());
        } else {
            self.error_text(&failure_text(failure, self.error_style));
        }
    }

    fn error_text(&self, text: &str) {
        // Nothing can be done about a closed standard error.
        let _ = io::stderr().lock().write_all(visible(text, self.error_style).as_bytes());
    }
}
