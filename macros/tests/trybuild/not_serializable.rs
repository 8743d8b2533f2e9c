use stepwell::graph::State;

struct Handle;

#[derive(State)]
struct Chat {
    handle: Handle,
}

fn main() {}
