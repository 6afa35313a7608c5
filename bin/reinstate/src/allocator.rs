//! Keeps the memory of a server flat over many runs.
//!
//! The allocator of GNU systems gives threads heaps of their own, eight a core, and what a run's threads freed stays in
//! theirs: a dozen runs later a server holds several times what one run needs. Few heaps are as quick for us, because
//! most of a run's memory is in few large buffers.

/// Cores that share a heap.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const CORES_PER_HEAP: usize = 2;

/// Bounds the allocator's heaps, unless the operator does so by `MALLOC_ARENA_MAX`. To be called before there is a
/// second thread.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "the C library offers this setting by a plain call alone")]
pub(crate) fn bound_heaps() {
    if std::env::var_os("MALLOC_ARENA_MAX").is_some() {
        return;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let heaps = libc::c_int::try_from(cores.div_ceil(CORES_PER_HEAP)).unwrap_or(libc::c_int::MAX);
    // SAFETY: the call takes two integers, keeps neither, and no other thread runs yet. Where it fails, the default
    // stays.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, heaps) };
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn bound_heaps() {}
