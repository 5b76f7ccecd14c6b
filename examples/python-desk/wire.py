"""Bytes: strict CBOR, COSE_Sign1, keys, ids and text forms (chapters 1, 2 and 4 of the protocol)."""

import base64
import hashlib
import os
import pathlib

import cbor2
import nacl.bindings
import nacl.exceptions

from shapes import MOST, Problem, match

SMALL, LARGE = (8, 4096), (12, 32768)
WORDS = pathlib.Path(os.environ.get(
    "DESKWIRE_WORDS", pathlib.Path(__file__).resolve().parents[2] / "crates/proto/src/words"))


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def encode(value):
    return cbor2.dumps(value, canonical=True)


# --- 4.1 the strict check ----------------------------------------------------------------


class _Reader:
    def __init__(self, data, bounds):
        self.data, self.at, (self.depth, self.items) = data, 0, bounds
        self.largest = 0

    def take(self, count):
        if count > len(self.data) - self.at:
            raise ValueError("the bytes end")
        self.at += count
        return self.data[self.at - count:self.at]

    def item(self, depth=0):
        self.items -= 1
        if self.items < 0:
            raise ValueError("too many items")
        first = self.take(1)[0]
        major, info = first >> 5, first & 31
        if info > 27 or major == 6 or (major == 7 and info not in (20, 21, 22)):
            raise ValueError("not allowed here")
        number = info
        if info > 23:
            number = int.from_bytes(self.take(1 << info - 24))
            if number < (24 if info == 24 else 1 << (4 << info - 24)):
                raise ValueError("not the shortest form")
        if major == 7:
            return {20: False, 21: True, 22: None}[info]
        if major < 2:
            self.largest = max(self.largest, number + major)
            return number if major == 0 else -1 - number
        if major < 4:
            raw = self.take(number)
            return bytes(raw) if major == 2 else raw.decode("utf-8")
        if number > len(self.data) - self.at or depth == self.depth:
            raise ValueError("too many members, or too deep")
        if major == 4:
            return [self.item(depth + 1) for _ in range(number)]
        found, before = {}, None
        for _ in range(number):
            start = self.at
            key = self.item(depth + 1)
            raw = self.data[start:self.at]
            if before is not None and raw <= before:
                raise ValueError("keys that do not ascend")
            before = raw
            found[repr(key) if isinstance(key, (list, dict)) else key] = self.item(depth + 1)
        return found


def decode(data, bounds=SMALL, problem="not-deterministic"):
    """Exactly one item, by the strict check."""
    return decode_sequence(data, bounds, problem, most=1)[0]


def decode_sequence(data, bounds=SMALL, problem="not-deterministic", most=1 << 20):
    items = []
    if not data:
        raise Problem(problem, "There are no bytes.")
    while data:
        reader = _Reader(data, bounds)
        try:
            items.append(reader.item())
        except (ValueError, RecursionError) as error:
            raise Problem(problem, f"The bytes fail the strict check: {error}.") from error
        data = data[reader.at:]
        if reader.largest > MOST:
            wide = "malformed" if problem == "not-deterministic" else problem
            raise Problem(wide, "An integer lies outside of what is allowed.")
        if len(items) == most and data:
            raise Problem(problem, "Bytes follow the item.")
    return items


# --- 2.1 keys ----------------------------------------------------------------------------

P = 2 ** 255 - 19
D = -121665 * pow(121666, -1, P) % P


def check_key(key):
    """A canonical point of the curve that is not of small order, else `weak-key`."""
    y, sign = int.from_bytes(key, "little") & (1 << 255) - 1, key[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or x * x % P != square or (x == 0 and sign):
        raise Problem("weak-key", "The public key is not a canonical point.")
    for _ in range(3):
        k = D * x * x * y * y % P
        x, y = 2 * x * y * pow(1 + k, -1, P) % P, (y * y + x * x) * pow(1 - k, -1, P) % P
    if x == 0 and y == 1:
        raise Problem("weak-key", "The public key has small order.")


def public(seed):
    return nacl.bindings.crypto_sign_seed_keypair(seed)[0]


# --- 4.2 COSE_Sign1 ----------------------------------------------------------------------


def _to_be_signed(protected, purpose, payload):
    return encode(["Signature1", protected, b"deskwire/1/" + purpose.encode(), payload])


def sign(seed, purpose, body):
    key, secret = nacl.bindings.crypto_sign_seed_keypair(seed)
    protected, payload = bytes.fromhex("a201270450") + sha(key)[:16], encode(body)
    signature = nacl.bindings.crypto_sign(_to_be_signed(protected, purpose, payload), secret)[:64]
    return encode([protected, {}, payload, signature])


class Signed:
    """A signed thing whose form and shape are right; `verify` says whether it may be believed."""

    def __init__(self, data, purpose, rule=None, most=262144, bounds=LARGE, keys=None):
        if len(data) > most:
            raise Problem("too-large", "More bytes than a signed thing may have.")
        parts = decode(data, SMALL)
        if not (isinstance(parts, list) and [type(p) for p in parts] == [bytes, dict, bytes, bytes]
                and parts[0][:5] == bytes.fromhex("a201270450") and len(parts[0]) == 21
                and not parts[1] and len(parts[3]) == 64):
            raise Problem("malformed", "This is not a COSE_Sign1 in the one allowed form.")
        self.data, self.purpose, self.hash = bytes(data), purpose, sha(data)
        self.protected, _, self.payload, self.signature = parts
        self.body = None
        if keys is not None:                # messages: the signature is looked at before the head (4.5)
            self.verify(keys)
        self.body = decode(self.payload, bounds)
        match(rule or purpose, self.body)

    def verify(self, keys):
        known = [key for key in keys if sha(key)[:16] == self.protected[5:]]
        if not known:
            raise Problem("key-unknown", "The signing key is not known here.")
        if known[0] != keys[-1]:
            raise Problem("bad-signature", "The signing key is retired.")
        try:
            signed = _to_be_signed(self.protected, self.purpose, self.payload)
            nacl.bindings.crypto_sign_open(self.signature + signed, known[0])
        except nacl.exceptions.BadSignatureError as error:
            raise Problem("bad-signature", "The signature does not fit.") from error
        return self.body


# --- 2.2 to 2.4 identity -----------------------------------------------------------------


def key_log_keys(log):
    """The keys of a key log, oldest first; refuses a log that does not hold."""
    if not (isinstance(log, list) and 1 <= len(log) <= 64 and all(isinstance(e, bytes) for e in log)):
        raise Problem("bad-key-log", "A key log is 1 to 64 events.")
    keys, prev, commit = [], None, None
    for place, data in enumerate(log):
        try:
            event = Signed(data, "key-event", "rotation" if place else "inception", bounds=SMALL)
            body = event.body
            check_key(body["key"])
            event.verify([body["key"]])
        except Problem as problem:
            kept = problem.code in ("not-deterministic", "bad-signature", "weak-key")
            raise problem if kept else Problem("bad-key-log", problem.detail) from problem
        if place and (body["seq"], body["prev"], sha(body["key"])) != (place, prev, commit):
            raise Problem("bad-key-log", f"Event {place} does not continue the log.")
        keys.append(body["key"])
        prev, commit = event.hash, body["next"]
    return keys


class Descriptor:
    """A descriptor that verifies by itself (section 2.4, rules 1 and 2)."""

    def __init__(self, data):
        self.signed = Signed(data, "descriptor")
        self.body, self.data = self.signed.body, bytes(data)
        self.log = self.body["keys"]
        self.keys = key_log_keys(self.log)
        self.signed.verify(self.keys)
        self.desk = self.body["desk"]
        majors, features, limits = self.body["protocols"], self.body["features"], self.body["limits"]
        if 1 not in majors:
            raise Problem("unsupported-version", "The desk does not speak version 1.")
        if (sorted(set(majors)) != majors or sorted(set(features)) != features
                or limits["message"] < 65536 or limits["batch"] < 1048576):
            raise Problem("malformed", "The descriptor is not in order, or has limits below the floors.")
        if self.desk != sha(decode(self.log[0])[2]):
            raise Problem("malformed", "The desk id is not that of the key log.")

    def replaces(self, old):
        """Whether this is to be taken instead of `old`; a forked log is a problem (2.3, 2.4)."""
        mine, theirs = self.log, old.log
        if mine[:len(theirs)] != theirs and theirs[:len(mine)] != mine:
            raise Problem("bad-key-log", "The key log does not continue the known one.")
        return self.desk == old.desk and len(mine) >= len(theirs) and self.body["version"] > old.body["version"]


CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def desk_text(desk):
    number = int.from_bytes(desk) << 4
    text = "".join(CROCKFORD[number >> shift & 31] for shift in range(255, -1, -5))
    check = int.from_bytes(sha(b"deskwire desk id", desk)[:3]) >> 4
    text += "".join(CROCKFORD[check >> shift & 31] for shift in (15, 10, 5, 0))
    return "-".join(text[at:at + 7] for at in range(0, 56, 7))


def read_desk(text):
    text = "".join(text.upper().replace("-", "").split()).translate(str.maketrans("OIL", "011"))
    if len(text) != 56 or set(text) - set(CROCKFORD):
        raise Problem("malformed", "A desk id has 56 characters of its alphabet.")
    number = 0
    for letter in text[:52]:
        number = number << 5 | CROCKFORD.index(letter)
    desk = (number >> 4).to_bytes(32)
    if number & 15 or desk_text(desk).replace("-", "") != text:
        raise Problem("malformed", "The filling bits or the check characters do not fit.")
    return desk


# --- 3.3 invitation, 3.6 and 2.7 words ---------------------------------------------------


def write_invitation(body):
    data = encode(body)
    data += sha(b"deskwire invitation", data)[:4]
    return body["endpoint"] + "/deskwire/1/link#" + base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read_invitation(text):
    endpoint, _, code = "".join(text.split()).partition("/deskwire/1/link#")
    try:
        data = base64.b64decode(code + "=" * (-len(code) % 4), b"-_", validate=True)
        fits = base64.urlsafe_b64encode(data).rstrip(b"=").decode() == code and len(data) <= 16388
    except ValueError:
        fits = False
    if not fits or sha(b"deskwire invitation", data[:-4])[:4] != data[-4:]:
        raise Problem("malformed", "The invitation was damaged on its way.")
    body = decode(data[:-4], LARGE)
    match("invitation", body)
    if body["endpoint"] != endpoint:
        raise Problem("malformed", "The invitation names another endpoint than its text.")
    return body


def _list(language):
    return (WORDS / f"{language}.txt").read_text("utf-8").split()


def link_words(link, language="en"):
    number = int.from_bytes(link) >> 190
    return " ".join(_list(language)[number >> shift & 2047] for shift in range(55, -1, -11))


def link_digits(link):
    digits = f"{int.from_bytes(link) >> 190:020}"
    return " ".join(digits[at:at + 4] for at in range(0, 20, 4))


def recovery_words(seed):
    number = int.from_bytes(seed + sha(seed)[:1])
    return " ".join(_list("en")[number >> shift & 2047] for shift in range(253, -1, -11))
