fn main() {
    let mutex = breezeway::sync::Mutex::new().unwrap();
    let guard = mutex.lock().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || drop(guard));
    });
}
