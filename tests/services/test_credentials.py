"""Secrets come back only with a key of the ring, for their own seller, unchanged; and no message shows them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.credentials import Keyring, KeyringError, SecretMalformed, check_secret_format, generate_key
from services.errors import CredentialsUnreadable

# Fixed ones: they become part of test names, which must be the same in every process.
KEY = "k2zscbBKXYUzkdSYv5cJpFelpmWECqi6t2W3d1OTAzs="
OTHER_KEY = "qEk67LZ_IJEaU9xKhEsGnZBBgK3skRbuSP3a4FDw84U="
RING = Keyring.parse(KEY)
SECRET = "$2a$04$abcdefghijklmnopqrstuu"


def kind_of_failure(ring: Keyring, ciphertext: str, seller_id: int) -> object:
    with pytest.raises(CredentialsUnreadable) as caught:
        ring.decrypt(ciphertext, seller_id)
    return caught.value.params["kind"]


@given(st.text(st.characters(exclude_categories=())), st.integers())
def test_what_was_encrypted_for_a_seller_can_be_decrypted_for_it(secret: str, seller_id: int) -> None:
    assert RING.decrypt(RING.encrypt(secret, seller_id), seller_id) == secret


@given(st.integers(), st.integers())
def test_another_sellers_ciphertext_is_refused(seller_id: int, other: int) -> None:
    ciphertext = RING.encrypt(SECRET, seller_id)
    if seller_id != other:
        assert kind_of_failure(RING, ciphertext, other) == "tampered"


@given(st.data())
def test_a_ciphertext_with_any_one_character_changed_is_refused(data: st.DataObject) -> None:
    ciphertext = RING.encrypt(SECRET, 1)
    place = data.draw(st.integers(0, len(ciphertext) - 1))
    character = data.draw(st.characters().filter(lambda each: each != ciphertext[place]))
    with pytest.raises(CredentialsUnreadable):
        RING.decrypt(ciphertext[:place] + character + ciphertext[place + 1 :], 1)


def test_every_single_bit_changed_is_noticed() -> None:
    ciphertext = RING.encrypt(SECRET, 1)
    for place in range(len(ciphertext)):
        for bit in range(7):
            with pytest.raises(CredentialsUnreadable):
                RING.decrypt(ciphertext[:place] + chr(ord(ciphertext[place]) ^ 1 << bit) + ciphertext[place + 1 :], 1)


def test_unused_bits_of_the_last_character_must_stay_as_they_were() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # 12 + 1 + 16 bytes end in a character of which four bits count.
    ciphertext = RING.encrypt("x", 1)
    twin = ciphertext[:-1] + alphabet[alphabet.index(ciphertext[-1]) ^ 1]
    assert kind_of_failure(RING, twin, 1) == "malformed"


@given(st.text())
def test_anything_else_is_no_ciphertext(text: str) -> None:
    with pytest.raises(CredentialsUnreadable):
        RING.decrypt(text, 1)


@pytest.mark.parametrize("payload", ["A", "AAAA", "AA==", "A" * 36])
def test_a_payload_that_is_too_short_or_no_base64_is_malformed(payload: str) -> None:
    assert kind_of_failure(RING, f"v1.{RING.current_id}.{payload}", 1) == "malformed"


def test_the_same_secret_never_gives_the_same_ciphertext() -> None:
    assert len({RING.encrypt(SECRET, 1) for _ in range(50)}) == 50


def test_a_ciphertext_shows_neither_the_secret_nor_the_key() -> None:
    ciphertext = RING.encrypt(SECRET, 1)
    assert SECRET not in ciphertext
    assert KEY.rstrip("=") not in ciphertext


def test_the_first_key_encrypts_and_every_key_decrypts() -> None:
    old = RING.encrypt(SECRET, 7)
    both = Keyring.parse(f"{OTHER_KEY}, {KEY}")
    new = both.encrypt(SECRET, 7)
    assert both.decrypt(old, 7) == both.decrypt(new, 7) == SECRET
    assert Keyring.parse(OTHER_KEY).decrypt(new, 7) == SECRET
    assert both.key_ids == (both.current_id, RING.current_id)


def test_a_key_that_left_the_ring_is_named_by_its_id() -> None:
    with pytest.raises(CredentialsUnreadable) as caught:
        Keyring.parse(OTHER_KEY).decrypt(RING.encrypt(SECRET, 7), 7)
    assert caught.value.params == {"kind": "unknown_key", "seller_id": 7, "key_id": RING.current_id}


def test_a_ciphertext_is_current_only_under_the_first_key() -> None:
    ciphertext = RING.encrypt(SECRET, 7)
    assert RING.is_current(ciphertext)
    assert not Keyring.parse(f"{OTHER_KEY},{KEY}").is_current(ciphertext)
    assert not RING.is_current("something else")


def test_the_ring_shows_ids_only() -> None:
    assert repr(RING) == f"Keyring({RING.current_id})"


def test_keys_are_read_in_either_base64_with_or_without_padding() -> None:
    content = bytes(range(224, 256))
    spellings = [base64.b64encode(content).decode(), base64.urlsafe_b64encode(content).decode()]
    spellings += [spelling.rstrip("=") for spelling in spellings]
    assert len({Keyring.parse(spelling).current_id for spelling in spellings}) == 1


def test_generated_keys_are_usable_and_different() -> None:
    keys = {generate_key() for _ in range(50)}
    assert len({Keyring.parse(key).current_id for key in keys}) == 50


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("", "empty"),
        (" , ", "empty"),
        ("change-me", "number 1 of ENCRYPTION_KEY is not 32 bytes"),
        (f"{KEY},", "number 2 of ENCRYPTION_KEY is not 32 bytes"),
        (KEY[:-5], "number 1"),
        (KEY + "AAAA", "number 1"),
        ("가" * 43, "number 1"),
        ("AAAAA", "number 1"),
        ("A" * 43, "is not random"),
        (f"{KEY},{'abcd' * 10}abc", "number 2"),
    ],
)
def test_a_setting_that_is_no_key_is_refused_with_the_command_that_makes_one(setting: str, sentence: str) -> None:
    with pytest.raises(KeyringError) as caught:
        Keyring.parse(setting)
    assert sentence in str(caught.value)
    assert "gconnect keys generate" in str(caught.value)


@given(st.text())
def test_no_refused_key_is_ever_quoted(setting: str) -> None:
    try:
        Keyring.parse(setting)
    except KeyringError as error:
        # Long enough not to be a word of the sentence by chance.
        assert len(setting) < 12 or setting not in str(error) + repr(error)  # noqa: PT017


@pytest.mark.parametrize("secret", [SECRET, "$2b$10$abcdefghijklmnopqrstuv", "$2y$04$./ABCDEFGHIJKLMNOPQRST"])
def test_an_application_secret_is_accepted(secret: str) -> None:
    check_secret_format(secret)


@pytest.mark.parametrize(
    ("secret", "sentence"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        (SECRET + "\n", "blanks"),
        (" " + SECRET, "blanks"),
        ("a$04$abcdefghijklmnopqrstuu", "eat the $"),
        (".abcdefghijklmnopqrstuu", "eat the $"),
        ("'" + SECRET + "'", "eat the $"),
        (SECRET[:-1], "28"),
        (SECRET + "u", "30"),
        ("$2a$04$abcdefghijklmnopqrst!u", "29"),
        ("$2a$٠٤$abcdefghijklmnopqrstuu", "29"),
        ("$2a$31$abcdefghijklmnopqrstuu", "is 31"),
        ("$2a$03$abcdefghijklmnopqrstuu", "is 03"),
    ],
)
def test_what_is_no_application_secret_is_refused_without_showing_it(secret: str, sentence: str) -> None:
    with pytest.raises(SecretMalformed) as caught:
        check_secret_format(secret)
    assert isinstance(caught.value, ValueError)
    assert sentence in str(caught.value)
    assert not secret.strip() or secret.strip() not in str(caught.value) + repr(caught.value)
