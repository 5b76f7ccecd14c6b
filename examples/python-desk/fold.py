"""The order of two streams and the fold of a delegation (chapter 7)."""

from dataclasses import dataclass, field

STATES = ("unoffered offered accepted in-progress waiting-principal waiting-third resolved confirmed"
          " declined returned recalled").split()
CLOSED = STATES[7:]
BINDING = ("deadline", "priority", "price", "scope")

# The table of section 7.6: event, by whom, and a cell for each state; = keeps it, - is superseded.
SHORT = {"o": "offered", "a": "accepted", "i": "in-progress", "p": "waiting-principal", "t": "waiting-third",
         "r": "resolved", "c": "confirmed", "d": "declined", "b": "returned", "x": "recalled"}
TABLE = {}
for _line in """
offer principal o----------
accept contractor -a---------
decline contractor -d---------
return contractor --bbbb-----
recall principal -xxxxx-----
status either -==========
status:in-progress contractor --i=iii----
status:waiting-third contractor --ttt=t----
resolve contractor --rrrr-----
confirm principal ------c----
reopen principal ------ii---
update principal -======----
change-take contractor --=====----
change-decline contractor --=====----
ask contractor --pp=pp----
answer principal ----i------
answer:not-needed principal ---=i==----
rate principal -------=---
link-close principal -xxxxx=----
link-close contractor -dbbbb=----
""".strip().splitlines():
    _event, _by, _cells = _line.split()
    for _author in ("principal", "contractor") if _by == "either" else (_by,):
        TABLE[_event, _author] = dict(zip(STATES, _cells))


@dataclass
class Event:
    author: str
    seq: int
    seen: int
    name: str
    version: int = 0
    fields: frozenset = frozenset()
    applied: bool = True


@dataclass
class Fold:
    state: str = "unoffered"
    version: int = 0
    source: dict = field(default_factory=lambda: dict.fromkeys(BINDING, 0))
    bound: bool = False
    proposals: list = field(default_factory=list)
    question: list = None
    resolution: int = None
    steps: list = field(default_factory=list)


def order(events):
    """An event of the principal stands directly before the first of the contractor that has seen it (section 7.4)."""
    principals = sorted((event for event in events if event.author == "principal"), key=lambda event: event.seq)
    ordered, seen = [], 0
    for event in sorted((event for event in events if event.author != "principal"), key=lambda event: event.seq):
        if event.applied:
            seen = max(seen, event.seen)
        while principals and principals[0].seq <= seen:
            ordered.append(principals.pop(0))
        ordered.append(event)
    return ordered + principals


def fold(events):
    """Folds the events; `steps` tells of each the state after it, `-` superseded or `x` refused."""
    f = Fold()
    for event in order(events):
        if not event.applied:
            f.steps.append((event, "x"))
            continue
        cell = TABLE.get((event.name, event.author), {}).get(f.state, "-")
        if cell == "-" or _hindered(f, event):
            f.steps.append((event, "-"))
            continue
        _note(f, event)
        f.state = SHORT.get(cell, f.state)
        if f.state in CLOSED:
            f.proposals, f.question = [], None
        f.steps.append((event, f.state))
    return f


def _hindered(f, event):
    if event.name == "accept":
        return not max(f.source.values()) <= event.version <= f.version
    if event.name == "update":
        return event.version <= f.version
    if event.name in ("confirm", "reopen"):
        return f.resolution is None or event.seen < f.resolution
    if event.name.startswith("answer"):
        return f.question is None or event.seen < f.question[1]
    if event.name.startswith("change-"):
        return all(version != event.version for version, _ in f.proposals)
    return False


def _note(f, event):
    if event.name == "offer":
        f.version, f.source = 1, dict.fromkeys(BINDING, 1)
    elif event.name == "accept":
        f.bound = True
    elif event.name == "update":
        f.version = event.version
        if f.bound:
            kept = [(v, fields - event.fields) for v, fields in f.proposals] + [(event.version, event.fields)]
            f.proposals = [(v, fields) for v, fields in kept if fields]
        else:
            f.source |= dict.fromkeys(event.fields, event.version)
    elif event.name.startswith("change-"):
        fields = next(fields for version, fields in f.proposals if version == event.version)
        f.proposals = [p for p in f.proposals if p[0] != event.version]
        if event.name == "change-take":
            f.source |= dict.fromkeys(fields, event.version)
    elif event.name == "ask":
        f.question = [f.question[0] if f.state == "waiting-principal" else event.seq, event.seq]
    elif event.name.startswith("answer"):
        f.question = None
    elif event.name == "resolve":
        f.resolution = event.seq
