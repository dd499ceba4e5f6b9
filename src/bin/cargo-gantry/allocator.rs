//! How much freed memory the C library's allocator may keep to itself: a setting of the process, made before there are threads.

/// Keeps glibc from giving nearly each thread an arena of its own (eight for every processor), in which what was freed stays. Here
/// threads allocate little at once, so two never wait for each other for long. Other C libraries have no such arenas.
///
/// See <https://man7.org/linux/man-pages/man3/mallopt.3.html> and decision 26.
pub(crate) fn settle() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const ARENAS: libc::c_int = 2;
        // SAFETY: it takes two numbers and reads nothing else of ours; there is no other thread yet. A value that is not taken
        // changes nothing.
        #[expect(
            unsafe_code,
            reason = "no crate offers this call, and half of the memory depends on it"
        )]
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, ARENAS);
        }
    }
}
