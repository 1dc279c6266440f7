//! The façade that the command line and the frontends call.
