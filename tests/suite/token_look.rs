//! `quorate token list|show`, and what `propose` refuses because the token cannot do it: modules of all kinds, without a PIN.

mod lacks;
mod look;
mod refusals;
