//! The system's allocator, with an account per thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
    static FREED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is left to `System`; the accounts are plain numbers that are not allocated.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get() + layout.size());
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        FREED.set(FREED.get() + layout.size());
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How many bytes this thread has allocated.
pub(crate) fn allocated() -> usize {
    ALLOCATED.get()
}

/// By how much `done` has this thread take more bytes than it gives back.
pub(crate) fn taken_by(done: impl FnOnce()) -> usize {
    let (allocated, freed) = (ALLOCATED.get(), FREED.get());
    done();
    (ALLOCATED.get() - allocated).saturating_sub(FREED.get() - freed)
}
