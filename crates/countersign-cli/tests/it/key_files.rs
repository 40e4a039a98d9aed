//! What `keygen` and the authorization server leave on the disk.

use std::fs;
use std::path::Path;

use crate::command::{Server, folder, run, shell};

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
}

#[test]
fn h7_keygen_never_replaces_a_file() {
    let folder = folder();
    assert_eq!(
        run(folder.path(), &["keygen"]).ok(),
        "private.pem\npublic.pem\n"
    );
    let made = fs::read(folder.path().join("private.pem")).unwrap();
    let again = run(folder.path(), &["keygen"]);
    assert_eq!(again.code, 1);
    assert_eq!(
        again.stderr,
        "error: ./private.pem exists already; it is not overwritten\n"
    );
    assert_eq!(fs::read(folder.path().join("private.pem")).unwrap(), made);
}

#[cfg(unix)]
#[test]
fn h7_private_keys_have_mode_0600_under_every_umask() {
    let program = env!("CARGO_BIN_EXE_countersign");
    for umask in ["000", "022", "777"] {
        let folder = folder();
        fs::create_dir(folder.path().join("keys")).unwrap();
        let line = format!("umask {umask}; exec {program} keygen --out keys");
        shell(folder.path(), &line).ok();
        assert_eq!(
            mode(&folder.path().join("keys/private.pem")),
            0o600,
            "{umask}"
        );
    }
}

#[cfg(unix)]
#[test]
fn h7_the_data_directory_is_for_its_owner_alone_under_every_umask() {
    let program = env!("CARGO_BIN_EXE_countersign");
    for umask in ["000", "022"] {
        let folder = folder();
        let line = format!("umask {umask}; exec {program} keys rotate");
        shell(folder.path(), &line).ok();
        let data = folder.path().join("countersign-data");
        assert_eq!(mode(&data), 0o700);
        let mut files: Vec<_> = fs::read_dir(&data).unwrap().map(Result::unwrap).collect();
        files.sort_by_key(fs::DirEntry::file_name);
        for file in &files {
            assert_eq!(mode(&file.path()), 0o600, "{umask}: {file:?}");
        }
        let names: Vec<_> = files.iter().map(fs::DirEntry::file_name).collect();
        assert!(names.contains(&"countersign.db".into()), "{names:?}");
        assert!(names.contains(&"countersign.db.keys".into()), "{names:?}");
    }
}

#[test]
fn every_algorithm_makes_tokens_that_a_server_accepts() {
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let folder = folder();
        run(folder.path(), &["keygen", "--algorithm", algorithm]).ok();
        let token = run(
            folder.path(),
            &["token", "--key", "private.pem", "--subject", "ada"],
        )
        .ok();
        let server = Server::start(folder.path(), &["--public-key", "public.pem"]);
        let call = [
            "call",
            &server.url,
            "greet",
            "name=you",
            "--token",
            token.trim_end(),
        ];
        assert_eq!(
            run(folder.path(), &call).ok(),
            "Hello, you! Your userid is ada.\n"
        );
        let mint = server.printed.contains("token --key private.pem --subject");
        assert!(mint, "{}", server.printed);
    }
}
