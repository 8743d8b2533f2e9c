use stepwell::graph::State;

fn join(a: String, _: String) -> String {
    a
}

#[derive(State)]
struct Wrong {
    #[state(appending)]
    unknown: Vec<String>,
    #[state(append, merge)]
    two_reducers: Vec<String>,
    #[state(custom)]
    no_function: String,
    #[state(topic(forever))]
    topic: Vec<String>,
    #[state(default, default = 3)]
    two_defaults: u32,
    #[state(ephemeral)]
    never_empty: String,
    #[serde(skip)]
    skipped: String,
    #[serde(flatten)]
    flattened: std::collections::BTreeMap<String, String>,
    #[serde(with = "join")]
    converted: String,
    new: String,
}

#[derive(State)]
#[state(append)]
struct OnTheStruct {
    list: Vec<String>,
}

fn main() {
    join(String::new(), String::new());
}
