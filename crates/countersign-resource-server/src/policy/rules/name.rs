//! Names of rules, roles and tags.

use crate::where_in_file::Fault;

/// A name of a rule, role or tag: 1 to 128 characters without control characters, and no
/// blank at either end.
pub(super) fn check_name(field: &str, name: &str) -> Result<(), Fault> {
    let bad = name.is_empty()
        || name.len() > 128
        || name.chars().any(char::is_control)
        || name.trim() != name;
    if bad {
        return Err(Fault::new(
            field,
            "write 1 to 128 characters, without control characters and blanks around them",
        ));
    }
    Ok(())
}
