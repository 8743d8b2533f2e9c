"""What guides to LangGraph's persistence show, word for word apart from the line of the saver or store, in phases between which
the process may end (see `programs`). What is not in quotes here and there is what the guides leave out: a builder, a model, a tool.

What they show and LangGraph does not have, or has otherwise, is held by `test_snippets.py`:
`add_edge("start", name)` (it is `START`), `create_agent(prompt=...)` (it is `system_prompt`), `invoke` without `thread_id` (an error), `SqliteSaver.from_connector` and
`PostgresSaver.from_connector` (`from_conn_string`), `graph.replay` (`invoke(None, config)`), `state["configurable"]` (the config), and
`Field(exclude=True)` in a `TypedDict`, which LangGraph does not look at: what is not written to the state is not saved.
"""

import operator
from typing import Annotated, Any, TypedDict

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Overwrite, interrupt
from programs import FakeModel, history, program, texts, waiting
from pydantic import Field


class State(TypedDict):
    messages: Annotated[list, operator.add]


def add_message(state: State) -> dict:
    return {"messages": ["Bot response"]}


def graph_with(checkpointer: Any) -> Any:
    graph = (
        StateGraph(State)
        .add_node("respond", add_message)
        .add_edge(START, "respond")
        .add_edge("respond", END)
        .compile(checkpointer=checkpointer)  # Pass at compile time
    )
    return graph


# ---- checkpointer setup ------------------------------------------------------------------


@program("snippet: checkpointer setup")
def setup_first(checkpointer: Any, store: Any) -> Any:
    graph = graph_with(checkpointer)
    # ALWAYS provide thread_id
    config = {"configurable": {"thread_id": "conversation-1"}}
    result1 = graph.invoke({"messages": ["Hello"]}, config)
    print(len(result1["messages"]))  # 2
    return result1


@program("snippet: checkpointer setup")
def setup_second(checkpointer: Any, store: Any) -> Any:
    graph = graph_with(checkpointer)
    config = {"configurable": {"thread_id": "conversation-1"}}
    result2 = graph.invoke({"messages": ["How are you?"]}, config)
    print(len(result2["messages"]))  # 4 (previous + new)
    assert len(result2["messages"]) == 4
    return result2


# ---- thread management -----------------------------------------------------------------------

alice_config = {"configurable": {"thread_id": "user-alice"}}
bob_config = {"configurable": {"thread_id": "user-bob"}}


@program("snippet: thread management")
def threads_are_apart(checkpointer: Any, store: Any) -> Any:
    graph = graph_with(checkpointer)
    graph.invoke({"messages": ["Hi from Alice"]}, alice_config)
    graph.invoke({"messages": ["Hi from Bob"]}, bob_config)
    # Alice's state is isolated from Bob's
    return [graph.get_state(config).values for config in (alice_config, bob_config)]


@program("snippet: thread management")
def threads_stay_apart(checkpointer: Any, store: Any) -> Any:
    graph = graph_with(checkpointer)
    graph.invoke({"messages": ["And again"]}, alice_config)
    return [graph.get_state(config).values for config in (alice_config, bob_config)]


# ---- state history and time travel -----------------------------------------------------------------


@program("snippet: time travel")
def travel_starts(checkpointer: Any, store: Any) -> Any:
    graph = graph_with(checkpointer)
    config = {"configurable": {"thread_id": "session-1"}}
    result = graph.invoke({"messages": ["start"]}, config)
    return result


@program("snippet: time travel")
def travel_replays(checkpointer: Any, store: Any) -> Any:
    graph = graph_with(checkpointer)
    config = {"configurable": {"thread_id": "session-1"}}
    # Browse checkpoint history
    states = list(graph.get_state_history(config))
    # Replay from a past checkpoint
    past = states[-2]
    result = graph.invoke(None, past.config)  # None = resume from checkpoint
    return [len(states), result, history(graph, config)]


@program("snippet: time travel")
def travel_forks(checkpointer: Any, store: Any) -> Any:
    graph = graph_with(checkpointer)
    config = {"configurable": {"thread_id": "session-1"}}
    past = list(graph.get_state_history(config))[-2]
    # Or fork: update state at a past checkpoint, then resume
    fork_config = graph.update_state(past.config, {"messages": ["edited"]})
    result = graph.invoke(None, fork_config)
    return [result, history(graph, config)]


# ---- modify state before resuming --------------------------------------------------------------------


class Data(TypedDict):
    data: str


def pausing(checkpointer: Any) -> Any:
    builder = StateGraph(Data)
    builder.add_node("work", lambda state: {"data": state["data"] + ", worked on"})
    builder.add_edge(START, "work")
    return builder.compile(checkpointer=checkpointer, interrupt_before=["work"])


@program("snippet: modify state before resuming")
def modify_pauses(checkpointer: Any, store: Any) -> Any:
    config = {"configurable": {"thread_id": "session-1"}}
    pausing(checkpointer).invoke({"data": "first"}, config)
    return waiting(pausing(checkpointer), config)


@program("snippet: modify state before resuming")
def modify_resumes(checkpointer: Any, store: Any) -> Any:
    graph = pausing(checkpointer)
    config = {"configurable": {"thread_id": "session-1"}}
    # Modify state before resuming
    graph.update_state(config, {"data": "manually_updated"})
    # Resume with updated state
    result = graph.invoke(None, config)
    return result


# ---- subgraph checkpointer scoping ----------------------------------------------------------------------


def scoped(checkpointer: Any, mode: str) -> Any:
    def ask(state: State) -> dict:
        said = "nothing asked" if mode == "off" else interrupt(len(state["messages"]))
        return {"messages": [said]}

    subgraph_builder = StateGraph(State)
    subgraph_builder.add_node("ask", ask)
    subgraph_builder.add_edge(START, "ask")
    if mode == "off":
        # No interrupts needed - opt out of checkpointing
        subgraph = subgraph_builder.compile(checkpointer=False)
    elif mode == "default":
        # Need interrupts but not cross-invocation persistence (default)
        subgraph = subgraph_builder.compile()
    else:
        # Need cross-invocation persistence (stateful)
        subgraph = subgraph_builder.compile(checkpointer=True)

    def call(state: State) -> dict:
        return {"messages": [len(subgraph.invoke({"messages": ["called"]})["messages"])]}

    builder = StateGraph(State)
    builder.add_node("call", call)
    builder.add_edge(START, "call")
    return builder.compile(checkpointer=checkpointer)


for mode in ("off", "default", "stateful"):

    def scoped_asks(checkpointer: Any, store: Any, mode: str = mode) -> Any:
        config = {"configurable": {"thread_id": mode}}
        scoped(checkpointer, mode).invoke({"messages": ["one"]}, config)
        return waiting(scoped(checkpointer, mode), config)

    def scoped_resumes(checkpointer: Any, store: Any, mode: str = mode) -> Any:
        graph, config = scoped(checkpointer, mode), {"configurable": {"thread_id": mode}}
        if mode != "off":
            graph.invoke(Command(resume="yes"), config)
        return waiting(graph, config)

    for phase in (scoped_asks, scoped_resumes, scoped_asks, scoped_resumes):
        program(f"snippet: subgraph scoping, {mode}")(phase)


# ---- parallel subgraph namespacing ----------------------------------------------------------------------


def create_sub_agent(model: Any, *, name: str, **kwargs: Any) -> Any:
    """Wrap an agent with a unique node name for namespace isolation."""
    agent = create_agent(model=model, name=name, **kwargs)
    return (
        StateGraph(MessagesState)
        .add_node(name, agent)  # unique name -> stable namespace
        .add_edge(START, name)  # "start" in the guide, which LangGraph refuses
        .compile()
    )


def fruit_info(name: str) -> str:
    """About a fruit."""
    return f"{name} is sweet"


def veggie_info(name: str) -> str:
    """About a vegetable."""
    return f"{name} is green"


def two_agents(checkpointer: Any, said: str) -> Any:
    fruit_agent = create_sub_agent(
        FakeModel(messages=iter([AIMessage(f"fruit {said}")])), name="fruit_agent",
        tools=[fruit_info], system_prompt="...", checkpointer=True,
    )  # fmt: skip
    veggie_agent = create_sub_agent(
        FakeModel(messages=iter([AIMessage(f"veggie {said}")])), name="veggie_agent",
        tools=[veggie_info], system_prompt="...", checkpointer=True,
    )  # fmt: skip

    def call(state: MessagesState) -> dict:
        asked = {"messages": [HumanMessage(said)]}
        found = [agent.invoke(asked)["messages"] for agent in (fruit_agent, veggie_agent)]
        return {"messages": [AIMessage(" | ".join(texts(f))) for f in found]}

    builder = StateGraph(MessagesState)
    builder.add_node("call", call)
    builder.add_edge(START, "call")
    return builder.compile(checkpointer=checkpointer)


for said in ("first", "second"):

    def agents_remember(checkpointer: Any, store: Any, said: str = said) -> Any:
        config: Any = {"configurable": {"thread_id": "agents"}}
        asked = {"messages": [HumanMessage(said)]}
        return texts(two_agents(checkpointer, said).invoke(asked, config)["messages"])

    program("snippet: parallel subgraph namespacing")(agents_remember)


# ---- long-term memory ------------------------------------------------------------------------------------


class Asking(TypedDict):
    user_id: str
    response: str


def remembering(checkpointer: Any, store: Any) -> Any:
    # Node with store - access via runtime
    def respond(state: Asking, runtime: Runtime) -> dict:
        prefs = runtime.store.get((state["user_id"], "preferences"), "language")
        return {"response": f"Using preference: {prefs.value}"}

    builder = StateGraph(Asking)
    builder.add_node("respond", respond)
    builder.add_edge(START, "respond")
    # Compile with BOTH checkpointer and store
    graph = builder.compile(checkpointer=checkpointer, store=store)
    return graph


@program("snippet: long-term memory")
def memory_is_kept(checkpointer: Any, store: Any) -> Any:
    # Save user preference (available across ALL threads)
    store.put(("alice", "preferences"), "language", {"preference": "short responses"})
    graph = remembering(checkpointer, store)
    return graph.invoke({"user_id": "alice"}, {"configurable": {"thread_id": "thread-1"}})


@program("snippet: long-term memory")
def memory_is_shared(checkpointer: Any, store: Any) -> Any:
    graph = remembering(checkpointer, store)
    # Both threads access same long-term memory
    one = graph.invoke({"user_id": "alice"}, {"configurable": {"thread_id": "thread-1"}})
    two = graph.invoke({"user_id": "alice"}, {"configurable": {"thread_id": "thread-2"}})  # Same preferences!
    assert one == two
    return two


@program("snippet: store operations")
def store_puts(checkpointer: Any, store: Any) -> Any:
    store.put(("user-123", "facts"), "location", {"city": "San Francisco"})  # Put
    return []


@program("snippet: store operations")
def store_finds(checkpointer: Any, store: Any) -> Any:
    item = store.get(("user-123", "facts"), "location")  # Get
    results = store.search(("user-123", "facts"), filter={"city": "San Francisco"})  # Search
    store.delete(("user-123", "facts"), "location")  # Delete
    return [item.value, [(found.key, found.value) for found in results]]


@program("snippet: store operations")
def store_has_deleted(checkpointer: Any, store: Any) -> Any:
    return store.get(("user-123", "facts"), "location")


# ---- fixes -------------------------------------------------------------------------------------------------


@program("snippet: thread_id is required")
def with_thread_id(checkpointer: Any, store: Any) -> Any:
    graph = graph_with(checkpointer)
    # CORRECT: Always provide thread_id
    config = {"configurable": {"thread_id": "session-1"}}
    graph.invoke({"messages": ["Hello"]}, config)
    return []


@program("snippet: thread_id is required")
def remembers_thread_id(checkpointer: Any, store: Any) -> Any:
    graph = graph_with(checkpointer)
    config = {"configurable": {"thread_id": "session-1"}}
    return graph.invoke({"messages": ["What did I say?"]}, config)  # Remembers!


class Items(TypedDict):
    items: Annotated[list, operator.add]


def with_items(checkpointer: Any) -> Any:
    builder = StateGraph(Items)
    builder.add_node("nothing", lambda state: {})
    builder.add_edge(START, "nothing")
    return builder.compile(checkpointer=checkpointer)


@program("snippet: update_state with reducers")
def update_appends(checkpointer: Any, store: Any) -> Any:
    graph, config = with_items(checkpointer), {"configurable": {"thread_id": "items"}}
    graph.invoke({"items": ["A", "B"]}, config)
    # State with reducer: items: Annotated[list, operator.add]
    # Current state: {"items": ["A", "B"]}
    # update_state PASSES THROUGH reducers
    graph.update_state(config, {"items": ["C"]})  # Result: ["A", "B", "C"] - Appended!
    assert graph.get_state(config).values == {"items": ["A", "B", "C"]}
    return graph.get_state(config).values


@program("snippet: update_state with reducers")
def update_replaces(checkpointer: Any, store: Any) -> Any:
    graph, config = with_items(checkpointer), {"configurable": {"thread_id": "items"}}
    # To REPLACE instead, use Overwrite
    graph.update_state(config, {"items": Overwrite(["C"])})  # Result: ["C"] - Replaced
    assert graph.get_state(config).values == {"items": ["C"]}
    return history(graph, config)


@program("snippet: the store in a node")
def store_in_a_node(checkpointer: Any, store: Any) -> Any:
    # CORRECT: Access store via runtime
    def my_node(state: State, runtime: Runtime) -> Any:
        runtime.store.put(("notes",), "one", {"text": state["messages"][-1]})  # Correct store instance

    builder = StateGraph(State).add_node("my_node", my_node).add_edge(START, "my_node")
    config = {"configurable": {"thread_id": "notes"}}
    builder.compile(checkpointer=checkpointer, store=store).invoke({"messages": ["hi"]}, config)
    return []


@program("snippet: the store in a node")
def store_has_it(checkpointer: Any, store: Any) -> Any:
    return store.get(("notes",), "one").value


# ---- what a checkpointer does ----------------------------------------------------------------------------------


class AgentState(TypedDict):
    messages: Annotated[list[BaseMessage], operator.add]
    db: Annotated[Any, Field(exclude=True)]  # not serialized


def answering(checkpointer: Any) -> Any:
    def answer(state: AgentState, config: RunnableConfig) -> dict:
        known = config["configurable"]
        said = f"{known.get('db')}, {known.get('user_id')}, {len(state['messages'])}"
        return {"messages": [AIMessage(content=said)]}

    builder = StateGraph(AgentState)
    builder.add_node("answer", answer)
    builder.add_edge(START, "answer")
    graph = builder.compile(checkpointer=checkpointer)
    return graph


@program("snippet: what a checkpointer does")
def first_call(checkpointer: Any, store: Any) -> Any:
    graph = answering(checkpointer)
    # First call - starts fresh
    config = {"configurable": {"thread_id": "thread-abc"}}
    result = graph.invoke(
        {"messages": [HumanMessage(content="hi")]},
        config=config,
    )
    return texts(result["messages"])


@program("snippet: what a checkpointer does")
def second_call(checkpointer: Any, store: Any) -> Any:
    graph = answering(checkpointer)
    config: Any = {
        "configurable": {
            "thread_id": "thread-abc",
            "user_id": "user-42",  # other runtime values
            "db": "a connection",
        }
    }
    # Second call - resumes from saved state
    result2 = graph.invoke(
        {"messages": [HumanMessage(content="What's the weather?")]},
        config=config,
    )
    saved = checkpointer.get_tuple(config).checkpoint["channel_values"]
    assert "db" not in saved
    return texts(result2["messages"])


@program("snippet: what a checkpointer does")
def looks_back(checkpointer: Any, store: Any) -> Any:
    graph = answering(checkpointer)
    config = {"configurable": {"thread_id": "thread-abc"}}
    said = []
    history = graph.get_state_history(config)
    for checkpoint in history:
        if checkpoint.values["messages"]:
            said.append(f"Step {checkpoint.metadata['step']}: {checkpoint.values['messages'][-1].content}")
    # Get a specific checkpoint
    history = list(graph.get_state_history(config))
    target_checkpoint = history[2]  # step 2
    # Replay from there (`graph.replay(config, target_checkpoint)` in the guide)
    replayed = graph.invoke(None, target_checkpoint.config)
    return [said, texts(replayed["messages"])]


@program("snippet: what a checkpointer does")
def corrects(checkpointer: Any, store: Any) -> Any:
    graph = answering(checkpointer)
    config = {"configurable": {"thread_id": "thread-abc"}}
    # Correct a wrong tool call
    graph.update_state(
        config,
        {"messages": [AIMessage(content="sorry, I made a mistake")]},
    )
    return texts(graph.get_state(config).values["messages"])
