//! Data directories that cannot be used: one sentence each, and nothing is begun.

use std::fs;
use std::path::Path;

use crate::command::{Output, Server, folder, run, shell};

/// A folder with data in it.
fn data() -> tempfile::TempDir {
    let folder = folder();
    run(folder.path(), &["keys", "rotate"]).ok();
    folder
}

fn database(folder: &Path) -> std::path::PathBuf {
    folder.join("countersign-data/countersign.db")
}

fn serve(folder: &Path) -> Output {
    run(folder, &["serve", "--bind", "127.0.0.1:0"])
}

fn assert_told(answers: impl IntoIterator<Item = Output>, sentence: &str) {
    for answer in answers {
        assert_eq!(
            (answer.code, answer.stdout.as_str(), answer.stderr),
            (1, "", format!("error: {sentence}\n"))
        );
    }
}

#[test]
fn sealing_keys_that_open_nothing_stop_the_start() {
    let folder = data();
    let keys = folder.path().join("countersign-data/countersign.db.keys");
    fs::write(&keys, "A".repeat(43)).unwrap();
    let answers = [
        serve(folder.path()),
        run(folder.path(), &["keys", "list"]),
        run(folder.path(), &["token", "--subject", "ada"]),
    ];
    assert_told(
        answers,
        "the sealing keys in countersign-data/countersign.db.keys do not open what is in \
         countersign-data/countersign.db: put the right file back",
    );
    fs::write(&keys, "what?\n").unwrap();
    assert_told(
        [serve(folder.path())],
        "line 1 of the sealing keys is no key: expected 32 bytes as 43 characters of base64url",
    );
}

#[test]
fn a_start_that_fails_leaves_no_data_behind() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let busy = run(folder.path(), &["serve", "--bind", &taken]);
    assert_eq!((busy.code, busy.stdout.as_str()), (1, ""));
    assert!(busy.stderr.contains("cannot listen on"), "{}", busy.stderr);
    let wrong = [
        "serve",
        "--bind",
        "127.0.0.1:0",
        "--public-url",
        "https://mcp.example.com/mcp#x",
    ];
    assert_eq!(run(folder.path(), &wrong).code, 1);
    for header in ["Authorization", "X Key"] {
        let keys = format!("--api-keys={header}");
        let wrong = run(folder.path(), &["serve", "--bind", "127.0.0.1:0", &keys]);
        assert_eq!(wrong.code, 1, "{header}");
        assert!(wrong.stderr.contains(header), "{}", wrong.stderr);
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_database_without_its_sealing_keys_is_not_served() {
    let folder = data();
    let keys = folder.path().join("countersign-data/countersign.db.keys");
    fs::remove_file(keys).unwrap();
    assert_told(
        [serve(folder.path()), run(folder.path(), &["users", "list"])],
        "the database countersign-data/countersign.db is there and its sealing keys, \
         countersign-data/countersign.db.keys, are not: put the file back, or move the database \
         away to begin anew",
    );
}

#[test]
fn f14_a_damaged_database_is_not_served() {
    let folder = data();
    let path = database(folder.path());
    // The log would heal it.
    for suffix in ["-wal", "-shm"] {
        let companion = path.with_file_name(format!("countersign.db{suffix}"));
        if companion.exists() {
            fs::remove_file(companion).unwrap();
        }
    }
    fs::write(&path, [b'x'; 5_000]).unwrap();
    assert_told(
        [
            serve(folder.path()),
            run(folder.path(), &["grants", "list"]),
        ],
        "the database countersign-data/countersign.db cannot be opened: it is not an SQLite \
         database",
    );
}

#[cfg(unix)]
#[test]
fn h7_files_that_others_can_use_are_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let folder = data();
    let path = database(folder.path());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_told(
        [serve(folder.path()), run(folder.path(), &["users", "list"])],
        "the database countersign-data/countersign.db cannot be opened: others may use the file \
         (mode 0644): run chmod 600 on it",
    );
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let directory = folder.path().join("countersign-data");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
    assert_told(
        [serve(folder.path()), run(folder.path(), &["users", "list"])],
        "the database countersign-data cannot be opened: others may write to the folder (mode \
         0777): run chmod 700 on it",
    );
}

#[test]
fn the_database_and_its_sealing_keys_can_be_elsewhere() {
    let folder = data();
    let directory = folder.path().join("countersign-data");
    fs::rename(&directory, folder.path().join("moved")).unwrap();
    let moved = folder.path().join("moved");
    fs::rename(moved.join("countersign.db.keys"), folder.path().join("k")).unwrap();
    let database = ["--database", "moved/countersign.db"];
    let list = |more: &[&str]| {
        run(
            folder.path(),
            &[&["keys", "list"], &database[..], more].concat(),
        )
    };
    assert_eq!(list(&[]).code, 1);
    let listed = list(&["--sealing-keys-file", "k"]).ok();
    assert_eq!(listed.lines().count(), 3, "{listed}");
    let other = run(folder.path(), &["users", "list", "--database", "none.db"]);
    assert_told([other], "none.db: there is no such file or folder");
    let ignored = fs::read_to_string(moved.join(".gitignore")).unwrap();
    assert_eq!(ignored, "*\n");

    // The lines to paste name them too.
    let named = [&database[..], &["--sealing-keys-file", "k"]].concat();
    let server = Server::start(folder.path(), &named);
    let words = "token --database moved/countersign.db --sealing-keys-file k --audience ";
    assert!(server.printed.contains(words), "{}", server.printed);
}

/// Such as a script that starts a server and adds an account.
#[test]
fn whoever_begins_at_the_same_time_finds_one_database() {
    let folder = folder();
    let program = env!("CARGO_BIN_EXE_countersign");
    let add: Vec<_> = (0..8)
        .map(|number| format!("(echo 12345678 | '{program}' users add u{number}) &"))
        .collect();
    let all = shell(folder.path(), &format!("{} wait", add.join(" ")));
    assert_eq!(all.stderr, "");
    assert_eq!(all.ok().lines().count(), 8);
    let listed = run(folder.path(), &["users", "list"]).ok();
    assert_eq!(listed.lines().count(), 9, "{listed}");
    let left = fs::read_dir(folder.path().join("countersign-data")).unwrap();
    let left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
    let keys = left
        .iter()
        .filter(|name| name.to_string_lossy().contains(".keys"));
    assert_eq!(keys.count(), 1, "{left:?}");
}

#[test]
fn an_empty_folder_is_data_in_which_there_is_nothing() {
    let folder = folder();
    for arguments in [
        &["users", "list"],
        &["clients", "list"],
        &["grants", "list"],
    ] {
        let here = [&arguments[..], &["--json", "--data-dir", "."]].concat();
        // Others may enter the folders of tests, and nobody else may write to them.
        assert_eq!(run(folder.path(), &here).ok(), "[]\n");
    }
}
