//! What API keys look like.

use countersign_oauth::api_key::MalformedApiKey;
use countersign_oauth::{ApiKeyDigest, ApiKeyFormat, ApiKeyId, Secret};
use proptest::prelude::*;

const RANDOM: [u8; ApiKeyFormat::RANDOM_BYTES] = [7; ApiKeyFormat::RANDOM_BYTES];

fn key() -> String {
    ApiKeyFormat::default()
        .compose(&RANDOM)
        .text
        .reveal()
        .to_owned()
}

#[test]
fn a82_each_single_wrong_character_is_noticed_before_any_look_up() {
    let (format, key) = (ApiKeyFormat::default(), key());
    for place in 0..key.len() {
        for other in "0AaZz9_-é ".chars() {
            if key[place..].starts_with(other) {
                continue;
            }
            let mut wrong = key.clone();
            wrong.replace_range(place..=place, &other.to_string());
            assert!(format.parse(&wrong).is_err(), "{place} {other:?}");
        }
    }
    assert!(format.parse(&key).is_ok());
}

#[test]
fn a82_what_was_not_copied_whole_is_refused() {
    let (format, key) = (ApiKeyFormat::default(), key());
    for end in 0..key.len() {
        assert!(format.parse(&key[..end]).is_err(), "{end}");
    }
    let long = "a".repeat(1024 * 1024);
    for (wrong, why) in [
        (String::new(), MalformedApiKey::OtherPrefix),
        ("csk".to_owned(), MalformedApiKey::OtherPrefix),
        ("csk_".to_owned(), MalformedApiKey::Length),
        (format!("{key}0"), MalformedApiKey::Length),
        (format!(" {key}"), MalformedApiKey::OtherPrefix),
        (format!("csk_{long}"), MalformedApiKey::Length),
        (key.to_ascii_uppercase(), MalformedApiKey::OtherPrefix),
        (key.replace("csk_", "csj_"), MalformedApiKey::OtherPrefix),
        // Fullwidth letters, which NFKC makes the same.
        (key.replace("csk_", "ｃｓｋ_"), MalformedApiKey::OtherPrefix),
    ] {
        assert_eq!(format.parse(&wrong), Err(why), "{}", wrong.len());
    }
    let swapped = {
        let mut characters: Vec<char> = key.chars().collect();
        let place = (20..40)
            .find(|place| characters[*place] != characters[place + 1])
            .unwrap();
        characters.swap(place, place + 1);
        characters.into_iter().collect::<String>()
    };
    assert_eq!(format.parse(&swapped), Err(MalformedApiKey::Checksum));
}

#[test]
fn keys_of_another_prefix_are_of_somebody_else() {
    let acme = ApiKeyFormat::new("acme_live").unwrap();
    let theirs = acme.compose(&RANDOM);
    assert!(theirs.text.reveal().starts_with("acme_live_"));
    assert_eq!(acme.parse(theirs.text.reveal()).unwrap(), theirs.id);
    assert_eq!(
        ApiKeyFormat::default().parse(theirs.text.reveal()),
        Err(MalformedApiKey::OtherPrefix)
    );
    assert_eq!(acme.parse(&key()), Err(MalformedApiKey::OtherPrefix));
    // `acme` is the beginning of both; what follows it is no id.
    let short = ApiKeyFormat::new("acme").unwrap();
    assert!(short.parse(theirs.text.reveal()).is_err());
}

#[test]
fn prefixes_that_would_not_be_found_are_refused() {
    for bad in [
        "", "a", "1a", "_a", "a_", "a__b", "Acme", "a-b", "a.b", "é1", "a b", "a\n",
    ] {
        assert!(ApiKeyFormat::new(bad).is_err(), "{bad:?}");
    }
    assert!(ApiKeyFormat::new("a".repeat(25)).is_err());
    assert!(ApiKeyFormat::new("a".repeat(24)).is_ok());
}

#[test]
fn a_whole_key_is_no_id() {
    for bad in [
        "",
        "short",
        &key(),
        "aaaaaaaaaaa_",
        "aaaaaaaaaaaaa",
        "aaaaaaaaaaé",
    ] {
        assert_eq!(ApiKeyId::parse(bad), None, "{bad:?}");
    }
    assert!(serde_json::from_str::<ApiKeyId>("\"short\"").is_err());
}

#[test]
fn a_digest_fits_its_key_alone_and_shows_nothing() {
    let digest = ApiKeyDigest::of(&Secret::new(key()));
    assert!(digest.matches(&Secret::new(key())));
    for other in [&key()[..54], "", &format!("{}x", key())] {
        assert!(!digest.matches(&Secret::new(other)), "{other:?}");
    }
    assert!(!ApiKeyDigest::of_nothing().matches(&Secret::new(key())));
    assert_eq!(format!("{digest:?}"), "ApiKeyDigest(redacted)");
    let written = serde_json::to_string(&digest).unwrap();
    assert_eq!(
        serde_json::from_str::<ApiKeyDigest>(&written).unwrap(),
        digest
    );
    for bad in ["\"\"", "\"AAAA\"", "7"] {
        assert!(serde_json::from_str::<ApiKeyDigest>(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_key_looks_as_it_is_documented() {
    let made = ApiKeyFormat::default().compose(&RANDOM);
    let text = made.text.reveal();
    assert_eq!(text.len(), 55);
    assert_eq!(text.split('_').nth(1), Some(made.id.as_str()));
    assert_eq!(
        ApiKeyFormat::default().pattern(),
        r"\bcsk_[0-9A-Za-z]{12}_[0-9A-Za-z]{38}\b"
    );
    assert!(!format!("{made:?}").contains(text));
}

#[test]
fn the_key_and_the_pattern_in_the_documentation_are_true() {
    let document = include_str!("../../../../docs/api-keys.md");
    let line = document.lines().find(|line| line.starts_with("csk_"));
    let id = ApiKeyFormat::default().parse(line.unwrap()).unwrap();
    assert!(document.contains(&format!("{id}")));
    let pattern = ApiKeyFormat::default().pattern();
    assert!(document.lines().any(|line| line == pattern));
}

proptest! {
    #[test]
    fn every_key_is_read_back_and_another_random_text_is_another_key(
        one in prop::array::uniform32(any::<u8>()),
        other in prop::array::uniform16(any::<u8>()),
    ) {
        let mut random = [0; ApiKeyFormat::RANDOM_BYTES];
        random[..32].copy_from_slice(&one);
        random[32..].copy_from_slice(&other);
        let format = ApiKeyFormat::default();
        let made = format.compose(&random);
        prop_assert_eq!(format.parse(made.text.reveal()), Ok(made.id.clone()));
        random[47] ^= 1;
        prop_assert_ne!(format.compose(&random).text, made.text);
    }

    #[test]
    fn any_text_is_judged_without_a_panic(text in "\\PC{0,80}") {
        let format = ApiKeyFormat::default();
        prop_assert!(format.parse(&text).is_err());
        let prefixed = format!("csk_{text}");
        prop_assert!(format.parse(&prefixed).is_err());
    }
}
