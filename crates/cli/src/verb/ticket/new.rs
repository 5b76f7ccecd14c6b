//! `deskwire ticket new`: opens a ticket.

use deskwire_api_types::{Custom, NewTicket, Priority};

use crate::{
    context::Context,
    failure::{Done, Failure},
    parse::{self, one_of},
    render,
    verb::fields::{self, EquipmentArgs, ObjectArgs, RequesterArgs},
};

/// Open a ticket on this desk; nothing leaves it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What is wrong, in one line.
    title: String,
    /// More about it, or - to read it from standard input.
    #[arg(short, long, value_name = "TEXT")]
    description: Option<String>,
    /// Category code.
    #[arg(long, value_name = "CODE")]
    category: Option<String>,
    /// Priority.
    #[arg(long, value_parser = one_of::<Priority>(&["low", "normal", "high", "urgent"]))]
    priority: Option<Priority>,
    /// Reference of the agreement.
    #[arg(long, value_name = "TEXT")]
    agreement: Option<String>,
    /// A field of this desk's own, KEY=VALUE; repeat for more. Those that the terms of a link define can travel over it.
    #[arg(long, value_name = "KEY=VALUE", value_parser = fields::custom)]
    custom: Vec<Custom>,
    #[command(flatten)]
    requester: RequesterArgs,
    #[command(flatten)]
    object: ObjectArgs,
    #[command(flatten)]
    equipment: EquipmentArgs,
}

const EXAMPLES: &str = "\
Examples:
  deskwire ticket new 'Cash register 3 is dead'
  deskwire ticket new 'No power in shop 12' --priority urgent --custom floor=2 --requester 'Anna Petrova' --phone '+7 900 000 00 00'
  deskwire ticket new 'Scale shows nonsense' --object 'Shop 12' --address 'Main street 5' --equipment scale --serial 4711 -d -";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let ticket = self.ticket()?;
        let ticket = context.talk(async |client| client.new_ticket(&ticket).await)?;
        context.out.document(&ticket, |style| render::ticket_brief(&ticket, style))
    }

    fn ticket(self) -> Result<NewTicket, Failure> {
        Ok(NewTicket {
            title: self.title,
            description: self.description.as_deref().map(parse::text_or_stdin).transpose()?,
            category: self.category,
            priority: self.priority,
            requester: self.requester.contact(),
            company: self.requester.company,
            object: self.object.object()?,
            equipment: self.equipment.equipment(),
            agreement: self.agreement,
            custom: self.custom,
        })
    }
}
