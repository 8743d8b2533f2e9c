use stepwell::graph::State;

#[derive(State)]
struct Chat {
    #[state(add)]
    notes: Vec<String>,
}

fn main() {}
