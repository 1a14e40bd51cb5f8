"""What must hold whatever is sent: drawn by hypothesis."""

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alerts.trail_model import MOST_VALUE_BYTES, Draft, Head, decode, linked, plain
from config.console import ConsoleSettings, RateSettings
from dashboards.access.asking import client_address, counted_as
from dashboards.access.rates import Buckets
from dashboards.access.refusals import login_url, safe_next
from dashboards.access.shell import Shell

_TRICKY = st.text(st.sampled_from("/\\.:@?#%ahtps \t\r\n\u2028\uff0f\x00"), max_size=20)
_ANY = st.text(st.characters(), max_size=12)  # halves of characters as well
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | _ANY,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_ANY, inner, max_size=4),
    max_leaves=20,
)


@given(st.text() | _TRICKY | _TRICKY.map(lambda text: "/" + text))
@example("//evil.example")
@example("/\\evil.example")
@example("/\t/evil.example")
def test_a_login_stays_on_this_site(wanted: str) -> None:
    found = safe_next(wanted)
    # Browsers take a backslash for a slash, and leave tabs and line ends out.
    as_read = "".join(sign for sign in found if sign not in "\t\r\n").replace("\\", "/")
    there = urlsplit(urljoin("https://mg.example.com/login", as_read))
    assert (there.scheme, there.netloc) == ("https", "mg.example.com")
    assert not {"\r", "\n"} & set(found)
    assert safe_next(found) == found
    assert login_url(wanted).startswith("/login")
    assert login_url(wanted).isascii()


@given(st.binary(max_size=40) | _TRICKY.map(lambda text: text.encode()))
def test_only_names_of_ours_and_numbers_are_hosts(host: bytes) -> None:
    shell = Shell(lambda *_: None, ConsoleSettings(hosts=("mg.example.com",)))  # type: ignore[arg-type]
    if shell._ours({"headers": [(b"host", host)]}):
        text = host.decode("ascii").strip().lower()
        name = text.rpartition(":")[0] if text.rpartition(":")[2].isdigit() and "]" not in text[-1:] else text
        assert name.rstrip(".") in {"localhost", "127.0.0.1", "mg.example.com"} or set(name) <= set(
            "0123456789abcdef.:[]"
        )
    assert not shell._ours({"headers": [(b"host", host), (b"host", b"localhost")]})
    assert not shell._ours({"headers": []})


@given(st.lists(st.ip_addresses().map(str) | st.text(max_size=10), max_size=5))
def test_nobody_but_a_proxy_says_where_a_request_comes_from(told: list[str]) -> None:
    shell = Shell(lambda *_: None, ConsoleSettings(trusted_proxies=("10.0.0.0/8",)))  # type: ignore[arg-type]
    value = ",".join(told).encode("latin-1", "replace")
    scope = {"client": ("192.0.2.1", 1), "headers": [(b"x-forwarded-for", value)]}
    assert client_address(scope, shell._proxies) == "192.0.2.1"
    near = client_address(scope | {"client": ("10.0.0.1", 1)}, shell._proxies)
    assert near == "10.0.0.1" or near in value.decode("latin-1")
    assert counted_as(near)


@given(_JSON)
def test_whatever_is_noted_becomes_an_entry_that_can_be_read_again(value: object) -> None:
    after = {"password": "canary"}
    draft = Draft(at_us=1, who="anna", via="cli", action="a", object="o", before=value, after=after, why="\ud800")
    text, head = linked(draft, Head())
    entry = decode(text)
    assert entry.before == plain(value)
    assert entry.after == {"password": "(hidden)"}
    assert "canary" not in text
    assert head.seq == entry.seq == 1
    assert len(text) < 6 * MOST_VALUE_BYTES
    assert linked(draft, Head()) == (text, head)


@given(st.lists(st.integers(0, 3_000_000), min_size=1, max_size=200))
def test_no_more_requests_are_taken_than_the_settings_allow(waits_us: list[int]) -> None:
    buckets = Buckets(RateSettings(per_second=2, burst=20))
    now_us = taken = 0
    for wait_us in waits_us:
        now_us += wait_us
        taken += buckets.take("anna", now_us) == 0
    assert taken <= 20 + now_us * 2 / 1_000_000 + 1
    assert taken >= min(len(waits_us), 20)


def test_a_clock_that_is_set_back_locks_nobody_out_for_ever() -> None:
    buckets = Buckets(RateSettings(per_second=1, burst=20))
    for _ in range(20):
        assert buckets.take("anna", 10**15) == 0
    assert buckets.take("anna", 10**15) == 1
    assert buckets.take("anna", 10**9) == 1
    assert buckets.take("anna", 10**9 + 1_000_000) == 0


@pytest.mark.parametrize(("address", "counted"), [("::ffff:10.0.0.1", "10.0.0.1"), ("fe80::1%eth0", "fe80::/64")])
def test_an_address_is_counted_with_those_that_the_same_one_has(address: str, counted: str) -> None:
    assert counted_as(address) == counted
