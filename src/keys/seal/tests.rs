use std::{collections::HashSet, fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::{Value, json};

use super::*;

fn sealer() -> Sealer {
    Sealer::new(&[7; 32], &Random::system())
}

#[test]
fn what_was_sealed_opens_again() {
    let sealer = sealer();
    for length in [0, 1, 15, 16, 17, 1000, 100_000] {
        let text = vec![b'x'; length];
        let sealed = sealer.seal(Purpose::Session, &text);
        assert_eq!(sealed.len(), length + 29);
        assert_eq!(*sealer.open(Purpose::Session, &sealed).unwrap(), text);
    }
    assert_ne!(sealer.seal(Purpose::Session, b"a"), sealer.seal(Purpose::Session, b"a"));
}

#[test]
fn any_flipped_bit_and_any_other_length_is_refused() {
    let sealer = sealer();
    let sealed = sealer.seal_with(Purpose::Cursor, b"pool", b"the place where the list goes on");
    for at in 0..sealed.len() {
        for bit in 0..8 {
            let mut changed = sealed.clone();
            changed[at] ^= 1 << bit;
            assert!(sealer.open_with(Purpose::Cursor, b"pool", &changed).is_none(), "byte {at} bit {bit}");
        }
        assert!(sealer.open_with(Purpose::Cursor, b"pool", &sealed[..at]).is_none());
        assert!(sealer.open_with(Purpose::Cursor, b"pool", &sealed[at + 1..]).is_none());
    }
    assert!(sealer.open_with(Purpose::Cursor, b"pool", &[&sealed[..], &[0]].concat()).is_none());
    assert!(sealer.open_with(Purpose::Cursor, b"pool", &sealed).is_some());
}

#[test]
fn purposes_masters_and_associated_data_keep_apart() {
    let (ours, others) = (sealer(), Sealer::new(&[8; 32], &Random::system()));
    for purpose in Purpose::ALL {
        let sealed = ours.seal(purpose, b"secret");
        for other in Purpose::ALL {
            assert_eq!(ours.open(other, &sealed).is_some(), other == purpose, "{purpose:?} {other:?}");
        }
        assert!(others.open(purpose, &sealed).is_none());
    }
    let sealed = ours.seal_with(Purpose::TotpSecret, b"user a", b"secret");
    assert!(ours.open_with(Purpose::TotpSecret, b"user b", &sealed).is_none());
    assert!(ours.open(Purpose::TotpSecret, &sealed).is_none());
    assert!(ours.open_with(Purpose::TotpSecret, b"user a", &sealed).is_some());
}

#[test]
fn each_purpose_has_its_own_place_label_and_mac() {
    let sealer = sealer();
    let mut seen = HashSet::new();
    for (place, purpose) in Purpose::ALL.into_iter().enumerate() {
        assert_eq!(purpose as usize, place);
        assert!(seen.insert(purpose.label().as_bytes().to_vec()));
        assert!(seen.insert(sealer.mac(purpose, b"123456").to_vec()));
    }
    assert_eq!(sealer.mac(Purpose::Code, b"123456"), sealer.mac(Purpose::Code, b"123456"));
    assert_ne!(sealer.mac(Purpose::Code, b"123456"), sealer.mac(Purpose::Code, b"123457"));
}

#[test]
fn a_value_travels_as_text_in_the_alphabet_of_its_readers() {
    let sealer = sealer();
    let value = json!({ "user": "ä", "list": [1, 2, 3] });
    let session = sealer.seal_json(Purpose::Session, &value).unwrap();
    assert!(session.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{session}");
    assert_eq!(sealer.open_json::<Value>(Purpose::Session, &session), Some(value.clone()));
    let block = sealer.seal_json(Purpose::SrpBlock, &value).unwrap();
    assert!(block.len().is_multiple_of(4) && !block.contains(['-', '_']), "{block}");
    assert_eq!(sealer.open_json::<Value>(Purpose::SrpBlock, &block), Some(value));
    assert_eq!(sealer.open_json::<Value>(Purpose::Cursor, &session), None);
    assert_eq!(sealer.open_json::<Vec<u8>>(Purpose::Session, &session), None, "another type");
    for text in ["", "!", "AAAA", &format!("{session}="), &format!(" {session}"), &format!("{session}A")] {
        assert_eq!(sealer.open_json::<Value>(Purpose::Session, text), None, "{text}");
    }
}

#[test]
fn a_seed_repeats_what_is_sealed() {
    let seeded = || Sealer::new(&[7; 32], &Random::seeded(3));
    assert_eq!(seeded().seal(Purpose::Session, b"a"), seeded().seal(Purpose::Session, b"a"));
    assert_eq!(seeded().jwe(&1).unwrap(), seeded().jwe(&1).unwrap());
}

#[test]
fn a_refresh_token_is_a_jwe_of_five_parts() {
    let sealer = sealer();
    let claims = json!({ "sub": "a", "n": 1 });
    let token = sealer.jwe(&claims).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 5);
    assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(parts[0]).unwrap(), br#"{"cty":"JWT","enc":"A256GCM","alg":"dir"}"#);
    assert_eq!(
        [1, 2, 4].map(|part| BASE64_URL_SAFE_NO_PAD.decode(parts[part]).unwrap().len()),
        [0, 12, 16],
        "lengths of RFC 7518 §5.3"
    );
    assert!(!token.contains(&BASE64_URL_SAFE_NO_PAD.encode("\"sub\"")));
    assert_eq!(sealer.open_jwe::<Value>(&token), Some(claims));
    assert_ne!(sealer.jwe(&1).unwrap(), sealer.jwe(&1).unwrap());
    assert_eq!(Sealer::new(&[8; 32], &Random::system()).open_jwe::<Value>(&token), None);
}

#[test]
fn the_header_of_a_refresh_token_is_true() {
    // Decrypted by the letter of RFC 7516 with the derived key, the content is a JWT of its own.
    let sealer = sealer();
    let token = sealer.jwe(&json!({ "sub": "a" })).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
    let root = Salt::new(HKDF_SHA256, b"poolhouse sealing").extract(&[7; 32]);
    let key = cipher(&AES_256_GCM, &subkey(&root, "jwe refresh-token"));
    let mut text = [decode(parts[3]), decode(parts[4])].concat();
    let nonce = Nonce::try_assume_unique_for_key(&decode(parts[2])).unwrap();
    let jwt = key.open_in_place(nonce, Aad::from(parts[0]), &mut text).unwrap();
    let jwt = String::from_utf8(jwt.to_vec()).unwrap();
    let inner: Vec<&str> = jwt.split('.').collect();
    assert_eq!(decode(inner[0]), br#"{"alg":"HS256"}"#);
    assert_eq!(decode(inner[1]), br#"{"sub":"a"}"#);
    let mac = hmac::Key::new(HMAC_SHA256, &*subkey(&root, "mac refresh-token"));
    assert!(hmac::verify(&mac, format!("{}.{}", inner[0], inner[1]).as_bytes(), &decode(inner[2])).is_ok());
}

#[test]
fn a_changed_refresh_token_is_refused() {
    let sealer = sealer();
    let token = sealer.jwe(&json!({ "sub": "a" })).unwrap();
    let refused = |text: &str| assert_eq!(sealer.open_jwe::<Value>(text), None, "{text}");
    for at in 0..token.len() {
        let bytes = token.as_bytes();
        let mut replacements: Vec<u8> = (0..7).map(|bit| bytes[at] ^ (1 << bit)).collect();
        replacements.extend([b'A', b'.', b'=', b'_', b' ']);
        for replacement in replacements.into_iter().filter(|byte| *byte != bytes[at]) {
            let mut changed = bytes.to_vec();
            changed[at] = replacement;
            refused(&String::from_utf8(changed).unwrap());
        }
        refused(&token[..at]);
        refused(&token[at + 1..]);
    }
    for extra in ["A", "AA", "AAAA", ".", "=", "==", " ", "\n", ".AAAA"] {
        refused(&format!("{token}{extra}"));
        refused(&format!("{extra}{token}"));
    }
    refused(&token.to_lowercase());
    refused(&token.to_uppercase());
    refused(&token.replacen("..", ".AAAA.", 1));
    refused(&token.replacen("..", ".", 1));
    refused(&".".repeat(100_000));
    refused(&"A".repeat(1_000_000));
    // Another token's parts do not fit.
    let other = sealer.jwe(&json!({ "sub": "b" })).unwrap();
    let (ours, others): (Vec<&str>, Vec<&str>) = (token.split('.').collect(), other.split('.').collect());
    for part in 2..5 {
        let mut mixed = ours.clone();
        mixed[part] = others[part];
        refused(&mixed.join("."));
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_key_file_is_made_once_and_only_for_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let first = Sealer::load_or_create(&path, &Random::system()).unwrap();
    assert_eq!(mode(&path), 0o600);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!((text.len(), BASE64_STANDARD.decode(text.trim()).unwrap().len()), (45, 32));
    let again = Sealer::load_or_create(&path, &Random::system()).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let sealed = first.seal(Purpose::Session, b"a");
    assert!(again.open(Purpose::Session, &sealed).is_some());
    let from_text = Sealer::from_base64(&Secret::new(text)).unwrap();
    assert!(from_text.open(Purpose::Session, &sealed).is_some());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn of_several_that_start_at_once_all_have_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let macs: HashSet<[u8; 32]> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let path = &path;
                scope.spawn(move || Sealer::load_or_create(path, &Random::system()).unwrap().mac(Purpose::Code, b""))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(macs.len(), 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_others_can_read_or_that_holds_no_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let load = || Sealer::load_or_create(&path, &Random::system());
    load().unwrap();
    for open in [0o640, 0o604, 0o660, 0o666, 0o601] {
        fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
        let error = load().unwrap_err();
        assert!(matches!(error, KeyError::Exposed { mode, .. } if mode == open), "{error}");
        assert!(error.to_string().contains("chmod 600"), "{error}");
        assert_eq!(mode(&path), open, "it is not repaired in silence");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    assert!(load().is_ok(), "a read-only file is fine");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    for text in
        ["", "\n", "secret", &BASE64_STANDARD.encode([0; 31]), &BASE64_STANDARD.encode([0; 33]), &"A".repeat(10_000)]
    {
        fs::write(&path, text).unwrap();
        assert!(matches!(load(), Err(KeyError::MasterKey)), "{text}");
    }
    let missing = folder.path().join("no such folder").join("master.key");
    assert!(matches!(Sealer::load_or_create(&missing, &Random::system()), Err(KeyError::File { .. })));
}

#[test]
fn keys_do_not_show_in_debug_output() {
    assert_eq!(format!("{:?}", sealer()), "Sealer(…)");
}
