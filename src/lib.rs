//! M-of-N administrative quorums over hardware security modules.
//!
//! `quorate` splits administrator authority over an HSM into Shamir shares bound to smart cards, and reconstitutes an
//! admin credential only when a quorum of custodians has signed the ceremony's transcript.
//!
//! # The subject, from a share's point of view
//!
//! [`sharing::dealer`] makes it; [`sealing`] closes it in an age file for one card, which the [`roster`] lists beside a
//! public commitment. An administrator's [`proposal`] asks for it. Its custodian's card opens it, [`sharing::share`]
//! checks it, and it travels as a [`sealing::release`] with a signed [`approval`]. At the station
//! [`approval::quorum`], the one place that counts, lets exactly M of them meet in [`sharing::reconstitution`], after
//! the intent is durable in the [`transcript`]. [`ceremony::execute`] is the order of all that.
//!
//! # Layers
//!
//! Imports go down only; a test holds them to it.
//!
//! ```text
//! cli         the command line, terminal, exit codes; wires adapters into ports
//! ceremony    propose, approve, execute, abort, attest, audit: the states
//! account     what there is to tell: pure values, for people, programs and reports
//! piv · pkcs11 · practice · command · softcard · storage    adapters; never each other
//! administration    what is done with a token, over a trait of calls that pkcs11 and practice implement
//! ports       small traits: cards, tokens, stores, clock
//! transcript · approval · proposal · sharing · roster · sealing    the core: pure, no I/O
//! memory · encoding    the bottom
//! ```
//!
//! # Words
//!
//! A *custodian* holds one share of each *authority*; an *administrator* proposes and runs the *station*; a
//! *witness* signs what was seen. A *ceremony* is one run of a *plan*, recorded in a *transcript* whose last line is its
//! *head*; the *ledger* is all ceremonies of a quorum, chained from the genesis on.

// The hostile station of the tests is compiled into the unit tests and into the suite, by one name of this crate.
#[cfg(test)]
extern crate self as quorate;

pub mod account;
mod administration;
pub mod approval;
pub mod ceremony;
pub mod cli;
pub mod command;
mod durable;
pub mod encoding;
pub mod memory;
pub mod piv;
pub mod pkcs11;
pub mod ports;
pub mod practice;
pub mod proposal;
pub mod roster;
pub mod sealing;
pub mod sharing;
pub mod softcard;
pub mod storage;
pub mod transcript;
