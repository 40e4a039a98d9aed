//! All settings as they were merged, each with where it is from and what it replaced.

use super::Configuration;
use super::setting::{SETTINGS, Setting};

impl Configuration {
    /// What was said, in the form of the file: for each setting the value that counts,
    /// where it was given, and which ones it replaced. Secrets are left out.
    pub fn print(&self) -> String {
        let mut text = String::new();
        let mut section = "";
        for path in self.in_order() {
            let all = self.given.get(path);
            let Some((given, replaced)) = all.and_then(|all| all.split_first()) else {
                continue;
            };
            let (above, name) = path.rsplit_once('.').unwrap_or(("", path));
            if above != section {
                if !text.is_empty() {
                    text.push('\n');
                }
                text.push_str(&format!("[{above}]\n"));
                section = above;
            }
            text.push_str(&format!(
                "{name} = {}  # {}\n",
                given.value.shown(),
                given.origin
            ));
            for other in replaced {
                text.push_str(&format!(
                    "# not: {}  ({} counts less)\n",
                    other.value.shown(),
                    other.origin
                ));
            }
        }
        if text.is_empty() {
            text.push_str("# Nothing is set: neither in the environment nor in a file.\n");
        }
        text
    }

    /// The places of all that was said, in the order in which they are shown: of a family
    /// one name after the other.
    fn in_order(&self) -> Vec<&str> {
        let place = |path: &str| {
            let number = SETTINGS.iter().position(|setting| setting.is_at(path));
            let family = number.and_then(|number| SETTINGS.get(number)?.family());
            let Some((section, _)) = family else {
                return (number, String::new(), number);
            };
            let of_it = |setting: &Setting| setting.family().is_some_and(|(it, _)| it == section);
            let name = path.split('.').nth(1).unwrap_or_default();
            (SETTINGS.iter().position(of_it), name.to_owned(), number)
        };
        let mut paths: Vec<_> = self.given.keys().map(String::as_str).collect();
        paths.sort_by_cached_key(|path| place(path));
        paths
    }
}
