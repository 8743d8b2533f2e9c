use stepwell::graph::State;

#[derive(State)]
struct Chat {
    #[state(append)]
    count: u32,
}

fn main() {}
