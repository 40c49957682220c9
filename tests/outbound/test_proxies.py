"""Which proxy is used, and what is still refused where one is."""

from __future__ import annotations

import base64
import socket

import pytest

from customer_sync.errors import ConfigError, Unavailable
from customer_sync.kit import transport
from customer_sync.kit.outbound import HttpClient, Unreached
from customer_sync.kit.proxies import Proxies, proxies_of_environment
from customer_sync.kit.transport import Timeout
from tests.outbound.peers import answering, certificate, dripping, peer, proxy

PATIENT = Timeout(connect_s=5.0, silence_s=30.0, answer_s=60.0)


@pytest.fixture
def start(monkeypatch):
    """Make a client as a process does that starts in an environment."""
    made = []

    def client(timeout=PATIENT, private=None, **environment):
        for name in ("http_proxy", "https_proxy", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        proxies_of_environment.cache_clear()
        made.append(HttpClient(timeout=timeout, private=private))
        return made[-1]

    yield client
    for one in made:
        one.close()
    proxies_of_environment.cache_clear()


@pytest.fixture
def shop():
    with peer(answering(b"shop")) as server:
        yield server


@pytest.fixture
def names(monkeypatch):
    """Lead names to addresses, for this process: name → addresses; the rest as always."""
    known, real, asked = {}, socket.getaddrinfo, []

    def look_up(host, port, *args, **more):
        if not more.get("flags", 0) & socket.AI_NUMERICHOST:
            asked.append(host)
        if host not in known or more.get("flags"):
            return real(host, port, *args, **more)
        found = known[host].pop(0) if isinstance(known[host][0], list) else known[host]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    known["asked"] = asked
    return known


# which one


def test_http_goes_by_the_proxy_of_http_which_resolves_the_name(start, shop, names):
    with proxy({"shop.example": shop.port}) as between:
        reply = start(HTTP_PROXY=between.url).send("POST", "http://shop.example/a?b=1", headers={}, body=b"x")

    assert reply.body == b"shop"
    assert between.requests[0].startswith(b"POST http://shop.example/a?b=1 HTTP/1.1\r\nHost: shop.example\r\n")
    assert shop.requests[0].startswith(b"POST /a?b=1 HTTP/1.1\r\n")
    assert "shop.example" not in names["asked"]


def test_https_goes_by_a_tunnel_of_the_proxy_and_is_verified_to_its_end(start, tmp_path, trusting):
    context, trusted = certificate(tmp_path, "shop.example")
    with peer(answering(b"safe"), context) as server, proxy({"shop.example": server.port}) as between:
        with pytest.raises(Unavailable, match="did not answer: SSLError"):
            start(HTTPS_PROXY=between.url).send("GET", "https://shop.example/a", headers={"api-key": "hidden"})
        trusting(trusted)
        reply = start(HTTPS_PROXY=between.url).send("GET", "https://shop.example/a", headers={"api-key": "hidden"})

    assert reply.body == b"safe"
    assert between.requests[1].startswith(b"CONNECT shop.example:443 HTTP/1.")
    assert b"hidden" not in b"".join(between.requests)


def test_a_certificate_of_another_name_is_refused_by_a_tunnel(start, tmp_path, trusting):
    context, trusted = certificate(tmp_path, "other.example")
    trusting(trusted)
    with (
        peer(answering(), context) as server,
        proxy({"shop.example": server.port}) as between,
        pytest.raises(Unavailable, match="SSLError"),
    ):
        start(HTTPS_PROXY=between.url).send("GET", "https://shop.example/", headers={})


def test_the_password_of_a_proxy_is_told_to_the_proxy_alone(start, tmp_path, trusting, shop):
    context, trusted = certificate(tmp_path, "shop.example")
    trusting(trusted)
    proof = b"Proxy-Authorization: Basic " + base64.b64encode(b"me:pass")
    with peer(answering(), context) as server, proxy({"shop.example": server.port, "a.example": shop.port}) as between:
        address = between.url.replace("//", "//me:pass@")
        caller = start(HTTP_PROXY=address, HTTPS_PROXY=address)
        caller.send("GET", "https://shop.example/", headers={})
        caller.send("GET", "http://a.example/", headers={})

    assert all(proof in request for request in between.requests)
    assert proof not in server.requests[0]


def test_a_proxy_may_itself_be_reached_by_tls(start, tmp_path, trusting, shop):
    context, trusted = certificate(tmp_path, "localhost", "shop.example")
    trusting(trusted)
    with (
        peer(answering(b"safe"), context) as server,
        proxy({"shop.example": server.port, "other.example": server.port, "a.example": shop.port}, context) as between,
    ):
        address = f"https://localhost:{between.port}"
        caller = start(HTTP_PROXY=address, HTTPS_PROXY=address)

        assert caller.send("GET", "http://a.example/", headers={}).body == b"shop"
        assert caller.send("GET", "https://shop.example/", headers={}).body == b"safe"
        with pytest.raises(Unavailable, match="SSLError"):  # the tunnel works, its end has another name
            caller.send("GET", "https://other.example/", headers={})
        trusting("")
        with pytest.raises(Unavailable, match="SSLError"):
            start(HTTP_PROXY=address).send("GET", "http://a.example/", headers={})


@pytest.mark.parametrize("entry", ["shop.example", ".example", "*", "other, shop.example:80"])
def test_what_no_proxy_names_is_reached_directly(start, shop, names, entry):
    names["shop.example"] = ["127.0.0.1"]
    with proxy({}) as between:
        caller = start(HTTP_PROXY=between.url, NO_PROXY=entry.replace(":80", f":{shop.port}"))
        reply = caller.send("GET", f"http://shop.example:{shop.port}/", headers={})

    assert reply.body == b"shop"
    assert between.requests == []


def test_this_machine_is_always_reached_directly(start, shop):
    with proxy({}) as between:
        caller = start(HTTP_PROXY=between.url)
        for host in ("127.0.0.1", "localhost"):
            assert caller.send("GET", f"http://{host}:{shop.port}/", headers={}).body == b"shop"

    assert between.requests == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_away_has_certainly_passed_nothing_on(start, scheme):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(Unreached):
            start(HTTP_PROXY=away, HTTPS_PROXY=away).send("GET", f"{scheme}://shop.example/", headers={})


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_broke_off_behind_a_proxy_may_have_been_passed_on(start, tmp_path, trusting, scheme):
    context, trusted = certificate(tmp_path, "shop.example")
    trusting(trusted)

    def break_off(sock, _):
        sock.shutdown(socket.SHUT_RDWR)

    with peer(break_off, context) as server, proxy({"shop.example": server.port}) as tunnel, peer(break_off) as closing:
        caller = start(HTTPS_PROXY=tunnel.url, HTTP_PROXY=closing.url)
        with pytest.raises(Unavailable) as caught:
            caller.send("POST", f"{scheme}://shop.example/", headers={}, body=b"x")

    assert len(server.requests + closing.requests) == 1
    assert type(caught.value) is Unavailable


def test_a_proxy_that_refuses_a_tunnel_has_certainly_passed_nothing_on(start):
    with proxy({}) as between, pytest.raises(Unreached):
        start(HTTPS_PROXY=between.url).send("GET", "https://shop.example/", headers={})


def test_a_proxy_that_drips_is_cut_at_the_deadline(start):
    with peer(dripping(b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n", every_s=0.2)) as between:
        for scheme in ("http", "https"):
            caller = start(timeout=Timeout(5.0, 30.0, 1.0), HTTP_PROXY=between.url, HTTPS_PROXY=between.url)
            with pytest.raises(Unavailable):
                caller.send("GET", f"{scheme}://shop.example/", headers={})


SHOP = "https://shop.example.com/x"


@pytest.mark.parametrize(
    ("environment", "url", "chosen"),
    [
        ({}, SHOP, None),
        ({"HTTPS_PROXY": "http://p:1"}, SHOP, "http://p:1"),
        ({"https_proxy": "http://small:1", "HTTPS_PROXY": "http://big:1"}, SHOP, "http://small:1"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://big:1"}, SHOP, None),
        ({"HTTPS_PROXY": " p:3128 "}, SHOP, "http://p:3128"),
        ({"HTTP_PROXY": "http://p:1"}, SHOP, None),
        ({"HTTP_PROXY": "http://p:1"}, "http://shop.example.com", "http://p:1"),
        ({"ALL_PROXY": "http://p:1"}, SHOP, None),
    ],
)
def test_which_proxy_an_environment_names(environment, url, chosen):
    assert Proxies.read(environment).choose(url) == chosen


@pytest.mark.parametrize(
    ("entries", "url", "is_direct"),
    [
        ("example.com", SHOP, True),
        (".example.com", SHOP, True),
        ("*.example.com", SHOP, True),
        ("EXAMPLE.com", SHOP, True),
        ("ample.com", SHOP, False),
        ("shop.example.com.evil", SHOP, False),
        ("shop.example.com:443", SHOP, True),
        ("shop.example.com:80", SHOP, False),
        ("shop.example.com:8443", "https://shop.example.com:8443/", True),
        ("a.example b.example,shop.example.com", SHOP, True),
        ("", SHOP, False),
        (",", SHOP, False),
        (".", SHOP, False),
        ("*", SHOP, True),
        ("10.0.0.0/8", "https://10.1.2.3/", True),
        ("10.0.0.0/8", "https://11.1.2.3/", False),
        ("10.0.0.0/8", SHOP, False),
        ("10.0.0.0/99", "https://10.1.2.3/", False),
        ("10.1.2.3", "https://10.1.2.3/", True),
        ("fd00::/8", "https://[fd00::1]/", True),
        ("fd00::1", "https://[fd00::1]/", True),
        ("[fd00::1]", "https://[fd00::1]/", True),
        ("[fd00::1]:443", "https://[fd00::1]/", True),
        ("[fd00::1]:80", "https://[fd00::1]/", False),
        ("", "https://127.0.0.1/", True),
        ("", "https://[::1]:8/", True),
        ("", "https://demo.localhost/", True),
        ("", "https://localhost.example/", False),
    ],
)
def test_what_is_reached_directly(entries, url, is_direct):
    proxies = Proxies.read({"HTTPS_PROXY": "http://p:1", "NO_PROXY": entries})

    assert (proxies.choose(url) is None) == is_direct


@pytest.mark.parametrize("text", ["socks5://p:1", "http://", "http://p:port", "http://[", "http://p:0", "file:///x"])
def test_what_is_no_proxy_is_named_and_not_repeated(text):
    with pytest.raises(ConfigError, match="HTTPS_PROXY is no address") as caught:
        Proxies.read({"HTTPS_PROXY": text.replace("p:", "me:secret@p:")})
    assert "secret" not in str(caught.value)


# the guard


def guarded(**more):
    return HttpClient(timeout=PATIENT, proxies=Proxies({}), private=frozenset({"localhost"}), **more)


def test_without_the_guard_every_address_is_fine(shop):
    assert HttpClient(proxies=Proxies({})).send("GET", shop.url, headers={}).status == 200


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.0.1", "198.18.0.1"),
        *("[::1]", "[::]", "[fe80::1]", "[fd00::1]", "[ff02::1]", "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]"),
        *("[2002:7f00:1::]", "[::127.0.0.1]"),
        *(
            "168.63.129.16",
            "192.0.0.192",
            "192.0.0.170",
            "192.88.99.1",
            "[64:ff9b::a83f:8110]",
            "[64:ff9b:1::a9fe:a9fe]",
        ),
        *("[::ffff:0:169.254.169.254]", "[fec0::1]", "[3fff::1]", "[5f00::1]"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "proxies", [Proxies({}), Proxies({"http": "http://127.0.0.1:9", "https": "http://127.0.0.1:9"})]
)
def test_an_address_that_is_not_public_is_refused_with_a_proxy_and_without(host, scheme, proxies):
    caller = HttpClient(timeout=PATIENT, proxies=proxies, private=frozenset())

    with pytest.raises(Unreached, match="has an address that is not public"):
        caller.send("GET", f"{scheme}://{host}:81/", headers={})


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::808:808"])
def test_an_address_that_is_public_is_fine(address):
    assert transport.is_public(address)


@pytest.mark.parametrize("found", [["10.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["127.0.0.1"]])
def test_a_name_that_leads_to_one_address_that_is_not_public_is_refused(names, shop, found):
    names["shop.example"] = found

    with pytest.raises(Unreached, match="has an address that is not public"):
        guarded().send("GET", f"http://shop.example:{shop.port}/", headers={})
    assert shop.connections == 0


def test_the_host_that_may_be_private_is_reached(shop):
    assert guarded().send("GET", f"http://localhost:{shop.port}/", headers={}).body == b"shop"


def test_what_was_looked_at_is_what_is_connected_to(names, monkeypatch, shop):
    # the name is public for whoever looks first, and this machine for whoever looks again
    names["shop.example"] = [["93.184.216.34"], ["127.0.0.1"]]
    tried = []

    def connect(sock, address):
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(Unreached):
        guarded().send("GET", f"http://shop.example:{shop.port}/", headers={})

    assert tried == [("93.184.216.34", shop.port)]


def test_the_certificate_of_a_guarded_host_is_that_of_its_name(names, monkeypatch, tmp_path, trusting):
    context, trusted = certificate(tmp_path, "shop.example")
    trusting(trusted)
    names["shop.example"] = ["93.184.216.34"]
    real = socket.socket.connect
    with peer(answering(b"safe"), context) as server:
        monkeypatch.setattr(socket.socket, "connect", lambda sock, _: real(sock, ("127.0.0.1", server.port)))

        assert guarded().send("GET", "https://shop.example/", headers={}).body == b"safe"
    assert b"\r\nHost: shop.example\r\n" in server.requests[0]


def test_behind_a_proxy_a_name_is_left_to_the_proxy(start, shop, names):
    with proxy({"shop.example": shop.port}) as between:
        reply = start(private=frozenset(), HTTP_PROXY=between.url).send("GET", "http://shop.example/", headers={})

    assert reply.body == b"shop"
    assert "shop.example" not in names["asked"]


def test_what_no_proxy_names_is_looked_at_as_without_a_proxy(start, shop, names):
    names["shop.example"] = ["127.0.0.1"]
    caller = start(private=frozenset(), HTTP_PROXY="http://127.0.0.1:9", NO_PROXY="shop.example")

    with pytest.raises(Unreached, match="not public"):
        caller.send("GET", f"http://shop.example:{shop.port}/", headers={})
    assert shop.connections == 0
