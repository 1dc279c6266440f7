use rustix::process::setpriority_process;

/// The least urgent.
const NICEST: i32 = 19;

/// Makes this thread, and those that it will begin, give way to everything else: for the processor, and for disks, as who has set no
/// I/O priority of its own has the one that goes with its niceness (`ioprio_set(2)`).
pub fn lower_priority() {
    // It can always be raised.
    let _ = setpriority_process(None, NICEST);
}
