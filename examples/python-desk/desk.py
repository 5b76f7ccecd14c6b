"""A small Deskwire desk: an identity, links, the peer endpoints, and a command line.

    python desk.py --data DIR init --name NAME --listen HOST:PORT
    python desk.py --data DIR serve
    python desk.py --data DIR accept INVITATION
"""

import argparse
import datetime
import hashlib
import hmac
import http.client
import ipaddress
import json
import pathlib
import random
import secrets
import socket
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import stream
from shapes import STATUS, Problem
from stream import Book, now
from wire import (LARGE, Descriptor, Signed, decode, desk_text, encode, link_digits, link_words, public,
                  read_invitation, recovery_words, sha, sign, write_invitation)

CBOR = "application/deskwire+cbor"
CHUNK = 1048576
PAUSES = (5, 30, 120, 600, 1800, 3600)
TERMS = {"v": 1, "file": 1 << 30, "fields": ["company", "contact", "object", "priority", "deadline", "status"],
         "person": "name", "principals": ["inviter", "accepter"], "redelegate": "forbidden"}


# --- making a desk ------------------------------------------------------------------------


def init(book, name, listen, endpoint, allow):
    """Key log, TLS certificate and descriptor (sections 2.3 to 2.5)."""
    seed, following = secrets.token_bytes(32), secrets.token_bytes(32)
    inception = sign(seed, "key-event", {
        "v": 1, "type": "inception", "key": public(seed), "next": sha(public(following))})
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "deskwire")])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(today - datetime.timedelta(days=1))
                   .not_valid_after(today + datetime.timedelta(days=36500)).sign(key, hashes.SHA256()))
    pem = serialization.Encoding.PEM
    tls = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = pathlib.Path(book.folder, "tls.pem")
    path.touch(0o600)
    path.write_bytes(tls + certificate.public_bytes(pem))
    desk = sha(decode(inception)[2])
    descriptor = sign(seed, "descriptor", {
        "v": 1, "tls": [pin(certificate.public_bytes(serialization.Encoding.DER))], "desk": desk, "keys": [inception],
        "name": name, "limits": {"file": 1 << 30, "batch": 1 << 20, "message": 65536}, "version": now(),
        "features": ["files"], "endpoints": [endpoint or f"https://{listen}"], "protocols": [1]})
    Descriptor(descriptor)
    with book:
        for k, v in (("seed", seed), ("descriptor", descriptor), ("listen", listen), ("allow", allow)):
            book.meta(k, v)
    return {"id": desk_text(desk), "recovery": recovery_words(following)}


def pin(certificate):
    spki = x509.load_der_x509_certificate(certificate).public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return sha(spki)


# --- asking a peer ------------------------------------------------------------------------


class Peer:
    """HTTPS to a peer: checked addresses, TLS 1.3, and the pins of its descriptor (section 2.5)."""

    def __init__(self, endpoint, pins=None, allow=""):
        host, _, port = endpoint.removeprefix("https://").rpartition(":")
        if not host or not port.isdigit():
            host, port = endpoint.removeprefix("https://"), 443
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        address = self._address(host.strip("[]"), int(port), allow)
        connected = socket.create_connection(address[:2], timeout=10)
        connected.settimeout(90)
        self.http = http.client.HTTPConnection(host, int(port))
        self.http.sock = context.wrap_socket(connected, server_hostname=host.strip("[]"))
        self.pin = pin(self.http.sock.getpeercert(True))
        if pins is not None and self.pin not in pins:
            raise Problem("pin", "Somebody stands between: the TLS key is not that of the descriptor.")

    @staticmethod
    def _address(host, port, allow):
        allowed = [ipaddress.ip_network(part) for part in allow.split(",") if part]
        found = [a[4] for a in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        for address in found:
            ip = ipaddress.ip_address(address[0])
            if not ip.is_global and not any(ip in net for net in allowed if net.version == ip.version):
                raise Problem("address", f"{ip} is not a public address, and not allowed (init --allow).")
        return found[0]

    def get(self, path, body=None, most=262144, media=CBOR):
        self.http.request("POST" if body is not None else "GET", path, body,
                          {"Content-Type": CBOR} if body is not None else {})
        answer = self.http.getresponse()
        data = answer.read(most + 1)
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        if answer.status != 200:
            told = json.loads(data) if kind == "application/problem+json" else {}
            code = str(told.get("type", "")).removeprefix("urn:deskwire:problem:") or f"http-{answer.status}"
            raise Problem(code, str(told.get("detail", "")))
        if kind != media or len(data) > most:
            raise Problem("no-answer", "The answer is too large or of the wrong type.")
        return data


def reach(book, link):
    peer = book.peer(link)
    return Peer(peer.body["endpoints"][0], peer.body["tls"], book.meta("allow"))


# --- linking ------------------------------------------------------------------------------


def accept(book, text):
    """The accepter's side of section 3.4."""
    invitation = read_invitation(text)
    if invitation["expires"] < now():
        raise Problem("invitation-expired", "The invitation has expired. Ask for a new one.")
    first = Peer(invitation["endpoint"], None, book.meta("allow"))
    peer = Descriptor(first.get("/.well-known/deskwire"))
    if peer.desk != invitation["desk"]:
        raise Problem("wrong-desk", "This is another desk than that of the invitation.")
    wire = Peer(invitation["endpoint"], peer.body["tls"], book.meta("allow"))
    if first.pin != wire.pin:
        raise Problem("pin", "Somebody stands between.")
    nonce = secrets.token_bytes(32)
    request = book.sign("link-request", to=peer.desk, time=now(), terms=invitation["terms"], commit=sha(nonce),
                        secret=invitation["secret"], descriptor=book.descriptor.data)
    answer = Signed(wire.get("/deskwire/1/link/request", request), "link-answer")
    newest = Descriptor(answer.body["descriptor"])
    body = answer.verify(newest.keys)
    if ((body["to"], body["from"], body["request"]) != (book.me, peer.desk, sha(request))
            or newest.desk != peer.desk or body["terms"] != invitation["terms"]):
        raise Problem("bad-answer", "The answer does not belong to this request.")
    link = sha(b"deskwire link", sha(request), answer.hash, nonce)
    reveal = book.sign("link-reveal", to=peer.desk, nonce=nonce, answer=answer.hash)
    with book:
        book.db.execute("insert into link values(?,?,0,?,'begun',?,?,?,?)", (
            link, peer.desk, encode(invitation["terms"]), newest.data, answer.data, nonce, reveal))
    return show_link(book, link) | {"state": show_reveal(book, link)}


def show_reveal(book, link):
    """Sends the reveal, and again while the link waits (sections 3.4 and 3.7)."""
    row = book.link(link)
    state = Signed(reach(book, link).get("/deskwire/1/link/reveal", row["reveal"]), "link-state")
    body = state.verify(book.peer(link).keys)
    if (body["to"], body["from"], body["link"]) != (book.me, row["peer"], link):
        raise Problem("bad-state", "The answer names another link.")
    with book:
        book.db.execute("update link set state = ? where id = ? and state in ('begun', 'waiting')", (body["state"], link))
    return body["state"]


def invite(book, approved):
    body = {"v": 1, "desk": book.me, "terms": TERMS, "secret": secrets.token_bytes(16), "expires": now() + 7 * 86400000,
            "endpoint": book.descriptor.body["endpoints"][0]} | ({"approved": True} if approved else {})
    with book:
        book.db.execute("insert into invitation values(?,?,null,0,0)", (sha(body["secret"]), encode(body)))
    return {"text": write_invitation(body)}


def link_request(book, data):
    """The inviter's checks, in the order of section 3.5."""
    request = Signed(data, "link-request")
    body, peer = request.body, Descriptor(request.body["descriptor"])
    if peer.desk != body["from"]:
        raise Problem("wrong-desk", "The descriptor is of another desk than `from`.")
    request.verify(peer.keys)
    if body["to"] != book.me or body["from"] == book.me:
        raise Problem("wrong-desk", "The request is for another desk.")
    if before := book.one("select answer from exchange where request = ?", request.hash):
        return before["answer"]
    if book.one("select 1 from link where peer = ? and state != 'closed'", peer.desk):
        raise Problem("already-linked", "The two desks have an open link.")
    if "secret" not in body:
        raise Problem("not-expected", "This desk links by invitation only.")
    wanted = sha(body["secret"])
    found = [row for row in book.all("select * from invitation") if hmac.compare_digest(row["secret"], wanted)]
    if not found:
        raise Problem("invitation-unknown", "There is no such invitation.")
    row, invitation = found[0], decode(found[0]["body"], LARGE)
    if row["spent"] or row["peer"] not in (None, peer.desk) or row["tries"] >= 16:
        raise Problem("invitation-used", "The invitation has been used.")
    if invitation["expires"] < now():
        raise Problem("invitation-expired", "The invitation has expired.")
    if body["terms"] != invitation["terms"]:
        raise Problem("terms-differ", "The terms are not those of the invitation.")
    nonce = secrets.token_bytes(32)
    answer = book.sign("link-answer", to=peer.desk, time=now(), nonce=nonce, terms=body["terms"], request=request.hash,
                       descriptor=book.descriptor.data)
    book.db.execute("update exchange set void = 1 where secret = ?", (wanted,))
    book.db.execute("insert into exchange values(?,?,?,?,?,0)", (request.hash, data, answer, nonce, wanted))
    book.db.execute("update invitation set peer = ?, tries = tries + 1 where secret = ?", (peer.desk, wanted))
    return answer


def link_reveal(book, data):
    reveal = Signed(data, "link-reveal")
    body = reveal.body
    found = [row for row in book.all("select * from exchange") if sha(row["answer"]) == body["answer"]]
    if not found:
        raise Problem("bad-reveal", "There is no such answer.")
    row, request = found[0], Signed(found[0]["signed"], "link-request")
    peer = Descriptor(request.body["descriptor"])
    reveal.verify(peer.keys)
    if (body["to"], body["from"]) != (book.me, peer.desk):
        raise Problem("wrong-desk", "The reveal is from or for another desk.")
    if row["void"]:
        raise Problem("invitation-used", "A newer exchange has made this answer void.")
    if sha(body["nonce"]) != request.body["commit"]:
        raise Problem("bad-reveal", "The nonce is not the one committed to.")
    link = sha(b"deskwire link", request.hash, sha(row["answer"]), body["nonce"])
    invitation = decode(book.one("select body from invitation where secret = ?", row["secret"])["body"], LARGE)
    book.db.execute("update invitation set spent = 1 where secret = ?", (row["secret"],))
    book.db.execute("insert or ignore into link values(?,?,1,?,?,?,null,null,null)", (
        link, peer.desk, encode(request.body["terms"]), "active" if invitation.get("approved") else "waiting", peer.data))
    state = book.link(link)["state"]
    if state not in ("waiting", "active"):
        raise Problem(f"link-{state}", f"The link is {state}.")
    return book.sign("link-state", to=peer.desk, link=link, state=state)


# --- answering a peer ---------------------------------------------------------------------


def hello(book, data):
    """The reader of a hello, in the order of section 5.3."""
    said = Signed(data, "hello")
    body = said.body
    link, row = body["link"], book.link(body["link"], body["from"])
    if "descriptor" in body:
        book.take_descriptor(link, body["descriptor"])
    said.verify(book.peer(link).keys)
    if body["to"] != book.me:
        raise Problem("wrong-desk", "The hello is for another desk.")
    if body["keys"] != sha(book.peer(link).log[-1]):
        raise Problem("key-unknown", "Say hello with the descriptor inside.")
    if row["state"] in ("begun", "waiting") and not row["inviter"]:
        book.db.execute("update link set state = 'active' where id = ?", (link,))
    book.active(link)
    if before := book.one("select * from session where link = ? and hello = ?", link, said.hash):
        if before["state"] == "ended":
            raise Problem("session-unknown", "This hello is an old one.")
        return before["welcome"]
    length, head = book.place(link, 0)
    if body["length"] <= length and book.hash_at(link, 0, body["length"]) != body["head"]:
        raise Problem("fork", "Another history is held.", length=length, head=head.hex())
    current = book.one("select instance from session where link = ? and state = 'current'", link)
    nonce = secrets.token_bytes(32)
    more = {} if current and current[0] == body["instance"] else {"descriptor": book.descriptor.data}
    welcome = book.sign("welcome", to=row["peer"], link=link, time=now(), hello=body["nonce"], nonce=nonce,
                        length=length, head=head, known=book.known(link), **more)
    book.db.execute("insert into session values(?,?,?,?,?,?,'pending',null)", (
        link, said.hash, sha(body["nonce"], nonce), welcome, body["instance"], body["length"] < length))
    book.db.execute("update session set state = 'ended' where link = ? and state = 'pending' and n not in (select n from"
                    " session where link = ? and state = 'pending' order by n desc limit 4)", (link, link))
    return welcome


def batch(book, data):
    """The reader of a batch, in the order of section 5.4."""
    head, deliveries = stream.split_batch(data)
    link = head["link"]
    book.active(link)
    session = book.one("select * from session where link = ? and id = ?", link, head["session"])
    if session and book.one("select 1 from session where link = ? and state = 'current' and instance != ? and n > ?",
                            link, session["instance"], session["n"]):
        book.db.execute("update link set state = 'paused' where id = ?", (link,))
        raise Problem("clone-suspected", "Two copies of your desk seem to run.")
    if not session or session["state"] == "ended":
        raise Problem("session-unknown", "Say hello.")
    if session["state"] == "pending":
        book.db.execute("update session set state = 'ended' where link = ? and (state = 'current' or n < ?)",
                        (link, session["n"]))
        book.db.execute("update session set state = 'current' where n = ?", (session["n"],))
    length, last = book.place(link, 0)
    if session["behind"]:
        raise Problem("recovery-needed", "This desk holds more.", length=length, head=last.hex())
    if head["known"] > length:
        raise Problem("busy", "This desk was restored, and does not recover by itself.")
    consumed = 0
    for delivery in deliveries:
        try:
            consumed += book.consume(link, delivery)
        except Problem:
            if consumed:
                break
            raise
    return book.receipt(link, head["known"])


def blob(book, data):
    """Serves the bytes of this desk's own files (sections 10.3 and 10.5)."""
    request = Signed(data, "blob", "blob-request")
    body = request.body
    link = body["link"]
    book.link(link, body["from"])
    request.verify(book.peer(link).keys)
    if body["to"] != book.me:
        raise Problem("wrong-desk", "The request is for another desk.")
    book.active(link)
    highest = int(book.meta("fresh " + link.hex()) or 0)
    if body["time"] < highest - 600000:
        raise Problem("stale-request", "The request is old.", time=highest)
    book.meta("fresh " + link.hex(), max(highest, body["time"]))
    for row in book.all("select * from msg where link = ? and mine = 1 and kind = 'file.add' and outcome is null and seq"
                        " <= ?", link, book.known(link)):
        facts = decode(Signed(row["signed"], "message").body["facts"])
        if facts["blob"] == body["blob"]:
            content = pathlib.Path(book.folder, "blobs", body["blob"].hex()).read_bytes()
            if body["part"] == "chunks":
                return chunk_list(content)
            first, count = body["part"]
            if (first + count - 1) * CHUNK >= len(content):
                raise Problem("malformed", "The range lies outside the file.")
            return content[first * CHUNK:(first + count) * CHUNK]
    raise Problem("blob-unknown", "No such file was announced on this link.")


def not_offered(code):
    def answer(book, data):
        raise Problem(code, "This desk does not do that.")
    return answer


PATHS = {"link/request": link_request, "link/reveal": link_reveal, "hello": hello, "batch": batch, "blob": blob,
         "pull": not_offered("pull-not-offered"), "recover": not_offered("recovery-not-offered"),
         "blob/put": not_offered("blob-unknown")}


class Server(BaseHTTPRequestHandler):
    """The peer endpoints (section 5.13)."""

    protocol_version, timeout = "HTTP/1.1", 60

    def log_message(self, *_):
        pass

    def send(self, status, media, body, **headers):
        self.send_response(status)
        for name, value in {"Content-Type": media, "Content-Length": len(body), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, problem):
        self.close_connection = True
        status = STATUS[problem.code]
        body = {"type": f"urn:deskwire:problem:{problem.code}", "title": problem.code, "status": status,
                "detail": problem.detail, **problem.members}
        retry = {"Retry-After": 5} if status in (429, 503) else {}
        self.send(status, "application/problem+json", json.dumps(body).encode(), **retry)

    def answer(self):
        book = self.server.book
        try:
            if self.path == "/.well-known/deskwire":
                if self.command != "GET":
                    raise Problem("wrong-method", "This path is read with GET.")
                return self.send(200, CBOR, book.descriptor.data)
            handler = PATHS.get(self.path.removeprefix("/deskwire/1/")) if self.path[:12] == "/deskwire/1/" else None
            if not handler:
                raise Problem("unknown-path", "There is no such path.")
            if self.command != "POST":
                raise Problem("wrong-method", "This path takes POST.")
            if self.headers.get("Content-Type") != CBOR or "Content-Encoding" in self.headers:
                raise Problem("unsupported-media", f"The media type here is {CBOR}.")
            length = self.headers.get_all("Content-Length") or []
            if len(length) != 1 or not length[0].isdigit() or "Transfer-Encoding" in self.headers:
                raise Problem("malformed", "The request needs one Content-Length.")
            if int(length[0]) > 9 * CHUNK:
                raise Problem("too-large", "More bytes than any request may have.")
            data, kept = self.rfile.read(int(length[0])), None
            try:
                with book:
                    try:
                        answer = handler(book, data)
                    except Problem as problem:      # what was found out before the refusal stays, such as a pause
                        kept = problem
            finally:
                self.server.wake.set()
            if kept:
                raise kept
            self.send(200, "application/octet-stream" if handler is blob else CBOR, answer)
        except Problem as problem:
            self.refuse(problem)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer


# --- speaking by itself -------------------------------------------------------------------


class Sender:
    """Says hello on every link and pushes what is waiting (sections 5.3, 5.4 and 5.11)."""

    def __init__(self, book, wake):
        self.book, self.wake, self.instance = book, wake, secrets.token_bytes(16)
        self.sessions, self.failed, self.due = {}, {}, {}

    def run(self):
        while True:
            woken = self.wake.wait(0.2)
            self.wake.clear()
            for row in self.book.all("select * from link where state in ('begun', 'waiting', 'active')"):
                link = row["id"]
                if woken:
                    self.due[link], self.failed[link] = 0, 0
                if self.due.get(link, 0) > time.time():
                    continue
                try:
                    if row["state"] == "active":
                        self.push(link)
                    elif not row["inviter"]:
                        show_reveal(self.book, link)
                        self.due[link] = time.time() + 30
                    self.failed[link] = 0
                except (Problem, OSError, http.client.HTTPException) as error:
                    self.later(link, error)

    def later(self, link, error):
        code = getattr(error, "code", None)
        print(f"link {link.hex()[:8]}: {error}", file=sys.stderr, flush=True)
        if code in ("session-unknown", "key-unknown", "gap"):
            self.sessions.pop(link, None)
        if code in ("fork", "bad-prev", "clone-suspected", "lost"):
            with self.book as book:
                book.db.execute("update link set state = 'paused' where id = ?", (link,))
        n = self.failed.get(link, 0)
        self.due[link] = time.time() + PAUSES[min(n, 5)] * random.uniform(0.75, 1)
        self.failed[link] = n + 1

    def open(self, link, wire):
        book, row, nonce = self.book, self.book.link(link), secrets.token_bytes(32)
        length, head = book.place(link, 1)
        said = book.sign("hello", to=row["peer"], link=link, time=now(), length=length, head=head, nonce=nonce,
                         keys=sha(book.descriptor.log[-1]), instance=self.instance, descriptor=book.descriptor.data)
        welcome = Signed(wire.get("/deskwire/1/hello", said), "welcome")
        with book:
            if "descriptor" in welcome.body:
                book.take_descriptor(link, welcome.body["descriptor"])
            body = welcome.verify(book.peer(link).keys)
        if (body["hello"], body["from"], body["to"], body["link"]) != (nonce, row["peer"], book.me, link):
            raise Problem("no-answer", "The welcome answers another hello.")
        if body["length"] > length or body["known"] > book.place(link, 0)[0]:
            raise Problem("lost", "This desk has lost messages, and does not recover by itself.")
        if book.hash_at(link, 1, body["length"]) != body["head"]:
            raise Problem("fork", "The partner holds another history.")
        book.sure.add(link)
        self.sessions[link] = sha(nonce, body["nonce"])
        # Messages that the partner holds without this desk having the receipt are sent once more.
        return min(body["length"], book.known(link))

    def push(self, link):
        book = self.book
        waiting = book.one("select 1 from item where link = ?", link)
        known = book.known(link)
        if link in self.sessions and not waiting and book.place(link, 1)[0] <= known:
            return
        wire = reach(book, link)
        if link not in self.sessions:
            known = self.open(link, wire)
        with book:
            book.number(link)
        rows = book.all("select signed, text from msg where link = ? and mine = 1 and seq > ? order by seq limit 12",
                        link, known)
        if rows:
            head = {"v": 1, "link": link, "known": known, "session": self.sessions[link]}
            sequence = encode(head) + b"".join(encode([row["signed"], row["text"]]) for row in rows)
            receipt = wire.get("/deskwire/1/batch", sequence)
            with book:
                book.take_receipt(link, receipt)


def serve(book):
    host, _, port = book.meta("listen").rpartition(":")
    server = ThreadingHTTPServer((host, int(port)), Server)
    server.daemon_threads, server.book, server.wake = True, book, threading.Event()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(pathlib.Path(book.folder, "tls.pem"))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=Sender(book, server.wake).run, daemon=True).start()
    print(f"{book.descriptor.body['name']} ({desk_text(book.me)}) listens on {host}:{port}", flush=True)
    server.serve_forever()


# --- files --------------------------------------------------------------------------------


def chunk_list(content):
    return b"".join(sha(content[at:at + CHUNK]) for at in range(0, len(content), CHUNK))


def fetch(book, prefix):
    """Fetches every announced file of a delegation, chunk by chunk, and checks it (section 10.3)."""
    link, delegation, _ = find(book, prefix)
    folder, done = pathlib.Path(book.folder, "blobs"), []
    folder.mkdir(exist_ok=True)
    wire = reach(book, link)

    def ask(blob, part, most):
        fresh = max(now(), int(book.meta("asked " + link.hex()) or 0))
        with book:
            book.meta("asked " + link.hex(), fresh)
        request = book.sign("blob", to=book.link(link)["peer"], blob=blob, link=link, part=part, time=fresh)
        return wire.get("/deskwire/1/blob", request, most, "application/octet-stream")

    for event in book.history(link, delegation):
        if event["kind"] != "file.add" or event["mine"]:
            continue
        facts, size = event["facts"], event["facts"]["size"]
        listed = ask(facts["blob"], "chunks", 32 * -(-size // CHUNK)) if size else b""
        if sha(listed) != facts["chunks"] or len(listed) != 32 * -(-size // CHUNK):
            raise Problem("damaged", "The chunk list is not the one announced.")
        whole, digest = folder / (facts["blob"].hex() + ".part"), hashlib.sha256()
        with whole.open("wb") as out:
            for n in range(len(listed) // 32):
                content = ask(facts["blob"], [n, 1], CHUNK)
                if sha(content) != listed[32 * n:32 * n + 32]:
                    raise Problem("damaged", f"Chunk {n} of {event['text'].get('name')} is damaged at its holder.")
                out.write(content)
                digest.update(content)
        if digest.digest() != facts["blob"] or whole.stat().st_size != size:
            raise Problem("damaged", "The file is not the one announced.")
        path = whole.rename(folder / facts["blob"].hex())
        done.append({"name": event["text"].get("name"), "size": size, "sha256": facts["blob"].hex(), "path": str(path)})
    return done


def attach(book, prefix, path):
    link, delegation, _ = find(book, prefix)
    content = pathlib.Path(path).read_bytes()
    folder = pathlib.Path(book.folder, "blobs")
    folder.mkdir(exist_ok=True)
    (folder / sha(content).hex()).write_bytes(content)
    facts = {"blob": sha(content), "size": len(content), "chunks": sha(chunk_list(content)), "audience": "delegation"}
    return say(book, link, "file.add", delegation, facts, {"name": pathlib.Path(path).name, "by": {"name": "Py Thon"}})


# --- the command line ---------------------------------------------------------------------


def find(book, prefix):
    """A delegation by the beginning of its id."""
    found = [row for row in book.all("select link, delegation, mine from msg where kind = 'delegation.offer' and outcome"
                                     " is null") if row["delegation"].hex().startswith(prefix)]
    if len(found) != 1:
        raise Problem("unknown-delegation", f"{len(found)} delegations begin with {prefix}.")
    return tuple(found[0])


def say(book, link, kind, delegation, facts, text=None):
    with book:
        return {"item": book.say(link, kind, delegation, facts, text).hex()}


def act(book, verb, prefix, words):
    """Accept, comment, status and resolve."""
    link, delegation, _ = find(book, prefix)
    by, mine = {"by": {"name": "Py Thon"}}, f"PY-{delegation.hex()[:4]}"
    state = {"take": "accepted", "status": words, "resolve": "resolved"}.get(verb)
    if "status" not in decode(book.link(link)["terms"], LARGE)["fields"]:
        state = "open"
    own = {"ticket": mine, "status": state}
    kind, facts, text = {
        "take": ("delegation.accept", {"own": own, "version": max(book.fold(link, delegation).version, 1)}, by),
        "decline": ("delegation.decline", {}, by | {"reason": words}),
        "comment": ("comment.add", {"audience": "delegation"}, by | {"body": words}),
        "status": ("delegation.status", {"own": own, "state": words}, by),
        "ask": ("delegation.ask", {}, by | {"question": words}),
        "resolve": ("delegation.resolve", {"own": own}, by | {"solution": words}),
    }[verb]
    return say(book, link, kind, delegation, facts, text)


def show_link(book, link):
    row = book.link(link)
    return {"link": link.hex(), "desk": book.peer(link).body["name"], "id": desk_text(row["peer"]), "state": row["state"],
            "words": link_words(link), "digits": link_digits(link), "own": book.place(link, 1)[0],
            "receipted": book.known(link), "received": book.place(link, 0)[0]}


def show(book, prefix):
    link, delegation, mine = find(book, prefix)
    folded, history = book.fold(link, delegation), book.history(link, delegation)
    newest = {side: ([e["facts"]["own"] for e in history if e["mine"] == side and "own" in e["facts"]] or [None])[-1]
              for side in (0, 1)}
    return {"delegation": delegation.hex(), "role": "principal" if mine else "contractor", "state": folded.state,
            "own": newest[1], "peer": newest[0], "title": book.offer(link, delegation)["text"].get("title"),
            "comments": [{"mine": bool(e["mine"]), "body": e["text"].get("body")} for e in history
                         if e["kind"] == "comment.add"],
            "events": [f"{e.author[0].upper()}{e.seq} {e.name} {s}" for e, s in folded.steps]}


def verify(book):
    """Everything again from the stored bytes: signatures, chains, receipts (section 8.5)."""
    told = []
    for row in book.all("select * from link"):
        link, keys = row["id"], {0: book.peer(row["id"]).keys, 1: book.descriptor.keys}
        desks = {0: row["peer"], 1: book.me}
        for mine in (0, 1):
            last = link
            for n, message in enumerate(book.all("select * from msg where link = ? and mine = ? order by seq", link, mine)):
                signed = stream.check_envelope(message["signed"], message["text"], link, desks[mine], desks[1 - mine],
                                               keys[mine])
                if signed.body["seq"] != n + 1 or signed.body["prev"] != last:
                    raise Problem("bad-prev", f"Message {n + 1} does not continue its stream.")
                last = signed.hash
            receipts = book.all("select * from receipt where link = ? and mine = ?", link, mine)
            for receipt in receipts:
                body = Signed(receipt["signed"], "receipt").verify(keys[mine])
                stream.check_receipt(body)
                if book.hash_at(link, 1 - mine, body["upto"]) != body["hash"]:
                    raise Problem("malformed", "A receipt is of another history.")
            told.append({"link": link.hex(), "author": desk_text(desks[mine]), "messages": book.place(link, mine)[0],
                         "receipts": len(receipts)})
    return told


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    verbs = parser.add_subparsers(dest="verb", required=True)
    make = verbs.add_parser("init")
    make.add_argument("--name", required=True)
    make.add_argument("--listen", required=True)
    make.add_argument("--endpoint")
    make.add_argument("--allow", default="", help="ranges of addresses that may be dialled although not public")
    verbs.add_parser("invite").add_argument("--approved", action="store_true")
    verbs.add_parser("accept").add_argument("invitation")
    for verb in ("serve", "links", "list", "verify"):
        verbs.add_parser(verb)
    for verb in ("approve", "show", "fetch", "take"):
        verbs.add_parser(verb).add_argument("id")
    for verb in ("attach", "decline", "comment", "status", "ask", "resolve"):
        one = verbs.add_parser(verb)
        one.add_argument("id")
        one.add_argument("words")
    args = parser.parse_args()
    book = Book(args.data)
    try:
        answer = run(book, args)
    except Problem as problem:
        print(json.dumps({"code": problem.code, "detail": problem.detail}))
        return 1
    print(json.dumps(answer, indent=1, ensure_ascii=False))
    return 0


def run(book, args):
    if args.verb == "init":
        return init(book, args.name, args.listen, args.endpoint, args.allow)
    if not book.seed:
        raise Problem("no-desk", "There is no desk in this folder. Run init first.")
    if args.verb in ("take", "decline", "comment", "status", "ask", "resolve"):
        return act(book, args.verb, args.id, getattr(args, "words", None))
    if args.verb == "approve":
        with book:
            book.db.execute("update link set state = 'active' where hex(id) like ? and state = 'waiting'", (args.id + "%",))
    return {
        "serve": lambda: serve(book), "invite": lambda: invite(book, args.approved),
        "accept": lambda: accept(book, args.invitation), "verify": lambda: verify(book),
        "links": lambda: [show_link(book, row["id"]) for row in book.all("select id from link")],
        "approve": lambda: [show_link(book, row["id"]) for row in book.all("select id from link")],
        "list": lambda: [show(book, row["delegation"].hex()) for row in book.all(
            "select delegation from msg where kind = 'delegation.offer' and outcome is null")],
        "show": lambda: show(book, args.id), "fetch": lambda: fetch(book, args.id),
        "attach": lambda: attach(book, args.id, args.words),
    }[args.verb]()


if __name__ == "__main__":
    sys.exit(main())
