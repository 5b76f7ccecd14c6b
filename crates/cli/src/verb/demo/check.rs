//! The list of checks: what was expected of a desk, and whether it is so.

use std::fmt::Debug;

use serde::Serialize;

use crate::render::{Style, indent};

/// One thing that has to be so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// The desk, or the two, that it is about.
    pub(super) desk: String,
    /// What has to be so.
    pub(super) what: String,
    /// Whether it is.
    pub(super) ok: bool,
    /// What is so instead; absent when it is as it has to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) found: Option<String>,
}

/// All checks, in the order in which people read them.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Checks(Vec<Check>);

impl Checks {
    /// It has to be true.
    pub(super) fn holds(
        &mut self,
        desk: &str,
        what: impl Into<String>,
        ok: bool,
        found: impl FnOnce() -> String,
    ) {
        let found = (!ok).then(found);
        self.0.push(Check { desk: desk.to_owned(), what: what.into(), ok, found });
    }

    /// The one has to equal the other.
    pub(super) fn equal<T: PartialEq + Debug>(
        &mut self,
        desk: &str,
        what: impl Into<String>,
        expected: &T,
        found: &T,
    ) {
        self.holds(desk, what, expected == found, || format!("expected {expected:?}, found {found:?}"));
    }

    /// How many are not so.
    pub(super) fn wrong(&self) -> usize {
        self.0.iter().filter(|check| !check.ok).count()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The list, the checks of each desk together, with what is wrong below its line.
    pub(super) fn render(&self, style: Style) -> String {
        let mut desks: Vec<&str> = Vec::new();
        for check in &self.0 {
            if !desks.contains(&check.desk.as_str()) {
                desks.push(&check.desk);
            }
        }
        desks.iter().map(|desk| self.render_desk(desk, style)).collect()
    }

    fn render_desk(&self, desk: &str, style: Style) -> String {
        let mut text = format!("  {}\n", style.bold(desk));
        for check in self.0.iter().filter(|check| check.desk == desk) {
            let mark = if check.ok { style.green("✓") } else { style.red("✗") };
            text.push_str(&format!("    {mark} {}\n", check.what));
            if let Some(found) = &check.found {
                text.push_str(&indent(&style.red(found), 8));
            }
        }
        text
    }

    /// The last line: how many hold.
    pub(super) fn verdict(&self, style: Style) -> String {
        match self.wrong() {
            0 => style.green(&format!("All {} checks hold.", self.len())),
            wrong => style.red(&format!("{wrong} of {} checks do not hold.", self.len())),
        }
    }
}

#[cfg(test)]
mod tests {
    //! A check list that hides what is wrong is worse than none.
    use super::*;

    #[test]
    fn what_is_wrong_is_marked_counted_and_told() {
        let mut checks = Checks::default();
        checks.equal("Shop", "its ticket is closed", &"closed", &"closed");
        checks.equal("Shop", "it has three comments", &3, &2);
        checks.holds("Kassa", "it knows no phone", true, || unreachable!("nothing is wrong"));
        checks.equal("Shop", "it is confirmed", &true, &true);
        let text = checks.render(Style::new(false));
        let expected = "  Shop\n    ✓ its ticket is closed\n    ✗ it has three comments\n        expected 3, found 2\n    ✓ it is confirmed\n  \
                        Kassa\n    ✓ it knows no phone\n";
        assert_eq!(text, expected);
        assert_eq!((checks.wrong(), checks.len()), (1, 4));
        assert_eq!(checks.verdict(Style::new(false)), "1 of 4 checks do not hold.");
    }

    #[test]
    fn the_document_has_each_check_with_what_was_found() {
        let mut checks = Checks::default();
        checks.equal("Shop", "one", &1, &1);
        checks.equal("Shop", "two", &2, &3);
        let expected = serde_json::json!([
            { "desk": "Shop", "what": "one", "ok": true },
            { "desk": "Shop", "what": "two", "ok": false, "found": "expected 2, found 3" },
        ]);
        assert_eq!(serde_json::to_value(&checks).unwrap(), expected);
    }
}
