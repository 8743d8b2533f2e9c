//! [`World`]: all files and directories.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::folder::{Entry, Folder, Renaming};
use super::node::Node;
use crate::vfs::OpenMode;

/// All files and directories. Copies share what they have in common.
#[derive(Clone, Debug)]
pub(super) struct World {
    /// By number, those without a name included.
    pub(super) nodes: BTreeMap<u64, Node>,
    pub(super) folders: BTreeMap<PathBuf, Folder>,
}

impl World {
    pub(super) fn new() -> Self {
        let root = (PathBuf::from("/"), Folder::default());
        Self {
            nodes: BTreeMap::new(),
            folders: [root].into(),
        }
    }

    pub(super) fn folder(&mut self, path: &Path) -> io::Result<&mut Folder> {
        let folder = self.folders.get_mut(path);
        folder.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn node(&mut self, number: u64) -> io::Result<&mut Node> {
        let node = self.nodes.get_mut(&number);
        node.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn parent(&mut self, path: &Path) -> io::Result<(&mut Folder, std::ffi::OsString)> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        Ok((self.folder(parent)?, name.to_owned()))
    }

    /// The number of the file with this name.
    pub(super) fn file(&mut self, path: &Path) -> io::Result<u64> {
        let (folder, name) = self.parent(path)?;
        match folder.cache.get(&name) {
            Some(Entry::File(number)) => Ok(*number),
            Some(Entry::Folder) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn open(&mut self, path: &Path, mode: OpenMode) -> io::Result<u64> {
        match (self.file(path), mode) {
            (Ok(_), OpenMode::CreateNew) => Err(io::ErrorKind::AlreadyExists.into()),
            (Err(error), OpenMode::CreateNew) if error.kind() == io::ErrorKind::NotFound => {
                let number = self.nodes.keys().next_back().map_or(1, |last| last + 1);
                let (folder, name) = self.parent(path)?;
                folder.change(Renaming::Set(name, Entry::File(number)));
                self.nodes.insert(number, Node::default());
                Ok(number)
            }
            (found, _) => found,
        }
    }

    pub(super) fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        let (folder, name) = self.parent(path)?;
        if folder.cache.contains_key(&name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        folder.change(Renaming::Set(name, Entry::Folder));
        self.folders.insert(path.to_path_buf(), Folder::default());
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        if from.parent() != to.parent() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let number = self.file(from)?;
        let new = to.file_name().unwrap_or_default().to_owned();
        let (folder, old) = self.parent(from)?;
        folder.change(Renaming::Move(old, new, Entry::File(number)));
        Ok(())
    }

    pub(super) fn link(&mut self, file: &Path, name: &Path) -> io::Result<()> {
        let number = self.file(file)?;
        let (folder, name) = self.parent(name)?;
        if folder.cache.contains_key(&name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        folder.change(Renaming::Set(name, Entry::File(number)));
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.file(path)?;
        let (folder, name) = self.parent(path)?;
        folder.change(Renaming::Unset(name));
        Ok(())
    }

    /// How many changes are not on the medium for certain.
    pub(super) fn pending(&self) -> usize {
        let files = self.nodes.values().map(|node| node.pending.len());
        let names = self.folders.values().map(|folder| folder.pending.len());
        files.chain(names).sum()
    }

    /// The length of all files that have a name.
    pub(super) fn bytes(&self) -> u64 {
        let entries = (self.folders.values()).flat_map(|folder| folder.cache.values());
        let numbers: BTreeSet<_> = entries.filter_map(Entry::number).collect();
        let nodes = numbers.iter().filter_map(|number| self.nodes.get(number));
        nodes.map(|node| node.cache.len()).sum()
    }
}
