//! [`Messages`]: an endless conversation of a person with an agent that searches.

use serde_json::{Value, json};

use super::Random;
use super::text::Text;

const CHARACTERS: usize = 400;

/// A message with the fields that LangChain gives it.
pub(crate) struct Message {
    pub(crate) class: &'static str,
    pub(crate) module: &'static str,
    pub(crate) fields: Value,
}

/// In turn: a question, a call of a tool, its result, an answer; 400 characters each.
pub(crate) struct Messages {
    random: Random,
    text: &'static Text,
    made: u64,
    call: String,
}

impl Messages {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            text: Text::shared(),
            made: 0,
            call: String::new(),
        }
    }

    pub(crate) fn text(&mut self, characters: usize) -> String {
        self.text.of(characters, &mut self.random)
    }

    pub(crate) fn uuid(&mut self) -> String {
        self.random.uuid()
    }

    pub(crate) fn next(&mut self) -> Message {
        self.made += 1;
        match self.made % 4 {
            1 => self.human(),
            2 => {
                self.call = format!("call_{}", &self.uuid()[..24]);
                let arguments = json!({ "query": self.text(40), "limit": 10 });
                let call = json!({ "name": "search", "args": arguments, "id": self.call, "type": "tool_call" });
                self.ai(json!([call]))
            }
            3 => self.tool(),
            _ => self.ai(json!([])),
        }
    }

    fn human(&mut self) -> Message {
        let fields = json!({
            "content": self.text(CHARACTERS),
            "additional_kwargs": {},
            "response_metadata": {},
            "type": "human",
            "name": null,
            "id": self.uuid(),
        });
        Message {
            class: "HumanMessage",
            module: "human",
            fields,
        }
    }

    fn ai(&mut self, tool_calls: Value) -> Message {
        let used = 100 + self.random.below(3900);
        let fields = json!({
            "content": self.text(CHARACTERS),
            "additional_kwargs": {},
            "response_metadata": { "model_name": "example-large", "finish_reason": "stop" },
            "type": "ai",
            "name": null,
            "id": format!("run--{}", self.uuid()),
            "tool_calls": tool_calls,
            "invalid_tool_calls": [],
            "usage_metadata": { "input_tokens": used, "output_tokens": 90, "total_tokens": used + 90 },
        });
        Message {
            class: "AIMessage",
            module: "ai",
            fields,
        }
    }

    fn tool(&mut self) -> Message {
        let fields = json!({
            "content": self.text(CHARACTERS),
            "additional_kwargs": {},
            "response_metadata": {},
            "type": "tool",
            "name": "search",
            "id": self.uuid(),
            "tool_call_id": self.call,
            "artifact": null,
            "status": "success",
        });
        Message {
            class: "ToolMessage",
            module: "tool",
            fields,
        }
    }
}
