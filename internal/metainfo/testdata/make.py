#!/usr/bin/env python3
"""Writes the .torrent files of this folder with libtorrent 2 (python3-libtorrent).

Run it in this folder. The data are made up, so that they need not be kept.
"""
import os
import shutil
import tempfile

import libtorrent as lt


def data(n, seed):
    out, x = bytearray(), seed
    while len(out) < n:
        x = (x * 1103515245 + 12345) % 2**31
        out.append(x >> 16 & 255)
    return bytes(out)


def write(root, path, content):
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "wb") as f:
        f.write(content)


def make(name, flags, root, path):
    fs = lt.file_storage()
    lt.add_files(fs, os.path.join(root, path), flags=flags)
    t = lt.create_torrent(fs, piece_size=16384 * 2, flags=flags)
    t.add_tracker("http://tracker.example/0123456789abcdef/announce")
    t.add_node("router.example", 6881)
    t.set_comment("made for the tests")
    t.set_creator("libtorrent " + lt.__version__)
    lt.set_piece_hashes(t, root)
    with open(name + ".torrent", "wb") as f:
        made = t.generate()
        made[b"creation date"] = 1700000000
        f.write(lt.bencode(made))


def main():
    tmp = tempfile.mkdtemp()
    root = os.path.join(tmp, "r")
    write(root, "lambda/genome.fa", data(70001, 1))
    write(root, "lambda/reads/a_1.fastq", data(32768, 2))
    write(root, "lambda/reads/a_2.fastq", data(200000, 3))
    write(root, "lambda/reads/empty.txt", b"")
    write(root, "lambda/README", b"phage\n")
    write(root, "one.fa", data(100000, 4))
    os.chmod(os.path.join(root, "lambda/README"), 0o755)
    links = os.path.join(tmp, "links")
    shutil.copytree(root, links)
    os.symlink("genome.fa", os.path.join(links, "lambda/latest.fa"))

    v1, v2 = lt.create_torrent.v1_only, lt.create_torrent.v2_only
    for source in ("lambda", "one.fa"):
        stem = source.split(".")[0]
        make("lt-v1-" + stem, v1, root, source)
        make("lt-v2-" + stem, v2, root, source)
        make("lt-hybrid-" + stem, 0, root, source)
    make("lt-hybrid-symlink", lt.create_torrent.symlinks, links, "lambda")
    make("lt-v2-symlink", v2 | lt.create_torrent.symlinks, links, "lambda")
    shutil.rmtree(tmp)


main()
