"""Drives libtorrent for the end-to-end tests. Prints one JSON object a line.

libtorrent.py make v1|v2|hybrid PATH PIECE_SIZE OUT
libtorrent.py run IP TORRENT SAVE_PATH [FINGERPRINT]   until standard input ends
"""
import json
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


def run(ip, torrent, save_path, fingerprint=""):
    settings = {
        "listen_interfaces": ip + ":6881", "outgoing_interfaces": ip,
        "enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False,
        "enable_incoming_utp": False, "enable_outgoing_utp": False,
        "alert_mask": lt.alert.category_t.tracker_notification | lt.alert.category_t.error_notification,
        "stop_tracker_timeout": 5,
    }
    if fingerprint:
        settings["peer_fingerprint"] = fingerprint
    session = lt.session(settings)
    info = lt.torrent_info(torrent)
    handle = session.add_torrent({"ti": info, "save_path": save_path})
    ending = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ending.set()), daemon=True).start()
    last = None
    while not ending.is_set():
        session.wait_for_alert(100)
        report(session)
        s = handle.status()
        now = {"state": str(s.state), "seeding": bool(s.is_seeding), "done": s.total_done,
               "uploaded": s.total_payload_upload, "downloaded": s.total_payload_download}
        if now != last:
            say(**now)
            last = now
    # A torrent that is paused tells the tracker so, once for each info-hash.
    handle.unset_flags(lt.torrent_flags.auto_managed)
    handle.pause()
    hashes = info.info_hashes()
    missing = hashes.has_v1() + hashes.has_v2()
    for _ in range(50):
        if missing <= 0:
            break
        session.wait_for_alert(100)
        missing -= report(session)
    s = handle.status()
    say(ended=True, uploaded=s.total_payload_upload, downloaded=s.total_payload_download, unheard=missing)


def report(session):
    """Says what the tracker answered, and returns how many answers there were."""
    answers = 0
    for a in session.pop_alerts():
        if isinstance(a, lt.tracker_error_alert):
            say(tracker_error=a.failure_reason() or a.error_message() or a.message())
            answers += 1
        elif isinstance(a, lt.tracker_reply_alert):
            say(tracker_reply=a.num_peers)
            answers += 1
        elif isinstance(a, lt.torrent_error_alert):
            say(torrent_error=a.message())
    return answers


if __name__ == "__main__":
    {"make": make, "run": run}[sys.argv[1]](*sys.argv[2:])
