//! Emphasis on terminals, and nothing else that a terminal would obey.

/// Whether text is emphasised.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    colour: bool,
}

/// The only sequences that are ever sent to a terminal.
const SEQUENCES: [&str; 6] = ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m"];

impl Style {
    /// With colours or without.
    pub(crate) fn new(colour: bool) -> Self {
        Self { colour }
    }

    /// What stands out.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("\x1b[1m", text)
    }

    /// What may be passed over.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("\x1b[2m", text)
    }

    /// What is wrong.
    pub(crate) fn red(self, text: &str) -> String {
        self.paint("\x1b[31m", text)
    }

    /// What is well.
    pub(crate) fn green(self, text: &str) -> String {
        self.paint("\x1b[32m", text)
    }

    /// What wants attention.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("\x1b[33m", text)
    }

    fn paint(self, sequence: &str, text: &str) -> String {
        if self.colour && !text.is_empty() { format!("{sequence}{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The text as a terminal may have it: a partner's text cannot move the cursor, hide lines or turn the reading order.
pub(crate) fn visible(text: &str, style: Style) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let own = SEQUENCES.iter().find(|sequence| style.colour && rest.starts_with(**sequence));
        let length = match own {
            Some(sequence) => {
                out.push_str(sequence);
                sequence.len()
            }
            None => {
                out.push(if harmless(letter) { letter } else { '\u{fffd}' });
                letter.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    out
}

/// The number of columns that the text takes.
pub(crate) fn width(text: &str) -> usize {
    let mut count = 0;
    let mut within = false;
    for letter in text.chars() {
        match letter {
            '\x1b' => within = true,
            'm' if within => within = false,
            _ if within => {}
            _ => count += 1,
        }
    }
    count
}

fn harmless(letter: char) -> bool {
    let turns = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}');
    letter == '\n' || letter == '\t' || !(letter.is_control() || turns)
}
