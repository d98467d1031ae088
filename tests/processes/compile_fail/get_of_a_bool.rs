fn main() {
    let ready = breezeway::Value::new(false).unwrap();
    let _ = ready.get();
    let letters = breezeway::Array::<char>::new(['a', 'b']).unwrap();
    let _ = letters.to_vec();
}
