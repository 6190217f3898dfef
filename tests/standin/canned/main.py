"""Command line of the stand-in."""

import argparse
import asyncio
import os
import signal
import socket
import ssl
import sys

from . import server as serving
from . import steer
from .control import Control
from .gates import Gates
from .record import Record


def _arguments(argv):
    parser = argparse.ArgumentParser(prog="standin.py", description="A canned stand-in for privatemode-proxy.")
    parser.add_argument("--listen", metavar="ADDR:PORT", help="TCP address; port 0: any free one")
    parser.add_argument("--unix", metavar="PATH", help="UNIX socket to listen on as well")
    parser.add_argument("--tls-cert", metavar="FILE", help="serve TLS on the TCP address")
    parser.add_argument("--tls-key", metavar="FILE")
    parser.add_argument("--api-key", help="the Bearer key that a request must carry; without it any or none will do")
    parser.add_argument("--log", metavar="FILE", help="append a JSON object a line of what comes and goes")
    parser.add_argument("--port-file", metavar="FILE", help="write the bound port there, when ready")
    parser.add_argument("--control-port-file", metavar="FILE",
                        help="open the control interface on a free loopback port and write the port there")
    parser.add_argument("--steer", metavar="NAME=VALUE", action="append", default=[],
                        help="a default for all answers, e.g. gap-ms=40")
    parser.add_argument("--steering", action="store_true", help="list the steering headers and exit")
    options = parser.parse_args(argv)
    if not options.steering and options.listen is None and options.unix is None:
        parser.error("--listen or --unix is needed")
    if (options.tls_cert is None) != (options.tls_key is None):
        parser.error("--tls-cert and --tls-key belong together")
    return options


def _tcp(address):
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, int(port)))
    return sock


def _unix(path):
    if os.path.exists(path):
        os.unlink(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(path)
    os.chmod(path, 0o666)
    return sock


def _tls(options):
    if options.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.tls_cert, options.tls_key)
    return context


def _tell(path, sock):
    """Whole or not at all: who polls for the file never reads half a number."""
    if path is not None:
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(f"{sock.getsockname()[1]}\n")
        os.replace(path + ".new", path)


async def _run(options):
    gates = Gates()
    defaults = dict(pair.partition("=")[::2] for pair in options.steer)
    defaults = {name: steer.parse_one(name, text) for name, text in defaults.items()}
    record = Record(options.log)
    server = serving.Server(record, gates, defaults, options.api_key)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    tcp = _tcp(options.listen) if options.listen is not None else None
    sockets = [(tcp, _tls(options))] if tcp is not None else []
    if options.unix is not None:
        sockets.append((_unix(options.unix), None))
    await serving.start(server, sockets)
    if options.control_port_file is not None:
        inlet = _tcp("127.0.0.1:0")
        await serving.start(Control(server, gates), [(inlet, None)])
        _tell(options.control_port_file, inlet)
    if tcp is not None:
        _tell(options.port_file, tcp)
        host, port = tcp.getsockname()[:2]
        print(f"stand-in on {'https' if options.tls_cert else 'http'}://{host}:{port}, canned answers only", flush=True)
    await stop.wait()
    # leave as a killed upstream would: the kernel ends the connections, asyncio unwinds nothing
    os._exit(0)


def main():
    options = _arguments(sys.argv[1:])
    if options.steering:
        print(steer.document())
        return 0
    try:
        asyncio.run(_run(options))
    except (OSError, ssl.SSLError, steer.SteeringError) as error:
        print(f"stand-in: {error}", file=sys.stderr)
        return 1
    return 0
