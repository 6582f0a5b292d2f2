//! hostile_files
