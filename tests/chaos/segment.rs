//! Processes race to create and to open segments.

mod open_race;
