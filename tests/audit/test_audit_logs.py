import hashlib
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pandas as pd
import pytest

from resmooth import audit
from resmooth.audit import logs

TABLE = Path(__file__).parents[2] / "claims" / "published_logs.tsv"
MIRROR = os.environ.get("RESMOOTH_MIRROR")

LOG = b"idx\tlabel\tpredict\tradius\tcorrect\ttime\n0\t3\t3\t1.25\t1\t0:01:00\n20\t5\t-1\t0.0\t0\t0:01:00\n"
EMPTY = LOG.splitlines(keepends=True)[0]


def entry_of(content, rows=2, address="https://example.org/owner/name/commit/a/log"):
    digest = hashlib.sha256(content).hexdigest()
    return {"file": "owner/name/log.tsv", "address": address, "rows": rows, "sha256": digest}


def mirror_with(folder, content):
    path = folder / "published_logs" / "owner/name/log.tsv"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


class Server:
    """Answers every request with `content` and `status`, on a port of this machine; counts the requests."""

    def __init__(self):
        self.content, self.status, self.cut, self.calls = LOG, 200, 0, 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.calls += 1
                self.send_response(server.status)
                self.send_header("Content-Length", str(len(server.content) + server.cut))
                self.end_headers()
                self.wfile.write(server.content)

            def log_message(self, *arguments):
                pass

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}/owner/name/commit/a/log"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def online(monkeypatch):
    monkeypatch.setattr(logs, "_unreachable", None)
    server = Server()
    yield server
    server.http.shutdown()
    server.http.server_close()


def nowhere():
    """An address where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/log"


def refused(kind, message, *arguments, function=audit.read_log):
    with pytest.raises(kind, match=message) as error:
        function(*arguments)
    assert "\n" not in str(error.value)


def address_of(entry):
    """The address that follows from a log's line: every repository has a folder and an ending of its own."""
    name = entry["file"].removeprefix(f"{entry['repository']}/")
    if entry["repository"] == "alinlab/smoothing-catrs":
        dataset, training, level = name.split("/")
        below = f"data/{dataset}/{level.removesuffix('.tsv')}/{training}/{level}"
    else:
        below = f"data/certify/{name if entry['repository'] == 'eth-sri/acr-weakness' else name.removesuffix('.tsv')}"
    return f"https://raw.githubusercontent.com/{entry['repository']}/{entry['commit']}/{below}"


def test_the_table_lists_92_logs_at_fixed_commits():
    table = audit.read_logs_table(TABLE)
    assert len(table) == 92 and table.file.is_unique
    assert table.commit.str.fullmatch("[0-9a-f]{40}").all() and table.groupby("repository").commit.nunique().eq(1).all()
    assert table.address.tolist() == [address_of(entry) for entry in table.to_dict("records")]


@pytest.mark.skipif(not MIRROR, reason="RESMOOTH_MIRROR names no folder with the published logs")
def test_every_listed_log_is_read_with_the_listed_number_of_images():
    for entry in audit.read_logs_table(TABLE).to_dict("records"):
        assert len(audit.read_log(entry, mirror=MIRROR)) == entry["rows"]


def test_a_log_comes_from_the_mirror(tmp_path, online):
    path = mirror_with(tmp_path, LOG)
    assert audit.fetch(entry_of(LOG), tmp_path / "cache", tmp_path) == path
    assert audit.read_log(entry_of(LOG), tmp_path / "cache", tmp_path).radius.tolist() == [1.25, 0.0]
    assert online.calls == 0 and not (tmp_path / "cache").exists()


def test_a_log_is_downloaded_once_and_checked_every_time(tmp_path, online):
    entry = entry_of(LOG, address=online.address)
    for _ in range(2):
        path = audit.fetch(entry, tmp_path)
    assert online.calls == 1 and path.read_bytes() == LOG and path == tmp_path / "owner/name/log.tsv"
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path] and path.stat().st_mode & 0o044
    path.write_bytes(LOG.replace(b"1.25", b"1.26"))
    refused(ValueError, f"{path}: does not match its sha256.*delete it", entry, tmp_path)
    assert online.calls == 1


def test_altered_and_truncated_logs_are_refused(tmp_path):
    path = mirror_with(tmp_path, LOG)
    for content in (LOG[:-20], LOG.replace(b"\t1\t", b"\t0\t"), b""):
        path.write_bytes(content)
        refused(ValueError, f"{path}: does not match its sha256.*restore it", entry_of(LOG), "cache", tmp_path)


def test_an_altered_download_leaves_nothing_behind(tmp_path, online):
    online.content = LOG[:-20]
    refused(ValueError, "log: does not match its sha256", entry_of(LOG, address=online.address), tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_missing_mirror_and_missing_file_are_refused(tmp_path):
    refused(FileNotFoundError, "no such mirror folder", entry_of(LOG), "cache", tmp_path / "none")
    refused(FileNotFoundError, "log.tsv: not in the mirror", entry_of(LOG), "cache", tmp_path)


def test_a_refusing_server_is_an_error_and_not_offline(tmp_path, online):
    online.status = 404
    refused(FileNotFoundError, "the server answered 404", entry_of(LOG, address=online.address), tmp_path)
    assert logs._unreachable is None


def test_after_one_failed_connection_no_other_is_tried(tmp_path, online):
    for address in (nowhere(), online.address, online.address):
        refused(ConnectionError, "log.tsv: not at hand", entry_of(LOG, address=address), tmp_path)
    assert online.calls == 0 and not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_connection_that_breaks_off_is_no_connection(tmp_path, online):
    online.cut = 50
    for _ in range(2):
        refused(ConnectionError, "log.tsv: not at hand", entry_of(LOG, address=online.address), tmp_path)
    assert online.calls == 1 and not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_logs_without_images_or_with_other_numbers_of_them_are_refused(tmp_path):
    path = mirror_with(tmp_path, EMPTY)
    refused(ValueError, "holds a header but no image", entry_of(EMPTY), "cache", tmp_path)
    path.write_bytes(LOG)
    refused(ValueError, "has 2 images, not 3", entry_of(LOG, rows=3), "cache", tmp_path)
    path.write_bytes(LOG.replace(b"1.25", b"wide"))
    refused(ValueError, "line 2: column radius", entry_of(LOG.replace(b"1.25", b"wide")), "cache", tmp_path)


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("https://", "http://", "address"),
        ("\tlocuslab/smoothing/cifar10", "\t../cifar10", "below published_logs"),
        ("\t500\t", "\t0\t", "rows"),
        ("a1587fd0", "A1587fd0", "sha256"),
    ],
)
def test_a_wrong_table_of_logs_is_refused(tmp_path, old, new, message):
    path = tmp_path / "logs.tsv"
    header, first = TABLE.read_text().splitlines()[:2]
    assert old in first
    path.write_text(f"{header}\n{first.replace(old, new, 1)}\n")
    refused(ValueError, f"{path}, line 2: .*{message}", path, function=audit.read_logs_table)
    path.write_text(f"{header}\n{first}\n{first}\n")
    refused(ValueError, f"{path}, line 3: .*listed twice", path, function=audit.read_logs_table)
    refused(FileNotFoundError, "no such table", tmp_path / "none.tsv", function=audit.read_logs_table)


def test_gathered_logs_say_which_log_each_image_is_of(tmp_path, online):
    mirror_with(tmp_path, LOG)
    facts = {"repository": "owner/name", "dataset": "cifar10", "arch": "resnet20", "training": "gaussian"}
    facts |= {"sigma_train": "0.50", "sigma_certify": "0.50", "commit": "a"}
    table = pd.DataFrame([entry_of(LOG) | facts, entry_of(LOG) | facts | {"file": "owner/name/log.tsv"}])
    frame = audit.gather_logs(table, mirror=tmp_path)
    assert (
        frame.idx.tolist() == [0, 20, 0, 20] and set(frame.sigma_certify) == {0.5} and set(frame.arch) == {"resnet20"}
    )
    lines, table["address"] = [], nowhere()
    absent = audit.gather_logs(table, cache=tmp_path / "cache", report=lines.append)
    assert absent.empty and list(absent.columns) == list(frame.columns)
    assert len(lines) == 2 and "no connection" in lines[0]
