use stepwell::graph::State;

#[derive(State)]
enum Choice {
    A,
}

#[derive(State)]
struct Pair(String, String);

#[derive(State)]
struct Generic<T> {
    item: T,
}

fn main() {}
