//! The manual is what the command line, the code and the scripts are.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod declarations;
mod formats;
mod pages;
mod scripts;
