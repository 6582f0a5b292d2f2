//! The host's clock.

use crate::encoding::time::Timestamp;

/// Tells the time; nobody vouches for it.
pub trait Clock {
    /// Now, in UTC.
    fn now(&self) -> Timestamp;
}
