struct Plant {
    temperature: breezeway::Atomic<f64>,
}

fn main() {}
