use rustix::process::setpriority_process;

/// The lowest priority.
const NICEST: i32 = 19;

/// Gives this thread, and those that it will start, the lowest priority for the processor and for disks. A
/// process that has set no I/O priority gets the one of its niceness (`ioprio_set(2)`).
pub fn lower_priority() {
    // Raising the niceness is always permitted.
    let _ = setpriority_process(None, NICEST);
}
