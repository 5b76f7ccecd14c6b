"""Shapes: the rules of deskwire.cddl and of section 1.4, and what is refused by them."""

import re
import unicodedata

STATUS = {code: status for status, codes in {
    400: "malformed not-deterministic unsupported-version blob-mismatch",
    403: "bad-signature weak-key key-unknown bad-key-log link-waiting link-paused wrong-desk wrong-link"
         " clone-suspected bad-reveal not-expected",
    404: "unknown-link unknown-path invitation-unknown blob-unknown",
    405: "wrong-method", 408: "slow",
    409: "gap fork bad-prev session-unknown recovery-needed stale-request link-crossed already-linked terms-differ",
    410: "link-closed invitation-used invitation-expired", 413: "too-large too-many", 415: "unsupported-media",
    429: "rate-limited", 500: "internal", 501: "recovery-not-offered pull-not-offered", 503: "busy disk-full",
}.items() for code in codes.split()}


class Problem(Exception):
    """A refusal: a code of chapter 11 and a sentence."""

    def __init__(self, code, detail="", **members):
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.members = code, detail, members


MOST = 2 ** 53 - 1
FLIPS = {0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


def whole(low, high):
    return lambda v: type(v) is int and low <= v <= high


def octets(size):
    return lambda v: type(v) is bytes and len(v) == size


def text(most, free=False):
    def rule(v):
        return type(v) is str and 1 <= len(v.encode()) <= most and not any(
            (unicodedata.category(c) == "Cc" and not (free and c in "\n\t")) or ord(c) in FLIPS for c in v)
    return rule


def regex(pattern):
    return lambda v: type(v) is str and re.fullmatch(pattern, v, re.ASCII) is not None


def choice(*values):
    return lambda v: type(v) is str and v in values


def many(rule, low, high):
    return lambda v: type(v) is list and low <= len(v) <= high and all(named(rule)(x) for x in v)


def row(*rules):
    return lambda v: type(v) is list and len(v) == len(rules) and all(named(r)(x) for r, x in zip(rules, v))


def either(*rules):
    return lambda v: any(named(r)(v) for r in rules)


def named(rule):
    return RULES[rule] if isinstance(rule, str) else rule


def record(members, closed=False):
    """A map from words `name:rule`; `?` marks a member that may be absent."""
    rules = {}
    for word in members.split():
        name, _, rule = word.partition(":")
        rules[name.lstrip("?")] = (rule or name.lstrip("?"), word[0] == "?")

    def rule(v):
        if type(v) is not dict or any(name not in v for name, (_, optional) in rules.items() if not optional):
            return False
        for key, value in v.items():
            if key not in rules:
                if closed or not RULES["code"](key):
                    return False
            elif not named(rules[key][0])(value):
                return False
        return True
    return rule


def match(rule, value):
    """Refuses what is not of the rule: `unsupported-version` or `malformed`."""
    versioned = rule not in ("terms", "inception", "rotation")
    if versioned and type(value) is dict and type(value.get("v")) is int and value["v"] != 1:
        raise Problem("unsupported-version", "Only version 1 is spoken here.")
    if not RULES[rule](value):
        raise Problem("malformed", f"This is not a {rule} of deskwire.cddl.")


def _ordered(values, order):
    places = [order.index(v) for v in values]
    return places == sorted(set(places))


FIELDS = "company contact custom equipment agreement category object priority deadline status price".split()


def _terms(v):
    if not TERMS(v) or not _ordered(v["fields"], FIELDS) or not _ordered(v["principals"], ["inviter", "accepter"]):
        return False
    keys = [c["key"] for c in v.get("custom", [])]
    levels = [d["priority"] for d in v.get("deadlines", [])]
    times = [t for interval in v.get("calendar", []) for t in interval]
    return (len(set(keys)) == len(keys) and len(set(levels)) == len(levels)
            and all(a < b for a, b in zip(times, times[1:]))
            and all(("choices" in c) == (c["type"] == "choice") for c in v.get("custom", [])))


def _url(v):
    found = type(v) is str and re.fullmatch(r"https://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::([1-9][0-9]{0,4}))?", v)
    if not found or len(v) > 300 or int(found[2] or 1) > 65535:
        return False
    host = found[1]
    if host[0] == "[":
        import ipaddress
        try:
            return bool(ipaddress.IPv6Address(host[1:-1]))
        except ValueError:
            return False
    if re.fullmatch(r"(0[xX][0-9a-fA-F]*|[0-9]+)", host.rstrip(".").split(".")[-1]):
        return re.fullmatch(r"((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(?!$)|$)){4}", host) is not None
    return len(host) <= 253 and all(re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", p) for p in host.split("."))


def _file_name(v):
    return RULES["label"](v) and not set("/\\") & set(v) and v not in (".", "..")


RULES = {
    "1": whole(1, 1), "0..8": whole(0, 8), "1..5": whole(1, 5), "count": whole(0, MOST), "seq": whole(1, MOST),
    "hash": octets(32), "id": octets(16), "bytes": lambda v: type(v) is bytes, "bool": lambda v: type(v) is bool,
    "null": lambda v: v is None, "code": regex("[a-z][a-z0-9-]{0,39}"), "kind": regex("[a-z.-]{1,40}"),
    "label": text(120), "line": text(240), "words": text(1000, True), "prose": text(48000, True), "url": _url,
    "decimal": regex(r"-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?"), "currency": regex("[A-Z]{3}"),
    "percent": regex(r"(0|[1-9][0-9]{0,2})(\.[0-9]{1,3})?"), "money": row("decimal", "currency"),
    "priority": choice("low", "normal", "high", "urgent"), "audience": choice("delegation", "thread"),
    "side": choice("inviter", "accepter"), "cut": row("count", "hash"), "file-name": _file_name,
    "state-now": choice("waiting", "active"), "progress": choice("in-progress", "waiting-third"),
    "part": either(choice("chunks"), row("count", whole(1, 8))), "inc": choice("inception"), "rot": choice("rotation"),
    "outcome": row("seq", choice("refused", "unsupported"), "code", "words"),
    "person-rule": choice("name", "function", "nothing"), "late": choice("reopen", "follow-up", "refuse"),
    "redelegate": choice("forbidden", "allowed", "named"), "field": choice(*FIELDS),
    "custom-type": choice("text", "number", "date", "choice"), "interval": row("count", "count"), "terms": _terms,
    "work-type": choice("time", "travel", "material", "fixed"), "place": row("decimal", "decimal"),
    "custom-value": row("code", "line"), "author-proof": row("hash", many("bytes", 1, 64), "bytes"),
    "period": lambda v: RULES["interval"](v) and v[0] < v[1],
    "delivery": row("bytes", either("bytes", "null")),
}
for _name, _rule, _low, _high in (
        ("keys", "bytes", 0, 4096), ("pins", "hash", 1, 2), ("codes", "code", 0, 32), ("urls", "url", 0, 4),
        ("majors", "count", 1, 8), ("times", "count", 0, 4096), ("outcomes", "outcome", 0, 4096),
        ("musts", "code", 1, 16), ("fields", "field", 0, 32), ("sides", "side", 1, 2), ("choices", "label", 0, 64),
        ("customs", "custom-field", 0, 32), ("deadlines", "deadline", 0, 8), ("intervals", "interval", 0, 800),
        ("tags", "id", 0, 8), ("values", "custom-value", 0, 32), ("ids", "id", 1, 256), ("case-ids", "id", 1, 64), ("cuts", "cut", 2, 2),
        ("sums", "money", 0, 16), ("hops-list", "hop", 1, 8), ("span", "count", 2, 2)):
    RULES[_name] = many(_rule, _low, _high)

CLOSED = {
    "inception": "v:1 key:hash next:hash type:inc",
    "rotation": "v:1 key:hash seq next:hash prev:hash type:rot",
    "custom-field": "key:code name:label type:custom-type ?choices",
    "deadline": "resolve:count respond:count priority",
}
TERMS = record(
    "v:seq file:count ?late ?custom:customs fields person:person-rule ?calendar:intervals ?currency ?deadlines"
    " ?loop-tags:bool ?retention:count ?tolerance:count principals:sides redelegate ?auto-confirm:count", True)
OFFERED = "?custom:values ?object ?company:label ?contact ?agreement:label ?equipment ?description:prose"
OPEN = {
    "limits": "file:count batch:count message:count",
    "descriptor": "v:1 tls:pins desk:hash keys name:label limits version:count features:codes endpoints:urls"
                  " protocols:majors",
    "invitation": "v:1 desk:hash terms secret:id expires:count ?approved:bool endpoint:url",
    "link-request": "v:1 to:hash from:hash time:count terms commit:hash ?secret:id descriptor:bytes",
    "link-answer": "v:1 to:hash from:hash time:count nonce:hash terms request:hash descriptor:bytes",
    "link-reveal": "v:1 to:hash from:hash nonce:hash answer:hash",
    "link-state": "v:1 to:hash from:hash link:hash state:state-now",
    "message": "v:1 to:hash seq from:hash item:id kind link:hash ?must:musts prev:hash seen:count ?text:hash"
               " time:count facts:bytes ?delegation:id",
    "hello": "v:1 to:hash from:hash head:hash keys:hash link:hash time:count nonce:hash ?change:cut length:count"
             " instance:id ?descriptor:bytes",
    "welcome": "v:1 to:hash from:hash head:hash link:hash time:count hello:hash known:count nonce:hash length:count"
               " ?descriptor:bytes",
    "batch-head": "v:1 link:hash known:count session:hash",
    "receipt": "v:1 to:hash base:count from:hash hash link:hash upto:count times length:count outcomes",
    "blob-request": "v:1 to:hash blob:hash from:hash link:hash part time:count",
    "person": "?name:label ?function:label", "contact": "name:label ?email:label ?phone:label onward:bool",
    "object": "name:label ?address:line ?coordinates:place",
    "equipment": "?kind:label ?maker:label ?model:label ?serial:label ?inventory:label",
    "own": "status:code ticket:label ?status-label:label",
    "hop": "held:count alias:label ?stars:1..5 state:code waited:count breaches:count",
    "by-text": "?by:person", "reason-text": "?by:person reason:prose", "resolve-text": "?by:person ?solution:prose",
    "offer-text": "?by:person title:line " + OFFERED, "update-text": "?by:person ?title:line " + OFFERED,
    "ask-text": "?by:person question:prose", "work-text": "?by:person what:line",
    "comment-text": "?by:person body:prose ?proof:author-proof ?origin:label ?relayed:bool",
    "file-text": "?by:person name:file-name ?media:label ?origin:label ?relayed:bool",
    "rate-text": "?by:person ?words:prose",
}

# kind: sender, text mode, members of the facts. A text mode that is a rule name: that text is needed.
KINDS = {}
for _line in """
terms.propose desk none terms
terms.accept desk none hash version:seq
link.suspend desk reason ?until:count
link.resume desk none
link.close desk reason
link.descriptor desk none descriptor:bytes
link.withdraw desk none seq
delegation.offer principal offer-text own hops:0..8 test:bool ?price:money rules:seq ?resolve:count ?respond:count \
?category:code ?priority ?loop-tags:tags
delegation.accept contractor by own version:seq
delegation.decline contractor reason ?code
delegation.return contractor reason ?own ?code
delegation.recall principal reason ?own ?code
delegation.status either by own ?state:progress
delegation.resolve contractor resolve-text own ?code
delegation.confirm principal by ?own ?auto:bool
delegation.reopen principal reason ?own ?code
delegation.update principal update-text ?price:money ?scope:bool ?resolve:count ?respond:count version:seq ?category:code ?priority
delegation.change-take contractor by version:seq
delegation.change-decline contractor reason version:seq
delegation.ask contractor ask-text ?own
delegation.answer principal reason ?own needed:bool
delegation.digest either none at:span work:hash state:hash thread:hash
comment.add either comment-text audience
comment.edit either comment-text comment:id version:seq
comment.retract either none comment:id
file.add either file-text blob:hash size:count chunks:hash ?comment:id audience
file.retract either none file:id
work.add contractor work-text tax:percent date:count type:work-type unit:code price:decimal currency quantity:decimal
work.approve principal by work:id
work.dispute principal reason work:id
delegation.rate principal rate-text stars:1..5
statement.propose desk none cut:cuts hash zone:label period totals:sums
statement.sign desk none hash statement:id
chain.report contractor none hops:hops-list
privacy.erase desk none basis:code ?cases:case-ids items:ids
privacy.erased desk none items:ids request:id
""".strip().splitlines():
    _kind, _sender, _mode, *_members = _line.split()
    KINDS[_kind] = (_sender, _mode)
    OPEN["facts " + _kind] = " ".join(_members)
RULES |= {name: record(members) for name, members in OPEN.items()}
RULES |= {name: record(members, True) for name, members in CLOSED.items()}
