//! Which addresses are opened, and how: without a shell (CL-40, CL-41).
//!
//! The crates for this were looked at: `open` goes through `cmd /c start` on Windows,
//! `webbrowser` brings thirty crates and runs what `BROWSER` says. What is needed is one
//! process with the address as one argument.

use std::io;
use std::process::{Command, Stdio};
use std::thread;

use countersign_oauth::uri::is_loopback_host;
use url::Url;

use super::PresenterError;

/// The longest address: beyond it some systems cut.
const MAX_ADDRESS_BYTES: usize = 8 * 1024;

/// Reads `text`, an address that a server names and that a browser is to open: https, or
/// http on this machine, and nothing that a shell or a terminal could take for something
/// else.
///
/// # Errors
///
/// [`PresenterError::Address`] for everything else.
pub fn openable(text: &str) -> Result<Url, PresenterError> {
    // RFC 3986 §2, so no quotes, backticks, backslashes, blanks, controls.
    let legal =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    let names_authority = text.split_once("://").is_some_and(|(scheme, rest)| {
        let scheme = scheme.to_ascii_lowercase();
        matches!(scheme.as_str(), "https" | "http") && !rest.starts_with('/')
    });
    if text.len() > MAX_ADDRESS_BYTES || !names_authority || !text.bytes().all(legal) {
        return Err(PresenterError::Address);
    }
    let url = Url::parse(text).map_err(|_| PresenterError::Address)?;
    let is_anonymous = url.username().is_empty() && url.password().is_none();
    let is_safe = url.scheme() == "https" || is_loopback_host(&url);
    if !url.has_host() || !is_anonymous || !is_safe {
        return Err(PresenterError::Address);
    }
    Ok(url)
}

/// Has the system open `url`, which [`openable`] accepted, in the browser of the person
/// (RFC 8252 §8.12), and does not wait for it.
pub(super) fn open(url: &Url) -> io::Result<()> {
    let mut child = command(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    // Some wait until the browser is closed, and somebody has to note that they ended.
    thread::Builder::new()
        .name("browser".to_owned())
        .spawn(move || child.wait())?;
    Ok(())
}

#[cfg(target_os = "macos")]
fn command(url: &Url) -> Command {
    let mut command = Command::new("/usr/bin/open");
    command.arg(url.as_str());
    command
}

/// By its full path: one of the same name could lie beside this program.
#[cfg(windows)]
#[expect(
    clippy::disallowed_methods,
    reason = "the system says where it is by its environment alone"
)]
fn command(url: &Url) -> Command {
    let system = std::env::var_os("SystemRoot").unwrap_or_else(|| "C:\\Windows".into());
    let program = std::path::PathBuf::from(system)
        .join("System32")
        .join("rundll32.exe");
    let mut command = Command::new(program);
    command.args(["url.dll,FileProtocolHandler", url.as_str()]);
    command
}

#[cfg(not(any(target_os = "macos", windows)))]
fn command(url: &Url) -> Command {
    let mut command = Command::new("xdg-open");
    command.arg(url.as_str());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i1_i16_cl_40_what_is_no_address_of_the_web_is_not_opened() {
        for text in [
            "a:$(calc.exe)",
            "javascript:alert(1)",
            "JavaScript://as.test/%0aalert(1)",
            "file:///etc/passwd",
            "file://as.test/share",
            "data:text/html,x",
            "vbscript:x",
            "-x",
            "--help",
            "-x https://as.test/",
            "https://as.test/\"&calc.exe",
            "https://as.test/`calc`",
            "https://as.test/a\nb",
            "https://as.test/a\r\nb",
            "https://as.test/a b",
            "https://as.test/\u{1b}[2J",
            "https://as.test/a|b",
            "https://as.test/^a",
            "https://as.test/<script>",
            "\\\\host\\share",
            "//host/share",
            "https:\\\\host\\share",
            "https:/as.test/",
            "https:///as.test/",
            "https:as.test",
            " https://as.test/",
            "https://person@as.test/",
            "https://as.test:password@evil.test/",
            "http://as.test/",
            "http://10.0.0.1/",
            "ms-msdt:/id",
            "search-ms:query=x",
            "",
            &format!("https://as.test/{}", "a".repeat(MAX_ADDRESS_BYTES)),
        ] {
            assert_eq!(openable(text), Err(PresenterError::Address), "{text}");
        }
        for text in [
            "https://as.test/authorize?client_id=a&state=%22",
            "HTTPS://as.test/",
            "http://127.0.0.1:9000/authorize",
            "http://[::1]:9000/",
            "http://localhost/authorize",
        ] {
            assert!(openable(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn i1_cl_37_cl_41_the_browser_of_the_system_gets_the_address_as_one_argument_without_a_shell() {
        let url = openable("https://as.test/authorize?a=$(id)&b=;c;&d='e'").unwrap();
        let command = command(&url);
        let last = command.get_args().last().unwrap();
        assert_eq!(last, url.as_str());
        let program = command.get_program().to_string_lossy().into_owned();
        for shell in ["sh", "bash", "cmd", "powershell"] {
            assert!(
                !program
                    .trim_end_matches(".exe")
                    .ends_with(&format!("/{shell}"))
            );
            assert_ne!(program.trim_end_matches(".exe"), shell);
        }
    }
}
