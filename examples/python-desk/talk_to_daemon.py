"""Holds a conversation with a real daemon and checks what both sides have: `python talk_to_daemon.py DESKWIRE`."""

import hashlib
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time

DESK = pathlib.Path(__file__).resolve().parent / "desk.py"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def told(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=30)
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def until(what, check, seconds=12):
    """Waits for what `check` returns."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = check()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"this did not happen: {what}")


class Talk:
    def __init__(self, binary, folder):
        self.binary, self.folder, self.begun, self.running = binary, folder, time.monotonic(), []
        self.ports = free_port(), free_port()

    def acme(self, *words):
        return told(self.binary, *words, "--data", self.folder / "acme", "--json")

    def py(self, *words):
        return told(sys.executable, DESK, "--data", self.folder / "py", *words)

    def start(self, name, *command):
        log = (self.folder / f"{name}.log").open("w")
        self.running.append(subprocess.Popen([str(part) for part in command], stdout=log, stderr=log))

    def say(self, line):
        print(f"{time.monotonic() - self.begun:5.1f}s  {line}", flush=True)

    def run(self):
        self.link()
        number, delegation = self.delegate()
        self.work(delegation)
        self.check(number, delegation)
        self.say("both desks hold the same")

    def link(self):
        self.acme("init", "--name", "Acme", "--listen", f"127.0.0.1:{self.ports[0]}")
        self.start("acme", self.binary, "serve", "--data", self.folder / "acme", "--peer-allow-ranges", "127.0.0.0/8")
        until("the daemon answers", lambda: (self.folder / "acme/api.addr").exists())
        self.py("init", "--name", "Python desk", "--listen", f"127.0.0.1:{self.ports[1]}", "--allow", "127.0.0.0/8")
        self.start("py", sys.executable, DESK, "--data", self.folder / "py", "serve")
        invitation = self.acme("link", "invite")
        link = self.py("accept", invitation["text"])
        self.say(f"Python desk  accepted the invitation; its words are: {link['words']}")
        self.link_id = link["link"]
        shown = until("the daemon shows the link", lambda: self.acme("link", "list")["links"])[0]
        shown = self.acme("link", "show", shown["id"])
        self.words = shown.get("words")
        assert link["words"] in json.dumps(shown) or link["words"].split() == shown["words"].get("en"), shown
        self.acme("link", "approve", self.link_id)
        self.acme("link", "verify", self.link_id, "--words", link["words"])
        until("the link is active", lambda: self.py("links")[0]["state"] == "active")
        self.say("Acme         approved the link; the words are the same")

    def delegate(self):
        number = self.acme("ticket", "new", "Cash register 3 is dead", "-d", "It beeps three times.",
                           "--priority", "high")["number"]
        self.acme("ticket", "delegate", number, self.link_id, "--yes")
        self.acme("ticket", "comment", number, "The key is at the desk.", "--to", "python-desk")
        self.content = random.Random(7).randbytes(3 * 1048576 + 5)
        (self.folder / "register.log").write_bytes(self.content)
        self.acme("ticket", "attach", number, self.folder / "register.log", "--to", "python-desk")
        self.say(f"Acme         delegated {number} with a comment and a file of {len(self.content)} bytes")
        offered = until("the offer is here", lambda: self.py("list"))[0]
        assert (offered["state"], offered["title"]) == ("offered", "Cash register 3 is dead"), offered
        return number, offered["delegation"]

    def state(self, delegation):
        return self.acme("delegation", "show", delegation)["state"]

    def work(self, delegation):
        self.py("take", delegation)
        until("Acme sees the acceptance", lambda: self.state(delegation) == "accepted")
        self.py("comment", delegation, "On our way.")
        self.py("status", delegation, "in-progress")
        until("Acme sees the progress", lambda: self.state(delegation) == "in-progress")
        self.say("Python desk  accepted, commented, is at work")
        until("the comment is here", lambda: self.py("show", delegation)["comments"][1:])
        files = until("the file is fetched", lambda: self.py("fetch", delegation))
        assert pathlib.Path(files[0]["path"]).read_bytes() == self.content
        assert files[0]["sha256"] == hashlib.sha256(self.content).hexdigest()
        self.say(f"Python desk  fetched {files[0]['name']} in chunks and checked it")
        report = self.folder / "report.bin"
        report.write_bytes(random.Random(8).randbytes(1048576 + 9))
        self.py("attach", delegation, report)
        self.py("resolve", delegation, "Replaced the fuse.")
        until("Acme sees the resolution", lambda: self.state(delegation) == "resolved")
        self.acme("delegation", "confirm", delegation)
        until("the confirmation is here", lambda: self.py("show", delegation)["state"] == "confirmed")
        self.say("Acme         confirmed what the Python desk resolved")

    def check(self, number, delegation):
        ours = self.py("show", delegation)
        theirs = self.acme("delegation", "show", delegation)
        assert theirs["state"] == ours["state"] == "confirmed", theirs
        assert number in json.dumps(ours["peer"]), ours
        assert ours["own"]["ticket"] in json.dumps(theirs), theirs
        assert [c["body"] for c in ours["comments"]] and {c["body"] for c in ours["comments"]} == {
            "The key is at the desk.", "On our way."}, ours
        ticket = json.dumps(self.acme("ticket", "show", number))
        assert "On our way." in ticket and "report.bin" in ticket, ticket
        link = until("every message has its receipt",
                     lambda: [x for x in self.py("links") if x["own"] == x["receipted"] > 0])[0]
        told_of = self.py("verify")
        assert [side["messages"] for side in told_of] == [link["received"], link["own"]], told_of
        assert all(side["receipts"] for side in told_of), told_of
        self.say(f"Python desk  verified {link['received']} + {link['own']} messages and their receipts;"
                 f" the tickets are {number} and {ours['own']['ticket']}")
        until("Acme's verification is clean", lambda: self.acme("verify"))
        self.say("Acme         verified its store")

    def end(self):
        for process in self.running:
            process.terminate()
        for process in self.running:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def main():
    with tempfile.TemporaryDirectory(prefix="python-desk-") as folder:
        talk = Talk(os.path.abspath(sys.argv[1]), pathlib.Path(folder))
        try:
            talk.run()
            return 0
        except Exception as error:
            print(f"failed: {error}", file=sys.stderr)
            for name in ("acme", "py"):
                log = talk.folder / f"{name}.log"
                print(f"--- {name}\n{log.read_text()[-3000:] if log.exists() else ''}", file=sys.stderr)
            return 1
        finally:
            talk.end()


if __name__ == "__main__":
    sys.exit(main())
