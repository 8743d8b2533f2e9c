//! Makes `fuzz/seeds`: what the fuzzer begins with, from the golden databases and by rule.
//!
//! `cargo run --manifest-path fuzz/Cargo.toml --example seeds`

use std::fs;
use std::path::{Path, PathBuf};

use stepwell::testing::Random;

fn main() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seeds = Seeds(here.join("seeds"));
    for name in ["v2-plain", "v2-everything", "v2-compacted"] {
        let db = here.join("../tests/data/golden").join(name).join("db");
        let superblock = fs::read(db.join("SUPERBLOCK")).unwrap();
        seeds.put("superblock", name, &superblock[..64]);
        let mut segments: Vec<_> = fs::read_dir(db.join("log"))
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        segments.sort();
        for (number, path) in segments.iter().enumerate() {
            seeds.segment(&format!("{name}-{number}"), &fs::read(path).unwrap());
        }
    }
    seeds.by_rule();
}

struct Seeds(PathBuf);

impl Seeds {
    fn put(&self, target: &str, name: &str, bytes: &[u8]) {
        let dir = self.0.join(target);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(name), bytes).unwrap();
    }

    fn segment(&self, name: &str, bytes: &[u8]) {
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        let bytes = &bytes[..(end + 8).min(bytes.len())];
        self.put("segment", name, bytes);
        self.put("segment_header", name, &bytes[..96]);
        let salt = &bytes[40..48];
        let is_compacted = bytes[72] == 2;
        let groups_end = if is_compacted {
            number(bytes, 64)
        } else {
            bytes.len()
        };
        let mut at = 96;
        let mut frames = 0;
        while at + 40 < groups_end {
            let length = usize::try_from(u32::from_le_bytes(
                bytes[at + 8..at + 12].try_into().unwrap(),
            ))
            .unwrap();
            let end = at + 40 + length.next_multiple_of(8);
            if bytes[at..].starts_with(b"SWFR") {
                frames += 1;
                let payload = &bytes[at + 40..at + 40 + length];
                // One in four has most of what there is.
                if frames % 4 == 1 {
                    self.put(
                        "frame",
                        &format!("{name}-{at}"),
                        &[salt, &bytes[at..end]].concat(),
                    );
                    self.put("payload", &format!("{name}-{at}"), payload);
                    if payload[5] == 0 {
                        self.put(
                            "record",
                            &format!("{name}-{at}"),
                            &[&payload[4..5], &payload[6..]].concat(),
                        );
                    }
                }
            } else if bytes[at..].starts_with(b"SWBK") {
                let offset = (at as u64).to_le_bytes();
                self.put(
                    "block",
                    &format!("{name}-{at}"),
                    &[salt, &offset, &bytes[at..end]].concat(),
                );
            } else {
                break;
            }
            at = end;
        }
        if is_compacted {
            let offset = (groups_end as u64).to_le_bytes();
            let base = &bytes[32..40];
            self.put(
                "footer",
                name,
                &[salt, base, &offset, &bytes[groups_end..]].concat(),
            );
        }
    }

    fn by_rule(&self) {
        // Two blocks of five frames.
        let mut directory = [&7_u64.to_le_bytes()[..], &5_u32.to_le_bytes()].concat();
        for number in [2_u32, 100, 200, 50, 60, 0, 1, 1, 2, 9] {
            directory.extend(number.to_le_bytes());
        }
        for block in [0_u16, 1, 1, 0, 0] {
            directory.extend(block.to_le_bytes());
        }
        self.put("directory", "two-blocks", &directory);
        let mut random = Random::new(1);
        for seed in 0..16 {
            let bytes: Vec<u8> = (0..700).map(|_| random.number().to_le_bytes()[0]).collect();
            self.put("operations", &seed.to_string(), &bytes);
            self.put("open", &seed.to_string(), &bytes[..1 + 8 * (1 + seed % 4)]);
        }
        let texts = [
            (
                "filter",
                r#"{"a":{"$gte":1,"$lt":2},"$or":[{"b":"x"},{"$not":{"c.d":null}}]}{"a":1,"b":"x","c":{"d":[1]}}"#,
            ),
            ("values", r#"[1,"two",{"three":[]}]4[]"#),
            ("delta", "[1,2,3,4,5,6,7,8,9,10][1,2,3,4,5,6,7,8,9,10,11]"),
            ("keys", "\u{5}\0\0\0\0\0\0\0\u{1}namespace\0key\0"),
        ];
        for (target, text) in texts {
            self.put(target, "text", text.as_bytes());
        }
    }
}

fn number(bytes: &[u8], at: usize) -> usize {
    usize::try_from(u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())).unwrap()
}
