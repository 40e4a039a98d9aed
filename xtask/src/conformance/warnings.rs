//! Checks that the suite neither passed nor failed: a SHOULD that is not followed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// The length of `-2026-07-28T12-00-00-000Z`, the end of a folder's name.
const TIME: usize = 25;

#[derive(Deserialize)]
struct Check {
    id: String,
    status: String,
}

/// Scenario and check of every warning in the folder of one leg's results, which
/// has a folder `<begin><scenario>-<time>` for each scenario; in order.
pub(super) fn read(results: &Path, begin: &str) -> Result<Vec<(String, String)>> {
    let mut warnings = Vec::new();
    collect(results, "", begin, &mut warnings)?;
    warnings.sort();
    Ok(warnings)
}

/// A scenario whose name has a slash is in a folder of its folder; `above` is what is
/// before the slash, with it.
fn collect(
    folder: &Path,
    above: &str,
    begin: &str,
    warnings: &mut Vec<(String, String)>,
) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let Some(scenario) = scenario(name, begin) else {
            if entry.file_type()?.is_dir() {
                collect(&entry.path(), &format!("{above}{name}/"), begin, warnings)?;
            }
            continue;
        };
        let file = entry.path().join("checks.json");
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        for check in warned(&text)? {
            warnings.push((format!("{above}{scenario}"), check));
        }
    }
    Ok(())
}

fn scenario<'a>(folder: &'a str, begin: &str) -> Option<&'a str> {
    let (name, _time) = folder.split_at_checked(folder.len().checked_sub(TIME)?)?;
    name.strip_prefix(begin)
}

fn warned(checks: &str) -> Result<Vec<String>> {
    let checks: Vec<Check> = serde_json::from_str(checks)?;
    let warned = checks.into_iter().filter(|check| check.status == "WARNING");
    Ok(warned.map(|check| check.id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scenario_is_in_the_name_of_the_folder() {
        let folder = "server-server-initialize-2026-11-21T15-00-34-555Z";
        assert_eq!(scenario(folder, "server-"), Some("server-initialize"));
        let folder = "client-ping-2026-11-21T15-00-34-555Z";
        assert_eq!(scenario(folder, "server-"), None);
        assert_eq!(scenario("server-", "server-"), None);
    }

    #[test]
    fn a_scenario_with_a_slash_is_found_by_its_whole_name() {
        let results = tempfile::tempdir().unwrap();
        let folder = results.path().join("auth/dpop-2026-11-21T15-00-34-555Z");
        fs::create_dir_all(&folder).unwrap();
        fs::write(
            folder.join("checks.json"),
            r#"[{"id":"a","status":"WARNING"}]"#,
        )
        .unwrap();
        let warned = [("auth/dpop".to_owned(), "a".to_owned())];
        assert_eq!(read(results.path(), "").unwrap(), warned);
    }

    #[test]
    fn only_warnings_are_listed() {
        let checks =
            r#"[{"id":"a","status":"SUCCESS"},{"id":"b","status":"WARNING","errorMessage":"c"}]"#;
        assert_eq!(warned(checks).unwrap(), ["b"]);
        assert!(warned("{").is_err());
    }
}
