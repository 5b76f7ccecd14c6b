//! The form in which settings are declared, and what is known of each.

/// A section of the file.
#[derive(Debug)]
pub struct Section {
    /// Its name.
    pub name: &'static str,
    /// What it is about, line by line.
    pub help: &'static [&'static str],
    /// Its settings, in the order of the file.
    pub settings: &'static [Setting],
}

/// One setting, as everything that is not its typed value needs it.
#[derive(Debug)]
pub struct Setting {
    /// The section of the file that it stands in.
    pub section: &'static str,
    /// Its name within the section.
    pub key: &'static str,
    /// What it does, line by line.
    pub help: &'static [&'static str],
    /// What may be written, to follow the word "takes".
    pub takes: fn() -> String,
    /// Its default as it would stand in the file; none when it must be set.
    pub default: fn() -> Option<String>,
    /// How it is written.
    pub shape: super::value::Shape,
}

impl Setting {
    /// `section.key`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    /// The environment variable that overrides the file.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("DESKWIRE_{}_{}", self.section, self.key).to_uppercase()
    }

    /// The flag that overrides the environment, without its two hyphens.
    #[must_use]
    pub fn flag(&self) -> String {
        format!("{}-{}", self.section, self.key).replace('_', "-")
    }
}

/// Declares sections of settings. A doc comment is also the comment in the file and the help of the flag; a default is
/// an `Option`, `None` where the operator must say something.
macro_rules! settings {
    ($(
        $(#[doc = $section_help:literal])+
        $section:ident: $Section:ident {
            $(
                $(#[doc = $help:literal])+
                $key:ident: $kind:ty = $default:expr;
            )+
        }
    )+) => {
        /// Every setting, valid.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Config {
            $(
                $(#[doc = $section_help])+
                pub $section: $Section,
            )+
        }

        $(
            $(#[doc = $section_help])+
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub struct $Section {
                $(
                    $(#[doc = $help])+
                    pub $key: $kind,
                )+
            }
        )+

        /// Every section, in the order of the file.
        pub const SECTIONS: &[Section] = &[$(
            Section {
                name: stringify!($section),
                help: &[$($section_help),+],
                settings: &[$(
                    Setting {
                        section: stringify!($section),
                        key: stringify!($key),
                        help: &[$($help),+],
                        takes: <$kind as Value>::takes,
                        default: || {
                            let default: Option<$kind> = $default;
                            default.map(|value| value.literal())
                        },
                        shape: <$kind as Value>::SHAPE,
                    },
                )+],
            },
        )+];

        impl Config {
            /// Reads every setting before it gives up, so that every fault is told at once.
            fn build(found: &mut source::Found) -> Option<Self> {
                $(
                    let $section = {
                        $(
                            let $key: Option<$kind> =
                                found.take(stringify!($section), stringify!($key), $default);
                        )+
                        move || Some($Section { $($key: $key?),+ })
                    };
                )+
                Some(Self { $($section: $section()?),+ })
            }
        }
    };
}
pub(super) use settings;
