//! What a super-step costs in memory: as much in a thread of ten thousand messages as in a new one.

#![expect(unsafe_code, reason = "counting what is allocated takes an allocator")]

#[cfg(test)]
mod steps;
