//! PGP words (to come).
