use bytemuck::{Pod, Zeroable};

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Padded {
    small: u8,
    large: u64,
}

fn main() {
    let _ = breezeway::Value::new(Padded { small: 1, large: 2 });
}
