"""Fixtures of the end-to-end tests, and what is checked after every one of them.

A module's tests share a gatehouse (`house`) and a stand-in (`standin`); a test that needs a configuration of
its own starts one with `start_house`. GATEHOUSE_E2E_DIRECT=1 runs the SDK tests against the stand-in itself:
a test of the tests.
"""

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "standin")]

# what an assertion of the harness saw is told as a test's own is
pytest.register_assert_rewrite("harness")

from harness import admin, certs, gatehouse, keys, scripted, upstream
from harness.echo import Echo
from harness.poll import until

DIRECT = os.environ.get("GATEHOUSE_E2E_DIRECT") == "1"
TEST_SECONDS = 120
LOG_SHOWN = 4000
"""bytes of each gatehouse's log"""


def pytest_configure(config):
    config.addinivalue_line("markers", "direct: also makes sense against the stand-in itself")
    config.addinivalue_line("markers", "through_gatehouse: not even in a module that is marked direct")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))
        if DIRECT and HERE in item.path.parents and (
                item.get_closest_marker("direct") is None or item.get_closest_marker("through_gatehouse")):
            item.add_marker(pytest.mark.skip(reason="needs gatehouse"))


def pytest_xdist_make_scheduler(config, log):
    """A module's tests stay together, for they share processes."""
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log)


@dataclass
class Service:
    """What an SDK is pointed at."""

    base_url: str
    key: str
    ca_file: Path | None


_running = []
"""every gatehouse that this process has started and not stopped"""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows what the gatehouses of that moment had to say."""
    report = yield
    if report.failed:
        for house in _running:
            report.sections.append((f"the last lines of gatehouse {house.pid}", house.log_text()[-LOG_SHOWN:]))
    return report


@pytest.fixture(autouse=True)
def _checked():
    """After every test: masters live, no zombies, no error lines, no sanitizer's report."""
    yield
    for house in list(_running):
        assert house.process.poll() is None, f"the master has ended:\n{house.log_text()}"
        house.check()


def _start(house):
    try:
        house.start()
    except BaseException:
        house.discard()
        raise
    _running.append(house)
    return house


def _stop(house):
    if house in _running:
        _running.remove(house)
    try:
        if house.process is not None and house.process.returncode is None:
            house.stop()
        house.check()
    finally:
        house.discard()


@pytest.fixture(scope="session")
def folder():
    """A folder of this session that unprivileged processes can read."""
    import shutil

    made = gatehouse.make_folder()
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def pair(folder):
    """The certificate of every gatehouse that serves TLS."""
    return certs.make(folder, "server")


@pytest.fixture(scope="module")
def module_standin(folder, request):
    running = upstream.StandIn(folder / f"standin-{request.module.__name__}")
    yield running
    running.stop()


@pytest.fixture
def standin(module_standin):
    """The module's stand-in; its log begins with this test."""
    # the last test's client may have its answer before the stand-in has written that it ended
    until("the stand-in has nothing left to do", lambda: module_standin.state()["busy"] == 0)
    module_standin.mark()
    yield module_standin
    module_standin.clear()


@pytest.fixture(scope="module")
def module_house(module_standin, pair, request):
    """The module's gatehouse: https and http, steering passes. SETTINGS and ENTRIES of the module hold."""
    settings = {"UPSTREAM_HEADERS": upstream.HEADER_NAMES, **getattr(request.module, "SETTINGS", {})}
    house = gatehouse.Gatehouse(module_standin, tls=pair, entries=getattr(request.module, "ENTRIES", None), **settings)
    _start(house)
    yield house
    _stop(house)


@pytest.fixture
def house(module_house):
    return module_house


@pytest.fixture
def start_house(standin):
    """start_house(**settings) -> a gatehouse of this test's own; `upstream=` if not the module's stand-in."""
    started = []

    def start(upstream=None, **options):
        from harness import upstream as names

        options.setdefault("UPSTREAM_HEADERS", names.HEADER_NAMES)
        house = gatehouse.Gatehouse(upstream or standin, **options)
        started.append(_start(house))
        return house

    yield start
    for house in started:
        _stop(house)


@pytest.fixture(name="upstream")
def scripted_upstream():
    """The test writes this upstream's bytes itself."""
    running = scripted.Upstream()
    yield running
    running.stop()


@pytest.fixture
def echo():
    """An upstream whose answers prove what of the request's body had come."""
    running = Echo()
    yield running
    running.stop()


@pytest.fixture
def start_standin(folder):
    """start_standin(**options) -> another stand-in."""
    started = []

    def start(**options):
        place = folder / f"standin-{os.getpid()}-{len(list(folder.iterdir()))}"
        started.append(upstream.StandIn(place, **options))
        return started[-1]

    yield start
    for running in started:
        running.stop()


@pytest.fixture
def service(request, standin, pair):
    """What SDKs talk to: the module's gatehouse, or with GATEHOUSE_E2E_DIRECT the stand-in itself."""
    if DIRECT:
        return Service(standin.url(), keys.UPSTREAM_SECRET, None)
    house = request.getfixturevalue("house")
    return Service(house.base_url, keys.SECRET, pair.cert)


# the admin page; its tests alone load the browser's driver


@pytest.fixture(scope="module")
def chromium():
    from harness import browser

    with browser.chromium() as running:
        yield running


@pytest.fixture
def visit(chromium):
    """visit(house, **options) -> a Visitor, closed and judged after the test."""
    from harness import browser

    with contextlib.ExitStack() as stack:
        def visit(house, **options):
            admin.give(house)
            visitor = browser.Visitor(chromium, house, **options)
            stack.callback(visitor.close)
            return visitor
        yield visit


@pytest.fixture(scope="module")
def stored(chromium, module_house):
    """What a browser that has logged in to the module's house remembers."""
    from harness import browser

    admin.give(module_house)
    visitor = browser.Visitor(chromium, module_house)
    visitor.enter()
    stored = visitor.context.storage_state()
    visitor.close()
    return stored


@pytest.fixture
def someone(visit, house, stored):
    """A visitor of the module's house who is logged in."""
    return visit(house, stored=stored)


@pytest.fixture
def api(house):
    """The same house without a browser."""
    return admin.enter(house)


@pytest.fixture(scope="session")
def is_root():
    return os.geteuid() == 0
