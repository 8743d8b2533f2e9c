//! [`SimFile`]: an open file of a [`SimFs`].

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Call, Done, SimFs};
use crate::vfs::VfsFile;
use crate::vfs::sim::Random;
use crate::vfs::sim::faults::{Fate, Kind};
use crate::vfs::sim::node::Change;

/// How far away a misdirected write lands, in bytes.
const BLOCK: u64 = 4096;

#[derive(Debug)]
pub(super) struct SimFile {
    pub(super) fs: SimFs,
    pub(super) path: Arc<PathBuf>,
    pub(super) number: u64,
    pub(super) writes: bool,
}

impl SimFile {
    fn of(&self, kind: Kind, call: &'static str, offset: u64, len: u64) -> Call<'_> {
        Call {
            kind,
            call,
            path: &self.path,
            offset,
            len,
            changes: !matches!(kind, Kind::Read | Kind::Safe),
            grows: matches!(kind, Kind::Write | Kind::Length).then_some(self.number),
        }
    }

    fn is_writable(&self) -> io::Result<()> {
        if self.writes {
            return Ok(());
        }
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn sync(&self, call: &'static str) -> io::Result<()> {
        let call = self.of(Kind::Sync, call, 0, 0);
        self.fs.call(&call, |world, fate, random| {
            let node = world.node(self.number)?;
            let Fate::Fails(kind) = fate else {
                node.sync();
                return Ok(());
            };
            // What was to be written counts as written from now on.
            for change in std::mem::take(&mut node.pending) {
                if random.one_in(2) {
                    change.apply(&mut node.medium);
                }
            }
            Err(kind.into())
        })
    }
}

impl VfsFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        let call = self.of(Kind::Safe, "len", 0, 0);
        self.fs.call(&call, |world, fate, _| match fate {
            Fate::Fails(kind) => Err(kind.into()),
            _ => Ok(world.node(self.number)?.cache.len()),
        })
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let call = self.of(Kind::Read, "read_at", offset, buffer.len() as u64);
        self.fs.call(&call, |world, fate, random| {
            let node = world.node(self.number)?;
            let mut len = buffer.len();
            match fate {
                Fate::Fails(kind) => return Err(kind.into()),
                Fate::Short => len = shortened(len, random),
                Fate::Rotten => {
                    let at = offset + random.below(buffer.len() as u64);
                    let mut byte = [0];
                    if node.cache.read(at, &mut byte) == 1 {
                        let flipped = byte[0] ^ (1 << random.below(8));
                        node.cache.write(at, &[flipped]);
                        node.medium.write(at, &[flipped]);
                    }
                }
                _ => {}
            }
            let buffer = buffer.get_mut(..len).unwrap_or_default();
            let read = node.cache.read(offset, buffer);
            let read_bytes = buffer.get_mut(..read).unwrap_or_default();
            if fate == Fate::Stale {
                let end = offset.saturating_add(read as u64);
                read_bytes.copy_from_slice(&node.medium.slice(offset..end));
            }
            Ok(Done {
                value: read,
                bytes: read as u64,
                sum: crc32fast::hash(read_bytes),
            })
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.is_writable()?;
        let call = self.of(Kind::Write, "write_at", offset, bytes.len() as u64);
        self.fs.call(&call, |world, fate, random| {
            let node = world.node(self.number)?;
            let mut written = bytes;
            match fate {
                Fate::Fails(io::ErrorKind::Interrupted) => {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                Fate::Short | Fate::Fails(_) => {
                    written = bytes
                        .get(..shortened(bytes.len(), random))
                        .unwrap_or_default();
                }
                _ => {}
            }
            let change = Change::Write {
                offset,
                bytes: written.into(),
            };
            match fate {
                Fate::Lost => change.apply(&mut node.cache),
                Fate::Misdirected => {
                    change.apply(&mut node.cache);
                    let blocks = node.cache.len() / BLOCK + 1;
                    let offset = offset % BLOCK + random.below(blocks) * BLOCK;
                    let bytes = written.into();
                    node.pending.push(Change::Write { offset, bytes });
                }
                _ => node.change(change),
            }
            if let Fate::Fails(kind) = fate {
                return Err(kind.into());
            }
            Ok(Done {
                value: written.len(),
                bytes: written.len() as u64,
                sum: crc32fast::hash(written),
            })
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.is_writable()?;
        let call = self.of(Kind::Length, "set_len", len, 0);
        self.fs.call(&call, |world, fate, _| {
            if let Fate::Fails(kind) = fate {
                return Err(kind.into());
            }
            world.node(self.number)?.change(Change::Resize(len));
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync("sync_data")
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync("sync_all")
    }

    fn prepare(&self, from: u64, to: u64) -> io::Result<()> {
        self.is_writable()?;
        let len = to.saturating_sub(from);
        let call = self.of(Kind::Length, "prepare", from, len);
        self.fs.call(&call, |world, fate, random| {
            let node = world.node(self.number)?;
            let len = match fate {
                Fate::Fails(_) => random.below(len),
                _ => len,
            };
            let zeros = vec![0; usize::try_from(len).unwrap_or_default()];
            node.change(Change::Write {
                offset: from,
                bytes: zeros.into(),
            });
            match fate {
                Fate::Fails(kind) => Err(kind.into()),
                _ => Ok(()),
            }
        })
    }
}

/// A part of so many bytes, of one at least if there is one.
fn shortened(len: usize, random: &mut Random) -> usize {
    let less = random.below(len as u64);
    usize::try_from(less).unwrap_or_default().max(1).min(len)
}
