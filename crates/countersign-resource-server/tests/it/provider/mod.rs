//! Presets: files about providers.

mod built_in;
