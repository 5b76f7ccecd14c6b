//! The bell between the engine's writer and the couriers: rung without waiting, heard in bundles.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deskwire_engine::port::{Effect, Notifier};
use tokio::sync::Notify;

/// Makes the two ends. The bell goes to [`Engine::start`](deskwire_engine::Engine::start), the other end to
/// [`Federation::start`](crate::Federation::start): the engine can run before there is anybody to hear it.
#[must_use]
pub fn bell() -> (Bell, Effects) {
    let rope = Arc::new(Rope::default());
    (Bell(Arc::clone(&rope)), Effects(rope))
}

/// The engine's end: ringing never waits. What is rung twice before it is heard is heard once, so that an end that
/// nobody hears holds at most four effects for each link.
#[derive(Clone, Default)]
pub struct Bell(Arc<Rope>);

/// The couriers' end.
pub struct Effects(Arc<Rope>);

#[derive(Default)]
struct Rope {
    rung: Mutex<BTreeSet<Effect>>,
    pulled: Notify,
}

impl Notifier for Bell {
    fn notify(&self, effect: &Effect) {
        self.0.rung().insert(effect.clone());
        self.0.pulled.notify_one();
    }
}

impl Effects {
    /// Waits until something was rung, and takes all of it.
    pub(crate) async fn heard(&self) -> BTreeSet<Effect> {
        loop {
            self.0.pulled.notified().await;
            let rung = std::mem::take(&mut *self.0.rung());
            if !rung.is_empty() {
                return rung;
            }
        }
    }
}

impl Rope {
    fn rung(&self) -> MutexGuard<'_, BTreeSet<Effect>> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    //! A wake-up that is lost is a message that waits for the next one.
    use deskwire_store::local::LinkNo;

    use super::*;

    #[tokio::test]
    async fn what_was_rung_before_anybody_listened_is_heard_once() {
        let (bell, effects) = bell();
        for _ in 0..3 {
            bell.notify(&Effect::Wake(LinkNo(7)));
            bell.notify(&Effect::Links);
        }
        assert_eq!(effects.heard().await, BTreeSet::from([Effect::Wake(LinkNo(7)), Effect::Links]));
        bell.notify(&Effect::Fetch(LinkNo(7)));
        assert_eq!(effects.heard().await, BTreeSet::from([Effect::Fetch(LinkNo(7))]));
    }
}
