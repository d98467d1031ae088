#[derive(Clone, Copy)]
#[repr(C)]
struct Point {
    x: f64,
    y: f64,
}

struct Plant {
    pointer: breezeway::Value<&'static str>,
    heap: breezeway::Value<String>,
    without_derives: breezeway::Value<Point>,
    boxes: breezeway::Array<Box<u8>>,
}

fn main() {}
