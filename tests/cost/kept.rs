//! What stays in memory of what was read.

use std::collections::BTreeMap;

use futures::executor::block_on;
use stepwell::Encoded;
use stepwell::checkpoint::{
    ChannelVersion, Checkpoint, Checkpointer, Metadata, PutCheckpoint, Source,
};
use stepwell::db::{Db, Durability};

use crate::counting::taken_by;

const THREADS: usize = 24;
const HOT_BYTES: usize = 4 << 20;
/// Too long to be kept with so many hot bytes.
const LONG: usize = 2 << 20;

fn thread(number: usize) -> String {
    format!("thread-{number}")
}

/// A checkpoint with a long value and a short one.
fn put(number: usize) -> PutCheckpoint {
    let long = vec![u8::try_from(number).unwrap(); LONG];
    let versions =
        BTreeMap::from(["image", "count"].map(|c| (c.to_owned(), ChannelVersion::Int(1))));
    PutCheckpoint {
        thread: thread(number),
        namespace: String::new(),
        appended: BTreeMap::new(),
        parent_id: None,
        checkpoint: Checkpoint {
            id: "1f000000-0000-6000-8000-000000000001".to_owned(),
            channel_values: BTreeMap::from([
                ("image".to_owned(), Encoded::new("bytes", long)),
                ("count".to_owned(), Encoded::new("bytes", vec![1; 20])),
            ]),
            channel_versions: versions.clone(),
            ..Checkpoint::default()
        },
        metadata: Metadata::new(Source::Input, -1),
        new_versions: versions,
    }
}

#[test]
fn a_short_value_that_is_kept_does_not_keep_the_long_one_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let options = Db::options()
            .durability(Durability::Os)
            .hot_bytes(HOT_BYTES);
        options.open(dir.path().join("db.stepwell")).unwrap()
    };
    let db = open();
    for number in 0..THREADS {
        db.checkpointer().put(put(number)).wait().unwrap();
    }
    db.close().unwrap();

    let db = open();
    let saver = db.checkpointer();
    let taken = taken_by(|| {
        for number in 0..THREADS {
            let found = block_on(saver.get(&thread(number), "", None)).unwrap();
            let values = found.unwrap().checkpoint.channel_values;
            assert_eq!(values["image"].bytes().len(), LONG);
        }
    });
    assert!(taken < 2 * HOT_BYTES, "{taken} bytes are kept");
}
