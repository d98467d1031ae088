fn main() {
    let _ = breezeway::Array::<i32>::create("numbers", "abc");
}
