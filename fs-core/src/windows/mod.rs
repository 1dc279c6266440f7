//! Conversion to and from the forms of Windows. It is platform-neutral, so that it is tested everywhere.
//!
//! | module | of |
//! |---|---|
//! | [`names`] | names that Windows accepts |
//! | [`paths`] | targets of links |
//! | [`filetime`] | times |
//! | [`fold`] | names that are one to Windows |
//! | [`attributes`] | attributes such as hidden and system, in an extended attribute |

pub mod attributes;
pub mod filetime;
pub mod fold;
pub mod names;
pub mod paths;
