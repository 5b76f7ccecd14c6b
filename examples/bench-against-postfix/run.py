#!/usr/bin/env python3
"""Two Postfix instances and two Deskwire desks, measured in turn on one machine."""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import smtplib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

SIZE = 2048
# As many as the master file of each instance lets in.
SESSIONS_MAX = 200

MASTER = """\
{listen} inet n - n - 200 smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000 1 tlsmgr
tlsproxy unix - - n - 0 tlsproxy
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - 100 smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - 100 discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

COMMON = {
    "compatibility_level": "3.6",
    "myhostname": "localhost",
    "mydestination": "",
    "inet_protocols": "ipv4",
    "inet_interfaces": "127.0.0.1",
    "mynetworks": "127.0.0.0/8",
    "smtpd_recipient_restrictions": "permit_mynetworks, reject",
    "smtpd_relay_restrictions": "permit_mynetworks, reject",
    "smtpd_client_connection_count_limit": "0",
    "smtpd_client_connection_rate_limit": "0",
    "default_process_limit": "200",
    "in_flow_delay": "0",
    "qmgr_message_active_limit": "50000",
    "disable_dns_lookups": "yes",
    "smtp_host_lookup": "native",
    "alias_maps": "",
    "alias_database": "",
    "local_recipient_maps": "",
    "delay_logging_resolution_limit": "6",
    # Logs lie where the temporary folder is.
    "maillog_file_prefixes": "/",
}


class Instance:
    """A Postfix of its own, in a folder of its own."""

    def __init__(self, root, name, port, settings):
        self.folder = root / name
        self.config = self.folder / "etc"
        self.log = self.folder / "mail.log"
        self.port = port
        spool, data = self.folder / "spool", self.folder / "data"
        for folder in (self.config, spool, data):
            folder.mkdir(parents=True, mode=0o755)
        shutil.chown(data, "postfix")
        lines = {
            **COMMON,
            **settings,
            "queue_directory": spool,
            "data_directory": data,
            "maillog_file": self.log,
            "syslog_name": f"postfix-{name}",
        }
        (self.config / "main.cf").write_text("".join(f"{key} = {value}\n" for key, value in lines.items()))
        (self.config / "master.cf").write_text(MASTER.format(listen=f"127.0.0.1:{port}"))
        self.spool = spool

    def postfix(self, *words):
        return subprocess.run(["postfix", "-c", self.config, *words], check=True, capture_output=True, text=True)

    def start(self):
        self.postfix("start")
        wait(lambda: answers(self.port), 20, "a Postfix instance does not answer")

    def stop(self):
        subprocess.run(["postfix", "-c", self.config, "stop"], capture_output=True, check=False)

    def set(self, **settings):
        words = [f"{key}={value}" for key, value in settings.items()]
        subprocess.run(["postconf", "-c", self.config, "-e", *words], check=True)
        self.postfix("reload")

    def sent(self):
        """Mails that were handed on, as logged."""
        return self.log.read_text(errors="replace").count("status=sent")

    def delays(self):
        """Seconds from the arrival of each mail until the next instance had taken it."""
        return [float(found) for found in re.findall(r" delay=([0-9.]+),.* status=sent", self.log.read_text())]

    def master(self):
        return int((self.spool / "pid" / "master.pid").read_text())

    def cpu(self):
        """User and system time of all its processes so far, those that have ended included, seconds."""
        return cpu_of_tree(self.master())


def cpu_of_tree(root):
    parents, times = {}, {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            parents[int(entry.name)] = int(fields[1])
            # Times of children that have ended are in their parent's.
            times[int(entry.name)] = sum(int(field) for field in fields[11:15])
    total = 0
    for process in times:
        at = process
        while at not in (0, 1, root) and at in parents:
            at = parents[at]
        total += times[process] if at == root else 0
    return total / os.sysconf("SC_CLK_TCK")


def answers(port):
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=2) as client:
            return client.noop()[0] == 250
    except OSError:
        return False


def wait(done, seconds, words, pause=0.02):
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            sys.exit(f"{words} after {seconds} s")
        time.sleep(pause)


def install():
    """Installs Postfix where it is missing, and ends what the installation started."""
    if shutil.which("postfix") and shutil.which("smtp-source"):
        return
    print("Postfix is installed.", file=sys.stderr)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "postfix"]
    if subprocess.run(command, env=quiet, stdout=sys.stderr, check=False).returncode != 0:
        # Most often the lists of packages are missing or too old.
        subprocess.run(["apt-get", "update", "-q"], check=True, env=quiet, stdout=sys.stderr)
        subprocess.run(command, check=True, env=quiet, stdout=sys.stderr)
    subprocess.run(["postfix", "stop"], capture_output=True, check=False)


def certificate(root):
    key, cert = root / "key.pem", root / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run(command, check=True, capture_output=True)
    return key, cert


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def spread(values):
    values = sorted(values)
    rank = lambda percent: values[max(0, -(-len(values) * percent // 100) - 1)]
    return {"p50": rank(50) * 1e3, "p99": rank(99) * 1e3}


def source(port, count, sessions=64):
    """Puts so many mails in, over so many sessions at once."""
    command = ["smtp-source", "-s", str(sessions), "-l", str(SIZE), "-m", str(count), "-d"]
    command += ["-f", "from@example.test", "-t", "to@example.test", f"127.0.0.1:{port}"]
    subprocess.run(command, check=True, capture_output=True)


def live(first, second, count, sessions):
    before, cpu = first.sent(), first.cpu() + second.cpu()
    begun = time.monotonic()
    source(first.port, count, sessions)
    wait(lambda: first.sent() - before >= count, 300, "the mails are not all there")
    seconds = time.monotonic() - begun
    return {
        "messages_per_second": count / seconds,
        "cpu_us_per_message": (first.cpu() + second.cpu() - cpu) / count * 1e6,
    }


def paced(first, seconds, per_second=20):
    before = len(first.delays())
    text = f"From: from@example.test\r\nTo: to@example.test\r\n\r\n{'x' * 62}\r\n" + ("y" * 62 + "\r\n") * (SIZE // 64 - 2)
    start = time.monotonic()
    with smtplib.SMTP("127.0.0.1", first.port) as client:
        for number in range(seconds * per_second):
            time.sleep(max(0.0, start + number / per_second - time.monotonic()))
            client.sendmail("from@example.test", ["to@example.test"], text)
    wait(lambda: len(first.delays()) - before >= seconds * per_second, 60, "the mails are not all there")
    return spread(first.delays()[before:])


def waiting(first, count):
    first.set(defer_transports="smtp")
    time.sleep(1)
    source(first.port, count)
    deferred = lambda: first.log.read_text(errors="replace").count("status=deferred")
    wait(lambda: deferred() >= count, 120, "the mails are not all deferred")
    before = first.sent()
    first.set(defer_transports="")
    time.sleep(1)
    begun = time.monotonic()
    subprocess.run(["postqueue", "-c", first.config, "-f"], check=True)
    wait(lambda: first.sent() - before >= count, 300, "the mails are not all there")
    return {"seconds": time.monotonic() - begun}


@contextlib.contextmanager
def postfix(root):
    """Two instances, the first of which hands everything on to the second one."""
    install()
    key, cert = certificate(root)
    ports = free_port(), free_port()
    tls = {"smtpd_tls_key_file": key, "smtpd_tls_cert_file": cert, "smtpd_tls_security_level": "encrypt"}
    drop = {"relay_domains": "example.test", "relay_transport": "discard:", "default_transport": "discard:"}
    hand_on = {
        "relayhost": f"[127.0.0.1]:{ports[1]}",
        "smtp_tls_security_level": "encrypt",
        "smtp_tls_connection_reuse": "yes",
        "smtp_connection_cache_on_demand": "yes",
        "initial_destination_concurrency": "50",
        "default_destination_concurrency_limit": "100",
        "default_transport": "smtp",
    }
    second = Instance(root, "second", ports[1], {**tls, **drop})
    first = Instance(root, "first", ports[0], hand_on)
    try:
        second.start()
        first.start()
        source(first.port, 200)
        wait(lambda: first.sent() >= 200, 60, "the first mails are not there")
        yield first, second
    finally:
        first.stop()
        second.stop()


def bench(args, root, name, *words):
    with tempfile.TemporaryDirectory(prefix=f"deskwire-{name}-", dir=root) as folder:
        command = [args.deskwire, "bench", name, "--json", "--size", str(SIZE), "--dir", folder, *map(str, words)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def deskwire_live(root, args):
    words = ("--messages", args.comments, "--producers", args.sessions, "--paced-seconds", 0)
    burst = bench(args, root, "federation", *words)["burst"]
    return {key: burst[key] for key in ("messages_per_second", "cpu_us_per_message")}


def deskwire_paced(root, args):
    paced = bench(args, root, "paced", "--per-second", 20, "--seconds", args.seconds)
    return {key: paced["runs"][0]["commit_ms"][key] for key in ("p50", "p99")}


def deskwire_waiting(root, args):
    return {"seconds": bench(args, root, "drain", "--messages", args.waiting)["seconds"]}


def measure(root, args):
    """Each thing with one and then with the other, as often as there are rounds; of each figure the median."""
    rounds = {"postfix": [], "deskwire": []}
    with postfix(root) as (first, second):
        for number in range(args.rounds):
            ours, theirs = {}, {}
            for name, one, other in (
                ("live", lambda: live(first, second, args.messages, args.sessions), lambda: deskwire_live(root, args)),
                ("paced_ms", lambda: paced(first, args.seconds), lambda: deskwire_paced(root, args)),
                ("waiting", lambda: waiting(first, args.waiting), lambda: deskwire_waiting(root, args)),
            ):
                print(f"Round {number + 1} of {args.rounds}: {name}", file=sys.stderr)
                theirs[name], ours[name] = one(), other()
            rounds["postfix"].append(theirs)
            rounds["deskwire"].append(ours)
    return {side: medians(all_of) for side, all_of in rounds.items()} | {"rounds": rounds}


def medians(rounds):
    return {
        part: {key: statistics.median(found[part][key] for found in rounds) for key in rounds[0][part]}
        for part in rounds[0]
    }


def table(found):
    both = found["postfix"], found["deskwire"]
    rows = [
        ("live, messages/s", "live", "messages_per_second", 0, False),
        ("live, CPU per message, µs", "live", "cpu_us_per_message", 0, True),
        ("20 a second, p50, ms", "paced_ms", "p50", 1, True),
        ("20 a second, p99, ms", "paced_ms", "p99", 1, True),
        (f"{found['settings']['waiting']} waiting, s", "waiting", "seconds", 2, True),
    ]
    print(f"{'':30} {'Postfix':>10} {'Deskwire':>10} {'ratio':>8}")
    for title, part, key, places, less in rows:
        one, two = (side[part][key] for side in both)
        ratio = (one / two if less else two / one) if one and two else float("nan")
        print(f"{title:30} {one:10.{places}f} {two:10.{places}f} {ratio:7.1f}×")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deskwire", default=shutil.which("deskwire") or "target/release/deskwire", type=pathlib.Path)
    parser.add_argument("--messages", type=int, default=5000, help="mails of the live run")
    parser.add_argument("--comments", type=int, default=20000, help="of the live run, which takes about as long so")
    parser.add_argument("--sessions", type=int, default=64, choices=range(1, SESSIONS_MAX + 1), metavar="N", help="callers at once")
    parser.add_argument("--waiting", type=int, default=5000, help="of the backlog")
    parser.add_argument("--seconds", type=int, default=15, help="of the paced run")
    parser.add_argument("--rounds", type=int, default=3, help="so often everything is measured, in turn")
    parser.add_argument("--dir", default="/var/tmp", help="where the folder for all of it is made")
    parser.add_argument("--json", action="store_true", help="print a document instead of a table")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("Postfix needs root: run this with sudo.")
    args.deskwire = args.deskwire.resolve()
    with tempfile.TemporaryDirectory(prefix="bench-against-postfix-", dir=args.dir) as root:
        os.chmod(root, 0o755)
        root = pathlib.Path(root)
        settings = {"messages": args.messages, "size": SIZE, "waiting": args.waiting, "seconds": args.seconds}
        found = {"settings": settings, **measure(root, args)}
    if args.json:
        print(json.dumps(found, indent=2))
    else:
        table(found)


if __name__ == "__main__":
    main()
