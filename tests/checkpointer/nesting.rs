//! Values that are nested deep.

use serde_json::{Value, json};
use stepwell::Encoded;
use stepwell::checkpoint::{CheckpointError, PutCheckpoint};

use crate::samples::{With, checkpoint, writes};
use crate::saver::Saver;

/// Lists in one another, so many.
fn nested(levels: usize) -> Value {
    (0..levels).fold(json!("]["), |inside, _| json!([inside]))
}

fn noted(note: Value) -> PutCheckpoint {
    let mut put = checkpoint("2", Some("1"));
    put.metadata.extra.insert("note".into(), note);
    put
}

fn appended(element: Value) -> PutCheckpoint {
    let mut put = checkpoint("2", Some("1")).cleared("list", 2);
    put.appended = [("list".into(), vec![Encoded::json(&element)])].into();
    put
}

pub(crate) fn what_is_as_deep_as_can_be_read_comes_back(saver: &mut Saver) {
    saver.put(checkpoint("1", None).changed("list", 1, json!([])));
    saver.put(appended(nested(126)));
    saver.put_writes(writes("2", "", "task", &[("x", nested(127))]));
    let mut third = checkpoint("3", Some("2")).changed("x", 1, nested(127));
    third.metadata.extra.insert("note".into(), nested(126));
    saver.put(third);
    saver.reopen();
    let second = saver.get("t", "", "2").unwrap();
    let list = &second.checkpoint.channel_values["list"];
    assert_eq!(list.to_json().unwrap(), nested(127));
    let write = &second.pending_writes[0].value;
    assert_eq!(write.to_json().unwrap(), nested(127));
    let third = saver.get("t", "", "3").unwrap();
    let x = &third.checkpoint.channel_values["x"];
    assert_eq!(x.to_json().unwrap(), nested(127));
    assert_eq!(third.metadata.extra["note"], nested(126));
}

pub(crate) fn what_is_too_deep_to_be_read_again_is_refused(saver: &mut Saver) {
    saver.put(checkpoint("1", None).changed("list", 1, json!([])));
    let refused = [
        (
            saver.try_put(checkpoint("2", Some("1")).changed("x", 1, nested(128))),
            "channel `x` of checkpoint `2`",
        ),
        (
            saver.try_put(appended(nested(127))),
            "channel `list` of checkpoint `2`",
        ),
        (
            saver.try_put(noted(nested(127))),
            "`note` of the metadata of checkpoint `2`",
        ),
        (
            saver.try_put_writes(writes(
                "1",
                "",
                "task",
                &[("y", json!(1)), ("x", nested(128))],
            )),
            "what task `task` writes to channel `x`",
        ),
    ];
    for (outcome, expected) in refused {
        let error = outcome.unwrap_err();
        let CheckpointError::TooDeep { thread, what } = &error else {
            panic!("{error}");
        };
        assert_eq!((&**thread, &**what), ("t", expected));
    }
    saver.reopen();
    let left = saver.latest("t", "").unwrap();
    assert_eq!(left.checkpoint.id, "1");
    assert_eq!(left.pending_writes, []);
}
