"""Streams: the two checks of a message, what is kept, receipts and numbering (chapters 4 to 10)."""

import os
import secrets
import sqlite3
import threading
import time

import shapes
from fold import CLOSED, Event, fold
from shapes import KINDS, MOST, Problem, match
from wire import LARGE, SMALL, Descriptor, Signed, decode, decode_sequence, encode, sha, sign

# What this desk does not do; the peer's person is told by the outcome (README, "Conformance").
UNSUPPORTED = {kind for kind in KINDS if kind.split(".")[0] in ("terms", "statement", "chain", "privacy", "work")}
SCHEMA = """
create table if not exists meta(k text primary key, v blob);
create table if not exists link(id blob primary key, peer blob, inviter int, terms blob, state text, descriptor blob,
    answer blob, nonce blob, reveal blob);
create table if not exists msg(link blob, mine int, seq int, signed blob, text blob, time int, outcome text, code text,
    words text, item blob, kind text, delegation blob, seen int, primary key(link, mine, seq));
create table if not exists receipt(link blob, mine int, upto int, length int, signed blob);
create table if not exists session(link blob, hello blob, id blob, welcome blob, instance blob, behind int, state text,
    n integer primary key autoincrement);
create table if not exists item(n integer primary key autoincrement, link blob, id blob, kind text, delegation blob,
    time int, facts blob, text blob, acted int);
create table if not exists invitation(secret blob primary key, body blob, peer blob, tries int, spent int);
create table if not exists exchange(request blob primary key, signed blob, answer blob, nonce blob, secret blob,
    void int);
"""


def now():
    return int(time.time() * 1000)


# --- the checks ---------------------------------------------------------------------------


def split_batch(data):
    if len(data) > 1048576:
        raise Problem("too-large", "A batch has at most 1 MiB.")
    head, *deliveries = decode_sequence(data, SMALL)
    match("batch-head", head)
    if len(deliveries) > 256:
        raise Problem("too-many", "A batch has at most 256 messages.")
    if not deliveries or not all(shapes.RULES["delivery"](d) for d in deliveries):
        raise Problem("malformed", "A batch has 1 to 256 deliveries.")
    return head, deliveries


def check_envelope(signed, text, link, peer, me, keys):
    """Section 4.5, steps 1 to 4: what needs no place in the stream."""
    if len(signed) + len(text or b"") > 65536:
        raise Problem("too-large", "A message has at most 64 KiB.")
    message = Signed(signed, "message", bounds=SMALL, keys=keys)
    if message.body["link"] != link:
        raise Problem("wrong-link", "The message belongs to another link.")
    if (message.body["to"], message.body["from"]) != (me, peer):
        raise Problem("wrong-desk", "The message is from or for another desk.")
    return message


def check_body(head, text):
    """Section 4.6, steps 1 to 7: facts and text, or a Problem with the code of the outcome."""
    kind = head["kind"]
    if kind not in KINDS:
        raise Problem("unsupported-kind", "This desk does not know this kind of message.")
    sender, mode = KINDS[kind]
    members = {word.partition(":")[0].lstrip("?") for word in shapes.OPEN["facts " + kind].split()}
    if set(head.get("must", [])) - members:
        raise Problem("unsupported-key", "This desk does not understand a part that has to be understood.")
    if "text" in head and text is None:
        raise Problem("text-missing", "The text of this message did not come. Send it again as a new one.")
    if text is not None and sha(text) != head.get("text"):
        raise Problem("text-mismatch", "The text does not belong to this message. Send it again as a new one.")
    part = None if text is None else decode(text, SMALL, "malformed-text")
    if ("delegation" in head) != (sender != "desk"):
        raise Problem("malformed-facts", "This kind does not go with a delegation, or needs one.")
    facts = decode(head["facts"], SMALL, "malformed-facts")
    if not shapes.RULES["facts " + kind](facts):
        raise Problem("malformed-facts", f"The facts have not the shape of {kind}.")
    if kind in ("comment.edit", "delegation.update", "delegation.change-take", "delegation.change-decline") \
            and facts["version"] < 2:
        raise Problem("malformed-facts", "Version 1 is the comment or the offer itself.")
    body = part[1] if type(part) is list and len(part) == 2 and shapes.octets(16)(part[0]) else None
    if mode == "reason":
        reason = body.get("reason") if type(body) is dict else None
        blank = type(body) is dict and (reason is None or (type(reason) is str and reason and not reason.strip()))
        if part is None or (blank and shapes.RULES["reason-text"](body | {"reason": "x"})):
            raise Problem("reason-missing", "Say why: this needs a reason in words.")
    elif part is None and mode not in ("none", "by"):
        raise Problem("malformed-text", f"A {kind} needs its text.")
    if part is not None:
        rule = {"reason": "reason-text", "by": "by-text"}.get(mode, mode)
        if mode == "none" or body is None or not shapes.RULES[rule](body):
            raise Problem("malformed-text", f"The text has not the shape of {kind}.")
    return facts, body or {}


def check_receipt(body):
    """What the shape of a receipt does not say (section 8.2)."""
    seqs = [outcome[0] for outcome in body["outcomes"]]
    if (body["base"] > body["upto"] or len(body["times"]) != body["upto"] - body["base"]
            or any(a >= b for a, b in zip(seqs, seqs[1:])) or any(not body["base"] < s <= body["upto"] for s in seqs)):
        raise Problem("malformed", "The receipt contradicts itself.")


def check_terms(terms, facts, text):
    """Sections 6.2 and 6.10: what the terms of the link allow."""
    def refuse(what):
        raise Problem("not-allowed-by-terms", f"The terms of the link do not allow {what}.")
    fields = terms["fields"]
    if terms["person"] == "nothing" and "by" in text or terms["person"] == "function" and "name" in text.get("by", {}):
        refuse("the name of a person")
    for name in ("company", "contact", "custom", "equipment", "object", "agreement"):
        if name in text and name not in fields:
            refuse(f"the field {name}")
    for name, allowed in (("category", "category"), ("priority", "priority"), ("price", "price"),
                          ("respond", "deadline"), ("resolve", "deadline")):
        if name in facts and allowed not in fields:
            refuse(f"the field {name}")
    own = facts.get("own", {})
    if "status" not in fields and (own.get("status", "open") not in ("open", "closed") or "status-label" in own):
        refuse("more of a status than open or closed")
    if "price" in facts and facts["price"][1] != terms.get("currency", facts["price"][1]):
        refuse("this currency")
    if "loop-tags" in facts and not terms.get("loop-tags"):
        refuse("loop tags")
    known = {custom["key"]: custom for custom in terms.get("custom", [])}
    keys = [key for key, _ in text.get("custom", [])]
    if set(keys) - set(known):
        refuse("a custom field")
    types = {"number": shapes.RULES["decimal"], "date": shapes.regex(r"\d{4}-\d\d-\d\d"), "text": lambda v: True}
    for key, value in text.get("custom", []):
        custom = known[key]
        if keys.count(key) > 1 or not types.get(custom["type"], lambda v: v in custom["choices"])(value):
            raise Problem("malformed-text", f"The custom field {key} has not its type.")


# --- what is kept -------------------------------------------------------------------------


class Book:
    """All that the desk holds, in one SQLite file; every method that writes is one durable step."""

    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.lock, self.sure = folder, threading.RLock(), set()
        self.db = sqlite3.connect(os.path.join(folder, "desk.sqlite"), check_same_thread=False, timeout=30)
        self.db.row_factory = sqlite3.Row
        self.db.executescript("pragma journal_mode=wal; pragma synchronous=full;" + SCHEMA)
        self.seed = self.meta("seed")
        if self.seed:
            self.descriptor = Descriptor(self.meta("descriptor"))
            self.me = self.descriptor.desk

    def __enter__(self):
        self.lock.acquire()
        self.db.execute("begin immediate") if not self.db.in_transaction else None
        return self

    def __exit__(self, failed, *_):
        self.db.rollback() if failed else self.db.commit()
        self.lock.release()

    def all(self, sql, *values):
        with self.lock:
            return self.db.execute(sql, values).fetchall()

    def one(self, sql, *values):
        with self.lock:
            return self.db.execute(sql, values).fetchone()

    def meta(self, key, value=None):
        if value is not None:
            self.db.execute("insert or replace into meta values(?, ?)", (key, value))
        found = self.one("select v from meta where k = ?", key)
        return found and found[0]

    def sign(self, purpose, **body):
        return sign(self.seed, purpose, {"v": 1, "from": self.me, **{k.rstrip("_"): v for k, v in body.items()}})

    def link(self, link, peer=None):
        found = self.one("select * from link where id = ?", link)
        if not found or (peer and found["peer"] != peer):
            raise Problem("unknown-link", "There is no such link with this desk.")
        return found

    def active(self, link):
        state = self.link(link)["state"]
        if state != "active":
            raise Problem("link-waiting" if state in ("begun", "waiting") else f"link-{state}", f"The link is {state}.")

    def peer(self, link):
        return Descriptor(self.link(link)["descriptor"])

    def take_descriptor(self, link, data):
        """Section 2.4; a rotated key pauses the link, because this desk does not do section 5.8."""
        new, old = Descriptor(data), self.peer(link)
        if new.desk != old.desk:
            raise Problem("wrong-desk", "The descriptor is of another desk.")
        if new.replaces(old):
            self.db.execute("update link set descriptor = ? where id = ?", (new.data, link))
            if new.keys != old.keys:
                self.db.execute("update link set state = 'paused' where id = ?", (link,))

    def place(self, link, mine):
        """Length and head of a stream."""
        last = self.one("select seq, signed from msg where link = ? and mine = ? order by seq desc limit 1", link, mine)
        return (last["seq"], sha(last["signed"])) if last else (0, link)

    def hash_at(self, link, mine, seq):
        found = self.one("select signed from msg where link = ? and mine = ? and seq = ?", link, mine, seq)
        return sha(found["signed"]) if found else link if seq == 0 else None

    def known(self, link):
        """How far receipts of the peer tell about this desk's stream."""
        return self.one("select max(upto) from receipt where link = ? and mine = 0", link)[0] or 0

    # --- reading ---

    def consume(self, link, delivery):
        """One message of the peer: the rest of both checks, then it is kept. A Problem stops the stream."""
        signed, text = delivery
        row, peer = self.link(link), self.peer(link)
        message = check_envelope(signed, text, link, row["peer"], self.me, peer.keys)
        head, (cursor, last) = message.body, self.place(link, 0)
        place = {"length": cursor, "head": last.hex()}
        if head["seq"] <= cursor:
            if self.hash_at(link, 0, head["seq"]) != message.hash:
                raise Problem("fork", "Another message with this number is held.", **place)
            return False
        if head["seq"] > cursor + 1:
            raise Problem("gap", f"This desk holds {cursor} messages; send from {cursor + 1} on.", **place)
        if head["prev"] != last:
            raise Problem("bad-prev", "`prev` is not the hash of the message before.", **place)
        own = self.place(link, 1)[0]
        if head["seen"] > own and link not in self.sure:
            raise Problem("busy", "This desk does not know yet whether it holds its whole stream.")
        outcome, code, words = None, None, None
        try:
            self._judge(row, head, text, own)
        except Problem as problem:
            code, words = problem.code, problem.detail
            outcome = "unsupported" if code.startswith("unsupported") else "refused"
        before = self.one("select max(time) from msg where link = ? and mine = 0", link)[0] or 0
        self.db.execute("insert into msg values(?,0,?,?,?,?,?,?,?,?,?,?,?)", (
            link, head["seq"], signed, text, max(now(), before), outcome, code, words, head["item"], head["kind"],
            head.get("delegation"), None if code in ("seen-ahead", "seen-falls", "seen-behind-receipt") else head["seen"]))
        if not outcome:
            self._effect(link, head)
        return True

    def _judge(self, row, head, text, own):
        link, kind = row["id"], head["kind"]
        facts, text = check_body(head, text)
        if kind in UNSUPPORTED:
            raise Problem("unsupported-kind", f"This desk does not take {kind}.")
        if head["seen"] > own:
            raise Problem("seen-ahead", "The message names messages that were never sent.")
        if head["seen"] < (self.one("select max(seen) from msg where link = ? and mine = 0", link)[0] or 0):
            raise Problem("seen-falls", "`seen` is lower than in an earlier message.")
        bound = self.one("select max(upto) from receipt where link = ? and mine = 0 and length < ?", link, head["seq"])[0]
        if head["seen"] < (bound or 0):
            raise Problem("seen-behind-receipt", "`seen` is behind a receipt that the sender has given.")
        if self.one("select 1 from msg where link = ? and mine = 0 and item = ?", link, head["item"]):
            raise Problem("duplicate-item", "The item occurred before in this stream.")
        if self.one("select 1 from msg where link = ? and mine = 0 and kind = 'link.close' and outcome is null", link):
            raise Problem("action-not-allowed", "The link was closed before this message.")
        terms, delegation = decode(row["terms"], LARGE), head.get("delegation")
        if delegation:
            offer = self.offer(link, delegation)
            if kind == "delegation.offer":
                self._judge_offer(row, terms, facts, offer)
            elif not offer:
                raise Problem("unknown-delegation", "The link has no such delegation.")
            else:
                self._judge_inside(terms, head, facts, offer)
        check_terms(terms, facts, {} if head["kind"] == "link.close" else text)
        if kind == "link.descriptor":
            try:
                fits = Descriptor(facts["descriptor"]).desk == row["peer"]
            except Problem:
                fits = False
            if not fits:
                raise Problem("malformed-facts", "The descriptor does not verify, or is not the sender's.")
        if kind == "link.withdraw" and facts["seq"] >= head["seq"]:
            raise Problem("malformed-facts", "Only an earlier message can be withdrawn.")

    def _judge_offer(self, row, terms, facts, offer):
        if offer:
            raise Problem("duplicate-delegation", "The delegation exists already.")
        if ("accepter" if row["inviter"] else "inviter") not in terms["principals"]:
            raise Problem("not-allowed-by-terms", "The terms do not let this side hand work over.")
        if facts["rules"] != 1:
            raise Problem("unsupported-rules", "This desk knows the fold rules 1 only.")

    def _judge_inside(self, terms, head, facts, offer):
        kind, role = head["kind"], "contractor" if offer["mine"] else "principal"
        link, delegation = offer["link"], offer["delegation"]
        if kind == "delegation.status" and "state" in facts and role == "principal":
            raise Problem("not-your-field", "The state comes from the contractor alone.")
        if KINDS[kind][0] not in ("either", role):
            raise Problem("action-not-allowed", f"The {role} may not say {kind}.")
        if kind == "delegation.update" and facts["version"] <= max(
                [1] + [e["facts"]["version"] for e in self.history(link, delegation) if e["kind"] == kind]):
            raise Problem("malformed-facts", "The version is not higher than that of earlier updates.")
        if kind in ("delegation.change-take", "delegation.change-decline") and not any(
                e["facts"]["version"] == facts["version"] and e["seq"] <= head["seen"]
                for e in self.history(link, delegation) if e["kind"] == "delegation.update" and e["mine"]):
            raise Problem("malformed-facts", "There is no change with this version.")
        if kind == "work.add" and not facts["quantity"].strip("-0.") or facts.get("quantity", "").startswith("-"):
            raise Problem("malformed-facts", "The quantity has to be more than nothing.")
        late = role == "principal" and terms.get("late", "refuse") == "refuse"
        if kind in ("comment.add", "file.add") and late and self.fold(link, delegation).state in CLOSED:
            raise Problem("not-allowed-by-terms", "The delegation is closed.")
        if kind == "file.add" and facts["size"] > min(terms["file"], self.descriptor.body["limits"]["file"]):
            raise Problem("file-too-large", "The file is larger than this desk takes.")
        for name, what in (("comment", "comment.add"), ("file", "file.add")):
            if name not in facts:
                continue
            target = [e for e in self.history(link, delegation) if e["kind"] == what and e["item"] == facts[name]]
            mine = [e for e in target if not e["mine"]]
            if not target:
                raise Problem("malformed-facts", f"The {name} is not one of this delegation.")
            if kind != "file.add" and not mine:
                raise Problem("not-your-field", f"The {name} is another author's.")
        if kind == "comment.edit":
            edits = [e for e in self.history(link, delegation)
                     if e["kind"] == kind and e["facts"]["comment"] == facts["comment"] and not e["mine"]]
            if facts["version"] <= max([1] + [e["facts"]["version"] for e in edits]):
                raise Problem("malformed-facts", "The version is not higher than that of earlier edits.")

    def _effect(self, link, head):
        facts = decode(head["facts"])
        if head["kind"] == "link.descriptor":
            self.take_descriptor(link, facts["descriptor"])
        if head["kind"] == "link.withdraw":
            self.db.execute("update msg set text = null where link = ? and mine = 0 and seq = ?", (link, facts["seq"]))
        if head["kind"] == "link.close" and not self.one(
                "select 1 from msg where link = ? and mine = 1 and kind = 'link.close'", link):
            self.say(link, "link.close", None, {}, {"reason": "The partner ended the link."}, judged=False)

    def receipt(self, link, base):
        """Signs what was consumed: messages `base`+1 to the cursor (section 8.2)."""
        cursor = self.place(link, 0)[0]
        base = min(base, cursor)
        upto = min(cursor, base + 4096)
        rows = self.all("select * from msg where link = ? and mine = 0 and seq > ? and seq <= ? order by seq",
                        link, base, upto)
        times = [row["time"] - (rows[n - 1]["time"] if n else 0) for n, row in enumerate(rows)]
        outcomes = [[r["seq"], r["outcome"], r["code"], r["words"]] for r in rows if r["outcome"]]
        signed = self.sign("receipt", to=self.link(link)["peer"], link=link, base=base, upto=upto, times=times,
                           hash=self.hash_at(link, 0, upto), length=self.place(link, 1)[0], outcomes=outcomes)
        self.db.execute("insert into receipt values(?,1,?,?,?)", (link, upto, self.place(link, 1)[0], signed))
        return signed

    def take_receipt(self, link, data):
        """Section 8.3: the peer's answer about this desk's messages."""
        receipt, row, known = Signed(data, "receipt"), self.link(link), self.known(link)
        body = receipt.verify(self.peer(link).keys)
        check_receipt(body)
        if ((body["from"], body["to"], body["link"]) != (row["peer"], self.me, link) or body["base"] > known
                or self.hash_at(link, 1, body["upto"]) != body["hash"]):
            raise Problem("malformed", "The receipt is not about this stream.")
        counted, outcomes = 0, {outcome[0]: outcome[1:] for outcome in body["outcomes"]}
        for seq, step in zip(range(body["base"] + 1, body["upto"] + 1), body["times"]):
            counted += step
            if seq > known:
                self.db.execute("update msg set time = ?, outcome = ?, code = ?, words = ? where link = ? and mine = 1"
                                " and seq = ?", (counted, *outcomes.get(seq, (None, None, None)), link, seq))
        if body["upto"] > known or body["upto"] == 0:
            self.db.execute("insert into receipt values(?,0,?,?,?)", (link, body["upto"], body["length"], data))

    # --- what a delegation is ---

    def history(self, link, delegation):
        """Its applied messages of both sides, decoded; a stream keeps its order."""
        rows = self.all("select * from msg where link = ? and delegation = ? and outcome is null order by mine, seq",
                        link, delegation)
        return [dict(row, facts=decode(Signed(row["signed"], "message").body["facts"]),
                     text=decode(row["text"])[1] if row["text"] else {}) for row in rows]

    def offer(self, link, delegation):
        return next((e for e in self.history(link, delegation) if e["kind"] == "delegation.offer"), None)

    def fold(self, link, delegation, *more):
        offer = self.offer(link, delegation)
        events = list(more)
        for row in self.all("select * from msg where link = ? and (delegation = ? or kind = 'link.close')", link,
                            delegation):
            name = event_name(row["kind"], decode(Signed(row["signed"], "message").body["facts"], SMALL)) \
                if row["outcome"] is None else "-"
            if name and offer:
                author = "principal" if row["mine"] == offer["mine"] else "contractor"
                events.append(self._event(row, name, author))
        return fold(events)

    def _event(self, row, name, author):
        if name == "-":
            return Event(author, row["seq"], row["seen"] or 0, name, applied=False)
        facts = decode(Signed(row["signed"], "message").body["facts"])
        names = {"deadline": "resolve" in facts, "priority": "priority" in facts, "price": "price" in facts,
                 "scope": facts.get("scope") is True}
        return Event(author, row["seq"], row["seen"], name, facts.get("version", 0),
                     frozenset(n for n, there in names.items() if there))

    # --- writing ---

    def say(self, link, kind, delegation, facts, text=None, judged=True):
        """Accepts an item for a link (section 5.1); one that the fold would supersede is refused (7.11)."""
        if judged and delegation and event_name(kind, facts):
            self._possible(link, kind, delegation, facts, self.place(link, 0)[0])
        part = None if text is None else encode([secrets.token_bytes(16), text])
        item = secrets.token_bytes(16)
        self.db.execute("insert into item(link,id,kind,delegation,time,facts,text,acted) values(?,?,?,?,?,?,?,?)",
                        (link, item, kind, delegation, now(), encode(facts), part, self.place(link, 0)[0]))
        return item

    def _possible(self, link, kind, delegation, facts, acted):
        role = "principal" if self.offer(link, delegation)["mine"] else "contractor"
        event = Event(role, MOST, acted, event_name(kind, facts), facts.get("version", 0))
        done = self.fold(link, delegation, event)
        if done.steps[-1][1] == "-" or done.steps[-1][0] is not event:
            before = self.fold(link, delegation).state
            raise Problem("not-now", f"{kind} is not possible while the delegation is {before}.")

    def number(self, link):
        """Numbers and signs the waiting items in one step; an item that has become impossible is dropped."""
        for item in self.all("select * from item where link = ? order by n", link):
            seq, prev = self.place(link, 1)
            facts = decode(item["facts"])
            try:
                if item["delegation"] and event_name(item["kind"], facts):
                    self._possible(link, item["kind"], item["delegation"], facts, self.place(link, 0)[0])
            except Problem as problem:
                print(f"not sent: {problem.detail}", flush=True)
                self.db.execute("delete from item where n = ?", (item["n"],))
                continue
            head = {"to": self.link(link)["peer"], "link": link, "seq": seq + 1, "prev": prev, "item": item["id"],
                    "seen": self.place(link, 0)[0], "time": item["time"], "kind": item["kind"], "facts": item["facts"]}
            head |= {"text": sha(item["text"])} if item["text"] else {}
            head |= {"delegation": item["delegation"]} if item["delegation"] else {}
            check_body(head, item["text"])
            signed = self.sign("message", **head)
            self.db.execute("insert into msg values(?,1,?,?,?,null,null,null,null,?,?,?,?)", (
                link, seq + 1, signed, item["text"], item["id"], item["kind"], item["delegation"], head["seen"]))
            self.db.execute("delete from item where n = ?", (item["n"],))


def event_name(kind, facts):
    """The event of chapter 7 that a message is, or None."""
    name = "link-close" if kind == "link.close" else kind.removeprefix("delegation.")
    if name == kind or name == "digest":
        return None
    if name == "status" and "state" in facts:
        return "status:" + facts["state"]
    return "answer:not-needed" if name == "answer" and not facts["needed"] else name
