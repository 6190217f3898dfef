"""Who the client is behind proxies: told by whose address limit a request counts against.

Each address has one place for an hour, so a second request that counts against it is refused.
"""

import itertools

import pytest
from harness import keys

HOUR = {"IP_RATE_LIMIT_REQUESTS": 1, "IP_RATE_LIMIT_WINDOW": 3600}
SETTINGS = {**HOUR, "TRUST_PROXY": "true", "TRUSTED_PROXIES": "127.0.0.0/8,10.0.0.0/8,2001:db8:aaaa::/48"}
_numbers = itertools.count(1)


def fresh():
    """An address that no test has used."""
    number = next(_numbers)
    return f"198.51.{number // 250}.{number % 250 + 1}"


def lines(*values, name="X-Forwarded-For"):
    return [(name, value) for value in values]


def let_in(house, *values, name="X-Forwarded-For", **options):
    """Had the address that this counts against its place still?"""
    with house.connect(**options) as connection:
        answer = connection.ask("GET", "/v1/models", [("X-API-Key", keys.SECRET), *lines(*values, name=name)])
    assert answer.status in (200, 429), answer
    assert answer.status == 200 or answer.get("x-ratelimit-limit") == "1"
    return answer.status == 200


@pytest.fixture
def proxied(house):
    """The module's gatehouse; the tests' own address, which is the proxy's, has had its place."""
    let_in(house)
    assert not let_in(house)
    return house


CLIENT = [
    ["{c}"], ["  {c}\t"], ["6.6.6.6, {c}"], ["6.6.6.6,{c}"], ["6.6.6.6 ,\t{c} "], ["{c}, 10.1.2.3"],
    ["6.6.6.6, {c}, 10.1.2.3, 10.255.0.9"], ["{c}, 127.0.0.1"], ["{c}, 2001:db8:aaaa::1"], ["{c}, ::ffff:10.1.2.3"],
    ["{c}, 10.1.2.3:4711"], ["{c}, [2001:db8:aaaa::1]:443"], ["nonsense, {c}"], [", {c}"], ["{c},"], ["{c}, ,"],
    ["{c},\t,10.1.2.3,"], ["10.1.2.3, {c}"], ["127.0.0.1, {c}, 10.1.2.3"], ["{c}:4711"], ["::ffff:{c}"], ["[::ffff:{c}]"], ["[::ffff:{c}]:80"],
    ["6.6.6.6", "{c}"], ["6.6.6.6, 7.7.7.7", "{c}, 10.1.2.3", "10.9.9.9"], ["{c}", "10.1.2.3"], ["nonsense", "{c}"],
    ["{c}", ""], ["6.6.6.6, " * 200 + "{c}"],
]

PEER = [
    [""], ["nonsense"], ["unknown"], ["_hidden"], ["{c}, unknown"], ["{c}, nonsense"], [","], [", ,"],
    ["999.1.1.1"], ["1.2.3"], ["1.2.3.4.5"], ["01.2.3.4"], ["0x7f000001"], ["{c}/32"], ["{c}:"], ["{c}:99999"],
    ["[{c}]"], ["[::1"], ["::1]"], ["fe80::1%eth0"], ['"{c}"'], ["for={c}"], ["{c} 6.6.6.6"], ["{c};6.6.6.6"],
    ["6.6.6.6", "nonsense"], ["{c}", "{c}, nonsense"], ["x" * 4000], ["\xff\xfe"],
]


@pytest.mark.parametrize("values", CLIENT)
def test_the_client_is_the_rightmost_one_that_is_no_proxy_of_ours(proxied, values):
    client = fresh()
    assert let_in(proxied, *(value.format(c=client) for value in values))
    assert not let_in(proxied, client), "it counted against somebody else"


@pytest.mark.parametrize("values", PEER)
def test_what_is_no_address_is_not_believed(proxied, values):
    client = fresh()
    assert not let_in(proxied, *(value.format(c=client) for value in values)), "it did not count against the proxy"
    assert let_in(proxied, client), "it counted against the client"


def test_spoofed_entries_buy_no_room(proxied):
    client = fresh()
    assert let_in(proxied, client)
    assert not any(let_in(proxied, f"{fresh()}, {client}") for _ in range(20))
    assert not any(let_in(proxied, fresh(), client) for _ in range(20))


def test_nonsense_between_proxies_ends_the_belief(proxied):
    assert let_in(proxied, f"{fresh()}, nonsense, 10.77.1.1")
    assert not let_in(proxied, f"{fresh()}, unknown, 10.77.1.1")


def test_when_all_are_proxies_it_is_the_one_furthest_left(proxied):
    assert let_in(proxied, "10.78.1.1, 10.78.1.2")
    assert not let_in(proxied, "10.78.1.1, 10.78.1.3")
    assert let_in(proxied, "10.78.1.2, 10.78.1.1")


def test_an_ipv6_network_of_64_bits_is_one_client(proxied):
    assert let_in(proxied, "2001:db8:1:2::1")
    for same in ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "[2001:DB8:1:2::7]:443", "2001:0db8:0001:0002:0:0:0:9"):
        assert not let_in(proxied, same)
    for other in ("2001:db8:1:3::1", "2001:db8:1:1:ffff::1", "2001:db8:2:2::1"):
        assert let_in(proxied, other)


def test_ipv4_addresses_are_one_client_each(proxied):
    first, second = fresh(), fresh()
    assert let_in(proxied, first)
    assert let_in(proxied, second)
    assert let_in(proxied, f"::ffff:{fresh()}"), "mapped ones are no network of 64 bits"


def test_each_request_of_a_connection_has_its_own_client(proxied):
    first, second = fresh(), fresh()
    with proxied.connect() as connection:
        told = [connection.ask("GET", "/v1/models", [("X-API-Key", keys.SECRET), *lines(address)]).status
                for address in (first, second, first, second)]
    assert told == [200, 200, 429, 429]


@pytest.mark.parametrize("name", ["x-forwarded-for", "X-FORWARDED-FOR"])
def test_the_name_is_known_in_any_case(proxied, name):
    client = fresh()
    assert let_in(proxied, client, name=name)
    assert not let_in(proxied, client)


@pytest.mark.parametrize("name", ["X-Forwarded-For ", "X_Forwarded_For", "X-Real-IP", "Forwarded", "Client-IP",
                                  "True-Client-IP", "CF-Connecting-IP", "X-Forwarded", "X-Gatehouse-Client"])
def test_no_other_header_says_who_it_is(proxied, name):
    with proxied.connect() as connection:
        answer = connection.ask("GET", "/v1/models", [("X-API-Key", keys.SECRET), *lines(fresh(), name=name)])
    assert answer.status == (400 if name.endswith(" ") else 429)


def test_addresses_stand_in_no_log_and_go_nowhere(proxied, standin):
    client = fresh()
    assert let_in(proxied, f"203.0.113.77, {client}")
    assert not let_in(proxied, client)
    sent = standin.one_request()
    assert client not in str(sent) and "203.0.113.77" not in str(sent)
    proxied.log_never_has(client, "203.0.113.77")


def test_without_trust_the_header_says_nothing(start_house):
    house = start_house(**HOUR)
    assert let_in(house, fresh())
    assert not any(let_in(house, *values) for values in ([fresh()], [fresh(), fresh()], []))


def test_a_peer_outside_the_list_is_not_believed(start_house):
    house = start_house(**HOUR, TRUST_PROXY="true", TRUSTED_PROXIES="10.0.0.0/8")
    assert let_in(house, fresh())
    assert not any(let_in(house, *values) for values in ([fresh()], [f"{fresh()}, 10.1.2.3"], []))


def test_without_a_list_it_is_the_rightmost_whoever_that_is_and_there_is_a_warning(start_house):
    house = start_house(**HOUR, TRUST_PROXY="true")
    client = fresh()
    assert let_in(house, f"{fresh()}, {client}")
    assert not let_in(house, fresh(), client)
    assert let_in(house, f"{client}, 10.1.2.3")
    assert not let_in(house, f"{fresh()}, 10.1.2.3")
    assert [line for line in house.lines(level="warn") if "TRUST" in line.msg]


def test_on_a_dual_stack_listener_ipv4_peers_are_known_by_their_ipv4_address(start_house):
    house = start_house(**HOUR, TRUST_PROXY="true", TRUSTED_PROXIES="127.0.0.0/8", LISTEN="http://[::]:0")
    client = fresh()
    assert let_in(house, client)
    assert not let_in(house, client)
    assert let_in(house), "the proxy itself"
    assert let_in(house, fresh(), host="::1"), "this peer is no trusted one"
    assert not let_in(house, fresh(), host="::1")


class TestProtocol:
    @pytest.mark.parametrize("values,status", [
        (["https"], 200), (["HTTPS"], 200), (["http, https"], 200), (["http", "https"], 200), (["https, http"], 403),
        (["https", "http"], 403), (["http"], 403), ([], 403), ([""], 403), (["httpsx"], 403), (["https, ,"], 200), (["http,"], 403)])
    def test_a_trusted_proxy_says_how_the_client_came(self, start_house, values, status):
        house = start_house(FORCE_HTTPS="true", TRUST_PROXY="true", TRUSTED_PROXIES="127.0.0.0/8", WORKERS=1)
        assert house.ask("GET", "/v1/models", lines(*values, name="X-Forwarded-Proto")).status == status

    def test_nobody_else_does(self, start_house):
        forwarded = lines("https", name="X-Forwarded-Proto")
        for trust in ({}, {"TRUST_PROXY": "true", "TRUSTED_PROXIES": "10.0.0.0/8"}):
            house = start_house(FORCE_HTTPS="true", WORKERS=1, **trust)
            assert house.ask("GET", "/v1/models", forwarded).status == 403
