//! Which delegation was meant: by id, beginning of an id, or number of a ticket on either side.

use deskwire_api_types::{Action, Delegation, DelegationQuery};
use deskwire_client::Client;

use crate::{
    context::Context,
    failure::{self, Done, Failure},
    render::{self, short},
};

/// The delegation that an action is about.
#[derive(Debug, clap::Args)]
pub(crate) struct Target {
    /// Id of the delegation, the beginning of it, or a ticket's number.
    #[arg(value_name = "DELEGATION")]
    id: String,
}

impl Target {
    /// Finds the delegation, does something to it, and prints where it stands then.
    pub(crate) fn act(
        &self,
        context: &Context,
        action: Action,
        call: impl AsyncFnOnce(&Client, &str) -> Result<Delegation, Failure>,
    ) -> Done {
        let delegation = context.talk(async |client| {
            let id = self.find(&client, Some(action)).await?;
            call(&client, &id).await
        })?;
        // Only now: what is refused goes to nobody.
        context.out.note(&format!("This goes to {}.", delegation.partner.name));
        context.out.document(&delegation, |style| render::delegation_brief(&delegation, style))
    }

    /// The whole id of the delegation that was meant.
    pub(crate) async fn find(&self, client: &Client, action: Option<Action>) -> Result<String, Failure> {
        let typed = self.id.trim();
        if is_whole(typed) {
            return Ok(typed.to_lowercase());
        }
        let mut known = Vec::new();
        let mut query = DelegationQuery { limit: Some(500), ..Default::default() };
        loop {
            let page = client.delegations(&query).await?;
            known.extend(page.delegations);
            match page.before {
                Some(before) => query.before = Some(before),
                None => return choose(typed, &known, action),
            }
        }
    }
}

fn is_whole(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The one that is meant: where several fit, the one in which the action is possible now.
fn choose(typed: &str, known: &[Delegation], action: Option<Action>) -> Result<String, Failure> {
    let wanted = typed.to_lowercase();
    let fits = |delegation: &&Delegation| {
        (wanted.len() >= 4 && delegation.id.starts_with(&wanted))
            || delegation.own.ticket.to_lowercase() == wanted
            || delegation.partner.ticket.as_ref().is_some_and(|ticket| ticket.to_lowercase() == wanted)
    };
    let found: Vec<_> = known.iter().filter(fits).collect();
    let able: Vec<_> = found
        .iter()
        .copied()
        .filter(|delegation| action.is_some_and(|action| delegation.actions.contains(&action)))
        .collect();
    match (found.as_slice(), able.as_slice()) {
        ([one], _) | (_, [one]) => Ok(one.id.clone()),
        // The daemon says that it knows none, in the words that every other caller gets.
        ([], _) => Ok(wanted),
        _ => {
            let each: Vec<_> = found
                .iter()
                .map(|delegation| {
                    format!(
                        "{} ({}, {})",
                        short(&delegation.id),
                        delegation.partner.name,
                        delegation.state.as_str()
                    )
                })
                .collect();
            Err(failure::usage(format!(
                "“{typed}” means several delegations: name one of {}",
                each.join(", ")
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    //! If these failed, an action would hit another delegation than the one that was meant.
    use super::*;
    use crate::render::samples;

    fn known() -> Vec<Delegation> {
        let mut up = samples::delegation();
        up.id = "aaaa1111000000000000000000000000".into();
        up.own.ticket = "ACME-1".into();
        up.partner.ticket = Some("SHOP-9".into());
        up.actions = vec![Action::Resolve, Action::Status];
        let mut down = up.clone();
        down.id = "aaaa2222000000000000000000000000".into();
        down.partner.ticket = Some("KAS-4".into());
        down.actions = vec![Action::Confirm, Action::Status];
        vec![up, down]
    }

    fn chosen(typed: &str, action: Option<Action>) -> Result<String, String> {
        choose(typed, &known(), action).map(|id| id[..8].to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_delegation_is_found_by_what_people_have_at_hand() {
        assert_eq!(chosen("aaaa1", None), Ok("aaaa1111".into()));
        assert_eq!(chosen("kas-4", None), Ok("aaaa2222".into()));
        assert_eq!(chosen("SHOP-9", Some(Action::Confirm)), Ok("aaaa1111".into()));
    }

    #[test]
    fn of_several_the_one_that_allows_the_action_is_meant_and_otherwise_one_is_asked_for() {
        assert_eq!(chosen("ACME-1", Some(Action::Confirm)), Ok("aaaa2222".into()));
        assert_eq!(chosen("ACME-1", Some(Action::Resolve)), Ok("aaaa1111".into()));
        for action in [None, Some(Action::Status), Some(Action::Recall)] {
            let words = chosen("ACME-1", action).unwrap_err();
            assert!(words.contains("aaaa1111") && words.contains("aaaa2222"), "{words}");
        }
    }

    #[test]
    fn too_short_a_beginning_means_nothing() {
        assert_eq!(choose("aaa", &known(), None), Ok("aaa".into()));
        assert!(is_whole("AAAA1111000000000000000000000000"));
        assert!(!is_whole("ACME-1"));
    }
}
