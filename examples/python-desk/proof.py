"""Reads a proof file with no desk at hand (section 8.8): `python proof.py FILE`; exit code 1 when something is broken."""

import json
import pathlib
import sys

from fold import Event, fold
from shapes import RULES, Problem, record
from stream import check_receipt, event_name
from wire import LARGE, SMALL, Descriptor, Signed, _Reader, decode, desk_text, key_log_keys, sha

MOST = 262144
ABOUT = record("link:hash made:count inviter:hash accepter:hash ?delegation:id")
FORMS = {"keys": (bytes, list), "linking": (bytes, bytes, bytes), "stream": (bytes,), "change": (bytes,),
         "left-out": (int, bytes), "receipt": (bytes,), "end": (int, bytes)}


class Stream:
    """What the file has of one direction."""

    def __init__(self, author):
        self.author, self.change, self.disowned, self.texts, self.gone = author, None, set(), 0, 0
        self.place, self.heads, self.hashes, self.given = 0, {}, {}, {}    # given: what receipts say of a number
        self.receipts, self.outcomes = [], {}

    @property
    def length(self):
        return next(reversed(self.hashes), 0)

    def applied(self, seq):
        return seq not in self.outcomes and seq not in self.disowned


class Proof:
    def __init__(self, data):
        self.findings, self.about, self.keys, self.streams = [], None, {}, []
        try:
            self._read(data)
            self._compare()
        except Problem as problem:
            self.find(problem.code, problem.detail)

    def find(self, code, words, stream=None, seq=None, broken=True):
        self.findings.append({"author": stream and desk_text(stream.author), "seq": seq, "code": code,
                              "broken": broken, "words": words})

    # --- 1, the form ---

    def _items(self, data):
        """The items, each with its place; stops with a Problem where the bytes are none."""
        at, count, ended = 0, 0, False
        while at < len(data):
            if ended:
                raise Problem("malformed", "Something stands behind the end.")
            try:
                reader = _Reader(data[at:at + MOST], LARGE)
                item = reader.item()
            except (ValueError, RecursionError) as error:
                raise Problem("not-deterministic", f"What stands behind is no part of a proof file: {error}.") from error
            if type(item) is not list or not item or type(item[0]) is not str:
                raise Problem("malformed", "An item of the file has no name.")
            if item[0] == "end":
                ended = True
                if item[1:] != [count, sha(data[:at])]:
                    self.find("altered", "The end does not fit what stands before it: the file was altered.")
            yield item[0], item[1:]
            at, count = at + reader.at, count + 1
        if not ended:
            self.find("cut-off", "The file has no end: it was cut off.")

    def _read(self, data):
        items = self._items(data)
        name, values = next(items, (None, None))
        if name != "proof" or len(values) != 2 or values[0] != 1 or not ABOUT(values[1]):
            raise Problem("malformed", "This is no proof file of version 1.")
        self.about = about = values[1]
        self.desks, stage = [about["inviter"], about["accepter"]], ["keys", "keys", "linking", "stream"]
        for name, values in items:
            form = (bytes, bytes)[:max(1, len(values))] if name == "message" else FORMS.get(name)
            if tuple(map(type, values)) != form:
                raise Problem("malformed", f"An item {name} has not its form.")
            if name != stage.pop(0) if stage else name in ("proof", "keys", "linking"):
                raise Problem("malformed", f"An item {name} stands where it has no place.")
            if name != "end":
                getattr(self, "_" + name.replace("-", "_"))(*values)
        if len(self.streams) != 2:
            raise Problem("malformed", "The file has not two streams.")

    # --- 2, keys and linking ---

    def _keys(self, desk, log):
        if desk not in self.desks or desk in self.keys:
            raise Problem("malformed", "A key log is of a desk that has no place here.")
        self.keys[desk] = key_log_keys(log)
        if sha(decode(log[0])[2]) != desk:
            raise Problem("bad-key-log", "The key log is of another desk.")

    def signed(self, data, purpose, desk, bounds=LARGE):
        """A signed thing of this desk, and the place of its key in the log."""
        kid = data[7:23]
        place = next((n for n, key in enumerate(self.keys[desk]) if sha(key)[:16] == kid), None)
        known = [] if place is None else [self.keys[desk][place]]
        return Signed(data, purpose, bounds=bounds, keys=known), place

    def _linking(self, request, answer, nonce):
        inviter, accepter = self.desks
        try:
            body = decode(decode(request)[2], LARGE)
            if "secret" not in body and body["from"] == inviter:
                inviter, accepter = accepter, inviter       # by hand, whoever asks: the smaller id is the inviter (3.8)
            asked, answered = (self.signed(data, purpose, desk)[0] for data, purpose, desk in (
                (request, "link-request", accepter), (answer, "link-answer", inviter)))
            if "secret" not in asked.body and self.desks != sorted(self.desks):
                raise Problem("malformed", "Linked by hand, the desk with the smaller id is the inviter.")
            for signed, ends in ((asked, [accepter, inviter]), (answered, [inviter, accepter])):
                if [signed.body["from"], signed.body["to"]] != ends:
                    raise Problem("wrong-desk", "Request or answer is of other desks.")
                shown = Descriptor(signed.body["descriptor"])
                if shown.desk != ends[0] or shown.keys != self.keys[ends[0]][:len(shown.keys)]:
                    raise Problem("bad-key-log", "A descriptor of the linking has another key log.")
            if answered.body["request"] != asked.hash or answered.body["terms"] != asked.body["terms"]:
                raise Problem("malformed", "The answer does not belong to the request.")
            if sha(nonce) != asked.body["commit"]:
                raise Problem("bad-reveal", "The nonce is not the one committed to.")
            if sha(b"deskwire link", asked.hash, answered.hash, nonce) != self.about["link"]:
                raise Problem("wrong-link", "Another link follows from the linking.")
        except (Problem, LookupError, TypeError) as problem:
            self.find(getattr(problem, "code", "malformed"), f"Linking: {problem}")

    # --- 3 and 4, messages and texts ---

    def _stream(self, author):
        if author not in self.desks[len(self.streams):][:1]:
            raise Problem("malformed", "A stream stands where it has no place.")
        self.streams.append(Stream(author))

    def _change(self, data):
        s = self.streams[-1]
        if s.change or s.hashes:
            raise Problem("malformed", "A change stands at the head of a stream, once.")
        try:
            hello, place = self.signed(data, "hello", s.author)
            if (hello.body["from"], hello.body["link"]) != (s.author, self.about["link"]) or "change" not in hello.body:
                raise Problem("wrong-link", "The hello is of another stream, or has no change.")
            s.change = (*hello.body["change"], place)
        except Problem as problem:
            self.find(problem.code, f"Change: {problem.detail}", s)

    def _next(self, seq, prev, whole):
        """Whether the number is the next one; `prev` where the message tells it."""
        s = self.streams[-1]
        if seq <= s.length:
            same = s.hashes.get(seq) == whole
            self.find("added" if same else "swapped", "Its number was there before.", s, seq)
            return False
        if seq > s.length + 1:
            for lost in range(s.length + 1, min(seq, s.length + 1001)):
                self.find("removed", "This message is not there.", s, lost)
        elif prev and s.hashes.get(seq - 1, self.about["link"]) not in (None, prev):
            self.find("bad-prev", "It does not continue the message before: changed, or another's.", s, seq)
        s.hashes[seq] = whole
        if s.change and s.change[0] == seq and s.change[1] != whole:
            self.find("fork", "The change of key names another message here.", s, seq)
        return True

    def _message(self, data, text=None):
        s, other, seq = self.streams[-1], self.desks[len(self.streams) % 2], self.streams[-1].length + 1
        try:
            if len(data) + len(text or b"") > 65536:
                raise Problem("too-large", "A message has at most 64 KiB.")
            message, place = self.signed(data, "message", s.author, bounds=SMALL)
            head, seq = message.body, message.body["seq"]
            if head["link"] != self.about["link"]:
                raise Problem("wrong-link", "It belongs to another link.")
            if (head["from"], head["to"]) != (s.author, other):
                raise Problem("wrong-desk", "It is from or for another desk.")
        except Problem as problem:
            if problem.code in ("bad-signature", "malformed", "not-deterministic"):
                s.hashes.setdefault(seq, None)      # it stands in its place, and what it said is not known
            self.find(problem.code, problem.detail, s, seq)
            return
        if not self._next(seq, head["prev"], message.hash):
            return
        behind = s.change is not None and seq > s.change[0] and place < s.change[2]
        if behind:
            s.disowned.add(seq)
            self.find("disowned", "Said under an older key behind the place of its change.", s, seq, broken=False)
        elif place < s.place:
            self.find("bad-signature", "An older key stands behind a newer one.", s, seq)
        s.place = s.place if behind else max(s.place, place)
        s.heads[seq] = head
        if text is not None:
            s.texts += 1
            if sha(text) != head.get("text"):
                self.find("text-mismatch", "The text is not the one whose hash is signed.", s, seq)
            if head.get("delegation") != self.about.get("delegation", head.get("delegation")):
                self.find("malformed", "The text of another case has no place in this file.", s, seq)
        elif "text" in head:
            s.gone += 1

    def _left_out(self, seq, whole):
        if "delegation" not in self.about or not (RULES["seq"](seq) and RULES["hash"](whole)):
            raise Problem("malformed", "Nothing may be left out here.")
        self._next(seq, None, whole)

    # --- 5, seen and receipts ---

    def _receipt(self, data):
        s, reader = self.streams[-1], self.desks[len(self.streams) % 2]
        body = {"upto": None}
        try:
            body = self.signed(data, "receipt", reader)[0].body
            check_receipt(body)
            if (body["from"], body["to"], body["link"]) != (reader, s.author, self.about["link"]):
                raise Problem("wrong-desk", "A receipt of another stream.")
            if s.length != body["upto"] or s.hashes.get(body["upto"], self.about["link"]) not in (None, body["hash"]):
                raise Problem("fork", "A receipt tells of another message.")
        except Problem as problem:
            self.find(problem.code, f"Its receipt: {problem.detail}", s, body["upto"] or s.length)
            return
        s.receipts.append(body)
        counted, told = 0, {outcome[0]: outcome[1:] for outcome in body["outcomes"]}
        for seq, step in zip(range(body["base"] + 1, body["upto"] + 1), body["times"]):
            counted += step
            said = (counted, told.get(seq))
            if s.given.setdefault(seq, said) != said:
                self.find("receipts-contradict", "Two receipts contradict each other about it.", s, seq, broken=False)
        s.outcomes |= {seq: outcome for seq, outcome in told.items() if s.given[seq][1] == outcome}

    def _compare(self):
        for s, other in (self.streams, self.streams[::-1]):
            highest = 0
            for seq, head in s.heads.items():
                code = s.outcomes.get(seq, [None, None])[1]
                if code in ("seen-ahead", "seen-falls", "seen-behind-receipt") or seq in s.disowned:
                    continue
                if head["seen"] > other.length:
                    self.find("seen-ahead", "It has seen messages that are not there.", s, seq)
                    continue
                if head["seen"] < highest:
                    self.find("seen-falls", "`seen` is lower than in an earlier message.", s, seq, broken=False)
                highest = max(highest, head["seen"])
                promised = max((r["upto"] for r in other.receipts if r["length"] < seq), default=0)
                if head["seen"] < promised:
                    words = f"Its author had given a receipt up to {promised}."
                    self.find("seen-behind-receipt", words, s, seq, broken=False)

    # --- 6, the fold ---

    def delegations(self):
        """From the facts alone: the fold needs no text."""
        offers, left_out = {}, sum(len(s.hashes) - len(s.heads) for s in self.streams)
        for s in self.streams:
            for seq, head in s.heads.items():
                if head["kind"] == "delegation.offer" and s.applied(seq) and "delegation" in head:
                    offers.setdefault(head["delegation"], s.author)
        for delegation, principal in sorted(offers.items()):
            if self.about.get("delegation", delegation) != delegation:
                continue
            events, provisional = [], left_out > 0
            for s in self.streams:
                side = "principal" if s.author == principal else "contractor"
                for seq, head in s.heads.items():
                    inside = head["kind"] == "link.close" or head.get("delegation") == delegation
                    event = inside and self._event(s, seq, head, side)
                    events += [event] if event else []
                    provisional |= bool(event) and seq not in s.given
            done = fold(events)
            yield {"delegation": delegation.hex(), "principal": desk_text(principal), "state": done.state,
                   "events": len(events), "provisional": provisional, "left_out": left_out,
                   "without_effect": sum(step in "-x" for _, step in done.steps)}

    @staticmethod
    def _event(s, seq, head, author):
        try:
            facts = decode(head["facts"])
            name = event_name(head["kind"], facts) if RULES["facts " + head["kind"]](facts) else None
        except (Problem, LookupError):
            name = None
        if name is None or seq in s.disowned:
            return None
        names = {"resolve": "deadline", "priority": "priority", "price": "price"}
        fields = {field for member, field in names.items() if member in facts}
        fields |= {"scope"} if facts.get("scope") is True else set()
        return Event(author, seq, head["seen"], name, facts.get("version", 0), frozenset(fields), s.applied(seq))

    def report(self):
        return {"ok": not any(finding["broken"] for finding in self.findings), "findings": self.findings,
                "about": self.about and {k: v.hex() if type(v) is bytes else v for k, v in self.about.items()},
                "streams": [{"author": desk_text(s.author), "length": s.length, "messages": len(s.heads), "texts": s.texts,
                             "left_out": len(s.hashes) - len(s.heads), "texts_missing": s.gone,
                             "received": max((receipt["upto"] for receipt in s.receipts), default=0),
                             "receipts": len(s.receipts), "disowned": len(s.disowned),
                             "head": (s.hashes.get(s.length, self.about["link"]) or b"").hex()} for s in self.streams],
                "delegations": list(self.delegations()) if len(self.streams) == 2 else []}


if __name__ == "__main__":
    done = Proof(pathlib.Path(sys.argv[1]).read_bytes()).report()
    print(json.dumps(done, indent=2))
    sys.exit(0 if done["ok"] else 1)
