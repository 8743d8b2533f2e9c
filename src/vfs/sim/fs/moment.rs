//! [`Moment`]: a [`SimFs`] as it was.

use std::time::Duration;

use super::SimFs;
use crate::vfs::sim::crash::after_power_cut;
use crate::vfs::sim::world::World;
use crate::vfs::sim::{Random, Survival};

/// All files and directories as they are at one moment, on the medium and in the page cache.
#[derive(Clone, Debug)]
pub struct Moment {
    pub(super) world: World,
    pub(super) seed: u64,
    pub(super) time: Duration,
    pub(super) call: u64,
}

impl Moment {
    /// How many calls there had been.
    pub fn call(&self) -> u64 {
        self.call
    }

    /// How many changes were not on the medium for certain.
    pub fn pending(&self) -> usize {
        self.world.pending()
    }

    /// The file system after the power was cut at this moment.
    pub fn power_cut(&self, survival: &Survival) -> SimFs {
        SimFs::of(
            after_power_cut(&self.world, survival),
            self.next_seed(),
            self.time,
        )
    }

    /// The file system after whoever used it was killed at this moment. What was not synced is still on its way.
    pub fn killed(&self) -> SimFs {
        SimFs::of(self.world.clone(), self.next_seed(), self.time)
    }

    fn next_seed(&self) -> u64 {
        Random::new(self.seed ^ self.call).number()
    }
}
