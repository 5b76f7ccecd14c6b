//! The store in memory keeps what every backend promises, and fails as it is told to.

use super::*;

#[cfg(feature = "conformance")]
mod conformance {
    use super::*;
    use crate::conformance::Harness;

    impl Harness for MemoryStore {
        fn open(&self, schema: u32) -> Result<Opened> {
            self.open(schema)
        }

        fn kill(&self) {
            self.kill(3);
        }

        fn power_cut(&self) {
            self.power_cut(self.disk.operations());
        }
    }

    crate::conformance_tests!(MemoryStore::new(5));
}
