//! Rows F20, H10: what can happen to a log between two looks at it.

use std::fs;
use std::path::{Path, PathBuf};

use super::files::Files;
use super::*;
use crate::verify::{self, Damage, Report};
use crate::{Follow, Outcome, Search, Severity};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn log(&self) -> PathBuf {
        self.0.path().join("audit.jsonl")
    }

    fn with(&self, ending: &str) -> PathBuf {
        self.0.path().join(format!("audit.jsonl{ending}"))
    }

    fn report(&self) -> Report {
        verify::files(&self.log(), None).unwrap()
    }

    fn events(&self) -> Vec<String> {
        let mut events = Vec::new();
        let unread = Search::new().files(&self.log(), |entry, _| {
            events.push(entry.record.event.to_string());
            Ok(())
        });
        assert_eq!(unread.unwrap(), 0);
        events
    }
}

const START: u64 = 1_900_000_000_000;

/// What happened in an hour, as the server would note it.
fn story() -> Vec<Record> {
    let at = |minute: u64| START + minute * 60_000;
    vec![
        Record::new("logged_in", "a person logged in", at(0)).subject("alice"),
        Record::new("tokens_issued", "tokens were issued", at(1))
            .client("C1")
            .grant("G1"),
        Record::new("request_allowed", "a request was allowed", at(2))
            .outcome(Outcome::Allowed)
            .subject("alice")
            .component("tool", "list_users"),
        Record::new("request_refused", "a request was refused", at(3))
            .outcome(Outcome::Refused)
            .severity(Severity::Notice)
            .subject("alice")
            .component("tool", "delete_user\n\"}")
            .reason("insufficient_scope")
            .status(403),
        Record::new("token_revoked", "a client revoked a token", at(40)).grant("G1"),
        Record::new("request_refused", "a request was refused", at(41))
            .outcome(Outcome::Refused)
            .reason("token_rejected")
            .status(401),
    ]
}

fn write(builder: JsonLinesBuilder, records: Vec<Record>) {
    let log = builder.open().unwrap();
    for record in records {
        log.note(record);
    }
    assert!(log.flush());
}

fn small(folder: &Folder) -> JsonLinesBuilder {
    JsonLines::at(folder.log()).rotate_at_bytes(900)
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn put(path: &Path, lines: &[String]) {
    let mut text = lines.join("\n");
    text.push('\n');
    fs::write(path, text).unwrap();
}

#[test]
fn f20_a_log_that_nobody_touched_is_intact_and_each_record_is_found_by_what_it_says() {
    let folder = Folder::new();
    write(JsonLines::at(folder.log()), story());
    let report = folder.report();
    assert!(report.is_intact() && !report.is_torn, "{report:?}");
    assert_eq!((report.lines, report.last.unwrap().seq), (6, 6));
    let found = |change: &dyn Fn(&mut Search)| {
        let mut search = Search::new();
        change(&mut search);
        let mut found = Vec::new();
        search
            .files(&folder.log(), |entry, _| {
                found.push(entry.link.seq);
                Ok(())
            })
            .unwrap();
        found
    };
    assert_eq!(
        found(&|search| search.subject = Some("alice".into())),
        [1, 3, 4]
    );
    assert_eq!(
        found(&|search| search.component = Some("list_users".into())),
        [3]
    );
    assert_eq!(
        found(&|search| search.component = Some("delete_*".into())),
        [4]
    );
    assert_eq!(found(&|search| search.client = Some("C1".into())), [2]);
    assert_eq!(
        found(&|search| search.event = Some("token_revoked".into())),
        [5]
    );
    assert_eq!(
        found(&|search| search.outcome = Some(Outcome::Refused)),
        [4, 6]
    );
    assert_eq!(
        found(&|search| search.reason = Some("token_rejected".into())),
        [6]
    );
    assert_eq!(found(&|search| search.severity = Severity::Notice), [4]);
    assert_eq!(found(&|search| search.since = START + 40 * 60_000), [5, 6]);
    assert_eq!(found(&|search| search.until = Some(START + 60_000)), [1]);
}

/// Every way to change one line of `lines`, and every line.
fn tamperings(lines: &[String]) -> Vec<(String, Vec<String>)> {
    let mut all = Vec::new();
    let mut add = |what: String, change: &dyn Fn(&mut Vec<String>)| {
        let mut changed = lines.to_vec();
        change(&mut changed);
        all.push((what, changed));
    };
    for at in 0..lines.len() {
        add(format!("{at} removed"), &|lines| {
            lines.remove(at);
        });
        add(format!("{at} doubled"), &|lines| {
            lines.insert(at, lines[at].clone());
        });
        add(format!("blank line before {at}"), &|lines| {
            lines.insert(at, String::new());
        });
        add(format!("{at} ends in CR"), &|lines| lines[at].push('\r'));
        for to in 0..lines.len() {
            if to != at {
                add(format!("{at} moved to {to}"), &|lines| {
                    let line = lines.remove(at);
                    lines.insert(to, line);
                });
                add(format!("{at} in the place of {to}"), &|lines| {
                    lines[to] = lines[at].clone();
                });
            }
        }
        for place in 0..lines[at].len() {
            add(format!("{at} edited at {place}"), &|lines| {
                let mut bytes = lines[at].clone().into_bytes();
                bytes[place] = if bytes[place] == b'7' { b'8' } else { b'7' };
                lines[at] = String::from_utf8(bytes).unwrap();
            });
            add(format!("{at} without the sign at {place}"), &|lines| {
                lines[at].remove(place);
            });
        }
    }
    add("a line of somebody else at the end".to_owned(), &|lines| {
        let mut line = lines[lines.len() - 1].clone();
        line = line.replace("\"seq\":6", "\"seq\":7");
        lines.push(line);
    });
    all
}

#[test]
fn f20_each_tampering_with_a_single_line_is_found() {
    let folder = Folder::new();
    write(JsonLines::at(folder.log()), story());
    let original = lines(&folder.log());
    for (what, changed) in tamperings(&original) {
        put(&folder.log(), &changed);
        assert!(!folder.report().is_intact(), "{what}");
    }
    put(&folder.log(), &original);
    assert!(folder.report().is_intact());
}

#[test]
fn f20_what_was_done_is_said() {
    let folder = Folder::new();
    write(JsonLines::at(folder.log()), story());
    let original = lines(&folder.log());
    let damage = |change: &dyn Fn(&mut Vec<String>)| {
        let mut changed = original.clone();
        change(&mut changed);
        put(&folder.log(), &changed);
        let findings = folder.report().findings;
        let first = &findings[0];
        (first.line, first.damage.clone())
    };
    let deleted = damage(&|lines| {
        lines.remove(2);
    });
    assert_eq!(deleted, (3, Damage::Missing { from: 3, to: 3 }));
    let edited = damage(&|lines| lines[3] = lines[3].replace("refused", "allowed"));
    assert_eq!(edited, (4, Damage::Changed));
    put(
        &folder.log(),
        &[
            original[..3].to_vec(),
            vec![original[3].replace("refused", "?")],
            original[4..].to_vec(),
        ]
        .concat(),
    );
    assert_eq!(folder.report().findings.len(), 1);
    let swapped = damage(&|lines| lines.swap(1, 2));
    assert_eq!(swapped, (2, Damage::Missing { from: 2, to: 2 }));
    let cut = damage(&|lines| lines.truncate(4));
    assert_eq!(cut, (4, Damage::CutOff { from: 5, to: 6 }));
    let beginning = damage(&|lines| {
        lines.drain(..2);
    });
    assert_eq!(beginning, (1, Damage::Missing { from: 1, to: 2 }));
}

#[test]
fn f20_who_cuts_the_end_cannot_write_a_head_that_fits() {
    let folder = Folder::new();
    write(JsonLines::at(folder.log()), story());
    let (original, head) = (
        lines(&folder.log()),
        fs::read_to_string(folder.with(".head")).unwrap(),
    );
    put(&folder.log(), &original[..4]);
    // The code of the line that shall be the last one is there to be read.
    let (_, mac) = crate::chain::split(&original[3]).unwrap();
    let (_, last) = crate::chain::split(&original[5]).unwrap();
    let forged = head
        .replace("\"last\":6", "\"last\":4")
        .replace(&last.to_string(), &mac.to_string());
    assert_ne!(forged, head);
    fs::write(folder.with(".head"), forged).unwrap();
    assert_eq!(folder.report().findings[0].damage, Damage::ForgedHead);
    fs::remove_file(folder.with(".head")).unwrap();
    assert_eq!(folder.report().findings[0].damage, Damage::NoHead);
    // The head of a log under another key is no head either.
    let other = Folder::new();
    write(JsonLines::at(other.log()), story()[..4].to_vec());
    fs::copy(other.with(".head"), folder.with(".head")).unwrap();
    assert_eq!(folder.report().findings[0].damage, Damage::ForgedHead);
    // An emptied log is one that is cut off at its beginning.
    fs::write(folder.with(".head"), head).unwrap();
    fs::write(folder.log(), "").unwrap();
    let damage = folder.report().findings[0].damage.clone();
    assert_eq!(damage, Damage::CutOff { from: 1, to: 6 });
}

#[test]
fn f20_full_files_are_part_of_the_chain_and_the_oldest_go() {
    let folder = Folder::new();
    for _ in 0..4 {
        // A restart between any two of them changes nothing.
        write(small(&folder).keep_files(100), story());
    }
    let full = Place::new(folder.log(), None).all_full().unwrap();
    assert!(full.len() > 3, "{full:?}");
    let report = folder.report();
    assert!(report.is_intact(), "{report:?}");
    assert_eq!((report.lines, report.last.unwrap().seq), (24, 24));
    // Any of them is missed.
    for (_, path) in &full {
        let text = fs::read(path).unwrap();
        fs::remove_file(path).unwrap();
        assert!(!folder.report().is_intact(), "{path:?}");
        fs::write(path, text).unwrap();
    }
    // What the writer itself took away is not.
    write(small(&folder).keep_files(2), story());
    let report = folder.report();
    assert!(report.is_intact(), "{report:?}");
    assert_eq!(Place::new(folder.log(), None).all_full().unwrap().len(), 2);
    assert_eq!(report.last.unwrap().seq, 30);
    assert!(report.first.unwrap().seq > 6);
    fs::remove_file(&Place::new(folder.log(), None).all_full().unwrap()[0].1).unwrap();
    assert!(!folder.report().is_intact());
}

#[test]
fn files_become_full_by_age_too() {
    let folder = Folder::new();
    let hour = Lifetime::from_mins(40);
    write(JsonLines::at(folder.log()).rotate_after(hour), story());
    let full = Place::new(folder.log(), None).all_full().unwrap();
    assert_eq!(full.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [1]);
    assert_eq!(
        (lines(&full[0].1).len(), lines(&folder.log()).len()),
        (4, 2)
    );
    assert!(folder.report().is_intact());
}

#[test]
fn f20_a_line_that_a_crash_tore_is_noted_and_no_alarm() {
    let folder = Folder::new();
    write(JsonLines::at(folder.log()), story());
    let mut text = fs::read_to_string(folder.log()).unwrap();
    text.push_str("{\"seq\":7,\"at\":\"2030-");
    fs::write(folder.log(), &text).unwrap();
    let report = folder.report();
    assert!(report.is_intact() && report.is_torn, "{report:?}");
    write(JsonLines::at(folder.log()), story()[..1].to_vec());
    let report = folder.report();
    assert!(report.is_intact() && !report.is_torn, "{report:?}");
    assert_eq!(folder.events()[6..], ["audit_line_torn", "logged_in"]);
    assert_eq!(report.last.unwrap().seq, 8);
}

#[test]
fn f20_lines_that_a_crash_kept_from_the_head_are_good() {
    let folder = Folder::new();
    write(JsonLines::at(folder.log()), story()[..2].to_vec());
    let head = fs::read(folder.with(".head")).unwrap();
    write(JsonLines::at(folder.log()), story()[2..].to_vec());
    fs::write(folder.with(".head"), head).unwrap();
    assert!(folder.report().is_intact(), "{:?}", folder.report());
    write(JsonLines::at(folder.log()), story()[..1].to_vec());
    let report = folder.report();
    assert!(report.is_intact(), "{report:?}");
    assert_eq!(report.last.unwrap().seq, 7);
}

#[test]
fn f20_a_restart_mends_nothing_that_was_taken_away() {
    for (what, event, tamper) in [
        (
            "cut",
            "audit_lines_missing",
            (|folder: &Folder| {
                let all = lines(&folder.log());
                put(&folder.log(), &all[..4]);
            }) as fn(&Folder),
        ),
        ("emptied", "audit_lines_missing", |folder| {
            fs::write(folder.log(), "").unwrap()
        }),
        ("removed", "audit_lines_missing", |folder| {
            fs::remove_file(folder.log()).unwrap()
        }),
        ("without a head", "audit_head_missing", |folder| {
            fs::remove_file(folder.with(".head")).unwrap();
            let all = lines(&folder.log());
            put(&folder.log(), &all[..4]);
        }),
        ("edited at its end", "audit_line_forged", |folder| {
            let text = fs::read_to_string(folder.log()).unwrap();
            fs::write(
                folder.log(),
                text.replace("token_rejected", "token_accepted"),
            )
            .unwrap();
        }),
    ] {
        let folder = Folder::new();
        write(JsonLines::at(folder.log()), story());
        tamper(&folder);
        write(JsonLines::at(folder.log()), story()[..1].to_vec());
        let events = folder.events();
        assert!(
            events.iter().any(|each| each == event),
            "{what}: {events:?}"
        );
        if event != "audit_head_missing" {
            assert!(!folder.report().is_intact(), "{what}");
        }
    }
}

#[test]
fn f20_a_full_disk_refuses_or_spools_and_nothing_is_lost_when_there_is_room_again() {
    let folder = Folder::new();
    let place = Place::new(folder.log(), None);
    let limits = Limits {
        bytes: 1 << 20,
        age: Lifetime::from_hours(1),
        files: 3,
    };
    let mut files = Files::open(place, limits).unwrap();
    files.write(story()[..2].to_vec()).unwrap();
    // The device that is always full; elsewhere a file that cannot be written to.
    let full = match fs::OpenOptions::new().write(true).open("/dev/full") {
        Ok(full) => full,
        Err(_) => File::open(folder.log()).unwrap(),
    };
    let good = files.danger_replace(full);
    files.write(story()[2..4].to_vec()).unwrap_err();
    files.write(story()[4..].to_vec()).unwrap_err();
    assert_eq!(folder.report().lines, 2);
    files.danger_replace(good);
    files.commit().unwrap();
    let report = folder.report();
    assert!(report.is_intact(), "{report:?}");
    assert_eq!(report.lines, 6);
}

#[test]
fn one_process_writes_a_log() {
    let folder = Folder::new();
    let log = JsonLines::at(folder.log()).open().unwrap();
    let refused = JsonLines::at(folder.log()).open().unwrap_err();
    assert!(matches!(refused, OpenError::Taken(_)), "{refused}");
    assert!(
        refused.to_string().contains("a log of its own"),
        "{refused}"
    );
    drop(log);
    JsonLines::at(folder.log()).open().unwrap();
}

#[cfg(unix)]
#[test]
fn the_key_and_the_log_are_their_owners_alone_and_a_key_that_is_not_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    write(JsonLines::at(folder.log()), story());
    for ending in ["", ".key", ".head", ".lock"] {
        let mode = fs::metadata(folder.with(ending))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{ending}");
    }
    fs::set_permissions(folder.with(".key"), fs::Permissions::from_mode(0o644)).unwrap();
    let refused = JsonLines::at(folder.log()).open().unwrap_err().to_string();
    assert!(refused.contains("chmod 600"), "{refused}");
}

#[test]
fn f20_who_knows_another_key_writes_no_line_that_counts() {
    let (ours, theirs) = (Folder::new(), Folder::new());
    write(JsonLines::at(ours.log()), story());
    write(JsonLines::at(theirs.log()), story());
    fs::copy(theirs.log(), ours.log()).unwrap();
    let report = ours.report();
    assert_eq!(report.lines, 0);
    assert_eq!(report.findings.len(), 6, "{report:?}");
    let elsewhere = theirs.with(".key");
    assert!(
        !verify::files(&ours.log(), Some(&elsewhere))
            .unwrap()
            .is_intact()
    );
}

#[test]
fn a_log_is_followed_from_file_to_file() {
    let folder = Folder::new();
    write(small(&folder), story()[..1].to_vec());
    let mut follow = Follow::behind(&folder.log(), 0).unwrap();
    let mut seen = Vec::new();
    let mut look = |follow: &mut Follow| {
        let added = follow.added().unwrap();
        seen.extend(added.iter().map(|(entry, _)| entry.link.seq));
    };
    look(&mut follow);
    for record in story().into_iter().cycle().take(12) {
        write(small(&folder), vec![record]);
        look(&mut follow);
    }
    look(&mut follow);
    assert_eq!(seen, (1..=13).collect::<Vec<_>>());
    assert!(Place::new(folder.log(), None).all_full().unwrap().len() > 2);
}
