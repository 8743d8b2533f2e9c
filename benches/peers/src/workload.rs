//! What one super-step writes: a checkpoint of 2 KiB under (thread, id), and the two writes of 500 bytes of the task
//! that led to it, under (thread, id of the checkpoint before, task, index).
//!
//! 64 conversations advance in turn. Ids grow within a thread and are UUIDs of version 6, as LangGraph's are. Values are random bytes:
//! nobody gains by compressing them or by comparing them with those before.

use std::sync::LazyLock;

use uuid::{Timestamp, Uuid};

pub(crate) const THREADS: u64 = 64;
pub(crate) const VALUE_BYTES: usize = 2048;
const WRITE_BYTES: usize = 500;

const THREAD_KEY: usize = 16;
/// Thread, the end of an empty namespace, id.
const CHECKPOINT_KEY: usize = THREAD_KEY + 1 + 16;
/// The checkpoint, the task, the index.
const WRITE_KEY: usize = CHECKPOINT_KEY + 16 + 4;
/// The keys and values of one step.
pub(crate) const STEP_BYTES: usize = CHECKPOINT_KEY + VALUE_BYTES + 2 * (WRITE_KEY + WRITE_BYTES);

/// The rows of one super-step.
pub(crate) struct Step<'a> {
    pub(crate) thread: &'static str,
    /// From 1 on: what comes before a thread's first step is its input.
    pub(crate) number: u64,
    pub(crate) id: Uuid,
    /// The checkpoint before.
    pub(crate) parent: Uuid,
    pub(crate) task: Uuid,
    pub(crate) value: &'a [u8],
    pub(crate) writes: [&'a [u8]; 2],
}

/// Identity of a thread, 16 bytes of text.
pub(crate) fn thread(thread: u64) -> &'static str {
    static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
        (0..THREADS)
            .map(|n| format!("conversation-{n:03}"))
            .collect()
    });
    &NAMES[thread as usize]
}

/// Identity of a step's checkpoint.
pub(crate) fn id(thread: u64, number: u64) -> Uuid {
    // 2026-01-01 in ticks of 100 ns, and a step every 10 ms.
    let ticks = 0x01F0_E6A5_C3B4_0000 + number * 100_000;
    let [node @ .., _, _] = mix(thread << 32 | number);
    Uuid::new_v6(
        Timestamp::from_gregorian_time(ticks, (number % 0x4000) as u16),
        &node,
    )
}

/// The task of a step.
fn task(thread: u64, number: u64) -> Uuid {
    let (high, low) = (mix(number), mix(thread));
    Uuid::from_u64_pair(u64::from_be_bytes(high), u64::from_be_bytes(low))
}

/// What the keys of a thread's checkpoints begin with.
pub(crate) fn prefix(thread: u64) -> Vec<u8> {
    let mut key = self::thread(thread).as_bytes().to_vec();
    key.push(0);
    key
}

/// The key of a checkpoint, for engines that have keys.
pub(crate) fn checkpoint_key(thread: u64, number: u64) -> Vec<u8> {
    key(self::thread(thread), id(thread, number))
}

fn key(thread: &str, id: Uuid) -> Vec<u8> {
    let mut key = Vec::with_capacity(WRITE_KEY);
    key.extend_from_slice(thread.as_bytes());
    key.push(0);
    key.extend_from_slice(id.as_bytes());
    key
}

impl Step<'_> {
    pub(crate) fn key(&self) -> Vec<u8> {
        key(self.thread, self.id)
    }

    /// The writes with their keys, for engines that have keys.
    pub(crate) fn write_rows(&self) -> [(Vec<u8>, &[u8]); 2] {
        [0, 1].map(|index| {
            let mut key = key(self.thread, self.parent);
            key.extend_from_slice(self.task.as_bytes());
            key.extend_from_slice(&(index as u32).to_be_bytes());
            (key, self.writes[index])
        })
    }
}

/// A writer's conversations: those whose number leaves `writer` when divided by the number of writers.
pub(crate) struct Steps {
    random: Random,
    pool: Vec<u8>,
    writer: u64,
    writers: u64,
    made: u64,
}

impl Steps {
    pub(crate) fn new(writer: u64, writers: u64) -> Self {
        let mut random = Random(writer * 2 + 1);
        let pool = (0..1 << 17)
            .flat_map(|_| random.next().to_le_bytes())
            .collect();
        Self {
            random,
            pool,
            writer,
            writers,
            made: 0,
        }
    }

    /// The next `count` steps.
    pub(crate) fn batch(&mut self, count: u64) -> Vec<Step<'_>> {
        let mine = THREADS / self.writers;
        let first = self.made;
        self.made += count;
        let at: Vec<[u64; 3]> = (0..count)
            .map(|_| [(); 3].map(|()| self.random.next()))
            .collect();
        let steps = at.into_iter().zip(first..).map(|(at, n)| {
            let (thread, number) = (n % mine * self.writers + self.writer, n / mine + 1);
            Step {
                thread: self::thread(thread),
                number,
                id: id(thread, number),
                parent: id(thread, number - 1),
                task: task(thread, number),
                value: self.bytes(at[0], VALUE_BYTES),
                writes: [
                    self.bytes(at[1], WRITE_BYTES),
                    self.bytes(at[2], WRITE_BYTES),
                ],
            }
        });
        steps.collect()
    }

    fn bytes(&self, random: u64, length: usize) -> &[u8] {
        let at = random as usize % (self.pool.len() - length);
        &self.pool[at..at + length]
    }
}

/// xorshift64*.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

/// Eight bytes that look random and are always the same for `n`.
fn mix(n: u64) -> [u8; 8] {
    Random(n.wrapping_mul(2) | 1)
        .next()
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .to_be_bytes()
}
