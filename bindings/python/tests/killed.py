"""A program that runs until it is killed: `killed.py DIRECTORY EFFECTS`. Each effect is a line in a file."""

import os
import sys
from typing import Any

from langgraph.graph import END, START, StateGraph
from programs import Trip, thread

from stepwell import Stepwell


def graph(saver: Any, effects: str) -> Any:
    def node(name: str) -> Any:
        def run(state: Trip) -> Any:
            line = f"{len(state['log'])} {name}"
            file = os.open(effects, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(file, f"{line}\n".encode())
            os.close(file)
            return {"log": [line]}

        return run

    builder = StateGraph(Trip)
    for name in ("one", "two", "three"):
        builder.add_node(name, node(name))
    builder.add_edge(START, "one")
    builder.add_edge("one", "two")
    builder.add_edge("two", "three")
    builder.add_edge("three", END)
    return builder.compile(checkpointer=saver)


if __name__ == "__main__":
    with Stepwell.open(sys.argv[1]) as db:
        app = graph(db.checkpointer(), sys.argv[2])
        state = app.get_state(thread("job"))
        # A task that has finished is not in `next` any more, but its step may not be over.
        if state.tasks:
            app.invoke(None, thread("job"), durability="sync")
        while True:
            app.invoke({"city": "x", "log": []}, thread("job"), durability="sync")
