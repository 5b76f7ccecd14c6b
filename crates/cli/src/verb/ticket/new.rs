//! `deskwire ticket new`: opens a ticket.

use deskwire_api_types::{Contact, Equipment, NewTicket, Priority, ServiceObject, Time};

use crate::{
    context::Context,
    failure::{self, Done, Failure},
    parse::{self, one_of},
    render,
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
    /// When it has to be solved: RFC 3339, or from now on like +2d.
    #[arg(long, value_name = "WHEN", value_parser = parse::moment)]
    due: Option<Time>,
    /// Reference of the agreement.
    #[arg(long, value_name = "TEXT")]
    agreement: Option<String>,
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
  deskwire ticket new 'No power in shop 12' --priority urgent --due +4h --requester 'Anna Petrova' --phone '+7 900 000 00 00'
  deskwire ticket new 'Scale shows nonsense' --object 'Shop 12' --address 'Main street 5' --equipment scale --serial 4711 -d -";

/// Who asks for help.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Requester")]
struct RequesterArgs {
    /// Name.
    #[arg(long, value_name = "NAME")]
    requester: Option<String>,
    /// E-mail address.
    #[arg(long, requires = "requester")]
    email: Option<String>,
    /// Telephone number.
    #[arg(long, requires = "requester")]
    phone: Option<String>,
    /// A partner may hand this on to its own partners.
    #[arg(long, requires = "requester")]
    onward: bool,
    /// Company.
    #[arg(long, value_name = "NAME")]
    company: Option<String>,
}

/// Where the work is to be done.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Place")]
struct ObjectArgs {
    /// Name of the place.
    #[arg(long, value_name = "NAME")]
    object: Option<String>,
    /// Postal address, one line.
    #[arg(long, requires = "object")]
    address: Option<String>,
    /// Latitude and longitude, such as 55.7558,37.6173.
    #[arg(long, value_name = "LAT,LON", requires = "object", allow_hyphen_values = true)]
    coordinates: Option<String>,
}

/// What is broken.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Equipment")]
struct EquipmentArgs {
    /// Kind of equipment.
    #[arg(long, value_name = "KIND")]
    equipment: Option<String>,
    /// Its maker.
    #[arg(long)]
    maker: Option<String>,
    /// Its model.
    #[arg(long)]
    model: Option<String>,
    /// Serial number.
    #[arg(long)]
    serial: Option<String>,
    /// Inventory number.
    #[arg(long)]
    inventory: Option<String>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let ticket = self.ticket()?;
        let ticket = context.talk(async |client| client.new_ticket(&ticket).await)?;
        context.out.document(&ticket, |style| render::ticket_brief(&ticket, style))
    }

    fn ticket(self) -> Result<NewTicket, Failure> {
        let RequesterArgs { requester, email, phone, onward, company } = self.requester;
        let ObjectArgs { object, address, coordinates } = self.object;
        let EquipmentArgs { equipment, maker, model, serial, inventory } = self.equipment;
        let coordinates = coordinates.as_deref().map(pair).transpose()?;
        let equipment = Equipment { kind: equipment, maker, model, serial, inventory };
        Ok(NewTicket {
            title: self.title,
            description: self.description.as_deref().map(parse::text_or_stdin).transpose()?,
            category: self.category,
            priority: self.priority,
            requester: requester.map(|name| Contact { name, email, phone, onward }),
            company,
            object: object.map(|name| ServiceObject { name, address, coordinates }),
            equipment: (equipment != Equipment::default()).then_some(equipment),
            agreement: self.agreement,
            due: self.due,
        })
    }
}

fn pair(text: &str) -> Result<[String; 2], Failure> {
    match text.split_once(',') {
        Some((latitude, longitude)) => Ok([latitude.trim().to_owned(), longitude.trim().to_owned()]),
        None => Err(failure::usage(format!(
            "“{text}” is no place: write latitude,longitude like 55.7558,37.6173"
        ))),
    }
}
