//! [`Random`]: numbers that look random and follow from a seed.

/// Numbers that look random and follow from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
    /// What comes first, the last one first.
    chosen: Vec<u16>,
}

impl Random {
    /// Numbers that follow from this one.
    pub fn new(seed: u64) -> Self {
        Self {
            state: seed,
            chosen: Vec::new(),
        }
    }

    /// The numbers that somebody has chosen, two bytes each, and behind them those that follow from 0. A fuzzer that changes
    /// a byte so changes one decision.
    pub fn chosen(bytes: &[u8]) -> Self {
        let (numbers, _) = bytes.as_chunks();
        Self {
            state: 0,
            chosen: numbers
                .iter()
                .rev()
                .copied()
                .map(u16::from_le_bytes)
                .collect(),
        }
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        if let Some(number) = self.chosen.pop() {
            return number.into();
        }
        self.following()
    }

    fn following(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 if that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number().checked_rem(end).unwrap_or_default()
    }

    /// Whether something happens that happens one time in `times`; never if that is 0.
    pub fn one_in(&mut self, times: u32) -> bool {
        times > 0 && self.below(times.into()) == 0
    }

    /// One of these; `None` if there are none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let number = self.below(of.len() as u64);
        usize::try_from(number)
            .ok()
            .and_then(|number| of.get(number))
    }
}
