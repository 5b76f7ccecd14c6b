#!/usr/bin/env python3
"""Reads every test vector with libraries that share no code with the desk.

    python3 -m venv env && env/bin/pip install -r requirements.txt && env/bin/python read_vectors.py

It checks the manifest, the strict check, the one form of COSE_Sign1, keys and signatures (PyNaCl and pycose),
hashes and ids, and that every good vector encodes again to its own bytes (cbor2). What is malformed by its
shape alone is the business of the CDDL; here such a vector must only not fail for another reason.
"""

import base64
import hashlib
import json
import pathlib
import sys

import cbor2
import nacl.bindings
import nacl.exceptions
from pycose.keys import OKPKey
from pycose.messages import Sign1Message

from strict import LARGE, SMALL, Lax, check, split

ROOT = pathlib.Path(__file__).resolve().parent.parent
VECTORS = ROOT / "vectors"
WORDS = ROOT.parent / "crates" / "proto" / "src" / "words"
SEQUENCES = {"batch", "recover-page", "blob-upload", "pull-answer"}
PLAIN = {"terms", "invitation", "blob-have", "author-proof", "any"}
JUDGED = {"not-deterministic", "bad-signature", "key-unknown", "weak-key"}
# What is found in a proof file is all judged here.
JUDGED |= {"altered", "added", "bad-form", "bad-linking", "bad-receipt", "cut-off", "removed", "swapped", "text-differs"}


class Refused(Exception):
    """A vector is refused; the argument is the code."""


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def strictly(data, bounds):
    try:
        check(data, bounds)
    except Lax as error:
        raise Refused("not-deterministic") from error


def again(data):
    """cbor2 must come to the same bytes, without any knowledge of the schema."""
    if cbor2.dumps(cbor2.loads(data), canonical=True) != data:
        raise AssertionError("cbor2 encodes other bytes")


# --- signatures ---------------------------------------------------------------------------


def parts(data):
    """The four parts of a COSE_Sign1 in the one form of section 4.2."""
    strictly(data, SMALL)
    array = cbor2.loads(data)
    if not isinstance(array, list) or len(array) != 4:
        raise Refused("malformed")
    protected, unprotected, payload, signature = array
    shapes = [(protected, bytes), (unprotected, dict), (payload, bytes), (signature, bytes)]
    if not all(isinstance(part, kind) for part, kind in shapes) or unprotected or len(signature) != 64:
        raise Refused("malformed")
    if protected[:5] != bytes.fromhex("a201270450") or len(protected) != 21:
        raise Refused("malformed")
    return protected, payload, signature


def usable(key):
    """A canonical point that is not of small order."""
    if not nacl.bindings.crypto_core_ed25519_is_valid_point(key):
        raise Refused("weak-key")


def opened(data, purpose, keys, bounds):
    """The payload of a signed thing, after every check of chapters 2 and 4 that needs no schema."""
    protected, payload, signature = parts(data)
    for key in keys:
        usable(key)
    strictly(payload, bounds)
    known = [key for key in keys if sha(key)[:16] == protected[5:]]
    if not known:
        raise Refused("key-unknown")
    if known[0] != keys[-1]:
        raise Refused("bad-signature")
    aad = b"deskwire/1/" + purpose.encode()
    signed = cbor2.dumps(["Signature1", protected, aad, payload], canonical=True)
    try:
        nacl.bindings.crypto_sign_open(signature + signed, known[0])
    except nacl.exceptions.BadSignatureError as error:
        raise Refused("bad-signature") from error
    message = Sign1Message.from_cose_obj(cbor2.loads(data), True)
    message.external_aad = aad
    message.key = OKPKey(crv="ED25519", x=known[0])
    if not message.verify_signature():
        raise AssertionError("pycose does not take what PyNaCl takes")
    again(payload)
    return payload


def key_log(events):
    """Keys of a log, by section 2.3."""
    keys, prev, commit = [], None, None
    for place, event in enumerate(events):
        _, payload, _ = parts(event)
        strictly(payload, SMALL)
        body = cbor2.loads(payload)
        key = body["key"] if isinstance(body, dict) and isinstance(body.get("key"), bytes) else b""
        if len(key) != 32:
            raise Refused("bad-key-log")
        usable(key)
        try:
            opened(event, "key-event", [key], SMALL)
        except Refused as refusal:
            raise Refused("bad-key-log" if str(refusal) == "key-unknown" else str(refusal)) from refusal
        if place == 0:
            fits = set(body) == {"v", "key", "next", "type"} and body["type"] == "inception"
        else:
            fits = set(body) == {"v", "key", "seq", "next", "prev", "type"} and body["type"] == "rotation"
            fits = fits and (body["seq"], body["prev"], sha(key)) == (place, prev, commit)
        if not fits or body["v"] != 1 or not isinstance(body["next"], bytes) or len(body["next"]) != 32:
            raise Refused("bad-key-log")
        keys.append(key)
        prev, commit = sha(event), body["next"]
    if not 1 <= len(keys) <= 64:
        raise Refused("bad-key-log")
    return keys


def desk_id(event):
    return sha(parts(event)[1])


# --- one vector ---------------------------------------------------------------------------


def judge(vector, data):
    """Raises Refused with what these libraries refuse; returns the bytes that must encode again."""
    rule, purpose = vector["cddl"], vector["purpose"]
    keys = [bytes.fromhex(key) for key in vector.get("keys", [])]
    context = vector.get("context", {})
    if purpose == "desk-id-text":
        read_desk_id(data.decode(), vector)
    elif purpose == "invitation-text":
        read_invitation(data.decode())
    elif purpose == "words":
        words(data, vector["value"])
    elif rule == "key-event":
        log = bytes.fromhex(context.get("log", "80"))
        key_log(cbor2.loads(log) + [data])
    elif rule == "key-log":
        strictly(data, SMALL)
        events = cbor2.loads(data)
        if not all(isinstance(event, bytes) for event in events):
            raise Refused("bad-key-log")
        keys = key_log(events)
        if "value" in vector:
            expect(vector, desk=desk_id(events[0]), head=sha(events[-1]), keys=[key.hex() for key in keys])
    elif rule == "descriptor":
        descriptor(data)
    elif rule in SEQUENCES:
        sequence(rule, purpose, keys, data)
    elif rule == "text-part":
        try:
            check(data, SMALL)
        except Lax as error:
            raise Refused("malformed-text") from error
        again(data)
    elif rule in PLAIN:
        small = rule == "any" and context.get("bounds") != "large"
        strictly(data, SMALL if small else LARGE)
        again(data)
        if rule == "terms" and "value" in vector:
            expect(vector, hash=sha(data))
    elif rule == "delivery":
        deliver(vector, keys, data)
    elif rule == "proof-file":
        proof(vector, data)
    elif rule == "message":
        if "value" in vector:
            expect(vector, hash=sha(data))
        head(opened(data, "message", keys, SMALL), context)
    else:
        document(vector, opened(data, purpose, keys, LARGE))


def expect(vector, **values):
    for name, value in values.items():
        value = value.hex() if isinstance(value, bytes) else value
        if vector["value"][name] != value:
            raise AssertionError(f"{name} is {value}")


def descriptor(data):
    _, payload, _ = parts(data)
    strictly(payload, LARGE)
    body = cbor2.loads(payload)
    if not isinstance(body, dict) or not isinstance(body.get("keys"), list):
        raise Refused("malformed")
    keys = key_log(body["keys"])
    opened(data, "descriptor", keys, LARGE)
    if body.get("desk") != desk_id(body["keys"][0]):
        raise Refused("malformed")


def document(vector, payload):
    body = cbor2.loads(payload)
    if not isinstance(body, dict):
        raise Refused("malformed")
    if isinstance(body.get("descriptor"), bytes) and vector["expect"] == "ok":
        descriptor(body["descriptor"])
    context, rule = vector.get("context", {}), vector["cddl"]
    if rule == "link-reveal" and "request" in context and vector["expect"] == "ok":
        request, answer = (bytes.fromhex(context[name]) for name in ("request", "answer"))
        commit = cbor2.loads(parts(request)[1])["commit"]
        assert commit == sha(body["nonce"]) and body["answer"] == sha(answer)
        expect(vector, link=sha(b"deskwire link", sha(request), sha(answer), body["nonce"]))
    if rule == "welcome" and "value" in vector:
        expect(vector, session=sha(body["hello"], body["nonce"]))
    if rule == "receipt" and vector["expect"] == "ok":
        assert len(body["times"]) == body["upto"] - body["base"]


def sequence(rule, purpose, keys, data):
    items, bounds = [], LARGE if rule == "recover-page" else SMALL
    while data:
        try:
            item, data = split(data, bounds)
        except Lax as error:
            raise Refused("not-deterministic") from error
        again(item)
        items.append(item)
    if not items:
        raise Refused("not-deterministic")
    if rule == "blob-upload":
        first = cbor2.loads(items[0])
        if not isinstance(first, list):
            raise Refused("malformed")
        if len(items) == 1:
            raise Refused("not-deterministic")
        payload = opened(items[0], purpose, keys, LARGE)
        bytes_ = cbor2.loads(items[1])
        if not isinstance(bytes_, bytes) or len(items) != 2:
            raise Refused("malformed")
        if cbor2.loads(payload)["bytes"] != sha(bytes_):
            raise Refused("blob-mismatch")


def head(payload, context):
    body = cbor2.loads(payload)
    for name, code in (("link", "wrong-link"), ("to", "wrong-desk"), ("from", "wrong-desk")):
        value = body.get(name) if isinstance(body, dict) else None
        if isinstance(value, bytes) and len(value) == 32 and value.hex() != context[name]:
            raise Refused(code)
    return body


def deliver(vector, keys, data):
    strictly(data, SMALL)
    delivery = cbor2.loads(data)
    fits = isinstance(delivery, list) and len(delivery) == 2 and isinstance(delivery[0], bytes)
    if not fits or not (delivery[1] is None or isinstance(delivery[1], bytes)):
        raise Refused("malformed")
    signed, text = delivery
    if len(signed) + len(text or b"") > 65536:
        raise Refused("too-large")
    body = head(opened(signed, "message", keys, SMALL), vector["context"])
    if "value" in vector:
        expect(vector, hash=sha(signed))
    if body.get("text") and text is None:
        raise Refused("text-missing")
    if text is not None and sha(text) != body.get("text"):
        raise Refused("text-mismatch")
    for part, code in ((text, "malformed-text"), (body["facts"], "malformed-facts")):
        try:
            if part is not None:
                check(part, SMALL)
        except Lax as error:
            raise Refused(code) from error
    if vector["expect"] == "ok":
        again(body["facts"])
        if text is not None:
            again(text)


# --- proof files --------------------------------------------------------------------------


def proof(vector, data):
    """All findings of section 8.8 but the folds; the one that is expected has to be among them."""
    items = []
    while data:
        try:
            item, data = split(data, LARGE)
        except Lax as error:
            raise Refused("not-deterministic") from error
        again(item)
        items.append(item)
    values = [cbor2.loads(item) for item in items]
    opening = [value[0] for value in values[:5]]
    once = [value[0] for value in values[5:] if value[0] in ("proof", "keys", "linking")]
    if opening != ["proof", "keys", "keys", "linking", "stream"] or once:
        raise Refused("bad-form")
    found = set(ending(items, values))
    about = next(value[2] for value in values if value[0] == "proof")
    logs = {}
    for _, desk, events in (value for value in values if value[0] == "keys"):
        assert desk_id(events[0]) == desk
        logs[desk] = key_log(events)
    _, request, answer, nonce = next(value for value in values if value[0] == "linking")
    commit = cbor2.loads(opened(request, "link-request", logs[about["accepter"]], LARGE))["commit"]
    opened(answer, "link-answer", logs[about["inviter"]], LARGE)
    link = sha(b"deskwire link", sha(request), sha(answer), nonce)
    if commit != sha(nonce) or link != about["link"]:
        found.add(("bad-linking", None, None))
    for author, other in ((about["inviter"], about["accepter"]), (about["accepter"], about["inviter"])):
        begin = values.index(["stream", author]) + 1
        rest = (at for at in range(begin, len(values)) if values[at][0] in ("stream", "end"))
        part = values[begin : next(rest, len(values))]
        found |= {(code, author.hex(), seq) for code, seq in stream(part, about["link"], logs[author], logs[other])}
    expected = (vector["expect"], vector.get("desk"), vector.get("seq"))
    if expected in found:
        raise Refused(vector["expect"])
    if found:
        raise AssertionError(f"{sorted(map(str, found))} found")


def ending(items, values):
    if values[-1][0] != "end":
        yield "cut-off", None, None
    elif values[-1][1:] != [len(items) - 1, sha(*items[:-1])]:
        yield "altered", None, None


def stream(items, link, own, others):
    """Findings of one stream, by number."""
    last, hashes, gone, found = 0, {0: link}, set(), []
    for item in items:
        if item[0] == "message":
            signed, text = [*item[1:], None][:2]
            body = cbor2.loads(parts(signed)[1])
            seq, digest = body["seq"], sha(signed)
            try:
                opened(signed, "message", own, SMALL)
            except Refused as refusal:
                found.append((str(refusal), seq))
            if text is not None and sha(text) != body.get("text"):
                found.append(("text-differs", seq))
        elif item[0] == "left-out":
            body, (_, seq, digest) = None, item
        else:
            assert item[0] in ("receipt", "change"), item[0]
            if item[0] == "receipt":
                try:
                    opened(item[1], "receipt", others, LARGE)
                except Refused:
                    found.append(("bad-receipt", last))
            continue
        if seq in hashes:
            found.append(("added", seq))
            continue
        if seq < last:
            gone.discard(seq)
            found.append(("swapped", seq))
        gone |= set(range(last + 1, seq))
        if body is not None and body["prev"] != hashes.get(seq - 1, body["prev"]):
            found.append(("chain-broken", seq))
        hashes[seq] = digest
        last = max(last, seq)
    return found + [("removed", seq) for seq in gone]


# --- text forms ---------------------------------------------------------------------------

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def read_desk_id(text, vector):
    text = "".join(text.upper().replace("-", "").split()).translate(str.maketrans("OIL", "011"))
    if len(text) != 56 or any(letter not in CROCKFORD for letter in text):
        raise Refused("malformed")
    number = 0
    for letter in text[:52]:
        number = number << 5 | CROCKFORD.index(letter)
    if number & 15:
        raise Refused("malformed")
    desk = (number >> 4).to_bytes(32, "big")
    bits = int.from_bytes(sha(b"deskwire desk id", desk)[:3], "big") >> 4
    if text[52:] != "".join(CROCKFORD[bits >> shift & 31] for shift in (15, 10, 5, 0)):
        raise Refused("malformed")
    expect(vector, desk=desk)


def read_invitation(text):
    endpoint, mark, data = "".join(text.split()).partition("/deskwire/1/link#")
    alphabet = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    if not mark or not data or set(data) - alphabet or len(data) % 4 == 1:
        raise Refused("malformed")
    raw = base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != data:
        raise Refused("malformed")
    cbor, found = raw[:-4], raw[-4:]
    if found != sha(b"deskwire invitation", cbor)[:4]:
        raise Refused("malformed")
    try:
        check(cbor, LARGE)
    except Lax as error:
        raise Refused("malformed") from error
    body = cbor2.loads(cbor)
    if body["v"] != 1 or body["endpoint"] != endpoint:
        raise Refused("malformed")


def words(data, value):
    number = int.from_bytes(data, "big") >> (256 - 66)
    for language in ("en", "ru", "de"):
        listed = (WORDS / f"{language}.txt").read_text("utf-8").split()
        found = " ".join(listed[number >> shift & 2047] for shift in range(55, -1, -11))
        assert found == value[language], found
    digits = f"{number:020}"
    assert " ".join(digits[at : at + 4] for at in range(0, 20, 4)) == value["digits"]


# --- all of them --------------------------------------------------------------------------


def manifest():
    """Vectors are frozen."""
    listed = {}
    for line in (VECTORS / "MANIFEST.sha256").read_text().splitlines():
        digest, path = line.split("  ", 1)
        listed[path] = digest
    found = {str(path.relative_to(VECTORS)): path for path in VECTORS.glob("*/*.json")}
    assert set(found) == set(listed), set(found) ^ set(listed)
    for name, path in found.items():
        assert sha(path.read_bytes()).hex() == listed[name], f"{name} has changed"
    return sorted(found.items())


def main():
    wrong, good, refused = [], 0, 0
    for name, path in manifest():
        vector = json.loads(path.read_text("utf-8"))
        data = bytes.fromhex(vector["hex"])
        try:
            judge(vector, data)
            found = "ok"
        except Refused as refusal:
            found = str(refusal)
        except AssertionError as error:
            wrong.append(f"{name}: {error}")
            continue
        # A shape that is wrong is only known to the schema: here it may pass, but not fail for another reason.
        fits = found == vector["expect"] or (found == "ok" and vector["expect"] not in JUDGED | {"ok"})
        if not fits:
            wrong.append(f"{name}: {vector['expect']} expected, {found} found")
        good += found == "ok" == vector["expect"]
        refused += found != "ok"
    print(f"{good} good vectors read, {refused} bad ones refused")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
