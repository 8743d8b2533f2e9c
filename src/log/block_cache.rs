//! [`BlockCache`]: what was decompressed last of compacted segments.

use std::sync::Arc;

use bytes::Bytes;
use hashlink::LruCache;
use parking_lot::Mutex;

use super::CacheStats;
use super::group::Group;

/// So many bytes are kept at most. A thread's chain mostly leads to the block in front of the one that was read.
const BYTES_MAX: usize = 4 << 20;

/// The salt of a segment, and an offset in it.
pub(super) type BlockId = (u64, u64);

/// What was decompressed last of compacted segments. Nothing in them changes, so nothing here is ever wrong.
#[derive(Debug)]
pub(super) struct BlockCache(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    blocks: LruCache<BlockId, Block>,
    bytes: usize,
    /// How often something was there that was looked for, and how often it was not.
    hits: u64,
    misses: u64,
}

#[derive(Debug, Clone)]
enum Block {
    Frames(Bytes),
    Directory(Arc<Group>),
}

impl Block {
    fn memory(&self) -> usize {
        match self {
            Self::Frames(bytes) => bytes.len(),
            Self::Directory(group) => group.memory(),
        }
    }
}

impl Default for BlockCache {
    fn default() -> Self {
        Self(Mutex::new(Kept {
            blocks: LruCache::new_unbounded(),
            bytes: 0,
            hits: 0,
            misses: 0,
        }))
    }
}

impl BlockCache {
    pub(super) fn frames(&self, id: BlockId) -> Option<Bytes> {
        match self.get(id)? {
            Block::Frames(bytes) => Some(bytes),
            Block::Directory(_) => None,
        }
    }

    pub(super) fn directory(&self, id: BlockId) -> Option<Arc<Group>> {
        match self.get(id)? {
            Block::Directory(group) => Some(group),
            Block::Frames(_) => None,
        }
    }

    /// What is there, and what it was good for.
    pub(super) fn stats(&self) -> CacheStats {
        let kept = self.0.lock();
        CacheStats {
            hits: kept.hits,
            misses: kept.misses,
            bytes: u64::try_from(kept.bytes).unwrap_or(u64::MAX),
        }
    }

    fn get(&self, id: BlockId) -> Option<Block> {
        let mut kept = self.0.lock();
        let block = kept.blocks.get(&id).cloned();
        match block {
            Some(_) => kept.hits += 1,
            None => kept.misses += 1,
        }
        block
    }

    pub(super) fn keep_frames(&self, id: BlockId, bytes: &Bytes) {
        self.keep(id, Block::Frames(bytes.clone()));
    }

    pub(super) fn keep_directory(&self, id: BlockId, group: &Arc<Group>) {
        self.keep(id, Block::Directory(Arc::clone(group)));
    }

    fn keep(&self, id: BlockId, block: Block) {
        // One that would push out most others is not kept.
        let memory = block.memory();
        if memory > BYTES_MAX / 4 {
            return;
        }
        let mut kept = self.0.lock();
        kept.bytes += memory;
        if let Some(before) = kept.blocks.insert(id, block) {
            kept.bytes = kept.bytes.saturating_sub(before.memory());
        }
        while kept.bytes > BYTES_MAX {
            let Some((_, oldest)) = kept.blocks.remove_lru() else {
                break;
            };
            kept.bytes = kept.bytes.saturating_sub(oldest.memory());
        }
    }
}
