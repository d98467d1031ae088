//! Values and arrays under random operations.

mod properties;
