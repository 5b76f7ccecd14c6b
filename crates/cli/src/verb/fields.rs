//! Options for what a ticket or an offer says: who asks, where, on what, and fields of the desk's own.

use deskwire_api_types::{Contact, Custom, Equipment, ServiceObject};

use crate::failure::{self, Failure};

/// Who asks for help.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Requester")]
pub(crate) struct RequesterArgs {
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
    pub(crate) company: Option<String>,
}

/// Where the work is to be done.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Place")]
pub(crate) struct ObjectArgs {
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
pub(crate) struct EquipmentArgs {
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

impl RequesterArgs {
    /// The contact, if one is named.
    pub(crate) fn contact(&self) -> Option<Contact> {
        let (email, phone) = (self.email.clone(), self.phone.clone());
        self.requester.clone().map(|name| Contact { name, email, phone, onward: self.onward })
    }
}

impl ObjectArgs {
    /// The place, if one is named.
    pub(crate) fn object(self) -> Result<Option<ServiceObject>, Failure> {
        let Self { object, address, coordinates } = self;
        let coordinates = coordinates.as_deref().map(pair).transpose()?;
        Ok(object.map(|name| ServiceObject { name, address, coordinates }))
    }
}

impl EquipmentArgs {
    /// The equipment, if anything is said of it.
    pub(crate) fn equipment(self) -> Option<Equipment> {
        let Self { equipment, maker, model, serial, inventory } = self;
        let equipment = Equipment { kind: equipment, maker, model, serial, inventory };
        (equipment != Equipment::default()).then_some(equipment)
    }
}

/// A field and its value from `KEY=VALUE`.
pub(crate) fn custom(text: &str) -> Result<Custom, String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() && !value.trim().is_empty() => {
            Ok(Custom { key: key.trim().to_owned(), value: value.trim().to_owned() })
        }
        Some(_) | None => Err(format!("“{text}” is no field: write it like floor=2")),
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
