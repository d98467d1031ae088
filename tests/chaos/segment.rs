//! Segments that processes race to make and to open.

mod open_race;
