#!/usr/bin/env python3
"""The rollback journals that a kill, or a stranger, leaves beside a database.

    journals.py closing DB            DB and DB-journal as a writer leaves them that is killed while
                                      it makes one file of them: page 1 is half changed
    journals.py super DB VICTIM KIND  a journal that names VICTIM as the file of a transaction over
                                      several files, which SQLite deletes when it rolls back
KIND: plain, zeros (no header), two (a second header), short (nothing but the name).
"""
import os
import struct
import sys

MAGIC = bytes.fromhex("d9d505f920a163d7")
SECTOR = 512


def page_bytes(db):
    size = int.from_bytes(open(db, "rb").read(18)[16:], "big")
    return 65536 if size == 1 else size


def header(db, records, seed=1234):
    page = page_bytes(db)
    fields = struct.pack(">IIIII", records, seed, os.path.getsize(db) // page, SECTOR, page)
    return (MAGIC + fields).ljust(SECTOR, b"\0")


def record(number, data, seed=1234):
    checksum = seed + sum(data[i] for i in range(len(data) - 200, 0, -200))
    return struct.pack(">I", number) + data + struct.pack(">I", checksum & 0xFFFFFFFF)


def closing(db):
    page = page_bytes(db)
    data = bytearray(open(db, "rb").read())
    before = bytearray(data[:page])
    before[18] = before[19] = 2  # it was in the mode of the log
    with open(db + "-journal", "wb") as f:
        f.write(header(db, 0xFFFFFFFF) + record(1, before))
    data[page // 2 : page] = b"\xff" * (page - page // 2)  # half of the page reached the disk
    open(db, "r+b").write(data)


def super_journal(db, victim, kind):
    name = os.path.abspath(victim).encode()
    tail = struct.pack(">I", 0x40000000 // page_bytes(db) + 1) + name
    checksum = sum(b - 256 if b > 127 else b for b in name) & 0xFFFFFFFF
    tail += struct.pack(">II", len(name), checksum) + MAGIC
    head = {
        "plain": header(db, 0),
        "zeros": b"x" * SECTOR,
        "two": header(db, 0) + header(db, 0),
        "short": b"x",
    }[kind]
    open(db + "-journal", "wb").write(head + tail)


closing(*sys.argv[2:]) if sys.argv[1] == "closing" else super_journal(*sys.argv[2:])
