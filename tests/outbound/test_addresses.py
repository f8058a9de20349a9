"""What addresses say, and which numbers are public."""

import pytest

from outbound import Kind, NoAnswer, parse
from outbound.addresses import is_public


@pytest.mark.parametrize(
    ("text", "is_read_as"),
    [
        (" HTTPS://user:secret@Example.ORG:443/a b/é?q=1#part ", "https://example.org/a%20b/%C3%A9?q=1"),
        ("https://Müller.example/a%20b?c=d#e ", "https://xn--mller-kva.example/a%20b?c=d"),
        ("http://faß.example", "http://xn--fa-hia.example/"),
        ("http://[2606:4700::1111]:8080", "http://[2606:4700::1111]:8080/"),
        ("http://example.org.:80/", "http://example.org/"),
        ("http://example.org:0/", "http://example.org:0/"),
        ("http://ex%61mple.org?x", "http://example.org/?x"),
        ("http://example.org\\@evil.example/", "http://example.org/%5C@evil.example/"),
        ("http://example.org/a\r\nX-Evil: 1", "http://example.org/a%0D%0AX-Evil:%201"),
        ("http://example.org/a HTTP/1.1\r\n\r\nGET /b", "http://example.org/a%20HTTP/1.1%0D%0A%0D%0AGET%20/b"),
        ("http://example.org/%0d%0aX?\0", "http://example.org/%0D%0AX?%00"),
    ],
)
def test_addresses_are_normalised(text: str, is_read_as: str) -> None:
    assert str(parse(text)) == is_read_as


def test_a_user_is_left_out_and_told() -> None:
    assert parse("http://ada@example.org/").had_user
    assert parse("http://:secret@example.org/").had_user
    assert not parse("http://example.org/ada@home").had_user
    assert parse("http://ada@example.org/") == parse("http://example.org/")


@pytest.mark.parametrize(
    "text",
    [
        *("", "x.jpg", "/x.jpg", "//example.org/x.jpg", "http:", "http:/x", "http:///x", "http://./", "http://:80/"),
        *("ftp://example.org/", "file:///etc/passwd", "gopher://example.org/", "javascript:0", "data:,x", "http//h/"),
        *("http://h:99999/", "http://h:-1/", "http://h:x/", "http://h:80:80/", "http://[::1/x", "http://[x]/"),
        *("http://[fe80::1%25eth0]/", "http://[2606:4700::1111%251]/", "http://a..b/", "http://.b/", "http://b../"),
        *("http://a b/", "http://a\r\nb/", "http://a\0b/", "http://" + "a" * 64 + "/", "http://h/" + "a" * 4_000),
        *("http://①②⑦.0.0.1/", "http://exa\u00admple.org/", "http://example。org/"),
    ],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(NoAnswer) as told:
        parse(text)
    assert told.value.kind == Kind.BAD_ADDRESS


@pytest.mark.parametrize(
    "number",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.8.8.8", "169.254.169.254"),
        *("172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.9", "192.0.2.1", "192.88.99.1", "192.168.1.1"),
        *("198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255"),
        *("240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::c058:6301", "64:ff9b:1::808:808"),
        *("100::1", "100:0:0:1::1"),
        *("2001::1", "2001:0:7f00:1::", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::"),
        *("2002:808:808::", "3fff::1", "3fff:fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1"),
        *("fec0::1", "ff02::1", "fe80::1%eth0", "2606:4700::1111%eth0", "nonsense", "", "0x7f.1", "2130706433"),
    ],
)  # fmt: skip
def test_numbers_that_are_not_public(number: str) -> None:
    assert not is_public(number)


@pytest.mark.parametrize(
    "number",
    [
        *("1.1.1.1", "8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1"),
        *("192.0.1.1", "198.17.255.255", "198.20.0.0", "223.255.255.255"),
        *("2001:200::1", "2001:4860:4860::8888", "2606:4700::1111", "2a00:1450::1", "2003::1", "3ffe::1"),
        *("64:ff9b::808:808", "64:ff9b::5db8:d822"),
    ],
)  # fmt: skip
def test_numbers_that_are_public(number: str) -> None:
    assert is_public(number)
