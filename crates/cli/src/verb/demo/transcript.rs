//! What a person reads while the story is told: one line per thing that somebody did, with where it went.

use std::time::{Duration, Instant};

use crate::{
    output::Output,
    render::{Style, indent},
};

/// Columns that a line takes at most, unless one word is longer.
const WIDE: usize = 100;
/// Columns before the words of a line: the time and the name of the desk.
const MARGIN: usize = 18;

/// The transcript, printed as it grows; nothing with `--json`.
pub(super) struct Transcript {
    out: Output,
    begun: Instant,
}

/// Where something went that somebody wrote or did.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way<'a> {
    /// Nothing was sent that is worth a word.
    Nowhere,
    /// It stays on the desk.
    Stays,
    /// To these desks.
    To(&'a [&'a str]),
}

impl Transcript {
    /// A transcript that begins now.
    pub(super) fn new(out: Output) -> Self {
        Self { out, begun: Instant::now() }
    }

    /// Time since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// The heading of a part.
    pub(super) fn title(&self, text: &str) {
        self.print(|style| format!("\n{}\n", style.bold(text)));
    }

    /// Somebody did something.
    pub(super) fn did(&self, who: &str, words: &str) {
        self.line(who, words, Way::Nowhere);
    }

    /// Somebody did something that left the desk.
    pub(super) fn sent(&self, who: &str, words: &str, to: &[&str]) {
        self.line(who, words, Way::To(to));
    }

    /// Somebody did something that stays on the desk.
    pub(super) fn kept(&self, who: &str, words: &str) {
        self.line(who, words, Way::Stays);
    }

    /// More about the line before.
    pub(super) fn more(&self, text: impl FnOnce(Style) -> String) {
        self.print(|style| indent(&text(style), MARGIN));
    }

    /// Text as it is.
    pub(super) fn print(&self, text: impl FnOnce(Style) -> String) {
        if !self.out.is_json() {
            // A reader who has gone away does not end the story: what the desks hold is checked all the same.
            let _ = self.out.document(&(), text);
        }
    }

    fn line(&self, who: &str, words: &str, way: Way<'_>) {
        self.print(|style| line(self.elapsed(), who, words, way, style));
    }
}

/// One line, broken where it is too long.
fn line(elapsed: Duration, who: &str, words: &str, way: Way<'_>, style: Style) -> String {
    let (way, way_width) = match way {
        Way::Nowhere => (String::new(), 0),
        Way::Stays => (format!("  {}", style.green("stays here")), 12),
        Way::To(to) => {
            let to = format!("→ {}", to.join(", "));
            (format!("  {}", style.yellow(&to)), to.chars().count() + 2)
        }
    };
    let mut lines = wrap(words, WIDE - MARGIN).into_iter();
    let mut last = lines.next().unwrap_or_default();
    let mut text = format!(
        "{} {}",
        style.dim(&format!("{:7.2} s ", elapsed.as_secs_f64())),
        style.bold(&format!("{who:<7}"))
    );
    for next in lines {
        text.push_str(&last);
        text.push_str(&format!("\n{}", " ".repeat(MARGIN)));
        last = next;
    }
    text.push_str(&last);
    if last.chars().count() + way_width > WIDE - MARGIN {
        text.push_str(&format!("\n{}", " ".repeat(MARGIN - 2)));
    }
    text.push_str(&way);
    format!("{}\n", text.trim_end())
}

/// The words in lines of at most so many columns.
fn wrap(words: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words.split_whitespace() {
        let last = lines.last_mut().expect("there is a line from the beginning");
        if last.is_empty() {
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= columns {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    //! A transcript that runs over the edge, or does not say where something went, is not enjoyed by anybody.
    use super::*;

    const PLAIN: Duration = Duration::from_millis(1234);

    #[test]
    fn a_line_says_when_who_what_and_where_it_went() {
        let style = Style::new(false);
        let text = line(PLAIN, "Acme", "“Which lamp blinks?”", Way::To(&["Shop", "Kassa"]), style);
        assert_eq!(text, "   1.23 s  Acme   “Which lamp blinks?”  → Shop, Kassa\n");
        let text = line(PLAIN, "Kassa", "“Say nothing.”", Way::Stays, style);
        assert_eq!(text, "   1.23 s  Kassa  “Say nothing.”  stays here\n");
        assert_eq!(line(PLAIN, "Shop", "waits", Way::Nowhere, style), "   1.23 s  Shop   waits\n");
    }

    #[test]
    fn long_words_stay_in_their_column() {
        let words = "word ".repeat(60);
        let text = line(PLAIN, "Acme", &words, Way::To(&["Shop"]), Style::new(false));
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.len() > 3 && lines.iter().all(|line| line.chars().count() <= WIDE), "{text}");
        assert!(lines[1..].iter().all(|line| line.starts_with(&" ".repeat(MARGIN))), "{text}");
        assert!(text.ends_with("→ Shop\n"));
        assert_eq!(text.matches("word").count(), 60);
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let plain = line(PLAIN, "Acme", "words", Way::Stays, Style::new(false));
        let mut coloured = line(PLAIN, "Acme", "words", Way::Stays, Style::new(true));
        for sequence in ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[32m"] {
            coloured = coloured.replace(sequence, "");
        }
        assert_eq!(coloured, plain);
    }
}
