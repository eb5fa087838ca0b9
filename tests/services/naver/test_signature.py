"""The signature against Naver's own example, and what no signature can be made of."""

from __future__ import annotations

import base64
import re

import bcrypt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.errors import CredentialsRefused
from services.naver.signature import sign

ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
OFFICIAL = "JDJhJDEwJGFiY2RlZmdoaWprbG1ub3BxcnN0dXVCVldZSk42T0VPdEx1OFY0cDQxa2IuTnpVaUEzbmsy"
CLIENT, MOMENT = "aaaabbbbcccc", 1643961623299

secrets = st.builds(
    "${}$04${}".format, st.sampled_from(["2a", "2b", "2y"]), st.text(ALPHABET, min_size=22, max_size=22)
)


@pytest.mark.parametrize("secret", ["$2a$10$abcdefghijklmnopqrstuv", "$2a$10$abcdefghijklmnopqrstuu"])
def test_the_official_example_is_reproduced_though_its_salt_is_not_canonical(secret: str) -> None:
    assert sign(CLIENT, secret, MOMENT) == OFFICIAL


def test_a_secret_of_the_cost_that_real_ones_have_is_signed_with() -> None:
    assert sign(CLIENT, "$2a$04$abcdefghijklmnopqrstuu", MOMENT) == (
        "JDJhJDA0JGFiY2RlZmdoaWprbG1ub3BxcnN0dXV6NDlObEtMdDYyUWhPdnNjSTNNWnR4ZUlDQjNoYUpD"
    )


@settings(max_examples=40, deadline=None)
@given(secrets, st.text(ALPHABET, min_size=1, max_size=58), st.integers(10**12, 10**13 - 1))
def test_every_secret_of_naver_s_form_gives_a_hash_that_bcrypt_confirms(
    secret: str, client_id: str, moment: int
) -> None:
    hashed = base64.b64decode(sign(client_id, secret, moment), validate=True)
    assert len(hashed) == 60
    assert hashed.startswith(secret[:-1].encode())
    assert bcrypt.checkpw(f"{client_id}_{moment}".encode(), hashed)


@settings(max_examples=40, deadline=None)
@given(secrets)
def test_a_signature_needs_no_escaping_in_a_form(secret: str) -> None:
    assert re.fullmatch("[A-Za-z0-9]{80}", sign(CLIENT, secret, MOMENT))


@given(st.text(max_size=40))
@example("")
@example("$2a$04$abcdefghijklmnopqrstu")
@example("$2a$04$abcdefghijklmnopqrstuuu")
@example("$2a$04$abcdefghijklmnopqrstuu\n")
@example("$2x$04$abcdefghijklmnopqrstuu")
@example("$2a$03$abcdefghijklmnopqrstuu")
@example("$2a$15$abcdefghijklmnopqrstuu")
@example("$2a$31$abcdefghijklmnopqrstuu")
@example("a$abcdefghijklmnopqrstuu")
@example("$2a$04$abcdefghijklmnopqrst한")
@example("$2a$٠٤$abcdefghijklmnopqrstuu")
def test_a_secret_of_another_form_is_refused_by_name_and_never_quoted(secret: str) -> None:
    with pytest.raises(CredentialsRefused) as refused:
        sign(CLIENT, secret, MOMENT)
    assert refused.value.params == {"field": "client_secret"}
    assert str(refused.value) == "credentials_refused field=client_secret"


@pytest.mark.parametrize("client_id", ["", "가나다", "a b", "a\0b", "a\n", "x" * 59])
def test_an_id_that_bcrypt_would_cut_or_refuse_is_refused_by_name(client_id: str) -> None:
    with pytest.raises(CredentialsRefused) as refused:
        sign(client_id, "$2a$04$abcdefghijklmnopqrstuu", MOMENT)
    assert refused.value.params == {"field": "client_id"}
