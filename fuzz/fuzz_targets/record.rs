//! A frame whose payload is arbitrary bytes, with its checks in order, is read or refused: the decoder of
//! records does not panic and allocates no more than the payload justifies.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use stepwell::db::Db;
use stepwell::log::{Durability, Log, LogOptions, ReplayFrom};
use stepwell::vfs::OsFs;

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (records, payload) = input;
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions {
        durability: Durability::Os,
        ..LogOptions::default()
    };
    let log = Log::<()>::open(
        Arc::new(OsFs),
        dir.path(),
        options,
        ReplayFrom::Beginning,
        &mut |_, _| Ok(()),
        Arc::new(()),
    );
    let (log, _) = log.unwrap();
    let submitted = log.submit(u32::from(records), &payload, (), None);
    if let Ok(ticket) = submitted {
        ticket.wait().unwrap();
    }
    log.close().unwrap();
    let _ = Db::open(dir.path());
});
