//! Yester's tests.
