//! All settings as they were merged, each with where it is from and what it replaced.

use super::Configuration;
use super::setting::SETTINGS;

impl Configuration {
    /// What was said, in the form of the file: for each setting the value that counts,
    /// where it was given, and which ones it replaced. Secrets are left out.
    pub fn print(&self) -> String {
        let mut text = String::new();
        let mut section = "";
        for setting in SETTINGS {
            let Some((given, replaced)) = self
                .given
                .get(setting.path)
                .and_then(|all| all.split_first())
            else {
                continue;
            };
            let (above, name) = setting.path.rsplit_once('.').unwrap_or(("", setting.path));
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
}
