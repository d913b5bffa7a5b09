"""Drives libtorrent for the end-to-end tests. Prints one JSON object a line.

libtorrent.py make v1|v2|hybrid PATH PIECE_SIZE OUT
libtorrent.py run LISTEN SAVE_PATH [FINGERPRINT]

A session is told what to do by JSON objects on standard input, one a line:
  {"add": ID, "file": TORRENT, "limit": BYTES_PER_SECOND}   0 is no limit
  {"limit": ID, "to": BYTES_PER_SECOND}
  {"stop": ID}
It ends with standard input.
"""
import json
import queue
import sys
import threading

import libtorrent as lt


def say(**what):
    print(json.dumps(what), flush=True)


def make(kind, path, piece_size, out):
    files = lt.file_storage()
    lt.add_files(files, path)
    flags = {"v1": lt.create_torrent.v1_only, "v2": lt.create_torrent.v2_only, "hybrid": 0}[kind]
    torrent = lt.create_torrent(files, int(piece_size), flags)
    torrent.set_creator("libtorrent " + lt.version)
    lt.set_piece_hashes(torrent, path.rsplit("/", 1)[0])
    with open(out, "wb") as f:
        f.write(lt.bencode(torrent.generate()))
    info = lt.torrent_info(out)
    hashes = info.info_hashes()
    say(v1=str(hashes.v1) if hashes.has_v1() else "", v2=str(hashes.v2) if hashes.has_v2() else "", size=info.total_size())


class Session:
    def __init__(self, listen, save_path, fingerprint):
        settings = {
            "listen_interfaces": listen, "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
            "enable_incoming_utp": False, "enable_outgoing_utp": False,
            "alert_mask": lt.alert.category_t.tracker_notification | lt.alert.category_t.error_notification,
            "stop_tracker_timeout": 5,
        }
        if fingerprint:
            settings["peer_fingerprint"] = fingerprint
        self.session = lt.session(settings)
        self.save_path = save_path
        self.handles = {}
        self.last = {}

    def do(self, order):
        if "add" in order:
            info = lt.torrent_info(order["file"])
            handle = self.session.add_torrent({"ti": info, "save_path": self.save_path})
            handle.set_upload_limit(order["limit"])
            self.handles[order["add"]] = handle
        elif "limit" in order:
            self.handles[order["limit"]].set_upload_limit(order["to"])
        else:
            handle = self.handles[order["stop"]]
            handle.unset_flags(lt.torrent_flags.auto_managed)
            handle.pause()  # tells the tracker, once for each info-hash and address
            self.report(order["stop"])

    def report(self, stopped=None):
        """Says what has changed, what was just stopped, and what the tracker has answered."""
        for key, handle in self.handles.items():
            s = handle.status()
            now = {"id": key, "state": str(s.state), "seeding": bool(s.is_seeding),
                   "uploaded": s.total_payload_upload,
                   # as it is announced: without what came twice or was wrong
                   "downloaded": s.total_payload_download - s.total_redundant_bytes - s.total_failed_bytes}
            # Others may be paused too: a new one is until the session starts it.
            if key == stopped and s.flags & lt.torrent_flags.paused:
                now["stopped"] = True
            if now != self.last.get(key):
                say(**now)
                self.last[key] = now
        for a in self.session.pop_alerts():
            key = next((k for k, h in self.handles.items() if h == getattr(a, "handle", None)), None)
            if isinstance(a, lt.tracker_error_alert):
                # It tells too of addresses that it does not even try.
                why = "" if "skipping tracker announce" in a.message() else a.message()
                say(id=key, tracker_error=a.failure_reason() or a.error_message() or why)
            elif isinstance(a, lt.tracker_reply_alert):
                say(id=key, tracker_reply=a.num_peers)
            elif isinstance(a, lt.torrent_error_alert):
                say(id=key, torrent_error=a.message())


def run(listen, save_path, fingerprint=""):
    session = Session(listen, save_path, fingerprint)
    orders = queue.Queue()

    def read():
        for line in sys.stdin:
            orders.put(json.loads(line))
        orders.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        session.session.wait_for_alert(50)
        session.report()
        while not orders.empty():
            order = orders.get()
            if order is None:
                return  # the session ends when its farewells are answered
            session.do(order)


if __name__ == "__main__":
    {"make": make, "run": run}[sys.argv[1]](*sys.argv[2:])
