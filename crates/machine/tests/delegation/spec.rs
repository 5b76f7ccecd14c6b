//! Chapter 7 of the specification against the code: its table, its lists and its worked examples.

use deskwire_machine::delegation::{
    Answer, Case, Event, EventKind, Fate, Field, Fields, Memory, Outcome, Place, Role, Said, State, may_say,
    transition,
};

use crate::explore::event;

fn chapter() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto-spec/07-delegation.md");
    std::fs::read_to_string(path).unwrap()
}

fn section<'a>(chapter: &'a str, head: &str) -> &'a str {
    let start = chapter.find(head).unwrap_or_else(|| panic!("no section {head}"));
    let rest = &chapter[start..];
    let end = rest[3..].find("\n## ").map_or(rest.len(), |end| end + 3);
    &rest[..end]
}

/// The rows of the first Markdown table, without its head; cells trimmed of blanks and code marks.
fn rows(text: &str) -> Vec<Vec<String>> {
    let lines =
        text.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cell = |cell: &str| cell.trim().trim_matches(['`', '*']).to_owned();
    lines.skip(2).map(|line| line.trim_matches('|').split('|').map(cell).collect()).collect()
}

fn cell_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Next(state) => state.name(),
        Outcome::Keep => "keep",
        Outcome::Superseded => "–",
        Outcome::Forbidden => "forbidden",
    }
}

/// The table as the code has it: a row for each event and who says it.
fn table() -> Vec<Vec<String>> {
    let mut table = Vec::new();
    for event in EventKind::ALL {
        let line = |role| State::ALL.map(|state| cell_of(transition(state, event, role)).to_owned());
        let [principal, contractor] = Role::ALL.map(line);
        let mut push = |who: &str, line: [String; 11]| {
            table.push([vec![event.name().to_owned(), who.to_owned()], line.to_vec()].concat());
        };
        match Role::ALL.map(|role| may_say(role, event)) {
            [true, true] if principal == contractor => push("either", principal),
            [true, true] => {
                push("principal", principal);
                push("contractor", contractor);
            }
            [true, false] => push("principal", principal),
            [false, true] => push("contractor", contractor),
            [false, false] => panic!("nobody says {event}"),
        }
    }
    table
}

fn as_markdown(table: &[Vec<String>]) -> String {
    let head = State::ALL.map(|state| format!("`{state}`")).join(" | ");
    let mut text = format!("| event | by | {head} |\n|{}\n", "---|".repeat(13));
    for row in table {
        let cells: Vec<_> = row[2..].iter().map(|cell| decorated(cell)).collect();
        text += &format!("| `{}` | {} | {} |\n", row[0], row[1], cells.join(" | "));
    }
    text
}

fn decorated(cell: &str) -> String {
    match cell {
        "–" => cell.to_owned(),
        "keep" => format!("*{cell}*"),
        state => format!("`{state}`"),
    }
}

/// Who implements the chapter in another language gets the same result in every cell.
#[test]
fn the_table_is_the_code() {
    let chapter = chapter();
    let expected = table();
    let written = rows(section(&chapter, "## 7.6"));
    assert!(
        written == expected,
        "section 7.6 has another table than the code, which has:\n{}",
        as_markdown(&expected)
    );
}

/// States, whose turn it is, events, kinds and senders are listed as they are.
#[test]
fn the_lists_are_the_code() {
    let chapter = chapter();
    let states =
        State::ALL.map(|state| (state.name().to_owned(), format!("{:?}", state.turn()).to_lowercase()));
    let written: Vec<_> =
        rows(section(&chapter, "## 7.2")).into_iter().map(|row| (row[0].clone(), row[2].clone())).collect();
    assert_eq!(written, states);
    let events = EventKind::ALL.map(|event| {
        let who = match Role::ALL.map(|role| may_say(role, event)) {
            [true, false] => "principal",
            [false, true] => "contractor",
            [true, true] | [false, false] => "either",
        };
        (event.name().to_owned(), event.message_kind().to_owned(), who.to_owned())
    });
    let kind = |cell: &str| cell.split('`').next().unwrap().to_owned();
    let rows = rows(section(&chapter, "## 7.3"));
    let written: Vec<_> = rows.iter().map(|row| (row[0].clone(), kind(&row[1]), row[2].clone())).collect();
    assert_eq!(written, events);
}

/// One message of a worked example.
#[derive(Clone, Copy, Debug)]
struct Line {
    author: Role,
    seq: u64,
    seen: u64,
    event: Event,
    refused: bool,
}

fn parse(line: &str) -> Line {
    let (place, said) = line.split_once(": ").unwrap();
    let place: Vec<_> = place.split(' ').collect();
    let words: Vec<_> = said.split(' ').collect();
    let author = *Role::ALL.iter().find(|role| role.name() == place[0]).unwrap();
    let kind =
        *EventKind::ALL.iter().find(|kind| kind.name() == words[0]).unwrap_or_else(|| panic!("{line}"));
    let version = words.get(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    let mut event = event(kind, version);
    if kind == EventKind::Update {
        assert_eq!(words[2], "price");
        event = Event::Update { version, binding: Fields::of([Field::Price]) };
    }
    let refused = words.last() == Some(&"refused");
    Line { author, seq: place[1].parse().unwrap(), seen: place[3].parse().unwrap(), event, refused }
}

/// The order and the fates as the desk of `ours` has them when all is said, nothing of its own being answered
/// but what was refused.
fn held(ours: Role, lines: &[Line]) -> Vec<(Role, Place, Event, Fate)> {
    let mut case = Case::new(ours);
    let mut held = Vec::new();
    for line in lines.iter().filter(|line| line.author == ours) {
        case.recover(line.seq, line.seen, Said::from(line.event), 0).unwrap();
        if line.refused {
            case.answer(line.seq, Answer::Refused, 0, 0);
        }
    }
    for line in lines.iter().filter(|line| line.author != ours && !line.refused) {
        let changes = case.take(line.seq, line.seen, Said::from(line.event)).unwrap();
        let settled = changes.events.into_iter().filter(|change| change.settled);
        held.extend(settled.map(|change| (change.author, change.place, change.event, change.fate)));
    }
    let open = case.view(u64::MAX).events;
    held.extend(open.into_iter().map(|shown| (shown.author, shown.place, shown.event, shown.fate)));
    held
}

/// What is held, as the chapter writes it.
fn told(ours: Role, lines: &[Line]) -> String {
    let mut memory = Memory::default();
    let mut told = Vec::new();
    for (author, place, event, fate) in held(ours, lines) {
        let line =
            lines.iter().find(|line| line.author == author && Place::Numbered(line.seq) == place).unwrap();
        if !line.refused {
            assert_eq!(memory.apply(author, place, line.seen, &event), fate);
        }
        let word = match fate {
            Fate::Moved | Fate::Kept => memory.state.name(),
            Fate::Superseded => "-",
            Fate::Refused => "x",
        };
        let letter = if author == Role::Principal { 'P' } else { 'C' };
        told.push(format!("{letter}{} {word}", line.seq));
    }
    told.join(", ")
}

/// The examples, which others will use as test vectors, come out as they are written, on both sides.
#[test]
fn the_worked_examples_come_out() {
    let chapter = chapter();
    let blocks: Vec<_> =
        chapter.split("```fold\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 10, "the examples are gone");
    for block in blocks {
        let (lines, expected) = block.split_once("=> ").unwrap();
        let lines: Vec<_> = lines.lines().map(parse).collect();
        assert_eq!(told(Role::Principal, &lines), expected.trim());
        // The contractor keeps no place for what it refused.
        let applied: Vec<_> = expected.trim().split(", ").filter(|part| !part.ends_with(" x")).collect();
        assert_eq!(told(Role::Contractor, &lines), applied.join(", "));
    }
}
