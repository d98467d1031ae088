#[derive(Clone, Copy)]
#[repr(C)]
struct Point {
    x: f64,
    y: f64,
}

fn main() {
    let segment = breezeway::Segment::new(1 << 16).unwrap();
    let _ = breezeway::Value::<&'static str>::open("pointer");
    let _ = breezeway::Value::<String>::open("heap");
    let _ = segment.get::<breezeway::Value<Point>>("without derives");
    let _ = segment.get::<breezeway::Array<Box<u8>>>("boxes");
    let _ = breezeway::Value::new(Point { x: 1.0, y: 2.0 });
}
