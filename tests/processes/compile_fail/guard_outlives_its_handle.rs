fn main() {
    let value = breezeway::Value::<u64>::new(1).unwrap();
    let guard = value.lock().unwrap();
    drop(value);
    drop(guard);
}
