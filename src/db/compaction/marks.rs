//! [`Marks`]: which records of the log are needed.

/// Which records of the log are needed, from an LSN on: two bits for each.
#[derive(Debug)]
pub(super) struct Marks {
    from: u64,
    end: u64,
    live: Bits,
    values: Bits,
}

#[derive(Debug, Default)]
struct Bits(Vec<u64>);

impl Marks {
    /// None of the records between `from` and `end`.
    pub(super) fn new(from: u64, end: u64) -> Self {
        Self {
            from,
            end,
            live: Bits::default(),
            values: Bits::default(),
        }
    }

    /// The first record that can be marked.
    pub(super) fn from(&self) -> u64 {
        self.from
    }

    /// Somebody can look the record up.
    pub(super) fn set_live(&mut self, lsn: u64) {
        if let Some(at) = self.at(lsn) {
            self.live.set(at);
        }
    }

    /// Others are made of the record's values.
    pub(super) fn set_values(&mut self, lsn: u64) {
        if let Some(at) = self.at(lsn) {
            self.values.set(at);
        }
    }

    pub(super) fn is_live(&self, lsn: u64) -> bool {
        self.at(lsn).is_some_and(|at| self.live.get(at))
    }

    pub(super) fn has_values(&self, lsn: u64) -> bool {
        self.at(lsn).is_some_and(|at| self.values.get(at))
    }

    fn at(&self, lsn: u64) -> Option<u64> {
        lsn.checked_sub(self.from).filter(|_| lsn < self.end)
    }
}

impl Bits {
    fn set(&mut self, at: u64) {
        let Ok(word) = usize::try_from(at / 64) else {
            return;
        };
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= 1 << (at % 64);
        }
    }

    fn get(&self, at: u64) -> bool {
        let word = usize::try_from(at / 64)
            .ok()
            .and_then(|word| self.0.get(word));
        word.is_some_and(|word| word >> (at % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_marked_is() {
        let mut marks = Marks::new(100, 1001);
        for lsn in [99, 100, 163, 164, 1000] {
            marks.set_live(lsn);
            marks.set_values(lsn + 1);
        }
        for lsn in 90..1100 {
            assert_eq!(marks.is_live(lsn), [100, 163, 164, 1000].contains(&lsn));
            assert_eq!(marks.has_values(lsn), [100, 101, 164, 165].contains(&lsn));
        }
    }
}
