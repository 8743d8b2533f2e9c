//! [`SuperblockFile`]: the superblock's two slots on the medium.

use std::path::PathBuf;
use std::sync::Arc;

use super::LogError;
use super::chain::databases_of;
use super::directory::Directory;
use super::superblock::{BadSlot, SLOT_BYTES, Superblock};
use crate::vfs::{OpenMode, VfsFile};

/// The superblock's two slots on the medium.
///
/// An update writes both, one after the other, so that at every moment one is whole, and after
/// the update either can be lost.
#[derive(Debug)]
pub(super) struct SuperblockFile {
    file: Arc<dyn VfsFile>,
    path: PathBuf,
    current: Superblock,
    /// The slot that `current` was read from, and that is therefore written last.
    trusted: u8,
    damaged: Option<u8>,
}

impl SuperblockFile {
    /// Makes the superblock of a database that has no segment yet.
    pub(super) fn create(directory: &Directory) -> Result<(), LogError> {
        let superblock = Superblock {
            database: directory.vfs.host().unique(),
            epoch: 1,
            watermark: 1,
            newest_segment: 0,
            clean: false,
        };
        Self::write_new(directory, &superblock)
    }

    /// Makes a superblock, or replaces the one that is there.
    pub(super) fn write_new(
        directory: &Directory,
        superblock: &Superblock,
    ) -> Result<(), LogError> {
        let path = directory.superblock();
        let temporary = Directory::temporary(&path);
        let vfs = &directory.vfs;
        let made = (|| {
            directory.remove_if_there(&temporary)?;
            let file = vfs.open(&temporary, OpenMode::CreateNew)?;
            file.write_all_at(&superblock.encode(), 0)?;
            file.write_all_at(&superblock.encode(), SLOT_BYTES as u64)?;
            file.sync_all()?;
            vfs.rename(&temporary, &path)?;
            vfs.sync_dir(directory.root())
        })();
        made.map_err(|error| LogError::io("create", &path, error))
    }

    /// Removes the superblock, if there is one: what is left is not opened.
    pub(super) fn remove(directory: &Directory) -> Result<(), LogError> {
        let path = directory.superblock();
        let removed = directory
            .remove_if_there(&path)
            .and_then(|()| directory.vfs.sync_dir(directory.root()));
        removed.map_err(|error| LogError::io("remove", &path, error))
    }

    /// Reads the superblock while somebody else may be writing to it. Gives with it the slot that is
    /// damaged, or is just being written.
    pub(super) fn read(directory: &Directory) -> Result<(Superblock, Option<u8>), LogError> {
        let path = directory.superblock();
        let file = directory.vfs.open(&path, OpenMode::Read);
        let file = file.map_err(|error| LogError::io("open", &path, error))?;
        let slots = Self::of(file, path, directory)?;
        Ok((slots.current, slots.damaged))
    }

    /// Opens the superblock; none if there is no such file.
    pub(super) fn open(directory: &Directory) -> Result<Option<Self>, LogError> {
        let path = directory.superblock();
        let file = match directory.vfs.open(&path, OpenMode::ReadWrite) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LogError::io("open", &path, error)),
        };
        file.sync_all()
            .map_err(|error| LogError::io("sync", &path, error))?;
        Self::of(file, path, directory).map(Some)
    }

    fn of(file: Arc<dyn VfsFile>, path: PathBuf, directory: &Directory) -> Result<Self, LogError> {
        let mut slots = Vec::with_capacity(2);
        for index in 0..2 {
            let mut slot = [0; SLOT_BYTES];
            let read = match file.read_exact_at(&mut slot, index * SLOT_BYTES as u64) {
                Ok(()) => Superblock::decode(&slot),
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    Err(BadSlot::Damaged)
                }
                Err(error) => return Err(LogError::io("read", &path, error)),
            };
            match read {
                Err(BadSlot::Newer(version)) => {
                    return Err(LogError::NewerFormat {
                        path,
                        offset: index * SLOT_BYTES as u64,
                        what: format!("a superblock of version {version}"),
                    });
                }
                Err(BadSlot::Older(version)) => return Err(LogError::OldFormat { path, version }),
                Err(BadSlot::Damaged) => slots.push(None),
                Ok(slot) => slots.push(Some(slot)),
            }
        }
        let damaged = |reason: &str| LogError::SuperblockDamaged {
            path: path.clone(),
            reason: reason.to_owned(),
        };
        let (current, trusted, damaged) = match slots.as_slice() {
            [Some(first), Some(second)] => {
                if first.database != second.database {
                    // A medium may leave in a slot what it has of another file: a backup's superblock, say.
                    let here = databases_of(directory)?;
                    match [first, second].map(|slot| here.contains(&slot.database)) {
                        [true, false] => (*first, 0, Some(1)),
                        [false, true] => (*second, 1, Some(0)),
                        _ => return Err(damaged("its two slots are of different databases")),
                    }
                } else if second.epoch > first.epoch {
                    (*second, 1, None)
                } else {
                    (*first, 0, None)
                }
            }
            [Some(first), None] => (*first, 0, Some(1)),
            [None, Some(second)] => (*second, 1, Some(0)),
            _ => return Err(damaged("both of its slots fail their checksum")),
        };
        Ok(Self {
            file,
            path,
            current,
            trusted,
            damaged,
        })
    }

    pub(super) fn current(&self) -> &Superblock {
        &self.current
    }

    /// The slot that could not be read at open.
    pub(super) fn damaged_slot(&self) -> Option<u8> {
        self.damaged
    }

    /// Changes the superblock, durably.
    pub(super) fn update(&mut self, change: impl FnOnce(&mut Superblock)) -> Result<(), LogError> {
        let mut next = self.current;
        change(&mut next);
        next.epoch = next.epoch.saturating_add(1);
        let bytes = next.encode();
        for slot in [1 - self.trusted, self.trusted] {
            self.file
                .write_all_at(&bytes, u64::from(slot) * SLOT_BYTES as u64)
                .and_then(|()| self.file.sync_data())
                .map_err(|error| LogError::io("write", &self.path, error))?;
        }
        self.current = next;
        Ok(())
    }
}
