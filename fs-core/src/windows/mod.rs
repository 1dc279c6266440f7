//! What Windows calls things, and back. Platform-neutral, so that it is tested everywhere:
//!
//! | module | of |
//! |---|---|
//! | [`names`] | names that Windows accepts |
//! | [`paths`] | targets of links |
//! | [`filetime`] | times |
//! | [`fold`] | names that are one to it |
//! | [`attributes`] | hidden, system and the like, as an extended attribute keeps them |

pub mod attributes;
pub mod filetime;
pub mod fold;
pub mod names;
pub mod paths;
