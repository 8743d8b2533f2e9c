"""LangGraph programs in phases, between which the process may end.

A phase is given a checkpointer and a store and returns what it saw, as JSON. What it sees with LangGraph's own
savers in memory is what it must see with ours.
"""

import asyncio
import operator
import time
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolCall
from langgraph.channels import DeltaChannel
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.message import _messages_delta_reducer, add_messages
from langgraph.runtime import Runtime
from langgraph.types import Command, Overwrite, Send, interrupt

Phase = Callable[[Any, Any], Any]
PROGRAMS: dict[str, list[Phase]] = {}


def program(name: str) -> Callable[[Phase], Phase]:
    """The next phase of a program."""

    def add(phase: Phase) -> Phase:
        PROGRAMS.setdefault(name, []).append(phase)
        return phase

    return add


def thread(name: str) -> Any:
    return {"configurable": {"thread_id": name}}


def texts(messages: list[Any]) -> list[str]:
    return [f"{message.type}: {message.content}" for message in messages]


def history(graph: Any, config: Any) -> list[Any]:
    return [
        [s.metadata["source"], s.metadata["step"], list(s.next), len(s.tasks)]
        for s in graph.get_state_history(config)
    ]


# ---- a chat ---------------------------------------------------------------------------


def chat_graph(saver: Any, kind: Any = Annotated[list[AnyMessage], add_messages]) -> Any:
    class State(TypedDict):
        messages: kind  # type: ignore[valid-type]
        turns: int

    def answer(state: Any) -> Any:
        said = state["messages"][-1].content
        return {
            "messages": [AIMessage(f"you said {said} after {len(state['messages'])}")],
            "turns": state.get("turns", 0) + 1,
        }

    builder = StateGraph(State)
    builder.add_node("answer", answer)
    builder.add_edge(START, "answer")
    builder.add_edge("answer", END)
    return builder.compile(checkpointer=saver)


def turn(graph: Any, text: str, name: str = "chat", **how: Any) -> list[str]:
    said = graph.invoke({"messages": [HumanMessage(text)]}, thread(name), **how)
    return texts(said["messages"])


for durability in ("sync", "async", "exit"):

    def first(saver: Any, store: Any, durability: Any = durability) -> Any:
        graph = chat_graph(saver)
        other = turn(graph, "other", "another", durability=durability)
        return [turn(graph, "hello", durability=durability), other]

    def second(saver: Any, store: Any, durability: Any = durability) -> Any:
        graph = chat_graph(saver)
        said = [turn(graph, f"turn {n}", durability=durability) for n in range(5)]
        return [said, history(graph, thread("chat")), history(graph, thread("another"))]

    def edited(saver: Any, store: Any, durability: Any = durability) -> Any:
        graph = chat_graph(saver)
        state = graph.get_state(thread("chat"))
        graph.update_state(
            thread("chat"),
            {"messages": [AIMessage("corrected", id=state.values["messages"][-1].id)]},
        )
        graph.update_state(thread("another"), {"messages": Overwrite([HumanMessage("all new")])})
        said = [texts(graph.get_state(thread(n)).values["messages"]) for n in ("chat", "another")]
        return [said, turn(graph, "and then", durability=durability)]

    for phase in (first, second, edited):
        program(f"chat, durability {durability}")(phase)


@program("DeltaChannel")
def delta_first(saver: Any, store: Any) -> Any:
    graph = delta_graph(saver)
    return [turn(graph, f"turn {n}") for n in range(4)]


@program("DeltaChannel")
def delta_second(saver: Any, store: Any) -> Any:
    graph = delta_graph(saver)
    said = [turn(graph, f"more {n}") for n in range(3)]
    states = [texts(s.values["messages"]) for s in graph.get_state_history(thread("chat"))]
    past = list(graph.get_state_history(thread("chat")))[5]
    forked = graph.update_state(past.config, {"messages": [HumanMessage("forked")]})
    return [said, states, texts(graph.invoke(None, forked)["messages"]), history(graph, thread("chat"))]


def delta_graph(saver: Any) -> Any:
    channel = DeltaChannel(_messages_delta_reducer, snapshot_frequency=3)
    return chat_graph(saver, Annotated[list[AnyMessage], channel])


# ---- human in the loop ------------------------------------------------------------------


class Trip(TypedDict):
    city: str
    log: Annotated[list[str], operator.add]


def approval(saver: Any) -> Any:
    def ask(state: Trip) -> Any:
        first = interrupt({"book": state["city"]})
        second = interrupt({"pay": first})
        return {"log": [f"{first}, {second}"]}

    def aside(state: Trip) -> Any:
        return {"log": ["aside"]}

    builder = StateGraph(Trip)
    builder.add_node("ask", ask)
    builder.add_node("aside", aside)
    builder.add_node("done", lambda state: {"log": ["done"]})
    builder.add_edge(START, "ask")
    builder.add_edge(START, "aside")
    builder.add_edge(["ask", "aside"], "done")
    return builder.compile(checkpointer=saver, interrupt_before=["done"])


def waiting(graph: Any, config: Any) -> Any:
    state = graph.get_state(config)
    return [sorted(state.next), [i.value for i in state.interrupts], state.values]


@program("human in the loop")
def asks(saver: Any, store: Any) -> Any:
    graph = approval(saver)
    out = graph.invoke({"city": "Jaipur", "log": []}, thread("trip"))
    return [[i.value for i in out["__interrupt__"]], waiting(graph, thread("trip"))]


@program("human in the loop")
def answers(saver: Any, store: Any) -> Any:
    graph = approval(saver)
    before = waiting(graph, thread("trip"))
    graph.invoke(Command(resume="yes"), thread("trip"))
    return [before, waiting(graph, thread("trip"))]


@program("human in the loop")
def pays(saver: Any, store: Any) -> Any:
    graph = approval(saver)
    graph.invoke(Command(resume="by card", update={"city": "Pune"}), thread("trip"))
    return waiting(graph, thread("trip"))


@program("human in the loop")
def goes_on(saver: Any, store: Any) -> Any:
    graph = approval(saver)
    graph.update_state(thread("trip"), {"log": ["checked"]}, as_node="aside")
    graph.invoke(None, thread("trip"))
    return [waiting(graph, thread("trip")), history(graph, thread("trip"))]


# ---- failures ------------------------------------------------------------------------------

RUNS: list[str] = []


def failing(saver: Any, fails: bool) -> Any:
    def good(state: Trip) -> Any:
        RUNS.append("good")
        return {"log": ["good"]}

    def bad(state: Trip) -> Any:
        RUNS.append("bad")
        # The other one finishes first.
        time.sleep(0.3)
        if fails:
            raise ValueError("not yet")
        return {"log": ["bad"]}

    builder = StateGraph(Trip)
    builder.add_node("good", good)
    builder.add_node("bad", bad)
    builder.add_edge(START, "good")
    builder.add_edge(START, "bad")
    return builder.compile(checkpointer=saver)


@program("a failed node runs again, a finished one does not")
def fails(saver: Any, store: Any) -> Any:
    try:
        failing(saver, True).invoke({"city": "x", "log": []}, thread("f"), durability="sync")
    except ValueError as error:
        return [str(error), waiting(failing(saver, True), thread("f"))]


@program("a failed node runs again, a finished one does not")
def succeeds(saver: Any, store: Any) -> Any:
    RUNS.clear()
    return [failing(saver, False).invoke(None, thread("f")), list(RUNS)]


# ---- subgraphs -------------------------------------------------------------------------------

for mode in (None, True, False):

    def nested(saver: Any, mode: Any = mode) -> Any:
        def remember(state: Trip) -> Any:
            said = "no question"
            if mode is not False:
                said = interrupt(f"in {state['city']} after {len(state['log'])}")
            return {"log": [said]}

        inner = StateGraph(Trip)
        inner.add_node("remember", remember)
        inner.add_edge(START, "remember")
        compiled = inner.compile(checkpointer=mode)

        def call(state: Trip) -> Any:
            found = compiled.invoke({"city": state["city"], "log": []})
            return {"log": [f"inner has {len(found['log'])}"]}

        outer = StateGraph(Trip)
        outer.add_node("inner", compiled)
        outer.add_node("call", call)
        outer.add_edge(START, "inner")
        outer.add_edge("inner", "call")
        return outer.compile(checkpointer=saver)

    def begin(saver: Any, store: Any, nested: Any = nested) -> Any:
        graph = nested(saver)
        graph.invoke({"city": "Oslo", "log": []}, thread("sub"))
        state = graph.get_state(thread("sub"), subgraphs=True)
        inner = [t.state.values for t in state.tasks if t.state is not None]
        return [waiting(graph, thread("sub")), inner]

    def resume(saver: Any, store: Any, nested: Any = nested, mode: Any = mode) -> Any:
        graph = nested(saver)
        if mode is not False:
            graph.invoke(Command(resume="one"), thread("sub"))
        seen = waiting(graph, thread("sub"))
        if mode is not False:
            graph.invoke(Command(resume="two"), thread("sub"))
        return [seen, waiting(graph, thread("sub")), history(graph, thread("sub"))]

    def again(saver: Any, store: Any, nested: Any = nested, mode: Any = mode) -> Any:
        graph = nested(saver)
        graph.invoke({"city": "Bergen", "log": []}, thread("sub"))
        if mode is not False:
            graph.invoke(Command(resume="three"), thread("sub"))
        return [waiting(graph, thread("sub"))]

    for phase in (begin, resume, again):
        program(f"subgraph, checkpointer={mode}")(phase)


# ---- time travel ---------------------------------------------------------------------------------


@program("time travel and fork")
def lives(saver: Any, store: Any) -> Any:
    graph = chat_graph(saver)
    return [turn(graph, f"turn {n}") for n in range(3)]


@program("time travel and fork")
def goes_back(saver: Any, store: Any) -> Any:
    graph = chat_graph(saver)
    states = list(graph.get_state_history(thread("chat")))
    past = next(s for s in states if len(s.values["messages"]) == 3)
    replayed = graph.invoke(None, past.config)
    first = graph.update_state(past.config, {"messages": [HumanMessage("first branch")]})
    second = graph.update_state(past.config, {"messages": [HumanMessage("second branch")]})
    branches = [texts(graph.invoke(None, of)["messages"]) for of in (first, second)]
    old = texts(graph.get_state(past.config).values["messages"])
    return [texts(replayed["messages"]), branches, old, history(graph, thread("chat"))]


@program("time travel and fork")
def limited(saver: Any, store: Any) -> Any:
    graph = chat_graph(saver)
    states = list(graph.get_state_history(thread("chat"), limit=4))
    before = list(graph.get_state_history(thread("chat"), before=states[2].config, limit=2))
    loops = list(graph.get_state_history(thread("chat"), filter={"source": "loop"}))
    return [len(states), [s.metadata["step"] for s in before], len(loops)]


# ---- Send -------------------------------------------------------------------------------------


def fan_out(saver: Any) -> Any:
    class State(TypedDict):
        topics: list[str]
        jokes: Annotated[list[str], operator.add]

    def joke(state: Any) -> Any:
        if state["topic"] == "ask":
            return {"jokes": [interrupt("which?")]}
        return {"jokes": [f"a joke on {state['topic']}"]}

    builder = StateGraph(State)
    builder.add_node("plan", lambda state: {"topics": ["cats", "ask", "dogs", "fish"]})
    builder.add_node("joke", joke)
    builder.add_node("best", lambda state: {"jokes": [f"best of {len(state['jokes'])}"]})
    builder.add_edge(START, "plan")
    builder.add_conditional_edges(
        "plan", lambda state: [Send("joke", {"topic": t}) for t in state["topics"]], ["joke"]
    )
    builder.add_edge("joke", "best")
    return builder.compile(checkpointer=saver)


@program("Send fan-out")
def sends(saver: Any, store: Any) -> Any:
    graph = fan_out(saver)
    graph.invoke({"topics": [], "jokes": []}, thread("send"))
    return waiting(graph, thread("send"))


@program("Send fan-out")
def collects(saver: Any, store: Any) -> Any:
    graph = fan_out(saver)
    return [graph.invoke(Command(resume="mice"), thread("send")), history(graph, thread("send"))]


# ---- the functional API ----------------------------------------------------------------------------


def workflow(saver: Any) -> Any:
    @task
    def double(n: int) -> int:
        RUNS.append(f"double {n}")
        return 2 * n

    @entrypoint(checkpointer=saver)
    def run(n: int, *, previous: Any = None) -> Any:
        doubled = [double(of) for of in (n, n + 1)]
        total = sum(of.result() for of in doubled)
        answer = interrupt(f"is {total} right?")
        return entrypoint.final(value=[total, answer, previous], save=total)

    return run


@program("functional API")
def calls(saver: Any, store: Any) -> Any:
    RUNS.clear()
    out = workflow(saver).invoke(3, thread("func"))
    return [[i.value for i in out["__interrupt__"]], sorted(RUNS)]


@program("functional API")
def returns(saver: Any, store: Any) -> Any:
    RUNS.clear()
    out = workflow(saver).invoke(Command(resume="yes"), thread("func"))
    return [out, sorted(RUNS)]


@program("functional API")
def knows_the_previous(saver: Any, store: Any) -> Any:
    workflow(saver).invoke(10, thread("func"))
    return workflow(saver).invoke(Command(resume="no"), thread("func"))


# ---- async and streams ---------------------------------------------------------------------------------


@program("async and streams")
def streams(saver: Any, store: Any) -> Any:
    async def run() -> Any:
        graph = chat_graph(saver)
        chunks = []
        said = {"messages": [HumanMessage("hello", id="1")]}
        async for kind, chunk in graph.astream(
            said, thread("chat"), stream_mode=["updates", "values", "checkpoints"]
        ):
            if kind == "updates":
                chunks.append(texts(chunk["answer"]["messages"]))
            elif kind == "values":
                chunks.append(len(chunk["messages"]))
            else:
                chunks.append([chunk["metadata"]["step"], chunk["next"]])
        return chunks

    return asyncio.run(run())


@program("async and streams")
def many_at_once(saver: Any, store: Any) -> Any:
    async def one(graph: Any, name: str) -> Any:
        for n in range(3):
            said = {"messages": [HumanMessage(f"turn {n}")]}
            out = await graph.ainvoke(said, thread(name), durability="sync")
        return texts(out["messages"])

    async def run() -> Any:
        graph = chat_graph(saver)
        return await asyncio.gather(*(one(graph, f"t{n}") for n in range(8)))

    return asyncio.run(run())


@program("async and streams")
def reads_them(saver: Any, store: Any) -> Any:
    async def run() -> Any:
        graph = chat_graph(saver)
        states = [s async for s in graph.aget_state_history(thread("t5"))]
        state = await graph.aget_state(thread("chat"))
        await graph.aupdate_state(thread("t5"), {"turns": 100})
        last = await graph.aget_state(thread("t5"))
        steps = [s.metadata["step"] for s in states]
        return [steps, texts(state.values["messages"]), last.values["turns"]]

    return [asyncio.run(run()), [c for c in chat_graph(saver).stream(
        {"messages": [HumanMessage("sync")]}, thread("t5"), stream_mode="values"
    )][-1]["turns"]]


# ---- a prebuilt agent ------------------------------------------------------------------------------------


class FakeModel(GenericFakeChatModel):
    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self


def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


def agent(saver: Any, store: Any, *said: AIMessage) -> Any:
    return create_agent(
        FakeModel(messages=iter(said)), tools=[weather], checkpointer=saver, store=store
    )


@program("a prebuilt agent")
def asks_a_tool(saver: Any, store: Any) -> Any:
    call = ToolCall(name="weather", args={"city": "Rome"}, id="call-1")
    graph = agent(saver, store, AIMessage("", tool_calls=[call]), AIMessage("it is sunny"))
    out = graph.invoke({"messages": [HumanMessage("weather in Rome?")]}, thread("agent"))
    return texts(out["messages"])


@program("a prebuilt agent")
def remembers(saver: Any, store: Any) -> Any:
    graph = agent(saver, store, AIMessage("you asked about Rome"))
    out = graph.invoke({"messages": [HumanMessage("what did I ask?")]}, thread("agent"))
    return [texts(out["messages"]), history(graph, thread("agent"))]


# ---- checkpointer and store ----------------------------------------------------------------------------


def with_store(saver: Any, store: Any) -> Any:
    class State(MessagesState):
        user: str

    def respond(state: State, runtime: Runtime) -> Any:
        kept = runtime.store.get((state["user"], "preferences"), "language")
        runtime.store.put((state["user"], "seen"), state["messages"][-1].content, {"n": 1})
        said = kept.value["preference"] if kept else "nothing known"
        return {"messages": [AIMessage(said)]}

    builder = StateGraph(State)
    builder.add_node("respond", respond)
    builder.add_edge(START, "respond")
    return builder.compile(checkpointer=saver, store=store)


@program("checkpointer and store")
def puts(saver: Any, store: Any) -> Any:
    graph = with_store(saver, store)
    said = {"messages": [HumanMessage("first")], "user": "alice"}
    before = texts(graph.invoke(said, thread("1"))["messages"])
    store.put(("alice", "preferences"), "language", {"preference": "short responses"})
    return before


@program("checkpointer and store")
def knows_across_threads(saver: Any, store: Any) -> Any:
    graph = with_store(saver, store)
    said = {"messages": [HumanMessage("second")], "user": "alice"}
    out = texts(graph.invoke(said, thread("2"))["messages"])
    found = store.search(("alice",), filter={"n": 1})
    names = sorted(store.list_namespaces(prefix=("alice",)))
    return [out, sorted(item.key for item in found), [list(n) for n in names]]
