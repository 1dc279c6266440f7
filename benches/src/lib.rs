//! Yester's benchmarks.
