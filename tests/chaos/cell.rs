//! Values and arrays under operations at random.

mod properties;
