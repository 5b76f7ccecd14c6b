//! Arguments that describe the terms of a new link.

use deskwire_api_types::{FieldName, PersonTerm, Principals, Redelegate, TermsOffer};

use crate::parse::{self, Fields, one_of};

/// Terms to offer; what is not given is taken from the desk's configuration.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Terms")]
pub(crate) struct TermsArgs {
    /// Who may delegate.
    #[arg(long, value_name = "WHO", value_parser = one_of::<Principals>(&["both", "me", "partner"]))]
    delegate: Option<Principals>,
    /// Optional fields that may travel: all, none, or names with commas between.
    #[arg(long, value_name = "FIELDS", value_parser = parse::fields)]
    fields: Option<Fields>,
    /// What of an acting person's name travels.
    #[arg(long, value_name = "WHAT", value_parser = one_of::<PersonTerm>(&["name", "function", "nothing"]))]
    person: Option<PersonTerm>,
    /// Whether work may be handed on.
    #[arg(long, value_name = "HOW", value_parser = one_of::<Redelegate>(&["forbidden", "allowed", "named"]))]
    redelegate: Option<Redelegate>,
    /// Largest file, such as 25MiB.
    #[arg(long, value_name = "SIZE", value_parser = parse::size)]
    max_file: Option<u64>,
}

impl TermsArgs {
    /// The terms, when any were given.
    pub(crate) fn offer(self) -> Option<TermsOffer> {
        let fields = self.fields.map(|fields| match fields {
            Fields::All => FieldName::ALL.to_vec(),
            Fields::These(fields) => fields,
        });
        let offer = TermsOffer {
            principals: self.delegate,
            fields,
            person: self.person,
            redelegate: self.redelegate,
            file: self.max_file,
        };
        (offer != TermsOffer::default()).then_some(offer)
    }
}
