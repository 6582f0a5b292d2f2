//! What paths and labels in a plan must fulfil beyond their shape.

use super::plan_error::PlanError;
use crate::encoding::{
    bounds,
    text::{self, Line},
};

pub(super) fn absolute(field: &str, path: &str) -> Result<(), PlanError> {
    let plain =
        path.starts_with('/') && text::is_printable(path) && !path.split('/').any(|part| part == "..");
    if path.len() > bounds::PATH {
        return Err(PlanError::new(format!(
            "{field}: {} bytes, more than the {} of a path",
            path.len(),
            bounds::PATH
        )));
    }
    if plain {
        Ok(())
    } else {
        Err(PlanError::new(format!(
            "{field} {:?} is not an absolute path without '..'",
            text::printable(path)
        )))
    }
}

/// A file that is read or written as a whole. `NAME.partial` is where `NAME` is until it is: what has that name is replaced
/// without a question.
pub(super) fn whole_file(field: &str, path: &str) -> Result<(), PlanError> {
    absolute(field, path)?;
    if path.ends_with(".partial") {
        let shown = text::printable(path);
        return Err(PlanError::new(format!("{field} {shown:?}: '.partial' is the end of unfinished files")));
    }
    Ok(())
}

/// CK_TOKEN_INFO has 32 bytes for a label.
pub(super) fn label_fits(label: &Line) -> Result<(), PlanError> {
    if label.as_str().is_empty() || label.as_str().len() > 32 || label.as_str().trim() != label.as_str() {
        return Err(PlanError::new(format!(
            "label {:?}: 1 to 32 bytes, no blank at either end",
            label.as_str()
        )));
    }
    Ok(())
}
