//! The request to stop, told once to everybody who serves.

use tokio::sync::watch;

/// The end that asks. Dropping it asks as well: nobody could ask any more.
#[derive(Debug)]
pub struct ShutdownTrigger(watch::Sender<bool>);

/// The end that is asked; clones are asked together.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

impl ShutdownTrigger {
    /// A trigger that was not pulled yet.
    #[must_use]
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// One more end that is asked.
    #[must_use]
    pub fn subscribe(&self) -> Shutdown {
        Shutdown(self.0.subscribe())
    }

    /// Asks everybody to stop. Asking twice is asking once.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

impl Default for ShutdownTrigger {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// Returns once the stop was requested, at once if it was before.
    pub async fn requested(&mut self) {
        // An error means that the trigger is gone, which is a request too.
        let _ = self.0.wait_for(|requested| *requested).await;
    }

    /// Whether the stop was requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}
