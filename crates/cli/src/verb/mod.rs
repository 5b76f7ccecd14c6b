//! The verbs, one file each. A new one is a file, its `mod` line and its line in the list below.
//!
//! Each file has an `Args` that clap reads, with an `Examples:` section that a test parses, and `Args::run`.

mod backup;
mod bench;
mod calendar;
mod check;
mod completion;
mod delegation;
mod demo;
mod erase;
mod export;
mod fields;
mod file;
mod id;
mod init;
mod key;
mod link;
mod log;
mod man;
mod queue;
mod rebuild;
mod relay;
mod report;
mod restore;
mod rule;
mod serve;
mod statement;
mod ticket;
mod tls;
mod verify;
mod work;

/// Makes the enumeration of some verbs from their files.
macro_rules! verbs {
    ($($name:ident => $module:ident,)*) => {
        /// The verbs that can stand here; the text of the help is that of their arguments.
        #[derive(Debug, clap::Subcommand)]
        pub(crate) enum Verb {
            $($name(Box<$module::Args>),)*
        }

        impl Verb {
            /// Does what was asked for.
            pub(crate) fn run(self, context: &crate::context::Context) -> crate::failure::Done {
                match self {
                    $(Self::$name(args) => args.run(context),)*
                }
            }
        }
    };
}
use verbs;

verbs! {
    Init => init,
    Serve => serve,
    Link => link,
    Ticket => ticket,
    Delegation => delegation,
    Work => work,
    Statement => statement,
    Report => report,
    File => file,
    Rule => rule,
    Queue => queue,
    Calendar => calendar,
    Relay => relay,
    Log => log,
    Backup => backup,
    Restore => restore,
    Export => export,
    Verify => verify,
    Erase => erase,
    Check => check,
    Rebuild => rebuild,
    Id => id,
    Key => key,
    Tls => tls,
    Demo => demo,
    Bench => bench,
    Completion => completion,
    Man => man,
}
