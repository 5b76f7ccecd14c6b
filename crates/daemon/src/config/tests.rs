//! A setting that is silently ignored, or explained wrongly, costs an operator a night.

use std::collections::BTreeSet;

use super::*;

const GOOD: &str = "[desk]\nname = \"Acme\"\nprefix = \"ACME\"\n";

fn load(text: &str) -> Result<Config, ConfigErrors> {
    Config::load(&Sources::of_file("deskwire.toml", text))
}

/// The only error of a file.
fn refusal(text: &str) -> String {
    let errors = load(text).unwrap_err();
    assert_eq!(errors.all().len(), 1, "{errors}");
    errors.to_string()
}

fn with(environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    let own =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
    let file = Some(("deskwire.toml".into(), GOOD.into()));
    Config::load(&Sources { file, environment: own(environment), flags: own(flags) })
}

fn written() -> Vec<Written> {
    let plain = |name, literal: &str| Written { name, literal: literal.into(), note: None };
    vec![plain("desk.name", "\"Acme\""), plain("desk.prefix", "\"ACME\"")]
}

#[test]
fn the_written_file_means_the_defaults_and_explains_every_setting() {
    let text = render(SECTIONS, &written());
    assert_eq!(load(&text).unwrap(), load(GOOD).unwrap(), "{text}");
    for setting in settings() {
        let key = format!("\n#{} = ", setting.key);
        let set = format!("\n{} = ", setting.key);
        assert!(text.contains(&key) || text.contains(&set), "{}", setting.name());
        assert!(text.contains(&setting.variable()) && text.contains(&format!("--{}", setting.flag())));
        assert!(setting.help.iter().all(|line| line.len() < 118), "{}", setting.name());
    }
}

/// An operator who removes the mark in front of a setting gets what was shown.
#[test]
fn the_defaults_shown_can_be_uncommented_and_change_nothing() {
    let text = render(SECTIONS, &written());
    let uncommented: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.starts_with(' ') && !setting.is_empty() => format!("{setting}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert_ne!(uncommented, text);
    assert_eq!(load(&uncommented).unwrap(), load(GOOD).unwrap(), "{uncommented}");
}

#[test]
fn names_of_settings_variables_and_flags_are_different_from_each_other() {
    let names: BTreeSet<String> = settings().map(Setting::variable).collect();
    let flags: BTreeSet<String> = settings().map(Setting::flag).collect();
    assert_eq!((names.len(), flags.len()), (settings().count(), settings().count()));
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_right_one() {
    for (line, expected) in [
        ("[peer]\nlistn = 1", "line 5: there is no setting peer.listn; did you mean peer.listen?"),
        ("[peer]\nallowed_ranges = []", "did you mean peer.allow_ranges?"),
        ("[log]\nLevel = \"info\"", "did you mean log.level?"),
        (
            "[api]\ncertificate = \"x\"",
            "line 5: there is no setting api.certificate; did you mean peer.certificate?",
        ),
        ("[api]\nzzzzzz = 1", "there is no setting api.zzzzzz; [api] has listen."),
        ("[pear]\nlisten = \"127.0.0.1:1\"", "line 5: there is no section [pear]; did you mean peer?"),
        ("[database]\nurl = \"x\"", "there is no section [database]; the sections are desk, peer, api"),
    ] {
        let words = refusal(&format!("{GOOD}{line}\n"));
        assert!(words.contains(expected), "{words}");
        assert_eq!(load(&format!("{GOOD}{line}\n")).unwrap_err().code(), "config-unknown-setting");
    }
}

/// Every single setting, mistyped in its middle, leads back to itself.
#[test]
fn each_setting_is_found_again_when_mistyped() {
    for setting in settings() {
        let mut wrong = setting.key.to_owned();
        wrong.insert(wrong.len() / 2, 'x');
        let words = load(&format!("[{}]\n{wrong} = 1\n", setting.section)).unwrap_err().to_string();
        assert!(words.contains(&format!("did you mean {}?", setting.name())), "{words}");
    }
}

#[test]
fn a_setting_outside_its_section_is_led_there() {
    let words = refusal(&format!("listen = \"127.0.0.1:1\"\n{GOOD}"));
    assert!(
        words.contains("line 1: listen stands in no section and sets nothing; did you mean peer.listen?"),
        "{words}"
    );
}

#[test]
fn a_wrong_value_is_told_with_its_line_and_what_is_allowed() {
    for (line, expected) in [
        ("[peer]\nlisten = 8441", "line 5: peer.listen takes \"none\", or an address and a port such as"),
        ("[peer]\nlisten = \"8441\"", "(the address is missing)"),
        ("[peer]\nlisten = \"127.0.0.1\"", "(the port is missing)"),
        ("[peer]\nmax_connections = \"10\"", "takes a number from 1 to 65536; it is \"10\"."),
        ("[peer]\nmax_connections = 0", "it is 0."),
        ("[peer]\nmax_connections = 99999999999999999999", "it is 99999999999999999999."),
        ("[peer]\nendpoints = \"https://a.example\"", "takes a list in square brackets of at most 4 items"),
        (
            "[peer]\nendpoints = [\"http://a.example\"]",
            "\"http://a.example\": an endpoint begins with https://",
        ),
        ("[peer]\nallow_ranges = [\"10.1.2.3/8\"]", "Write 10.0.0.0/8 for the whole range"),
        (
            "[peer]\nendpoints = [\"https://a\", \"https://b\", \"https://c\", \"https://d\", \"https://e\"]",
            "there are 5",
        ),
        ("[api]\nlisten = \"0.0.0.0:8440\"", "other machines could reach that one"),
        ("[files]\nlargest = \"1 mile\"", "takes a size from 1 MiB to 1 TiB"),
        ("[files]\nlargest = \"2 TiB\"", "it is \"2 TiB\"."),
        ("[log]\nformat = \"xml\"", "takes \"readable\" or \"json\"; it is \"xml\"."),
        ("[log]\nlevel = \"loud\"", "\"loud\" is no level"),
        ("[log]\nlevel = \"info,h2=trace\"", "h2 is no part of this program"),
        ("[log]\nlevel = true", "it is true."),
    ] {
        let words = refusal(&format!("{GOOD}{line}\n"));
        assert!(words.contains(expected), "{words}");
        assert!(words.contains("line 5"), "{words}");
    }
    assert!(refusal("[desk]\nname = \"A\"\nprefix = \"acme\"").contains("1 to 8 letters A-Z and digits"));
}

#[test]
fn what_has_no_default_must_be_there() {
    let words = refusal("[desk]\nprefix = \"A\"\n");
    assert!(
        words.contains("desk.name is not set and has no default; it takes a text on one line"),
        "{words}"
    );
}

#[test]
fn broken_toml_is_told_with_its_line() {
    let words = refusal("[desk]\nname = \"Acme\"\nprefix = ACME\n");
    assert!(words.starts_with("deskwire.toml, line 3: this is not TOML: "), "{words}");
    let words = refusal("[desk]\nname = \"Acme\"\nname = \"Kassa\"\n");
    assert!(words.starts_with("deskwire.toml, line 3: "), "{words}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let errors = load("[desk]\nname = 1\nprefx = \"A\"\n[log]\nformat = 2\n").unwrap_err();
    let lines: Vec<String> = errors.to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 4, "{errors}");
    assert!(lines[0].contains("line 2") && lines[1].contains("line 3") && lines[2].contains("line 5"));
    assert!(lines[3].contains("desk.prefix is not set"));
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let file = with(&[], &[]).unwrap();
    assert_eq!(file.desk.name.as_str(), "Acme");
    let environment = [
        ("DESKWIRE_DESK_NAME", "Variable"),
        ("DESKWIRE_PEER_MAX_CONNECTIONS", "7"),
        ("DESKWIRE_PEER_ENDPOINTS", "https://a.example, https://b.example:8441"),
        ("DESKWIRE_FILES_LARGEST", "5MiB"),
        ("PATH", "/bin"),
        ("DESKWIRE_DATA", "acme"),
        ("DESKWIRE_TOKEN_FILE", "token"),
        ("DESKWIRE_API", "http://127.0.0.1:1"),
    ];
    let config = with(&environment, &[("desk.name", "Flag")]).unwrap();
    assert_eq!(config.desk.name.as_str(), "Flag");
    assert_eq!(config.peer.max_connections, Count(7));
    assert_eq!(config.peer.endpoints.0.len(), 2);
    assert_eq!(config.files.largest, Size(5 << 20));
}

#[test]
fn mistakes_in_the_environment_and_in_flags_are_told_by_name() {
    let words = |environment, flags| with(environment, flags).unwrap_err().to_string();
    let told = words(&[("DESKWIRE_PEER_LISTEN", "nonsense")], &[]);
    assert!(told.starts_with("the environment variable DESKWIRE_PEER_LISTEN: peer.listen takes"), "{told}");
    let told = words(&[], &[("api.listen", "192.0.2.1:80")]);
    assert!(told.starts_with("--api-listen: api.listen takes"), "{told}");
    let told = words(&[("DESKWIRE_PEER_LISTN", "127.0.0.1:1")], &[]);
    assert!(told.contains("did you mean DESKWIRE_PEER_LISTEN?"), "{told}");
    let told = words(&[("DESKWIRE_PEAR_LISTEN", "127.0.0.1:1")], &[]);
    assert!(told.contains("did you mean DESKWIRE_PEER_LISTEN?"), "{told}");
    let told = words(&[("DESKWIRE_LOG_COLOUR", "no")], &[]);
    assert!(told.contains("no setting is called DESKWIRE_LOG_COLOUR"), "{told}");
}

#[test]
fn sizes_are_read_in_every_usual_spelling() {
    for (text, bytes) in
        [("\"5 MiB\"", 5 << 20), ("\"5mib\"", 5 << 20), ("\"5 MB\"", 5_000_000), ("5000000", 5_000_000)]
    {
        let config = load(&format!("{GOOD}[files]\nlargest = {text}\n")).unwrap();
        assert_eq!(config.files.largest, Size(bytes), "{text}");
    }
}
