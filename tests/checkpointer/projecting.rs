//! Reading less than everything.

use std::sync::Arc;

use serde_json::json;
use stepwell::checkpoint::{
    Channels, CheckpointTuple, Checkpointer, ListQuery, MemorySaver, Projection,
};

use crate::samples::{With, checkpoint, pending, values, writes};
use crate::saver::Saver;

fn history(saver: &Saver) {
    saver.put(
        checkpoint("1", None)
            .changed("a", 1, json!("one"))
            .changed("b", 1, json!("two")),
    );
    saver.put(
        checkpoint("2", Some("1"))
            .unchanged("a", 1)
            .changed("b", 2, json!("three")),
    );
    saver.put_writes(writes("2", "p", "t", &[("x", json!(1))]));
}

fn projected(saver: &Saver, projection: &Projection) -> Vec<CheckpointTuple> {
    let mut all = saver.list(ListQuery {
        projection: projection.clone(),
        ..ListQuery::of("t", "")
    });
    let by_id = saver.get_projected("t", "2", projection);
    assert_eq!(all.first(), by_id.as_ref());
    let latest = saver.latest_projected(projection);
    assert_eq!(latest, all.iter().take(1).cloned().collect::<Vec<_>>());
    all.truncate(2);
    all
}

pub(crate) fn metadata_come_without_values(saver: &mut Saver) {
    history(saver);
    saver.reopen();
    let whole = saver.list(ListQuery::of("t", ""));
    let bare = projected(saver, &Projection::metadata_only());
    assert_eq!(bare.len(), 2);
    for (bare, mut whole) in bare.into_iter().zip(whole) {
        assert_eq!((values(&bare), pending(&bare)), (json!({}), json!([])));
        whole.checkpoint.channel_values.clear();
        whole.pending_writes.clear();
        assert_eq!(bare, whole);
    }
}

pub(crate) fn named_channels_come_alone(saver: &mut Saver) {
    history(saver);
    saver.reopen();
    let b = projected(saver, &Projection::named(["b", "unknown"]));
    assert_eq!(values(&b[0]), json!({"b": "three"}));
    assert_eq!(values(&b[1]), json!({"b": "two"}));
    assert_eq!(pending(&b[0]), json!([["p", "t", 0, "x", 1]]));
    let writes = Projection {
        channels: Channels::None,
        writes: true,
    };
    let found = projected(saver, &writes);
    assert_eq!(values(&found[0]), json!({}));
    assert_eq!(pending(&found[0]), json!([["p", "t", 0, "x", 1]]));
}

pub(crate) fn a_checkpointer_that_reads_everything_gives_the_same(saver: &mut Saver) {
    history(saver);
    let plain: Arc<dyn Checkpointer> = Arc::new(crate::saver::Plain(MemorySaver::new()));
    let plain = Saver::of(plain);
    history(&plain);
    for projection in [
        Projection::default(),
        Projection::metadata_only(),
        Projection::named(["a"]),
    ] {
        let get = |saver: &Saver| saver.get_projected("t", "2", &projection);
        assert_eq!(get(saver), get(&plain));
    }
}
