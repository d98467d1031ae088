fn main() {
    let _ = breezeway::Atomic::<f64>::open("temperature");
}
