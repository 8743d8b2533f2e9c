//! [`SalvageProgress`]: how far a salvage is.

use crate::log::{Extent, FrameAddress};

/// It is told after so many bytes.
const STEP: u64 = 1024 * 1024;

/// What a salvage is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SalvageStage {
    /// Reading the damaged log, to see what is lost.
    Reading,
    /// Reading it again, and writing the new one.
    Writing,
}

/// How far a salvage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SalvageProgress {
    /// What it is busy with.
    pub stage: SalvageStage,
    /// How many bytes of the damaged log are done in this stage.
    pub done: u64,
    /// How many there are.
    pub of: u64,
}

/// Tells it.
pub(super) struct Telling<'t> {
    extent: Extent,
    stage: SalvageStage,
    /// How much was done when it was told last.
    told: u64,
    tell: &'t mut dyn FnMut(SalvageProgress),
}

impl<'t> Telling<'t> {
    pub(super) fn new(extent: Extent, tell: &'t mut dyn FnMut(SalvageProgress)) -> Self {
        let mut telling = Self {
            extent,
            stage: SalvageStage::Reading,
            told: 0,
            tell,
        };
        telling.begin(SalvageStage::Reading);
        telling
    }

    /// A stage begins.
    pub(super) fn begin(&mut self, stage: SalvageStage) {
        self.stage = stage;
        self.done(0);
    }

    /// All in front of a frame is done.
    pub(super) fn at(&mut self, frame: FrameAddress) {
        let done = self.extent.in_front_of(frame);
        if done >= self.told.saturating_add(STEP) {
            self.done(done);
        }
    }

    /// A stage is done.
    pub(super) fn end(&mut self) {
        self.done(self.extent.bytes());
    }

    fn done(&mut self, done: u64) {
        self.told = done;
        (self.tell)(SalvageProgress {
            stage: self.stage,
            done,
            of: self.extent.bytes(),
        });
    }
}
