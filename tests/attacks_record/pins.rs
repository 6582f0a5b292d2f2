//! pins
