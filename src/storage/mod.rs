//! What is on the disk, and what the machine says of itself.

pub mod environment;
