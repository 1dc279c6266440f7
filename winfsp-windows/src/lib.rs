//! WinFsp frontend.
