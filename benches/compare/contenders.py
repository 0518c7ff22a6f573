"""Starts the programs that are compared, each on a port of its own of the loopback address."""

import subprocess
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from processes import Process, free_port

WORK = Path("target/compare").resolve()
EXPORTER = Path("target/release/wechat-material-exporter")
PYTHON = WORK / "venv/bin/python"
HERE = Path(__file__).parent

STATIC_ANSWER = (
    '{"access_token":"80_0123456789012345678901234567890123456789012345678901234567890123456789","expires_in":7200,'
    '"voice_count":12,"video_count":345,"image_count":67890,"news_count":1234}'
)

NGINX = """
daemon off; worker_processes 2; pid {work}/nginx.pid; error_log {work}/nginx.log;
events {{ worker_connections 8192; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
  client_body_temp_path {work}/nginx-body; proxy_temp_path {work}/nginx-proxy; fastcgi_temp_path {work}/nginx-fcgi;
  uwsgi_temp_path {work}/nginx-uwsgi; scgi_temp_path {work}/nginx-scgi;
  gzip on; gzip_comp_level 1; gzip_types text/plain;
  server {{
    listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl;
    ssl_certificate {work}/server.pem; ssl_certificate_key {work}/server.key;
    location /pages/ {{ alias {work}/pages/; default_type text/plain; }}
    location = /status {{ stub_status; }}
    location / {{ gzip off; default_type application/json; return 200 '{answer}'; }}
  }}
}}
"""


class Nginx:
    """Serves the files of `pages`, and one JSON answer to every call of the API."""

    def __init__(self, process, plain, tls):
        self.process = process
        self.plain = f"http://127.0.0.1:{plain}"
        self.tls = f"https://127.0.0.1:{tls}"

    def page(self, name, body):
        """Publishes `body` as a file, and returns its URL."""
        (WORK / "pages").mkdir(exist_ok=True)
        (WORK / "pages" / name).write_bytes(body)
        return f"{self.plain}/pages/{name}"

    def requests(self):
        """How many requests it got so far."""
        with urllib.request.urlopen(f"{self.plain}/status") as answer:
            return int(answer.read().split()[9])


@contextmanager
def nginx():
    """nginx, with a certificate for TLS that `server.pem` vouches for."""
    plain, tls = free_port(), free_port()
    key = ["-newkey", "rsa:2048", "-nodes", "-keyout", WORK / "server.key", "-out", WORK / "server.pem"]
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(["openssl", "req", "-x509", "-days", "30", *key, *name], check=True, capture_output=True)
    config = WORK / "nginx.conf"
    config.write_text(NGINX.format(work=WORK, plain=plain, tls=tls, answer=STATIC_ANSWER))
    with Process("nginx", "-p", WORK, "-c", config, log=WORK / "nginx.log") as process:
        process.wait_until_it_listens(plain)
        yield Nginx(process, plain, tls)


@contextmanager
def printing_its_url(*command):
    """A contender whose first line is its URL."""
    with Process(*command, log=WORK / "contenders.log") as process:
        process.url = process.line()
        yield process


@contextmanager
def pushgateway(page):
    """A Pushgateway that holds the series of `page`."""
    port = free_port()
    with Process("prometheus-pushgateway", f"--web.listen-address=127.0.0.1:{port}", log=WORK / "push.log") as process:
        process.wait_until_it_listens(port)
        process.url = f"http://127.0.0.1:{port}/metrics"
        push = urllib.request.Request(f"{process.url}/job/wechat", data=page, method="PUT")
        with urllib.request.urlopen(push, timeout=300):
            pass
        yield process


@contextmanager
def simulator(accounts):
    """The API as our own simulator answers it."""
    port = free_port()
    listen = ["--listen", f"127.0.0.1:{port}", "--accounts", accounts]
    with Process(EXPORTER, "simulate", *listen, log=WORK / "simulator.log") as process:
        process.wait_until_it_listens(port)
        process.url = f"http://127.0.0.1:{port}"
        yield process


@contextmanager
def exporter(config, state=None):
    """The exporter itself, as soon as it listens; how long that took is its `start_seconds`."""
    port = free_port()
    flags = ["--config.file", config, "--web.listen-address", f"127.0.0.1:{port}", "--web.enable-lifecycle"]
    if state:
        flags += ["--state.file", state]
    with Process(EXPORTER, *flags, log=WORK / "exporter.log") as process:
        process.start_seconds = process.wait_until_it_listens(port)
        process.url = f"http://127.0.0.1:{port}/metrics"
        process.ready_url = f"http://127.0.0.1:{port}/-/ready"
        process.reload_url = f"http://127.0.0.1:{port}/-/reload"
        yield process
